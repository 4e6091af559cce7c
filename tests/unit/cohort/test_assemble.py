import math

import pandas as pd
import pytest

from ichor import tables
from ichor.cohort.assemble import MEASURED, assemble_cohort, merge_patients, merge_scans
from ichor.cohort.dictionary import refuse_late_predictors
from ichor.cohort.fences import fitting_rows
from ichor.errors import StudyError

EXPANSION = dict(definition="standard", followup_h=[6.0, 72.0], min_baseline_ml=0.5)
OUTCOME = dict(target="poor_outcome", variable="gos_discharge", poor=[1, 2, 3])


def scan(patient, center="aurora", time_point="baseline", digest=None, **changed):
    return (
        dict(
            patient=patient,
            center=center,
            time_point=time_point,
            image=f"results/images/{patient}_{time_point}.nii.gz",
            source="dicom",
            onset_to_ct_h=2.0 if time_point == "baseline" else 26.0,
            baseline_to_ct_h=0.0 if time_point == "baseline" else 24.0,
            columns=8,
            rows=8,
            slices=4,
            spacing_x_mm=1.0,
            spacing_y_mm=1.0,
            spacing_z_mm=5.0,
            extent_mm=15.0,
            hu_min=-1024,
            hu_max=1800,
            voxel_sha256=digest or f"{center}/{patient}/{time_point}",
        )
        | changed
    )


def scans(*rows):
    return tables.frame("scans", list(rows))


def patients(*rows):
    return tables.frame("patients", [dict(center="aurora", center_role="development") | row for row in rows])


# scans


def test_scans_of_all_centers_are_sorted_and_valid():
    merged, status = merge_scans(
        [scans(scan("b", "boreal")), tables.empty("scans"), scans(scan("a"), scan("a", time_point="followup"))],
        on_duplicate="stop",
    )
    assert list(merged[["patient", "time_point"]].itertuples(index=False, name=None)) == [
        ("a", "baseline"),
        ("a", "followup"),
        ("b", "baseline"),
    ]
    assert status.empty


def test_no_scan_at_all():
    merged, status = merge_scans([tables.empty("scans")], on_duplicate="stop")
    assert merged.empty and status.empty
    assert merge_scans([], on_duplicate="stop")[0].empty


def test_two_patients_with_one_scan_stop_the_run():
    frames = [scans(scan("a", digest="same"), scan("c")), scans(scan("b", "boreal", digest="same"))]
    with pytest.raises(StudyError) as error:
        merge_scans(frames, on_duplicate="stop")
    for part in ("patient a of center aurora", "patient b of center boreal", "duplicates: set_aside"):
        assert part in str(error.value)


def test_two_patients_with_one_scan_are_set_aside_with_all_their_scans():
    frames = [
        scans(scan("a", digest="same"), scan("a", time_point="followup"), scan("c")),
        scans(scan("b", "boreal", "followup", digest="same"), scan("b", "boreal")),
    ]
    merged, status = merge_scans(frames, on_duplicate="set_aside")
    assert list(merged["patient"]) == ["c"]
    assert status[["center", "subject", "reason", "outcome"]].values.tolist() == [
        ["aurora", "a", "two_patients_one_scan", "set_aside"],
        ["boreal", "b", "two_patients_one_scan", "set_aside"],
    ]


def test_one_patient_in_two_centers():
    frames = [scans(scan("a"), scan("c")), scans(scan("a", "boreal"))]
    with pytest.raises(StudyError, match="patient a stands in centers aurora, boreal"):
        merge_scans(frames, on_duplicate="stop")
    merged, status = merge_scans(frames, on_duplicate="set_aside")
    assert list(merged["patient"]) == ["c"]
    assert set(status["reason"]) == {"two_centers_one_patient"}
    assert set(status["center"]) == {"aurora", "boreal"}


def test_follow_up_that_is_the_baseline_again_is_set_aside_alone():
    merged, status = merge_scans(
        [scans(scan("a", digest="same"), scan("a", time_point="followup", digest="same"))], on_duplicate="stop"
    )
    assert list(merged["time_point"]) == ["baseline"]
    assert list(status["reason"]) == ["followup_is_baseline"]


def test_two_scans_of_one_time_point_are_an_error():
    with pytest.raises(StudyError, match="patient a has two scans of time point baseline"):
        merge_scans([scans(scan("a")), scans(scan("a", digest="other"))], on_duplicate="stop")


def test_unknown_policy():
    with pytest.raises(StudyError, match="ingest.duplicates: found 'ignore', expected stop or set_aside"):
        merge_scans([], on_duplicate="ignore")


