import math
from dataclasses import replace

import pandas as pd
import pytest

from ichor.cohort.expansion import definition
from ichor.cohort.labels import ScanPair, label_expansion, label_outcome, outcome_rule
from ichor.errors import StudyError
from ichor.reasons import Reason

NAN = math.nan
NOTHING = (NAN,) * 4
PAIR = ScanPair(
    has_followup=True,
    onset_to_ct_h=2.0,
    baseline_to_followup_h=24.0,
    onset_to_surgery_h=NAN,
    treatment="conservative",
    reference=NOTHING,
    measured=(20.0, 0.0, 27.0, 0.0),
)


def label(name="standard", minimum=0.5, window=(6.0, 72.0), **changed):
    return label_expansion(replace(PAIR, **changed), definition(name), followup_h=window, minimum_baseline_ml=minimum)


def test_label_with_its_volumes():
    found = label()
    assert (found.label, found.source, found.reason) == (1, "measured", None)
    assert (found.followup_iph_ml, found.growth_ml, found.growth_ratio) == (27.0, 7.0, 0.35)
    assert label(measured=(20.0, 0.0, 21.0, 0.0)).label == 0


def test_reference_masks_of_both_scans_win():
    found = label(reference=(20.0, 0.0, 20.5, 0.0))
    assert (found.label, found.source, found.growth_ml) == (0, "reference", 0.5)


@pytest.mark.parametrize("reference", [(20.0, 0.0, NAN, NAN), (NAN, NAN, 20.5, 0.0)])
def test_sources_are_never_mixed(reference):
    found = label(reference=reference)
    assert (found.label, found.source, found.followup_iph_ml) == (1, "measured", 27.0)
    assert label(reference=reference, measured=(20.0, 0.0, NAN, NAN)).label is None
    assert label(reference=reference, measured=(NAN, NAN, 27.0, 0.0)).label is None


def test_ventricles_are_needed_only_by_definitions_that_look_at_them():
    reference = (20.0, NAN, 20.5, NAN)
    assert label(reference=reference).source == "reference"
    assert label("revised_2", reference=reference).source == "measured"


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        (dict(has_followup=False), Reason.NO_FOLLOWUP),
        (dict(baseline_to_followup_h=5.99), Reason.FOLLOWUP_OUT_OF_WINDOW),
        (dict(baseline_to_followup_h=72.01), Reason.FOLLOWUP_OUT_OF_WINDOW),
        (dict(baseline_to_followup_h=NAN), Reason.FOLLOWUP_OUT_OF_WINDOW),
        (dict(baseline_to_followup_h=-3.0), Reason.FOLLOWUP_BEFORE_BASELINE),
        (dict(baseline_to_followup_h=0.0), Reason.FOLLOWUP_BEFORE_BASELINE),
        (dict(onset_to_surgery_h=10.0, treatment="craniotomy"), Reason.SURGERY_BETWEEN),
        (dict(onset_to_surgery_h=10.0, treatment=None), Reason.SURGERY_BETWEEN),
        (dict(onset_to_surgery_h=1.0), Reason.AFTER_SURGERY),
        (dict(onset_to_surgery_h=2.0), Reason.AFTER_SURGERY),
        (dict(treatment="minimally_invasive"), Reason.SURGERY_BETWEEN),
        (dict(onset_to_surgery_h=40.0, onset_to_ct_h=NAN), Reason.SURGERY_BETWEEN),
        (dict(measured=NOTHING, failure=Reason.EMPTY_MASK), Reason.EMPTY_MASK),
        (dict(measured=NOTHING), Reason.SEGMENTATION_FAILED),
        (dict(measured=(0.0, 0.0, 7.0, 0.0)), Reason.EMPTY_MASK),
        (dict(measured=(20.0, 0.0, 0.0, 0.0)), Reason.EMPTY_MASK),
        (dict(reference=(0.0, 4.0, 7.0, 4.0)), Reason.EMPTY_MASK),
    ],
)
def test_not_eligible(changed, reason):
    found = label(**changed)
    assert (found.label, found.source, found.reason) == (None, None, reason)


