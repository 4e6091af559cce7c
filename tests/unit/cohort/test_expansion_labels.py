import math

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from ichor import tables
from ichor.cohort.assemble import assemble_cohort
from ichor.cohort.expansion import DEFINITIONS
from ichor.cohort.expansion_labels import GREATEST_CORRELATION, error_correlation, expansion_labels
from ichor.errors import StudyError

EXPANSION = dict(followup_h=[6.0, 72.0], min_baseline_ml=0.5, early_positive=True, reader_error_ml=None)
OUTCOME = dict(target="poor_outcome", variable="gos_discharge", poor=[1, 2, 3])


class Study:
    """Tables of a split with one row per patient, from volumes: (baseline, follow-up) of prediction and reference."""

    def __init__(self):
        self.patients, self.scans, self.masks, self.splits, self.measures = ([] for _ in range(5))

    def add(
        self, patient, measured=None, reference=None, error=1.0, role="test", hours=24.0, center="aurora", **record
    ):
        self.patients.append(dict(patient=patient, center=center, center_role="development", **record))
        self.splits.append(dict(split="external", patient=patient, center=center, role=role, fold=None))
        for index, point in enumerate(("baseline", "followup") if hours is not None else ("baseline",)):
            who = dict(patient=patient, center=center, time_point=point)
            self.scans.append(
                who | dict(image="i", source="dicom", onset_to_ct_h=2.0 + index * hours if hours else 2.0,
                           baseline_to_ct_h=index * hours if hours else 0.0, columns=8, rows=8, slices=4,
                           spacing_x_mm=1.0, spacing_y_mm=1.0, spacing_z_mm=5.0, extent_mm=15.0, hu_min=0, hu_max=1,
                           voxel_sha256=f"{patient}{point}")
            )  # fmt: skip
            iph, ivh = measured[index] if measured else (None, None)
            reference_iph, reference_ivh = reference[index] if reference else (None, None)
            self.masks.append(
                who | dict(split="external", mask="m", mask_sha256="m", model="fold-0", iph_ml=iph, ivh_ml=ivh,
                           reference_iph_ml=reference_iph, reference_ivh_ml=reference_ivh)
            )  # fmt: skip
            self.measures.append(who | dict(split="external", iph_error_ml=error, ivh_error_ml=error))
        return self

    def tables(self):
        return [
            tables.frame(name, getattr(self, name)) for name in ("patients", "scans", "masks", "splits", "measures")
        ]

    def labels(self, **changed):
        found = expansion_labels("external", *self.tables(), expansion=EXPANSION | changed)
        return found.set_index(["patient", "definition"])


def test_one_row_per_patient_and_definition_in_order():
    study = Study().add("b", [(20, 0), (27, 0)]).add("a", [(20, 0), (21, 0)], center="boreal").add("c", hours=None)
    found = study.labels().reset_index()
    assert found["definition"].tolist() == list(DEFINITIONS) * 3
    assert found["patient"].drop_duplicates().tolist() == ["b", "c", "a"]  # by center
    assert found.loc[found["patient"] == "c", "reason"].unique().tolist() == ["no_followup"]
    assert found.loc[found["patient"] == "c", ["label", "probability", "growth_ml"]].isna().all(axis=None)


def test_measured_volumes_have_a_probability():
    found = Study().add("a", [(60, 0), (67, 0)], error=2.0).labels()
    row = found.loc[("a", "brain")]
    assert (row["label"], row["source"], row["growth_ml"]) == (1, "measured", 7.0)
    assert row["growth_error_ml"] == pytest.approx(math.sqrt(8))
    assert row["probability"] == pytest.approx(norm.cdf(1 / math.sqrt(8)), abs=1e-9)
    assert found.loc[("a", "absolute_12.5"), "label"] == 0


def test_reference_volumes_are_exact_unless_the_readers_error_is_given():
    study = Study().add("a", [(60, 0), (90, 0)], [(60, 0), (65, 0)])
    row = study.labels().loc[("a", "brain")]
    assert (row["label"], row["source"], row["probability"], row["growth_error_ml"]) == (0, "reference", 0.0, 0.0)
    row = study.labels(reader_error_ml=1.5).loc[("a", "brain")]
    assert row["probability"] == pytest.approx(norm.cdf(-1 / math.hypot(1.5, 1.5)), abs=1e-9)