def test_merged_scans_survive_writing(tmp_path):
    merged, _ = merge_scans([scans(scan("a"), scan("b"))], on_duplicate="stop")
    tables.write("scans", merged, tmp_path / "scans.tsv")
    pd.testing.assert_frame_equal(tables.read("scans", tmp_path / "scans.tsv"), merged)


# patients


def test_record_without_scan_and_scan_without_record():
    table = scans(scan("a"), scan("b", time_point="followup"), scan("n"), scan("z", "zenith"))
    records = patients(dict(patient="a", gcs=14), dict(patient="b"), dict(patient="c"))
    merged, status = merge_patients(
        [records, tables.empty("patients")], table, roles={"aurora": "development", "zenith": "external"}
    )
    assert list(merged["patient"]) == ["a", "b", "c", "n", "z"]
    assert merged.set_index("patient").loc["z", "center_role"] == "external"
    assert pd.isna(merged.set_index("patient").loc["n", "gcs"])
    found = {row.subject: (row.reason, row.outcome, row.detail) for row in status.itertuples()}
    assert found == {
        "b": ("no_scan", "set_aside", "a follow-up scan only"),
        "c": ("no_scan", "set_aside", ""),
        "n": ("no_record", "flagged", ""),
        "z": ("no_record", "flagged", ""),
    }


def test_a_study_without_any_table():
    merged, status = merge_patients([tables.empty("patients")], scans(scan("a")), roles={"aurora": "development"})
    assert merged[["patient", "center", "center_role"]].values.tolist() == [["a", "aurora", "development"]]
    assert list(status["reason"]) == ["no_record"]


def test_no_role_for_a_center_with_scans():
    with pytest.raises(StudyError, match="center zenith has scans, but no role"):
        merge_patients([patients(dict(patient="a"))], scans(scan("z", "zenith")))


def test_patient_in_two_tables():
    frames = [patients(dict(patient="a")), patients(dict(patient="a", center="boreal"))]
    with pytest.raises(StudyError, match="patient a stands twice in the clinical tables .centers aurora, boreal."):
        merge_patients(frames, scans(scan("a")))


# cohort


def masks(*rows):
    return tables.frame("masks", [dict(split="external", center="aurora", model="fold-0") | row for row in rows])


def measured(patient, baseline, followup=None, split="external", **changed):
    rows = [
        dict(patient=patient, time_point="baseline", iph_ml=baseline, ivh_ml=0.5, mask=f"{patient}.nii.gz", split=split)
    ]
    if followup is not None:
        rows.append(dict(patient=patient, time_point="followup", iph_ml=followup, ivh_ml=0.5, split=split))
    return [row | changed for row in rows]


def splits(**roles):
    rows = [
        dict(split=split, patient=patient, center="aurora", role=role, fold=None if role == "test" else 0)
        for split in ("external", "cv-0")
        for patient, role in roles.items()
    ]
    return tables.frame("splits", rows)


def both(patient, **changed):
    return [scan(patient), scan(patient, time_point="followup", **changed)]


def cohort_of(split="external", expansion=EXPANSION, died=(), death=None):
    table = scans(*both("a"), *both("b"), scan("c"), *both("d"), *both("e"), *both("f"))
    people = patients(
        dict(patient="a", gcs=14, gos_discharge=3, treatment="conservative"),
        dict(patient="b", gos_discharge=5, onset_to_surgery_h=12.0, treatment="craniotomy"),
        dict(patient="c", gos_discharge=4),
        dict(patient="d"),
        dict(patient="e", gos_discharge=1),
        dict(patient="f", gos_discharge=1),
        dict(patient="without_scan", gos_discharge=1),
    )
    for name, value in died:
        people.loc[people["patient"] == name, "death_30d"] = value
    volumes = masks(
        *measured("a", 20.0, 30.0),
        *measured("a", 1.0, 1.0, split="cv-0"),
        *measured("b", 20.0, 30.0),
        *measured("c", 10.0),
        *measured("d", 10.0, 11.0, reference_iph_ml=12.0, reference_ivh_ml=0.0),
        dict(patient="e", time_point="baseline", reason="segmentation_failed"),
        *measured("f", 0.3, 0.5),
    )
    roles = splits(a="train", b="tune", c="train", d="test", e="test", f="train")
    return assemble_cohort(split, people, table, volumes, roles, expansion=expansion, outcome=OUTCOME, death=death)


