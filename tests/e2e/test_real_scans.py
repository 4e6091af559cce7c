"""Real head CT through the workflow: 40 bleeds as NIfTI, some of them written as DICOM, and a tilted GE head."""

import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from tests.snakemake_run import snakemake

from ichor import tables
from ichor.simulate.dicom_writer import Exam, write_ct_series

SHEET = ["center", "role", "dicom", "nifti", "image_pattern", "masks", "mask_pattern", "mask_labels", "table"]


def write_centers(directory: Path, *rows: dict) -> dict:
    pd.DataFrame(rows, columns=SHEET).to_csv(directory / "centers.tsv", sep="\t", index=False)
    return {"centers": "centers.tsv", "columns": None, "validation": {"schemes": ["cv"], "folds": 2}}


@pytest.fixture(scope="module")
def dicom_study(real_data, tmp_path_factory) -> Path:
    """Ingest of two bleeds written as DICOM by the project's own writer, and of the GE head."""
    directory = tmp_path_factory.mktemp("real-dicom")
    for case in ("0001", "0037"):
        image = nib.load(real_data / "phe_sich" / f"{case}_ct.nii.gz")
        hu = np.asarray(image.dataobj).astype(np.int16)
        write_ct_series(hu, image.affine, directory / "bleeds" / case, Exam(key=case, patient_id=case))
    ge = real_data / "dcm_qa_ct" / "GE_human_tilt_varspacing"
    config = write_centers(
        directory,
        dict(center="bleeds", role="development", dicom="bleeds"),
        dict(center="ge", role="development", dicom=str(ge)),
    )
    done = snakemake(directory, "ingest", config=config)
    assert done.returncode == 0, (done.stdout + done.stderr)[-5000:]
    return directory


def test_one_accepted_scan_each(dicom_study):
    scans = tables.read("scans", dicom_study / "results/scans.tsv")
    assert scans["center"].value_counts().to_dict() == {"bleeds": 2, "ge": 1}
    assert set(scans["time_point"]) == {"baseline"}


def test_the_ge_head_has_its_true_extent_along_the_normal(dicom_study):
    scans = tables.read("scans", dicom_study / "results/scans.tsv").set_index("center")
    ge = scans.loc["ge"]
    assert ge["extent_mm"] == pytest.approx(144.1, abs=0.5)
    assert abs(ge["tilt_deg"]) == pytest.approx(18.5, abs=0.5)
    assert {"tilt_corrected", "resampled_uneven", "padding_clipped"} <= set(ge["flags"].split(";"))
    image = nib.load(dicom_study / ge["image"])
    assert (image.shape[2] - 1) * image.header.get_zooms()[2] == pytest.approx(144.1, abs=0.5)


def test_a_bleed_written_as_dicom_comes_back_voxel_by_voxel_and_its_clipping_is_noticed(dicom_study, real_data):
    scans = tables.read("scans", dicom_study / "results/scans.tsv")
    originals = [
        nib.as_closest_canonical(nib.load(real_data / "phe_sich" / f"{case}_ct.nii.gz")) for case in ("0001", "0037")
    ]
    bleeds = scans[scans["center"] == "bleeds"]
    assert all("clipped_range" in flags.split(";") for flags in bleeds["flags"])
    for path in bleeds["image"]:
        image = nib.load(dicom_study / path)
        voxels = np.asarray(image.dataobj)
        same = [
            original
            for original in originals
            if original.shape == voxels.shape and np.array_equal(np.asarray(original.dataobj), voxels)
        ]
        assert len(same) == 1
        assert np.allclose(image.affine[:3, :3], same[0].affine[:3, :3], atol=1e-3)


def test_real_bleeds_are_segmented_across_patients_and_measured(real_data, tmp_path):
    """Six of the forty and a budget of seconds: that it runs and that tables are right, not how good it is."""
    (tmp_path / "scans").mkdir()
    cases = ["0001", "0004", "0005", "0006", "0008", "0009"]
    for case in cases:
        for kind in ("ct", "labels"):
            shutil.copy(real_data / "phe_sich" / f"{case}_{kind}.nii.gz", tmp_path / "scans")
    row = dict(center="phesich", role="development", nifti="scans", image_pattern="{patient}_ct.nii.gz")
    row |= dict(masks="scans", mask_pattern="{patient}_labels.nii.gz", mask_labels="1=iph;2=edema")
    config = write_centers(tmp_path, row) | {
        "segmentation": {
            "labels": ["iph"],
            "plan": {"spacing_mm": [2.0, 2.0, None]},
            "budget": {"epochs": 2, "iterations_per_epoch": 5},
        }
    }
    done = snakemake(tmp_path, "segmentation", config=config)
    assert done.returncode == 0, (done.stdout + done.stderr)[-5000:]
    scans = tables.read("scans", tmp_path / "results/scans.tsv")
    assert len(scans) == 6 and all("clipped_range" in flags for flags in scans["flags"])
    masks = tables.read("masks", tmp_path / "results/masks.tsv")
    assert masks.groupby("split").size().to_dict() == {"cv-0": 6, "cv-1": 6}
    told = pd.read_csv(real_data / "phe_sich" / "cases.tsv", sep="\t", dtype={"case": str}).set_index("case")
    found = sorted(masks[masks["split"] == "cv-0"]["reference_iph_ml"])
    assert found == pytest.approx(sorted(told.loc[cases, "hemorrhage_silver_ml"]), abs=0.02)
    assert (tmp_path / "results/segmentation/agreement.tsv").exists()
