"""Extra-axial blood, drawn at one of two centers: from the reference masks to network, volume, agreement and error."""

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import torch

from ichor import tables
from ichor.imaging.measures import LABEL_CODES
from ichor.imaging.scan_edge import CUT_OFF_SHARE
from ichor.segmentation.agreement import summarise_agreement
from ichor.segmentation.bundle import load_model
from ichor.segmentation.columns import measured_scans
from ichor.segmentation.dataset import plan_segmentation
from ichor.segmentation.measure import measure_shard
from ichor.segmentation.predict import segment_shard
from ichor.segmentation.train import train_fold
from ichor.segmentation.volume_error import add_errors

from .conftest import PLAN, SHAPE, SPACING_MM
from .test_predict import save_pair

LABELS = ["iph", "ivh", "extraaxial"]
UNDRAWN = {"boreal": ["extraaxial"]}
BUDGET = {"epochs": 14, "iterations_per_epoch": 14, "initial_lr": 0.02, "optimizer": "adamw"} | {
    "oversample_foreground": 1.0
}


def with_crescents(cohort, folder):
    """The phantoms with a crescent of 46 HU under the skull; patients 2, 3, 6 and 8's center did not draw it."""
    torch.set_num_threads(1)
    scans, splits = (table.copy() for table in cohort)
    grid = np.stack(np.meshgrid(*(np.arange(n) for n in SHAPE), indexing="ij"), axis=-1) * SPACING_MM
    off = (grid - [96.0, 108.0, 44.0]) / [72, 88, 60]
    crescent = (np.linalg.norm(off, axis=-1) < 0.9) & (np.linalg.norm(off - [0.16, 0, 0], axis=-1) >= 0.86)
    crescent &= (off[..., 0] < -0.4) & (np.abs(off[..., 2]) < 0.5)  # the scan's edge does not cut it
    for row in scans[scans["reference_mask"].notna()].itertuples():
        image, mask = nib.load(row.image), np.asarray(nib.load(row.reference_mask).dataobj).copy()
        hu, free = np.asarray(image.dataobj).copy(), crescent & (mask == 0)
        hu[free] = 46
        center = "boreal" if row.patient in ("p02", "p03", "p06") else row.center
        if center != "boreal":
            mask[free] = LABEL_CODES["extraaxial"]
        paths = [str(folder / f"{row.patient}_{row.time_point}_{part}.nii.gz") for part in ("ct", "dseg")]
        for path, values in zip(paths, (hu, mask), strict=True):
            nib.save(nib.Nifti1Image(values, image.affine), path)
        scans.loc[row.Index, ["center", "image", "reference_mask"]] = [center, *paths]
        splits.loc[splits["patient"] == row.patient, "center"] = center
    return scans[scans["reference_mask"].notna()], splits


@pytest.fixture(scope="module")
def study(cohort, tmp_path_factory):
    """Scans, splits, plan, masks, measures and cases of the two centers."""
    work = tmp_path_factory.mktemp("extra_axial")
    scans, splits = with_crescents(cohort, work)
    fitting = splits[splits["role"] != "test"]
    plan = plan_segmentation(
        fitting, scans, labels=LABELS, plan=PLAN, work_dir=work, out_plans=work / "plans.json", unlabelled=UNDRAWN
    )
    train_fold(
        work / "plans.json", work, 1, budget=BUDGET, seed=1, device="cpu", checkpoint_every_epochs=99, out_dir=work
    )
    folders = save_pair(plan, load_model(work).network, LABELS, work / "models")
    parts = []
    for center, rows in scans.groupby("center"):
        masks, _ = segment_shard(rows, fitting, "external", folders, work / center)
        shard = measured_scans(rows.assign(manufacturer="GE", spacing_x_mm=4.0, spacing_y_mm=4.0, spacing_z_mm=8.0))
        parts.append((masks, *measure_shard(shard, masks, LABELS, unlabelled=UNDRAWN.get(center, []))))
    masks, measures, cases, _ = (pd.concat(tables_of, ignore_index=True) for tables_of in zip(*parts, strict=True))
    return splits, plan, masks, measures, cases


def test_blank_voxels_of_the_other_center_are_not_called_free_of_it(study):
    assert study[1]["labels"] == LABELS and study[1]["unlabelled"] == [["extraaxial"]]


def test_it_is_found_and_has_a_volume(study):
    _, _, masks, measures, cases = study
    found = cases[cases["label"] == "extraaxial"]
    assert set(found["center"]) == {"aurora", "delta"}  # boreal's readers did not draw it: nothing to compare with
    assert found["dice"].median() > 0.6
    for row in measures.merge(masks[["patient", "time_point", "mask"]], on=["patient", "time_point"]).itertuples():
        voxels = np.count_nonzero(np.asarray(nib.load(row.mask).dataobj) == LABEL_CODES["extraaxial"])
        cut = row.extraaxial_edge_share > CUT_OFF_SHARE  # a network of seconds may see it up to the last slice
        assert (np.isnan(row.extraaxial_ml) and cut) or row.extraaxial_ml == pytest.approx(voxels * 0.128)
        assert voxels > 50  # at the center that did not draw it, too
    assert measures["extraaxial_ml"].notna().sum() >= 3, measures["extraaxial_edge_share"].tolist()


def test_it_is_summarised_and_has_an_error(study):
    splits, _, masks, measures, cases = study
    summary = summarise_agreement(cases, masks, LABELS).set_index(["center", "label"])
    assert summary.loc[("all", "extraaxial"), "n"] == summary.loc[("all", "iph"), "n"] - 3
    assert summary.loc[("boreal", "extraaxial"), "n"] == 0
    assert np.isnan(summary.loc[("all", "extraaxial"), "within_mdd"])  # not published
    found = add_errors(measures, cases, splits, masks)
    known = found["extraaxial_ml"].notna()
    assert (found.loc[known, "extraaxial_error_ml"] > 0).all() and found.loc[~known, "extraaxial_error_ml"].isna().all()
    tables.validate("masks", masks, "made")
    assert masks.loc[masks["center"] == "delta", "extraaxial_fold_sd_ml"].tolist() == [0.0]  # twice the same network