def test_cohort_row_by_row():
    cohort, _ = cohort_of()
    rows = cohort.set_index("patient")
    assert list(cohort.columns) == tables.columns("cohort")
    assert list(rows.index) == ["a", "b", "c", "d", "e", "f"]
    a = rows.loc["a"]
    assert (a["role"], a["fold"], a["gcs"], a["iph_ml"], a["mask"]) == ("train", 0, 14, 20.0, "a.nii.gz")
    assert (a["label_expansion"], a["label_expansion_source"], a["growth_ml"], a["growth_ratio"]) == (
        1,
        "measured",
        10,
        0.5,
    )
    assert a["image"] == "results/images/a_baseline.nii.gz"
    assert rows["label_expansion_reason"].to_dict() == {
        "a": None,
        "b": "surgery_between",
        "c": "no_followup",
        "d": None,
        "e": "segmentation_failed",
        "f": None,
    }
    assert rows.loc["d", ["label_expansion", "label_expansion_source", "growth_ml"]].tolist() == [0, "reference", 0.0]
    assert rows.loc["d", "iph_ml"] == 10.0  # the predictor is measured, whatever the label's source
    assert rows.loc["f", "label_expansion"] == 0
    assert pd.isna(rows.loc["e", "iph_ml"]) and rows.loc["e", "mask"] is None
    assert rows["label_poor_outcome"].fillna(-1).tolist() == [1, 0, 0, -1, 1, 1]
    assert rows.loc["d", "label_poor_outcome_reason"] == "label_missing"


def test_death_is_a_second_label_and_silent_where_nobody_recorded_it():
    died = list(zip("abdef", [1, 0, 0, 1, 0], strict=True))
    cohort, status = cohort_of(died=died, death=dict(variable="death_30d", poor=[1]))
    assert cohort.set_index("patient")["label_death"].fillna(-1).tolist() == [1, 0, -1, 0, 1, 0]
    told = status[status["detail"].str.contains("death", na=False)]
    assert told[["subject", "reason"]].values.tolist() == [["c", "label_missing"]]
    cohort, status = cohort_of(died=died, death=dict(variable="death_in_hospital", poor=[1]))
    assert cohort["label_death"].isna().all() and (cohort["label_death_reason"] == "label_missing").all()
    assert not status["detail"].str.contains("death", na=False).any()


def test_status_says_why_there_is_no_label():
    _, status = cohort_of()
    found = {(row.subject, row.reason) for row in status.itertuples()}
    assert found == {
        ("b", "surgery_between"),
        ("c", "no_followup"),
        ("e", "segmentation_failed"),
        ("f", "tiny_baseline"),
        ("d", "label_missing"),
    }
    assert set(status["stage"]) == {"label"}
    detail = status.set_index("subject").loc["b", "detail"]
    assert detail == "split external, expansion: surgery 12 h, follow-up scan 26 h after onset"


CUT = {"iph_ml": None, "ivh_ml": 0.5, "reason": "mask_at_scan_edge"}


@pytest.mark.parametrize(
    ("baseline", "followup", "label", "source", "reason"),
    [
        ({}, CUT, None, None, "mask_at_scan_edge"),
        (CUT, {}, None, None, "mask_at_scan_edge"),
        # nothing found on the other scan is 0.0 mL, a volume: it is not why there is no label
        ({"iph_ml": 0.0, "reason": "empty_mask"}, CUT, None, None, "mask_at_scan_edge"),
        ({}, {"iph_ml": 0.0, "reason": "empty_mask"}, None, None, "empty_mask"),
        # only the ventricles' blood is cut off: the standard definition does not look at it
        ({}, {"ivh_ml": None, "reason": "mask_at_scan_edge"}, 1, "measured", None),
        # both reference masks are whole
        ({"reference_iph_ml": 20.0}, CUT | {"reference_iph_ml": 21.0}, 0, "reference", None),
        # a reference is cut off: what it holds of the bleed is no volume either
        ({"reference_iph_ml": 20.0}, {"reference_iph_ml": None}, 1, "measured", None),
    ],
)
def test_a_bleed_that_is_cut_off_labels_nobody(baseline, followup, label, source, reason):
    first, second = measured("a", 20.0, 40.0)
    people = patients(dict(patient="a", treatment="conservative"))
    cohort, status = assemble_cohort(
        "external", people, scans(*both("a")), masks(first | baseline, second | followup), splits(a="train"),
        expansion=EXPANSION, outcome=OUTCOME,
    )  # fmt: skip
    row = cohort.iloc[0]
    assert (None if pd.isna(row["label_expansion"]) else row["label_expansion"]) == label
    assert (row["label_expansion_source"], row["label_expansion_reason"]) == (source, reason)
    assert (reason in set(status["reason"])) == (reason is not None)
    if reason == "mask_at_scan_edge":
        assert row[["growth_ml", "followup_iph_ml"]].isna().all()
    assert pd.isna(row["iph_ml"]) == (baseline.get("iph_ml", 0) is None) and row["mask"] == "a.nii.gz"