def test_volumes_and_labels_of_the_center():
    study = Study().add("v", hours=None, onset_to_followup_ct_h=26.0, table_iph_ml=20.0, table_followup_iph_ml=27.0)
    study.add("f", hours=None, **{"table_expansion_strict": 1})
    found = study.labels()
    assert found.loc[("v", "standard"), ["label", "source", "probability"]].tolist() == [1, "table_volumes", 1.0]
    assert found.loc[("v", "revised_1"), "reason"] == "no_followup"  # no volumes of the ventricles
    assert found.loc[("f", "strict"), ["label", "source", "probability"]].tolist() == [1, "table_label", 1.0]
    assert found.loc[("f", "strict"), ["growth_ml", "growth_error_ml", "reason"]].isna().all()
    assert found.loc[("f", "standard"), "reason"] == "no_followup"
    assert study.labels(reader_error_ml=1.0).loc[("v", "standard"), "probability"] < 1.0


def test_times_of_the_table_are_counted_from_the_baseline_scan():
    """2 h after onset the baseline scan; the table's follow-up 7.9, 8, 74 and 74.1 h after onset."""
    study = Study()
    for name, hours in (("a", 7.9), ("b", 8.0), ("c", 74.0), ("d", 74.1)):
        study.add(name, hours=None, onset_to_followup_ct_h=hours, table_iph_ml=20.0, table_followup_iph_ml=21.0)
    found = study.labels().xs("standard", level="definition")
    assert found["label"].isna().tolist() == [True, False, False, True]
    assert found["reason"].tolist() == ["followup_out_of_window", None, None, "followup_out_of_window"]


def test_a_bleed_cut_off_by_the_border_of_the_scan_has_no_label():
    study = Study().add("a", [(20, 0), (None, 0)], [(20, 0), (None, 0)])
    study.masks[-1]["reason"] = "mask_at_scan_edge"
    study.add("b", [(20, 0), (21, 0)])
    found = study.labels()
    assert found.loc["a", "reason"].unique().tolist() == ["mask_at_scan_edge"]
    assert found.loc[("b", "standard"), "label"] == 0  # the others are unharmed


def test_empty_masks():
    study = Study().add("a", [(0, 0), (9, 0)]).add("b", [(9, 0), (0, 0)]).add("c", [(9, 0), (9, 0)], [(9, 0), (0, 0)])
    found = study.labels().xs("standard", level="definition")
    assert found["reason"].tolist() == ["empty_mask", "empty_mask", None]
    assert found.loc["c", "label"] == 0  # a reader who sees no bleed left is believed


def test_an_unknown_error_leaves_the_label_and_says_so():
    row = Study().add("a", [(20, 0), (27, 0)], error=None).labels().loc[("a", "standard")]
    assert (row["label"], row["reason"]) == (1, "volume_error_unknown")
    assert pd.isna(row["probability"]) and pd.isna(row["growth_error_ml"])


def test_tiny_baseline_is_judged_without_percent():
    found = Study().add("a", [(0.3, 0), (0.9, 0)], error=0.1).labels()
    assert found.loc[("a", "standard"), "label"] == 0
    assert found.loc[("a", "standard"), "probability"] < 1e-6
    assert found.loc[("a", "over_33_percent"), "reason"] == "tiny_baseline"


def test_a_bleed_below_one_milliliter_is_hardly_ever_sure():
    """0.9 mL that grow by a third of a milliliter: the label says expansion, the volumes cannot."""
    row = Study().add("a", [(0.9, 0), (1.25, 0)], error=1.0).labels().loc[("a", "standard")]
    assert row["label"] == 1 and 0.3 < row["probability"] < 0.7


@pytest.mark.parametrize("definition", ["standard", "absolute_12.5", "revised_1", "over_33_percent"])
def test_labels_are_those_of_the_cohort(definition):
    rng = np.random.default_rng(5)
    study = Study()
    for i in range(40):
        before, u = rng.gamma(2, 8), rng.gamma(0.5, 3)
        volumes = [(before, u), (before * rng.uniform(0.8, 2.4), u + rng.choice([0, 0, 2]))]
        reference = volumes if i % 3 == 0 else None
        study.add(f"p{i:02d}", volumes, reference, hours=rng.choice([3.0, 24.0, 100.0]), role="train")
    patients, scans, masks, splits, measures = study.tables()
    settings = dict(expansion=EXPANSION | dict(definition=definition), outcome=OUTCOME)
    cohort, _ = assemble_cohort("external", patients, scans, masks, splits, **settings)
    cohort = cohort.set_index("patient")
    own = study.labels().xs(definition, level="definition")
    assert own["label"].nunique() == 2
    pd.testing.assert_series_equal(own["label"], cohort["label_expansion"], check_names=False)
    pd.testing.assert_series_equal(own["source"], cohort["label_expansion_source"], check_names=False)
    undecided = own["label"].isna()
    assert own.loc[undecided, "reason"].tolist() == cohort.loc[undecided, "label_expansion_reason"].tolist()