@pytest.mark.parametrize(
    "changed",
    [
        dict(baseline_to_followup_h=6.0),
        dict(baseline_to_followup_h=72.0),
        dict(baseline_to_followup_h=74.0 - 2.0 + 1e-13),
        dict(onset_to_surgery_h=26.0, treatment="craniotomy"),
        dict(onset_to_surgery_h=90.0, treatment="craniotomy"),
        dict(treatment=None),
        dict(onset_to_ct_h=NAN),
    ],
)
def test_eligible_at_the_edges(changed):
    assert label(**changed).label == 1


def test_a_reference_without_hematoma_at_follow_up_is_believed():
    assert label(reference=(3.0, 0.0, 0.0, 0.0)).label == 0


def test_tiny_baseline_is_decided_without_percent_and_flagged():
    small = dict(measured=(0.4, 0.0, 1.0, 0.0))
    assert (label(**small).label, label(**small).reason) == (0, Reason.TINY_BASELINE)
    grown = label(measured=(0.4, 0.0, 6.4, 0.0))
    assert (grown.label, grown.reason) == (1, Reason.TINY_BASELINE)
    assert label(minimum=0.4, **small).reason is None
    assert label(minimum=0.4, **small).label == 1
    assert label("brain", **small).reason is None  # has no rule in percent to leave out


def label_of(values, outcome):
    return label_outcome(pd.DataFrame({outcome["variable"]: pd.array(values, dtype="Int64")}), outcome)


def test_outcome_label():
    found = label_of([1, 3, 4, 5, None], {"target": "poor_outcome", "variable": "gos_discharge", "poor": [1, 2, 3]})
    assert found["label"].tolist()[:4] == [1, 1, 0, 0]
    assert pd.isna(found["label"].iloc[4])
    assert found["reason"].tolist() == [None] * 4 + ["label_missing"]


@pytest.mark.parametrize(
    ("outcome", "name", "poor"),
    [
        ({"variable": "mrs_90d", "poor": [4, 5, 6]}, "mrs_90d", {4, 5, 6}),
        ({"scale": "mrs", "at": "180d", "poor": ">=4"}, "mrs_180d", {4, 5, 6}),
        ({"scale": "gos", "at": "discharge", "poor": "<= 3"}, "gos_discharge", {1, 2, 3}),
        ({"scale": "death", "at": "30d", "poor": [1]}, "death_30d", {1}),
    ],
)
def test_outcome_rule(outcome, name, poor):
    assert outcome_rule(outcome) == (name, poor)


@pytest.mark.parametrize(
    ("outcome", "says"),
    [
        ({"variable": "mrs_30d", "poor": [4]}, "'mrs_30d' is unknown; expected one of gos_discharge, mrs_90d"),
        ({"variable": "gcs", "poor": [3]}, "'gcs' is unknown"),
        ({"variable": "gos_discharge", "poor": [0, 1]}, r"found \[0, 1\], expected some, not all, of 1, 2, 3, 4, 5"),
        ({"variable": "mrs_90d", "poor": ">=0"}, "expected some, not all"),
        ({"variable": "mrs_90d", "poor": []}, "expected some, not all"),
        ({"variable": "mrs_90d", "poor": "bad"}, "expected a list such as"),
    ],
)
def test_wrong_outcome(outcome, says):
    with pytest.raises(StudyError, match=says):
        outcome_rule(outcome)


def test_a_definition_that_needs_a_label_which_is_not_segmented_says_so():
    found = label("revised_2", measured=(20.0, NAN, 27.0, NAN))
    assert (found.label, found.reason) == (None, Reason.LABEL_NOT_SEGMENTED)
    assert label("standard", measured=(20.0, NAN, 27.0, NAN)).label == 1
    failed = label("revised_2", measured=NOTHING, failure=Reason.SEEN_IN_TRAINING)
    assert failed.reason == Reason.SEEN_IN_TRAINING
