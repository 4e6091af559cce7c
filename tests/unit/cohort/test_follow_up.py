import numpy as np
import pandas as pd
import pytest

from ichor.cohort.follow_up import TARGETS, follow_up, good_rule, outcomes
from ichor.errors import StudyError

GOOD = {"variable": "mrs_180d", "good": [0, 1, 2, 3]}


def found(last_seen_h=None, **record):
    patients = pd.DataFrame([record])
    seen = None if last_seen_h is None else pd.Series([last_seen_h])
    followed = follow_up(patients, seen)
    labels = outcomes(patients, followed, GOOD).iloc[0]
    return followed.iloc[0], [None if np.isnan(labels[target]) else int(labels[target]) for target in TARGETS]


@pytest.mark.parametrize(
    ("record", "followup_h", "labels"),
    [
        ({"onset_to_death_h": 100.0}, 100.0, [0, 0, 0]),
        ({"onset_to_death_days": 40.0}, 960.0, [1, 0, 0]),
        ({"onset_to_death_h": 5000.0, "mrs_180d": 5}, 5000.0, [1, 1, 0]),
        ({"onset_to_death_h": 5000.0}, 5000.0, [1, 1, None]),
        ({"onset_to_last_contact_h": 4400.0, "mrs_180d": 3}, 4400.0, [1, 1, 1]),
        ({"onset_to_last_contact_h": 4400.0, "mrs_180d": 4}, 4400.0, [1, 1, 0]),
        ({"onset_to_last_contact_h": 800.0}, 800.0, [1, None, None]),
        ({"onset_to_last_contact_h": 100.0}, 100.0, [None, None, None]),
        ({"mrs_180d": 2}, 4320.0, [1, 1, 1]),
        ({"death_30d": 0}, 720.0, [1, None, None]),
        ({"gos_90d": 3, "death_30d": 0}, 2160.0, [1, None, None]),
        ({"death_30d": 1}, 0.0, [0, 0, 0]),
        ({"death_180d": 1, "death_30d": 0}, 720.0, [1, 0, 0]),
        ({"mrs_180d": 6}, 0.0, [None, 0, 0]),
        ({}, 0.0, [None, None, None]),
    ],
)
def test_what_a_record_says_of_the_three_outcomes(record, followup_h, labels):
    followed, answered = found(**record)
    assert answered == labels and not followed["contradicts"]
    assert followed["followup_h"] == followup_h


@pytest.mark.parametrize(
    "record",
    [
        {"onset_to_death_h": 300.0, "mrs_180d": 2},
        {"death_30d": 1, "mrs_90d": 3},
        {"death_30d": 1, "gos_30d": 3},
        {"onset_to_death_h": 3000.0, "death_30d": 1},
        {"onset_to_death_h": 100.0, "onset_to_last_contact_h": 400.0},
    ],
)
def test_what_cannot_all_be_true_gives_no_label(record):
    followed, labels = found(**record)
    assert followed["contradicts"] and labels == [None] * 3
    assert np.isnan(followed["followup_h"])


def test_a_day_between_two_dates_is_no_contradiction():
    followed, labels = found(onset_to_death_h=100.0, onset_to_last_contact_h=120.0)
    assert not followed["contradicts"] and labels == [0, 0, 0] and followed["followup_h"] == 100.0


def test_a_measurement_shows_that_the_patient_lived():
    assert found(last_seen_h=250.0)[0]["followup_h"] == 250.0
    followed, labels = found(last_seen_h=250.0, death_30d=1)  # at some time between
    assert followed["followup_h"] == 250.0 and labels == [0, 0, 0]
    assert found(last_seen_h=800.0, onset_to_death_h=90.0)[0]["followup_h"] == 90.0


@pytest.mark.parametrize("good", [{"variable": "mrs_90d", "good": [0]}, {"variable": "mrs_180d", "good": [5, 6]}])
def test_a_good_outcome_is_of_the_living_at_180_days(good):
    with pytest.raises(StudyError, match="trajectory.good"):
        good_rule(good)
