import hashlib

import nibabel as nib
import numpy as np
import pandas as pd
import pydicom
import pytest

from ichor.errors import StudyError
from ichor.pseudonyms import pseudonym
from ichor.simulate.center import draw_center_patients, simulate_center
from ichor.simulate.centers import CENTERS, find_center
from ichor.simulate.truth import link

SIZE = dict(patients=8, seed=3, matrix=64)


@pytest.fixture(scope="module")
def boreal(tmp_path_factory):
    out = tmp_path_factory.mktemp("boreal")
    simulate_center("boreal", out, **SIZE)
    return out


def digest(folder):
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    return {p.relative_to(folder): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def test_same_seed_same_bytes(boreal, tmp_path):
    simulate_center("boreal", tmp_path, **SIZE)
    assert digest(boreal) == digest(tmp_path)


def test_ids_agree_between_dicom_record_and_truth(boreal):
    drawn = draw_center_patients(CENTERS["boreal"], 8, 3)
    record = pd.read_csv(boreal / "records.csv", sep=";", dtype=str)
    truth = pd.read_csv(boreal / "truth.tsv", sep="\t", dtype=str)
    scanned = {pydicom.dcmread(next(p.rglob("*.CTDC.*"))).PatientID for p in (boreal / "dicom").iterdir()}
    assert scanned == set(truth["patient"]) == set(drawn["patient"])
    assert scanned - set(record["PatientNo"]) == set(drawn.loc[drawn["defect"] == "no_record", "patient"])
    assert len(scanned - set(record["PatientNo"])) == 1


def test_masks_hold_the_true_volumes(boreal):
    truth = pd.read_csv(boreal / "truth.tsv", sep="\t", dtype={"patient": str}).drop_duplicates("patient")
    truth = truth.set_index("patient")
    masks = sorted((boreal / "masks").glob("*_baseline.nii.gz"))
    assert len(masks) == 8
    for path in masks:
        image = nib.load(path)
        voxel_ml = abs(np.linalg.det(image.affine[:3, :3])) / 1000
        volume = (np.asarray(image.dataobj) == 1).sum() * voxel_ml
        expected = truth.loc[path.name.removesuffix("_baseline.nii.gz"), "iph_ml"]
        assert volume == pytest.approx(expected, rel=0.06, abs=0.3)


def test_times_in_the_headers_are_those_of_the_record(boreal):
    drawn = draw_center_patients(CENTERS["boreal"], 8, 3).set_index("patient")
    for folder in (boreal / "dicom").iterdir():
        studies = sorted(p for p in folder.iterdir())
        if len(studies) == 2:
            heads = [pydicom.dcmread(sorted(p.glob("S0002/*"))[0]) for p in studies]
            when = [pd.Timestamp(f"{d.AcquisitionDate} {d.AcquisitionTime[:6]}") for d in heads]
            expected = drawn.loc[heads[0].PatientID, "baseline_to_followup_h"]
            assert (when[1] - when[0]).total_seconds() / 3600 == pytest.approx(expected, abs=0.06)


def test_missing_slices_leave_a_gap(boreal):
    drawn = draw_center_patients(CENTERS["boreal"], 8, 3)
    patient = drawn.loc[drawn["defect"] == "missing_slices", "patient"].item()
    study = sorted((boreal / "dicom" / patient).iterdir())[0]
    numbers = sorted(int(pydicom.dcmread(p).InstanceNumber) for p in (study / "S0002").iterdir())
    assert np.diff(numbers).max() == 4 and len(numbers) == numbers[-1] - 3


def test_every_series_is_labelled_for_what_it_is(boreal):
    kinds = set()
    for series in (boreal / "dicom").glob("*/*/S*"):
        ds = pydicom.dcmread(sorted(series.iterdir())[0])
        kinds.add((series.name, ds.ImageType[2] == "LOCALIZER", ds.ConvolutionKernel or ""))
    assert ("S0002", False, "STANDARD") in kinds and ("S0001", True, "") in kinds


def test_link_gives_pseudonyms(boreal):
    table = link({"boreal": boreal / "truth.tsv"}, b"k" * 32)
    raw = pd.read_csv(boreal / "truth.tsv", sep="\t", dtype={"patient": str})["patient"]
    assert set(table["patient"]) == {pseudonym(b"k" * 32, "boreal", p) for p in raw}
    assert list(table.columns) == ["patient", "task", "target", "risk", "risk_image"]
    assert table["risk"].between(0, 1).all()
    of_expansion = table["target"] == "expansion"
    assert table.loc[of_expansion, "risk_image"].between(0, 1).all() and of_expansion.any()
    assert table.loc[~of_expansion, "risk_image"].isna().all()


def test_unknown_center_is_refused_with_the_known_ones():
    with pytest.raises(StudyError, match="aurora, boreal, cedar, delta, estuary"):
        find_center("zephyr")


def test_truncated_file_and_missing_scan(tmp_path):
    simulate_center("aurora", tmp_path, **SIZE)
    drawn = draw_center_patients(CENTERS["aurora"], 8, 3)
    absent = drawn.loc[drawn["defect"] == "no_scan", "patient"].item()
    assert not (tmp_path / "dicom" / absent).exists()
    assert absent in pd.read_csv(tmp_path / "records.csv")["pat_id"].tolist()
    cut = drawn.loc[drawn["defect"] == "truncated_file", "patient"].item()
    sizes = [p.stat().st_size for p in (tmp_path / "dicom" / cut).rglob("CT.0002.*")]
    assert min(sizes) < 0.5 * np.median(sizes)


def test_estuary_brings_no_masks(tmp_path):
    simulate_center("estuary", tmp_path, patients=2, seed=3, matrix=64)
    assert not list((tmp_path / "masks").iterdir())
