"""Deterioration: what each definition counts, when "no" may be said, and that nothing before the scan counts."""

import numpy as np
import pandas as pd
import pytest

from ichor import tables
from ichor.cohort.assemble import assemble_cohort
from ichor.cohort.deterioration import Deterioration, label_deterioration
from ichor.cohort.dictionary import refuse_late_predictors
from ichor.cohort.flow import cohort_flow
from ichor.cohort.targets import TARGETS
from ichor.errors import StudyError

SETTINGS = dict(definition="ich", window_h=168.0, early_h=48.0, covered=0.5, death_counts=False, at_risk_from_ct_h=6.0)
W, E, L = TARGETS["deterioration"]


def rule(**changed):
    return Deterioration.of(SETTINGS | changed)


def labelled(scores, people=None, **changed):
    """Labels of one patient (scan at 2 h, NIHSS 10 and GCS 12 at admission) from (hour, variable, value)."""
    row = dict(patient="a", center="aurora", center_role="development", onset_to_ct_h=2.0, nihss=10, gcs=12)
    made = tables.frame("patients", [row | (people or {})])
    courses = [dict(patient="a", center="aurora", time_h=t, variable=v, value=x) for t, v, x in scores]
    return label_deterioration(made, tables.frame("time_courses", courses), rule(**changed)).iloc[0]


def of(found):
    return tuple(None if pd.isna(found[f"label_{name}"]) else int(found[f"label_{name}"]) for name in (W, E, L))


GOOD = [(24.0, "nihss", 10), (46.0, "nihss", 9), (160.0, "nihss", 8)]


@pytest.mark.parametrize(
    ("definition", "score", "value", "counts"),
    [
        ("ich", "nihss", 14, True),
        ("ich", "nihss", 13, False),
        ("ich", "gcs", 10, True),
        ("ich", "gcs", 11, False),
        ("ich", "nihss_motor", 16, False),  # no part of this definition
        ("ischemic", "nihss", 12, True),
        ("ischemic", "nihss", 11, False),
        ("ischemic", "gcs", 3, False),
        ({"gcs": 1}, "gcs", 11, True),
        ({"gcs": 1}, "nihss", 42, False),
    ],
)
def test_points_of_each_definition_at_their_edge(definition, score, value, counts):
    motor = [(3.0, "nihss_motor", 4)]
    found = labelled([*motor, *GOOD, (160.0, "gcs", 12), (70.0, score, value)], definition=definition)
    assert found[f"label_{W}"] == int(counts)
    assert (found["deterioration_h"] == 70.0) == counts


def test_the_motor_part_is_held_against_its_first_score_after_the_scan():
    found = labelled([(5.0, "nihss_motor", 4), (30.0, "nihss_motor", 5)], definition="ischemic")
    assert of(found) == (1, 1, None) and found["deterioration_h"] == 30.0
    later = labelled([(9.0, "nihss_motor", 4), (30.0, "nihss_motor", 5)], definition="ischemic")
    assert of(later) == (None, None, None)  # 9 h is more than 6 h after the scan at 2 h: no score at admission
    assert later[f"label_{W}_reason"] == "no_serial_scores"


@pytest.mark.parametrize(
    ("hour", "expected"),
    [(48.0, (1, 1, None)), (48.5, (1, 0, 1)), (168.0, (1, 0, 1)), (168.5, (0, 0, 0)), (1.5, (0, 0, 0))],
)
def test_early_late_too_late_and_before_the_scan(hour, expected):
    good = [(47.0, "nihss", 10), (100.0, "nihss", 10)]
    good = [one for one in good if one[0] < hour or expected[0] == 0]
    assert of(labelled([*good, (hour, "nihss", 20)])) == expected


def test_no_is_said_only_by_those_who_were_looked_at_long_enough():
    assert of(labelled([(84.0, "nihss", 10)])) == (0, 0, 0)
    early_only = labelled([(83.0, "nihss", 10)])
    assert of(early_only) == (None, 0, None) and early_only[f"label_{W}_reason"] == "scores_end_early"
    assert of(labelled([(23.0, "nihss", 10)])) == (None, None, None)
    assert of(labelled([(23.0, "nihss", 10)], covered=0.0)) == (0, 0, 0)
    nothing = labelled([])
    assert of(nothing) == (None, None, None) and nothing[f"label_{W}_reason"] == "no_serial_scores"
    # First seen worse on day 3 without a look before: it may have been early, so neither part is known.
    unseen = labelled([(72.0, "nihss", 20)])
    assert of(unseen) == (1, None, None) and np.isnan(unseen["deterioration_free_h"])


def test_a_record_without_a_score_takes_the_first_of_the_course():
    found = labelled([(3.0, "nihss", 6), (90.0, "nihss", 10)], dict(nihss=None, gcs=None))
    assert of(found) == (1, None, None)  # free of it at 3 h only: whether it was early is not known
    assert found["deterioration_free_h"] == 3.0


def test_death_counts_only_where_it_is_asked_for():
    dead = dict(onset_to_death_h=60.0)
    found = labelled([(24.0, "nihss", 10)], dead)
    assert of(found) == (None, 0, None)
    counted = labelled([(24.0, "nihss", 10)], dead, death_counts=True)
    assert of(counted) == (1, 0, 1)
    assert (counted["deterioration_source"], counted["deterioration_h"]) == ("death", 60.0)
    assert of(labelled(GOOD, dict(onset_to_death_h=169.0), death_counts=True)) == (0, 0, 0)


