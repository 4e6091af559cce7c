import math
from dataclasses import replace

import pandas as pd
import pytest

from ichor.cohort.expansion import DEFINITIONS, definition
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


def label(name="standard", minimum=0.5, window=(6.0, 72.0), early=True, **changed):
    return label_expansion(
        replace(PAIR, **changed),
        definition(name),
        followup_h=window,
        minimum_baseline_ml=minimum,
        early_positive=early,
    )


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
        (dict(baseline_to_followup_h=5.99, early=False), Reason.FOLLOWUP_OUT_OF_WINDOW),
        (dict(baseline_to_followup_h=5.99, measured=(20.0, 0.0, 21.0, 0.0)), Reason.FOLLOWUP_OUT_OF_WINDOW),
        (dict(baseline_to_followup_h=5.99, treatment="craniotomy"), Reason.FOLLOWUP_OUT_OF_WINDOW),
        (dict(baseline_to_followup_h=5.99, onset_to_surgery_h=4.0), Reason.FOLLOWUP_OUT_OF_WINDOW),
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


def test_a_definition_in_percent_alone_gives_a_tiny_baseline_no_label():
    found = label("over_33_percent", measured=(0.4, 0.0, 9.0, 0.0))
    assert (found.label, found.source, found.reason, found.growth_ml) == (None, None, Reason.TINY_BASELINE, 8.6)
    assert "0.40 mL, at least 0.5 mL" in found.detail
    assert label("over_33_percent", measured=(0.5, 0.0, 0.67, 0.0)).label == 1


@pytest.mark.parametrize("hours", [0.5, 3.0, 5.99])
def test_expansion_before_the_window_is_expansion(hours):
    found = label(baseline_to_followup_h=hours)
    assert (found.label, found.source, found.reason) == (1, "measured", Reason.POSITIVE_BEFORE_WINDOW)
    assert f"{hours:g} h after baseline, 6 to 72 h needed" in found.detail
    assert label("absolute_12.5", baseline_to_followup_h=hours).label is None  # not yet 12.5 mL: nothing is known
    assert label(baseline_to_followup_h=hours, onset_to_surgery_h=2.0 + hours).label == 1


def test_expansion_after_the_window_says_nothing():
    assert label(baseline_to_followup_h=72.01).reason == Reason.FOLLOWUP_OUT_OF_WINDOW


TABLE = dict(measured=NOTHING, has_followup=False, table=(20.0, 0.0, 27.0, 3.0), table_followup_h=24.0)


def test_volumes_of_the_table_stand_in_for_a_follow_up_scan():
    found = label(**TABLE)
    assert (found.label, found.source, found.reason, found.growth_ml) == (1, "table_volumes", None, 7.0)
    assert label(**TABLE | dict(table=(20.0, NAN, 21.0, NAN))).label == 0
    assert label("ivh_over_1_ml", **TABLE).label == 1
    assert label("ivh_over_1_ml", **TABLE | dict(table=(20.0, NAN, 27.0, NAN))).reason == Reason.NO_FOLLOWUP


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        (dict(table_followup_h=NAN), Reason.FOLLOWUP_OUT_OF_WINDOW),
        (dict(table_followup_h=73.0), Reason.FOLLOWUP_OUT_OF_WINDOW),
        (dict(onset_to_surgery_h=10.0), Reason.SURGERY_BETWEEN),
        (dict(treatment="craniotomy"), Reason.SURGERY_BETWEEN),
        (dict(table=(0.0, 0.0, 7.0, 0.0)), Reason.EMPTY_MASK),
        (dict(table=(20.0, 0.0, NAN, NAN)), Reason.NO_FOLLOWUP),
        (dict(table=(NAN, NAN, 27.0, 0.0)), Reason.NO_FOLLOWUP),
    ],
)
def test_volumes_of_the_table_need_what_scans_need(changed, reason):
    found = label(**TABLE | changed)
    assert (found.label, found.source, found.reason) == (None, None, reason)


def test_a_volume_of_the_table_is_never_set_against_a_measured_one():
    mixed = dict(measured=(20.0, 0.0, NAN, NAN), table=(NAN, NAN, 27.0, 0.0), table_followup_h=24.0)
    assert label(**mixed).label is None


def test_order_of_the_sources():
    everything = dict(
        reference=(20.0, 0.0, 20.1, 0.0), measured=(20.0, 0.0, 27.0, 0.0), table=(20.0, 0.0, 20.2, 0.0),
        table_followup_h=24.0, table_labels={"standard": 1},
    )  # fmt: skip
    assert (label(**everything).label, label(**everything).source) == (0, "reference")
    everything["reference"] = NOTHING
    assert (label(**everything).label, label(**everything).source) == (1, "measured")
    everything["measured"] = NOTHING
    assert (label(**everything).label, label(**everything).source) == (0, "table_volumes")
    everything["table"] = NOTHING
    found = label(**everything)
    assert (found.label, found.source) == (1, "table_label")
    assert math.isnan(found.growth_ml) and math.isnan(found.followup_iph_ml)


def test_a_label_of_the_center_counts_for_its_own_definition_only():
    given = dict(measured=NOTHING, has_followup=False, table_labels={"strict": 1})
    assert (label("strict", **given).label, label("strict", **given).source) == (1, "table_label")
    others = [name for name in DEFINITIONS if name != "strict"]
    assert {label(name, **given).reason for name in others} == {Reason.NO_FOLLOWUP}


@pytest.mark.parametrize(
    ("changed", "value", "reason"),
    [
        (dict(), 0, None),
        (dict(treatment="craniotomy"), 0, None),  # the center knew when it was
        (dict(table_followup_h=24.0), 0, None),
        (dict(table_followup_h=80.0), None, Reason.FOLLOWUP_OUT_OF_WINDOW),
        (dict(table_followup_h=3.0), None, Reason.FOLLOWUP_OUT_OF_WINDOW),
        (dict(table_followup_h=3.0, table_labels={"standard": 1}), 1, Reason.POSITIVE_BEFORE_WINDOW),
        (dict(table_followup_h=24.0, onset_to_surgery_h=5.0), None, Reason.SURGERY_BETWEEN),
    ],
)
def test_a_label_of_the_center_is_believed_unless_its_own_times_contradict_it(changed, value, reason):
    found = label(**dict(measured=NOTHING, has_followup=False, table_labels={"standard": 0}) | changed)
    assert (found.label, found.reason) == (value, reason)


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
        ({"variable": "mrs_60d", "poor": [4]}, "'mrs_60d' is unknown; expected one of gos_discharge, gos_30d"),
        ({"variable": "onset_to_death_days", "poor": [4]}, "'onset_to_death_days' is unknown"),
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
