import hashlib

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from phantom_series import head_hu

from ichor.dicom.convert import convert_shard
from ichor.dicom.file_patterns import pattern_regex
from ichor.dicom.nifti import index_nifti_center
from ichor.dicom.references import ReferenceMasks, list_masks
from ichor.dicom.select import select_series
from ichor.errors import StudyError
from ichor.private_tables import read_private
from ichor.pseudonyms import pseudonym

KEY = b"k" * 32
PATTERN = "{patient}_{time_point}.nii.gz"
RECORD = dict(onset_to_ct_h=3.0, onset_to_followup_ct_h=27.0, onset_to_surgery_h=None)


def save_head(path, axes=("L", "P", "S"), dtype=np.int16):
    spacing = np.array([2.0, 2.0, 5.0])
    size = np.array([96, 112, 32])
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = -(size - 1) / 2 * spacing
    points = np.moveaxis(np.indices(size), 0, -1) * spacing + affine[:3, 3]
    data = np.rint(head_hu(points * (-1, -1, 1)) + np.random.default_rng(0).normal(0, 3, size)).astype(dtype)
    turn = nib.orientations.axcodes2ornt(axes)
    image = nib.Nifti1Image(data, affine).as_reoriented(turn)
    nib.save(image, path)
    return data, affine


def index_nifti(folder, pattern, work):
    path = work / "index.parquet"
    status = index_nifti_center("aurora", folder, path, key=KEY, image_pattern=pattern)
    return read_private(path), status


def chain(folder, out, pattern, records=None, **options):
    index, found = index_nifti(folder, pattern, out.parent)
    times = pd.DataFrame([dict(patient=pseudonym(KEY, "aurora", "P1"), **records)]) if records else None
    selection, public, refused = select_series(index, times, center="aurora")
    scans, converted = convert_shard(selection[0], "aurora", out, **options)
    return scans, public, pd.concat([found, refused, converted], ignore_index=True)


@pytest.mark.parametrize("axes", [("R", "A", "S"), ("L", "P", "S"), ("P", "S", "R"), ("L", "A", "I")])
def test_any_orientation_becomes_ras_with_every_voxel_in_place(axes, tmp_path):
    (tmp_path / "in").mkdir()
    data, affine = save_head(tmp_path / "in" / "P1_ct.nii.gz", axes)
    scans, _, _ = chain(tmp_path / "in", tmp_path / "out", "{patient}_ct.nii.gz")
    image = nib.load(scans["image"][0])
    assert np.allclose(image.affine, affine, atol=1e-4)
    assert (np.asanyarray(image.dataobj) == data).all()
    assert scans["source"][0] == "nifti" and scans["patient"][0] == pseudonym(KEY, "aurora", "P1")


def test_baseline_and_followup_from_names_and_hours_from_the_record(tmp_path):
    (tmp_path / "in" / "deep").mkdir(parents=True)
    for name in ("P1_baseline", "P1_followup"):
        save_head(tmp_path / "in" / "deep" / f"{name}_ct.nii.gz")
    scans, _, _ = chain(tmp_path / "in", tmp_path / "out", "{patient}_{time_point}_ct.nii.gz", RECORD)
    hours = scans.set_index("time_point")[["onset_to_ct_h", "baseline_to_ct_h"]].T.to_dict("list")
    assert hours == {"baseline": [3.0, 0.0], "followup": [27.0, 24.0]}


def test_followup_before_baseline_is_set_aside(tmp_path):
    (tmp_path / "in").mkdir()
    for name in ("P1_baseline", "P1_followup"):
        save_head(tmp_path / "in" / f"{name}_ct.nii.gz")
    record = RECORD | dict(onset_to_followup_ct_h=1.0)
    scans, _, status = chain(tmp_path / "in", tmp_path / "out", "{patient}_{time_point}_ct.nii.gz", record)
    assert scans["time_point"].tolist() == ["baseline"]
    assert "followup_before_baseline" in set(status["reason"])


def test_unreadable_and_flat_files_have_codes(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "A_ct.nii.gz").write_bytes(b"not an image")
    nib.save(nib.Nifti1Image(np.zeros((64, 64), np.int16), np.eye(4)), tmp_path / "in" / "B_ct.nii.gz")
    nib.save(nib.Nifti1Image(np.zeros((8, 8, 8, 3), np.int16), np.eye(4)), tmp_path / "in" / "C_ct.nii.gz")
    save_head(tmp_path / "in" / "D_ct.nii.gz")
    cut = tmp_path / "in" / "E_ct.nii.gz"
    cut.write_bytes((tmp_path / "in" / "D_ct.nii.gz").read_bytes()[:20000])
    scans, _, status = chain(tmp_path / "in", tmp_path / "out", "{patient}_ct.nii.gz")
    assert len(scans) == 1
    refused = status[status["outcome"] == "set_aside"]
    assert sorted(refused["reason"]) == ["too_few_slices", "too_few_slices", "unreadable_file", "unreadable_file"]


def test_nothing_that_matches_is_an_empty_folder(tmp_path):
    save_head(tmp_path / "P1.nii.gz")
    index, status = index_nifti(tmp_path, "{patient}_ct.nii.gz", tmp_path / "work")
    assert index.empty and status["reason"].tolist() == ["empty_folder"]


@pytest.mark.parametrize("pattern", ["ct.nii.gz", "{id}_ct.nii.gz", "{patient}_{patient}.nii"])
def test_a_wrong_pattern_says_what_to_write(pattern):
    with pytest.raises(StudyError, match="write e.g. "):
        pattern_regex(pattern)


def test_a_hostile_patient_id_cannot_leave_the_mask_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "secret_baseline.nii.gz").write_bytes(b"")
    (tmp_path / "masks").mkdir()
    (tmp_path / "masks" / "P_baseline.nii.gz").write_bytes(b"a mask")
    digests = dict(list_masks(tmp_path / "masks", PATTERN).itertuples(index=False))
    masks = ReferenceMasks(tmp_path / "masks", PATTERN, digests)
    assert masks.find("../secret", "baseline") == masks.find("x/../P", "baseline") == ("", "")
    assert masks.find("P", "followup") == masks.find("", "baseline") == ("", "")
    assert masks.find("P", "baseline") == (
        str(tmp_path / "masks" / "P_baseline.nii.gz"), hashlib.sha256(b"a mask").hexdigest(),
    )  # fmt: skip


def test_wrong_mask_labels_say_what_to_write(tmp_path):
    save_head(tmp_path / "P1_ct.nii.gz")
    with pytest.raises(StudyError, match="expected number=name"):
        chain(tmp_path, tmp_path / "out", "{patient}_ct.nii.gz", mask_labels="1=blood")
