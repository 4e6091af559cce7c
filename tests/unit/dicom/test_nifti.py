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


def refused(folder, work):
    """Reason codes and details of a folder of one image that must not be accepted."""
    scans, _, status = chain(folder, work / "out", "{patient}_ct.nii.gz")
    assert scans.empty
    rows = status[status["outcome"] == "set_aside"]
    return rows["reason"].tolist(), " ".join(rows["detail"])


def rewritten(path, change):
    """Save the head at `path` after `change(image)`."""
    save_head(path)
    image = nib.load(path)
    nib.save(change(nib.Nifti1Image(np.asanyarray(image.dataobj), image.affine, image.header)), path)


def test_forms_that_contradict_each_other_are_refused(tmp_path):
    def change(image):
        image.set_sform(image.affine, code=1)
        image.set_qform(image.affine @ np.diag([-1.0, 1, 1, 1]), code=1)  # left is right
        return image

    (tmp_path / "in").mkdir()
    rewritten(tmp_path / "in" / "P1_ct.nii.gz", change)
    codes, detail = refused(tmp_path / "in", tmp_path)
    assert codes == ["affine_ambiguous"] and "at most 1 mm" in detail


def test_a_file_without_orientation_is_refused(tmp_path):
    def change(image):
        image.set_sform(None, code=0)
        image.set_qform(None, code=0)
        return image

    (tmp_path / "in").mkdir()
    rewritten(tmp_path / "in" / "P1_ct.nii.gz", change)
    assert refused(tmp_path / "in", tmp_path)[0] == ["affine_ambiguous"]


@pytest.mark.parametrize("form", ["sform", "qform"])
def test_one_form_is_enough(form, tmp_path):
    def change(image):
        affine = image.affine
        image.set_sform(affine if form == "sform" else None, code=int(form == "sform"))
        image.set_qform(affine if form == "qform" else None, code=int(form == "qform"))
        return image

    (tmp_path / "in").mkdir()
    rewritten(tmp_path / "in" / "P1_ct.nii.gz", change)
    scans, _, _ = chain(tmp_path / "in", tmp_path / "out", "{patient}_ct.nii.gz")
    assert len(scans) == 1 and scans["flags"][0] is None


@pytest.mark.parametrize("lean_deg", [15.0, -12.0])
def test_a_sheared_affine_is_straightened(lean_deg, tmp_path):
    """As dcm2niix leaves a tilted scan: the slices lean in the file's affine, the head is straight in space."""
    spacing, size = np.array([2.0, 2.0, 5.0]), np.array([96, 130, 32])
    affine = np.diag([*spacing, 1.0])
    affine[1, 2] = 5.0 * np.tan(np.radians(lean_deg))
    affine[:3, 3] = -affine[:3, :3] @ ((size - 1) / 2)
    index = np.moveaxis(np.indices(size), 0, -1)
    points = index @ affine[:3, :3].T + affine[:3, 3]
    data = np.rint(head_hu(points * (-1, -1, 1)))
    (tmp_path / "in").mkdir()
    image = nib.Nifti1Image(data.astype(np.int16), affine)
    image.set_sform(affine, code=1)
    image.set_qform(None, code=0)
    nib.save(image, tmp_path / "in" / "P1_ct.nii.gz")
    scans, _, status = chain(tmp_path / "in", tmp_path / "out", "{patient}_ct.nii.gz")
    assert scans["flags"][0] == "tilt_corrected" and abs(scans["tilt_deg"][0]) == pytest.approx(abs(lean_deg), abs=0.1)
    straight = nib.load(scans["image"][0])
    assert np.allclose(straight.affine[:3, :3], np.diag(spacing), atol=1e-4)
    index = np.moveaxis(np.indices(straight.shape), 0, -1)
    points = index @ straight.affine[:3, :3].T + straight.affine[:3, 3]
    found, wanted = np.asanyarray(straight.dataobj), head_hu(points * (-1, -1, 1))
    assert (np.abs(found - wanted) < 60).mean() > 0.94  # edges of bone are blurred by parts of a voxel
    assert 2 * ((found > 450) & (wanted > 450)).sum() / ((found > 450).sum() + (wanted > 450).sum()) > 0.97


def test_scaled_whole_numbers_are_read_in_hounsfield_units(tmp_path):
    def change(image):
        stored = (np.asanyarray(image.dataobj).astype(np.int16) + 1024) * 2
        image = nib.Nifti1Image(stored, image.affine)
        image.header.set_slope_inter(0.5, -1024)
        return image

    (tmp_path / "in").mkdir()
    rewritten(tmp_path / "in" / "P1_ct.nii.gz", change)
    plain, _ = save_head(tmp_path / "other.nii.gz")
    scans, _, _ = chain(tmp_path / "in", tmp_path / "out", "{patient}_ct.nii.gz")
    again = nib.load(scans["image"][0]).get_fdata()
    assert scans["hu_min"][0] == again.min() < -1000
    assert (again == plain).all()


def test_sagittal_slices_and_colours_are_refused(tmp_path):
    (tmp_path / "in").mkdir()
    affine = np.diag([5.0, 2.0, 2.0, 1.0])
    nib.save(nib.Nifti1Image(np.zeros((40, 96, 96), np.int16), affine), tmp_path / "in" / "A_ct.nii.gz")
    colours = np.zeros((64, 64, 20), [("R", "u1"), ("G", "u1"), ("B", "u1")])
    nib.save(nib.Nifti1Image(colours, np.diag([2.0, 2.0, 5.0, 1.0])), tmp_path / "in" / "B_ct.nii.gz")
    assert sorted(refused(tmp_path / "in", tmp_path)[0]) == ["not_original_axial", "unreadable_file"]


def test_wrapped_numbers_are_refused(tmp_path):
    def change(image):
        values = np.asanyarray(image.dataobj).astype(np.int16).view(np.uint16)  # the sign is lost
        return nib.Nifti1Image(values, image.affine)

    (tmp_path / "in").mkdir()
    rewritten(tmp_path / "in" / "P1_ct.nii.gz", change)
    assert refused(tmp_path / "in", tmp_path)[0] == ["wrapped_values"]