def test_masks_of_another_split_are_not_read():
    rows = cohort_of("cv-0")[0].set_index("patient")
    assert rows.loc["a", "iph_ml"] == 1.0
    assert rows.loc["a", "label_expansion"] == 0
    assert rows["iph_ml"].notna().sum() == 1


@pytest.mark.parametrize(("definition", "label"), [("standard", 1), ("absolute_12.5", 0)])
def test_definition_comes_from_the_config(definition, label):
    cohort, _ = cohort_of(expansion=EXPANSION | {"definition": definition})
    assert cohort.set_index("patient").loc["a", "label_expansion"] == label


def test_follow_up_time_from_the_table_when_the_scan_has_none():
    table = scans(
        scan("a", onset_to_ct_h=None), scan("a", time_point="followup", onset_to_ct_h=None, baseline_to_ct_h=None)
    )
    roles = splits(a="train")

    def label(**times):
        people = patients(dict(patient="a", **times))
        cohort, _ = assemble_cohort(
            "external", people, table, masks(*measured("a", 20.0, 30.0)), roles, expansion=EXPANSION, outcome=OUTCOME
        )
        return cohort["label_expansion"].iloc[0], cohort["label_expansion_reason"].iloc[0]

    assert label(onset_to_ct_h=2.0, onset_to_followup_ct_h=26.0) == (1, None)
    assert label(onset_to_ct_h=2.0, onset_to_followup_ct_h=126.0)[1] == "followup_out_of_window"
    assert label(onset_to_ct_h=2.0)[1] == "followup_out_of_window"


def test_patient_without_record_has_an_expansion_label():
    cohort, _ = assemble_cohort(
        "external",
        patients(dict(patient="a")),
        scans(*both("a")),
        masks(*measured("a", 20.0, 21.0)),
        splits(a="train"),
        expansion=EXPANSION,
        outcome=OUTCOME,
    )
    assert cohort["label_expansion"].tolist() == [0]
    assert math.isnan(cohort["age_years"].iloc[0])


def test_measured_predictors_are_those_of_the_baseline_scan_and_of_the_split():
    def row(patient, time_point="baseline", split="external", **values):
        return dict(split=split, patient=patient, center="aurora", time_point=time_point, found=1) | values

    given = tables.frame(
        "measures",
        [
            row("a", hu_mean=61.5, hu_cov=0.2, auto_blend=1, auto_islands=3, location="cerebellum"),
            row("a", "followup", hu_mean=70.0, auto_blend=0, auto_midline_shift_mm=4.0),
            row("a", split="cv-0", hu_mean=50.0),
            row("b", found=0, iph_ml=0.0, reasons="empty_mask"),
            row("c", found=None, reasons="measures_failed"),
        ],
    )
    table = scans(scan("a"), scan("b"), scan("c"), scan("d"))
    people = patients(*(dict(patient=name, location="lobar") for name in "abcd"))
    volumes = masks(*(row for name in "abcd" for row in measured(name, 20.0)))
    roles = splits(a="train", b="tune", c="train", d="test")
    cohort, _ = assemble_cohort(
        "external", people, table, volumes, roles, expansion=EXPANSION, outcome=OUTCOME, measures=given
    )
    rows = cohort.set_index("patient")[list(MEASURED)]
    known = {"hu_mean": 61.5, "hu_cov": 0.2, "auto_blend": 1, "auto_islands": 3, "measured_location": "cerebellum"}
    assert rows.loc["a"].dropna().to_dict() == known
    assert rows.loc[["b", "c", "d"]].isna().all(axis=None)  # nothing found, not measured, no row: never 0
    assert set(cohort["location"]) == {"lobar"}  # what the center read
    other = assemble_cohort(
        "cv-0", people, table, volumes, roles, expansion=EXPANSION, outcome=OUTCOME, measures=given
    )[0].set_index("patient")  # fmt: skip
    assert other.loc["a", list(MEASURED)].dropna().to_dict() == {"hu_mean": 50.0}


def test_every_measured_predictor_is_known_at_admission():
    refuse_late_predictors(MEASURED)
    assert set(MEASURED.values()) <= set(tables.columns("measures"))


def test_unknown_split():
    with pytest.raises(StudyError, match="split loco-x has no patient"):
        cohort_of("loco-x")


def test_cohort_survives_writing_and_can_be_fitted_on(tmp_path):
    cohort, status = cohort_of()
    tables.write("cohort", cohort, tmp_path / "cohort.tsv")
    tables.write("status", status, tmp_path / "status.tsv")
    again = tables.read("cohort", tmp_path / "cohort.tsv")
    pd.testing.assert_frame_equal(again, cohort)
    assert list(fitting_rows(again, "external")["patient"]) == ["a", "b", "c", "f"]
