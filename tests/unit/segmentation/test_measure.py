"""A shard's masks measured: what is found, what is empty and why, and what agreement compares."""

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from ichor import tables
from ichor.imaging.measures import LABEL_CODES
from ichor.segmentation.measure import measure_shard

SPACING = np.array([3.0, 3.0, 5.0])
SHAPE = (60, 70, 32)
MIDDLE_MM = np.array([90.0, 105.0, 78.0])


def radius(center_mm, semi_axes_mm):
    grid = np.stack(np.meshgrid(*(np.arange(n) for n in SHAPE), indexing="ij"), axis=-1) * SPACING
    return np.linalg.norm((grid - center_mm) / semi_axes_mm, axis=-1)


def head():
    inside = radius(MIDDLE_MM, [68, 84, 72])
    hu = np.where(radius(MIDDLE_MM, [74, 90, 78]) < 1, 900, -1000)
    hu[inside < 1] = 32
    for side in (-9, 9):
        hu[radius(MIDDLE_MM + [side, 8, 12], [4.5, 26, 12]) < 1] = 6
    return hu.astype(np.int16)


@pytest.fixture(scope="module")
def shard(tmp_path_factory):
    """Five scans: whole bleed, nothing found, bleed cut off, no mask, mask of another grid."""
    folder, affine = tmp_path_factory.mktemp("shard"), np.diag([*SPACING, 1.0])
    bleed = radius(MIDDLE_MM + [27, 2, 6], [16, 16, 16]) < 1
    low = (radius(MIDDLE_MM + [30, -40, -78], [20, 20, 30]) < 1) & (radius(MIDDLE_MM, [68, 84, 90]) < 1)
    masks = {"whole": bleed, "nothing": np.zeros(SHAPE, bool), "cut": low, "failed": None, "other": bleed[:, :, :20]}
    scans, rows = [], []
    for name, mask in masks.items():
        hu = head()
        paths = {part: str(folder / f"{name}_{part}.nii.gz") for part in ("ct", "mask", "reference")}
        if mask is not None:
            if mask.shape == SHAPE:
                hu[mask] = 62
            nib.save(nib.Nifti1Image(mask.astype(np.uint8), affine), paths["mask"])
        nib.save(nib.Nifti1Image(hu, affine), paths["ct"])
        nib.save(nib.Nifti1Image(np.roll(bleed, 1, axis=0).astype(np.uint8), affine), paths["reference"])
        keys = {"patient": name, "center": "aurora", "time_point": "baseline"}
        scans.append(keys | {"image": paths["ct"], "reference_mask": paths["reference"], "manufacturer": "GE"})
        rows.append(
            keys | {"split": "external", "model": "fold-0", "mask": paths["mask"] if mask is not None else None}
        )
    scans[1]["reference_mask"] = None
    measures, cases, status = measure_shard(
        pd.DataFrame(scans), tables.frame("masks", rows), ["iph", "ivh"], unlabelled=["ivh"], log="logs/x.log"
    )
    volume_ml = np.count_nonzero(bleed) * 0.045
    return measures.set_index("patient"), cases.set_index("patient"), status, volume_ml


def test_a_whole_bleed_has_every_measure(shard):
    row, volume_ml = shard[0].loc["whole"], shard[3]
    assert row["found"] == 1 and row["iph_ml"] == pytest.approx(volume_ml) and row["ivh_ml"] == 0.0
    assert pd.isna(row["edema_ml"])  # not a label of this study
    assert 0.6 < row["abc2_ml"] / volume_ml < 1.1  # of seven thick slices the outer ones count half or not
    assert row["diameter_mm"] == pytest.approx(32, abs=7) and row["sphericity"] == pytest.approx(1, abs=0.06)
    assert (row["hu_mean"], row["hu_sd"]) == (62, 0)
    assert (row["location"], row["side"]) == ("deep", "right")
    assert row["auto_midline_shift_mm"] == pytest.approx(0, abs=1.5)
    assert row["auto_satellite"] == row["auto_island"] == 0 and pd.isna(row["reasons"])


def test_nothing_found_is_zero_with_its_flag_and_no_shape(shard):
    row = shard[0].loc["nothing"]
    assert (row["found"], row["iph_ml"], row["ivh_ml"]) == (0, 0.0, 0.0)
    assert row["reasons"] == "empty_mask" and pd.isna(row["abc2_ml"]) and pd.isna(row["location"])


def test_a_bleed_at_the_scans_edge_has_no_volume_and_says_why(shard):
    row = shard[0].loc["cut"]
    assert row["found"] == 1 and pd.isna(row["iph_ml"]) and pd.isna(row["abc2_ml"]) and row["ivh_ml"] == 0.0
    assert row["iph_edge_share"] > 0.25 and row["reasons"] == "mask_at_scan_edge" and row["hu_mean"] == 62


def test_a_failure_is_empty_never_zero(shard):
    for name, reason in (("failed", "segmentation_failed"), ("other", "measures_failed")):
        row = shard[0].loc[name]
        assert row["reasons"] == reason
        assert row.drop(["split", "center", "time_point", "reasons"]).isna().all()


@pytest.mark.parametrize("why", ["segmentation_failed", "seen_in_training"])
def test_a_mask_that_was_not_made_keeps_the_reason_and_says_it_once(why):
    keys = {"patient": "p", "center": "aurora", "time_point": "baseline"}
    scans = pd.DataFrame([keys | {"image": "x.nii.gz", "reference_mask": None, "manufacturer": "GE"}])
    masks = tables.frame("masks", [keys | {"split": "external", "model": "fold-0", "reason": why}])
    measures, cases, status = measure_shard(scans, masks, ["iph"])
    assert measures["reasons"].tolist() == [why] and not len(cases) and not len(status)


def test_remarks_are_those_that_segmentation_has_not_made(shard):
    status = shard[2].set_index("subject")
    assert status["reason"].to_dict() == {"cut": "mask_at_scan_edge", "other": "measures_failed"}
    assert set(status["log"]) == {"logs/x.log"} and "limit 0.25" in status.loc["cut", "detail"]


def test_cases_are_scans_with_a_reference_and_labels_that_it_can_hold(shard):
    cases = shard[1]
    assert list(cases.index) == ["whole", "cut"] and set(cases["label"]) == {"iph"}
    row = cases.loc["whole"]
    assert row["predicted_ml"] == row["reference_ml"] == pytest.approx(shard[3])
    assert row["hd95_mm"] == pytest.approx(3.0) and (row["location"], row["manufacturer"]) == ("deep", "GE")


def test_a_measure_per_label_of_a_study_has_its_columns():
    for label in LABEL_CODES:
        assert {f"{label}_ml", f"{label}_error_ml", f"{label}_edge_share"} <= set(tables.columns("measures"))
        assert f"{label}_fold_sd_ml" in tables.columns("masks")
