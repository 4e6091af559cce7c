"""Phantom heads with a parenchymal and a ventricular bleed, and a small plan that trains on them in seconds."""

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import torch

from ichor.segmentation.dataset import plan_segmentation

SHAPE, SPACING_MM = (48, 52, 12), (4.0, 4.0, 8.0)
PLAN = {
    "planner": "ExperimentPlanner",
    "spacing_mm": [4.0, 4.0, None],
    "window_hu": [0.0, 100.0],
    "patch_size": [32, 32, 8],
    "batch_size": 2,
    "features_per_stage": [8, 8],
    "convs_per_stage": 1,
}
BUDGET = {"epochs": 4, "iterations_per_epoch": 2, "initial_lr": 0.01, "optimizer": "adamw", "validation_iterations": 1}


def write_phantom(folder, name, rng, reference=True):
    """Write a head (skull, brain, head holder) with a bleed of 75 HU and a pool of 60 HU; return its paths."""
    grid = np.stack(np.meshgrid(*(np.arange(n) for n in SHAPE), indexing="ij"), axis=-1) * SPACING_MM
    middle = np.array([96.0, 108.0, 44.0])
    radius = np.linalg.norm((grid - middle) / [72, 88, 60], axis=-1)
    image = np.where(radius < 1, 30.0, -1000.0)
    image[(radius >= 0.9) & (radius < 1)] = 900.0
    image[:, 2, :] = 300.0  # head holder
    at = middle + [30, 0, 0] + rng.uniform(-10, 10, size=3)
    iph = np.linalg.norm(grid - at, axis=-1) < rng.uniform(16, 22)
    ivh = np.linalg.norm((grid - middle + [25, 0, 0]) / [1, 2, 1], axis=-1) < 12
    image[iph], image[ivh] = 75.0, 60.0
    image += rng.normal(0, 3, size=SHAPE)
    affine = np.diag([*SPACING_MM, 1.0])
    paths = {"image": str(folder / f"{name}_ct.nii.gz"), "reference_mask": None}
    nib.save(nib.Nifti1Image(np.rint(image).astype(np.int16), affine), paths["image"])
    if reference:
        paths["reference_mask"] = str(folder / f"{name}_dseg.nii.gz")
        nib.save(nib.Nifti1Image((iph + 2 * (ivh & ~iph)).astype(np.uint8), affine), paths["reference_mask"])
    return paths


@pytest.fixture(scope="session")
def cohort(tmp_path_factory):
    """Scans and splits tables: eight patients to fit on (one with follow-up), two to test on, one without reference."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("phantoms")
    rng = np.random.default_rng(3)
    scans, splits = [], []
    for i in range(10):
        patient, test = f"p{i:02d}", i >= 8
        for time_point in ("baseline", "followup") if i == 1 else ("baseline",):
            paths = write_phantom(folder, f"{patient}_{time_point}", rng, reference=i != 9)
            scans.append(
                {"patient": patient, "center": "delta" if test else "aurora", "time_point": time_point, **paths}
            )
        role, fold = ("test", None) if test else ("tune" if i == 7 else "train", i % 2)
        splits.append(
            {"split": "external", "patient": patient, "center": scans[-1]["center"], "role": role, "fold": fold}
        )
    scans = pd.DataFrame(scans)
    scans["voxel_sha256"] = [f"{i:064x}" for i in range(len(scans))]
    scans["reference_sha256"] = scans["reference_mask"].map(lambda path: path and f"{len(path):064x}")
    splits = pd.DataFrame(splits)
    splits["fold"] = splits["fold"].astype("Int64")
    return scans, splits


@pytest.fixture(scope="session")
def fitting(cohort):
    """Train and tune rows."""
    return cohort[1][cohort[1]["role"] != "test"]


@pytest.fixture(scope="session")
def planned(cohort, fitting, tmp_path_factory):
    """A planned split: its work folder (with plans.json) and the plan."""
    work = tmp_path_factory.mktemp("work")
    plan = plan_segmentation(
        fitting, cohort[0], labels=["iph", "ivh"], plan=PLAN, work_dir=work, out_plans=work / "plans.json"
    )
    return work, plan