def test_the_centers_own_label_fills_in_where_scores_say_nothing():
    own = dict(table_deterioration=1, table_deterioration_h=60.0)
    found = labelled([], own)
    assert of(found) == (1, 0, 1) and found["deterioration_source"] == "table"
    assert of(labelled(GOOD, own)) == (0, 0, 0)  # scores first
    untimed = labelled([], dict(table_deterioration=1))
    assert of(untimed) == (1, None, None) and untimed[f"label_{E}_reason"] == "label_missing"
    assert of(labelled([], dict(table_deterioration=1, table_deterioration_h=200.0))) == (0, 0, 0)
    assert of(labelled([], dict(table_deterioration=0))) == (0, 0, 0)


@pytest.mark.parametrize(("hour", "label"), [(1.9, 0), (8.0, None), (8.1, 1)])
def test_who_is_worse_when_the_prediction_is_made_has_no_label_whatever_the_table_says(hour, label):
    people = {"table_deterioration": 1} if label is None else {}
    found = labelled([*GOOD, (hour, "nihss", 20)], people)  # the scan was made at 2 h
    assert found[f"label_{W}"] is pd.NA if label is None else found[f"label_{W}"] == label
    assert (found[f"label_{W}_reason"] == "deteriorated_at_once") == (label is None)
    if label is None:
        assert of(found) == (None, None, None)


def test_wrong_definitions_are_refused():
    for changed, words in (
        (dict(definition="stroke"), "expected ich, ischemic"),
        (dict(definition={"mrs": 1}), "of nihss, nihss_motor, gcs"),
        (dict(definition={"gcs": 13}), "on its scale"),
        (dict(early_h=168.0), "ends inside the window"),
    ):
        with pytest.raises(StudyError, match=words):
            rule(**changed)


@pytest.mark.parametrize("name", ["label_deterioration_7d", "table_deterioration", "deterioration_h"])
def test_what_the_label_is_made_of_is_no_predictor_not_even_by_permission(name):
    with pytest.raises(StudyError):
        refuse_late_predictors([name], "admission")
    with pytest.raises(StudyError):
        refuse_late_predictors([name], "admission", [name])


def cohort_of(courses):
    scan = dict(
        center="aurora", time_point="baseline", source="dicom", baseline_to_ct_h=0.0, columns=8, rows=8, slices=4,
        spacing_x_mm=1.0, spacing_y_mm=1.0, spacing_z_mm=5.0, extent_mm=15.0, hu_min=-1024, hu_max=1800,
    )  # fmt: skip
    found = [scan | dict(patient=name, image=f"{name}.nii.gz", voxel_sha256=name, onset_to_ct_h=2.0) for name in "abc"]
    people = [dict(patient=name, center="aurora", center_role="development", nihss=10, gcs=12) for name in "abc"]
    roles = dict(a="train", b="tune", c="test")
    rows = [dict(split="cv-0", patient=name, center="aurora", role=role) for name, role in roles.items()]
    return assemble_cohort(
        "cv-0",
        tables.frame("patients", people),
        tables.frame("scans", found),
        tables.empty("masks"),
        tables.frame("splits", rows),
        expansion=dict(definition="standard", followup_h=[6.0, 72.0], min_baseline_ml=0.5),
        outcome=dict(variable="gos_discharge", poor=[1, 2, 3]),
        deterioration=SETTINGS,
        courses=courses,
    )


def test_the_cohort_holds_the_labels_and_the_status_says_who_has_none():
    score = dict(center="aurora", variable="nihss")
    courses = [score | dict(patient="a", time_h=30.0, value=20), score | dict(patient="b", time_h=160.0, value=9)]
    cohort, status = cohort_of(tables.frame("time_courses", courses))
    rows = cohort.set_index("patient")
    assert rows[f"label_{W}"].fillna(-1).tolist() == [1, 0, -1]
    assert rows.loc["a", f"label_{L}_reason"] == "deteriorated_early" and rows.loc["a", "deterioration_h"] == 30.0
    told = status[status["detail"].str.contains("deterioration", na=False)]
    assert told[["subject", "reason"]].values.tolist() == [["c", "no_serial_scores"]]


def test_the_flow_counts_the_whole_window_and_not_its_parts_again():
    score = dict(center="aurora", variable="nihss")
    cohort, status = cohort_of(tables.frame("time_courses", [score | dict(patient="a", time_h=30.0, value=20)]))
    splits, people = tables.empty("splits"), cohort[["patient", "center"]]
    flow = cohort_flow(status, people, tables.empty("scans"), splits, {"cv-0": cohort})
    own = flow[flow["target"].fillna("").str.startswith("deterioration") & (flow["center"] == "all")]
    assert own[["target", "kind", "count"]].values.tolist() == [[W, "accepted", 1], [W, "set_aside", 2]]


def test_a_study_without_scores_says_nothing_of_deterioration():
    cohort, status = cohort_of(None)
    assert cohort[f"label_{W}"].isna().all()
    assert not status["detail"].str.contains("deterioration", na=False).any()