def test_no_follow_up_anywhere_is_told_for_each_center():
    study = Study()
    for name, center in (("a", "aurora"), ("b", "boreal"), ("c", "boreal")):
        study.add(name, [(20, 0)], hours=None, center=center)
    assert set(study.labels()["reason"]) == {"no_followup"}
    patients, scans, masks, splits, _ = study.tables()
    settings = dict(expansion=EXPANSION | dict(definition="standard"), outcome=OUTCOME)
    cohort, status = assemble_cohort("external", patients, scans, masks, splits, **settings)
    assert len(cohort) == 3 and cohort["label_expansion"].isna().all()
    centers = status[status["subject"].fillna("") == ""]
    assert centers[["center", "reason"]].values.tolist() == [["aurora", "no_followup"], ["boreal", "no_followup"]]


@pytest.mark.parametrize("early", [True, False])
def test_early_expansion_in_the_cohort(early):
    patients, scans, masks, splits, _ = Study().add("a", [(20, 0), (27, 0)], hours=3.0).tables()
    settings = dict(expansion=EXPANSION | dict(definition="standard", early_positive=early), outcome=OUTCOME)
    cohort, status = assemble_cohort("external", patients, scans, masks, splits, **settings)
    reason = "positive_before_window" if early else "followup_out_of_window"
    assert reason in set(status["reason"])
    assert cohort["label_expansion"].notna().tolist() == [early]


# correlation of the errors


def paired(rho, n=150, role="train", seed=1):
    rng, study = np.random.default_rng(seed), Study()
    for i in range(n):
        first, other = rng.standard_normal(2)
        second = rho * first + math.sqrt(1 - rho**2) * other
        reference = [(50.0, 10.0), (60.0, 12.0)]
        measured = [(50.0 + 3 * first, 10.0), (60.0 + 3 * second, 12.0)]
        study.add(f"p{i:03d}", measured, reference, error=3.0, role=role)
    return study


@pytest.mark.parametrize("rho", [0.0, 0.8])
def test_correlation_is_learned_from_patients_with_both_references(rho):
    _, _, masks, splits, measures = paired(rho).tables()
    found = error_correlation(masks, measures, splits)
    assert found[0] == pytest.approx(rho, abs=0.2)
    assert found[1] == 0.0  # no errors, no correlation


def test_common_errors_cancel_in_the_growth():
    study = paired(0.8)
    study.add("t", [(60, 0), (65, 0)], error=3.0)
    common = study.labels().loc[("t", "brain")]
    alone = Study().add("t", [(60, 0), (65, 0)], error=3.0).labels().loc[("t", "brain")]
    assert common["growth_error_ml"] < 0.6 * alone["growth_error_ml"]
    assert common["probability"] < alone["probability"] < 0.5


def test_no_reference_of_a_test_patient_is_learned_from():
    _, _, masks, splits, measures = paired(0.9, role="test").tables()
    assert error_correlation(masks, measures, splits).tolist() == [0.0, 0.0]


def test_few_patients_and_opposite_errors_count_as_independent():
    _, _, masks, splits, measures = paired(0.9, n=4).tables()
    assert error_correlation(masks, measures, splits)[0] == 0.0
    _, _, masks, splits, measures = paired(-0.9).tables()
    assert error_correlation(masks, measures, splits)[0] == 0.0
    _, _, masks, splits, measures = paired(1.0).tables()
    assert error_correlation(masks, measures, splits)[0] == GREATEST_CORRELATION


def test_a_split_without_patients():
    with pytest.raises(StudyError, match="split cv-1 has no patient"):
        expansion_labels("cv-1", *Study().add("a", [(20, 0), (27, 0)]).tables(), expansion=EXPANSION)


def test_written_and_read_again(tmp_path):
    found = expansion_labels("external", *paired(0.5, n=10).tables(), expansion=EXPANSION)
    tables.write("expansion_labels", found, tmp_path / "labels.tsv")
    pd.testing.assert_frame_equal(tables.read("expansion_labels", tmp_path / "labels.tsv"), found)
