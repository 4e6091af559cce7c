"""Real scans and odd files through the ingest: right, or refused with the right code."""

import json
from fnmatch import fnmatch
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pydicom.data
import pytest
from pydicom.uid import generate_uid

from ichor.dicom.checks import CheckRules
from ichor.dicom.convert import convert_shard
from ichor.dicom.index import index_center
from ichor.dicom.nifti import index_nifti_center
from ichor.dicom.references import ReferenceMasks, list_masks
from ichor.dicom.select import select_series
from ichor.imaging.geometry import shear_deg
from ichor.private_tables import read_private


def test_ge_head_with_tilt_and_two_blocks(real_data, ingest):
    done = ingest(real_data / "dcm_qa_ct" / "GE_human_tilt_varspacing")
    assert len(done.scans) == 1
    scan = done.scans.iloc[0]
    assert scan["extent_mm"] == pytest.approx(144.1, abs=0.5)
    assert set(scan["flags"].split(";")) == {"padding_clipped", "tilt_corrected", "resampled_uneven"}
    assert abs(scan["tilt_deg"]) == pytest.approx(18.5, abs=0.1)
    image = nib.load(scan["image"])
    assert shear_deg(image.affine) == pytest.approx(0, abs=0.01)
    assert scan["hu_min"] == -1024 and scan["manufacturer"] == "GE" and scan["kernel"] == "STD+"


def test_philips_plastic_head_is_no_head(real_data, ingest):
    done = ingest(real_data / "dcm_qa_ct" / "Philips_phantom_mixed")
    assert done.scans.empty
    of_files = {"not_ct", "dicomdir_incomplete"}  # the set brings a DICOMDIR and only a part of what it lists
    assert done.codes("set_aside") - of_files == {"not_a_head", "localizer", "not_original_axial"}
    assert (done.public["outcome"] == "accepted").sum() == 1
    folders = done.index.assign(folder=done.index["source"].map(lambda path: Path(path).parent.name))
    series = folders.groupby("folder")["series"].agg(set)
    codes = done.public.set_index("series")["reason"].to_dict()
    assert [codes.pop(*series[folder]) for folder in ("S1000", "S2010")] == ["localizer", ""]
    assert set(codes.values()) == {"localizer", "not_original_axial"}  # pages of S4010: two kinds under one series UID


def test_four_slice_series_are_refused(real_data, ingest):
    done = ingest(real_data / "dicom2nifti_geometry")
    assert done.scans.empty
    assert done.codes("set_aside") == {"not_dicom", "too_few_slices"}
    tilts = done.public["tilt_deg"].abs().round(1)
    assert {14.0, 15.5} <= set(tilts)  # from the geometry: these files have no tilt tag


def test_real_bleeds_as_nifti(real_data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # where what is known of the masks is kept
    folder = real_data / "phe_sich"
    status = index_nifti_center("phe", folder, tmp_path / "index", key=b"k", image_pattern="{patient}_ct.nii.gz")
    index = read_private(tmp_path / "index")
    assert len(index) == 40 and status.empty
    masks = ReferenceMasks(
        folder, "{patient}_labels.nii.gz", dict(list_masks(folder, "{patient}_labels.nii.gz").itertuples(index=False))
    )
    selection, _, _ = select_series(index, None, center="phe", masks=masks)
    three = selection[0][selection[0]["patient_id"].isin(["0001", "0012", "0060"])]
    scans, status = convert_shard(three, "phe", tmp_path, mask_labels="1=iph;2=edema")
    assert len(scans) == 3 and set(status["outcome"]) == {"accepted", "flagged"}
    assert set(scans["flags"]) == {"clipped_range"}
    for row in scans.itertuples():
        data, mask = (np.asanyarray(nib.load(path).dataobj) for path in (row.image, row.reference_mask))
        assert nib.aff2axcodes(nib.load(row.image).affine) == ("R", "A", "S")
        assert set(np.unique(mask)) == {0, 1, 3}
        assert np.median(data[mask == 1]) > 48


def test_odd_files_of_pydicom_are_accepted_or_coded(ingest):
    folder = Path(pydicom.data.get_testdata_file("CT_small.dcm")).parent
    done = ingest(folder)
    assert done.scans.empty and len(done.index) > 100
    assert (done.public["outcome"] == "set_aside").all() and (done.public["reason"] != "").all()
    of_file = done.index.assign(name=done.index["source"].map(lambda path: Path(path).name)).set_index("name")
    reasons = {}
    for name in ("CT_small.dcm", "693_J2KI.dcm", "rtdose.dcm", "reportsi.dcm"):
        rows = done.public[done.public["patient"] == of_file.loc[name, "patient"]]
        reasons[name] = set(rows["reason"])
    assert "lossy_compression" in reasons["693_J2KI.dcm"]
    assert reasons["rtdose.dcm"] | reasons["reportsi.dcm"] <= {"not_ct", "not_original_axial"}
    name_of = {name: Path(name).relative_to(folder).as_posix() for name in done.index["source"] if "//" not in name}
    codes_of: dict[str, set[str]] = {}
    public = done.public.set_index("series")["reason"]
    for row in done.index.itertuples():
        if row.series in public.index and row.source in name_of:
            codes_of.setdefault(name_of[row.source], set()).update(np.atleast_1d(public.loc[row.series]))
    ct_like = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if _is_ct(path)}
    assert len(ct_like) >= 64
    for name in ct_like:
        codes = next(codes for pattern, codes in CT_LIKE.items() if fnmatch(name, pattern))
        assert codes_of.get(name) and codes_of[name] <= codes, (name, codes_of.get(name))


# what pydicom's own files of modality CT are: an abdomen, slices of 16 x 16 pixels, headers without pixels, a head
CT_LIKE = {
    "CT_small.dcm": {"contrast_enhanced"},
    "J2K_pixelrep_mismatch.dcm": {"too_few_slices"},
    "693_J2KI.dcm": {"lossy_compression", "derived_image"},
    "dicomdirtests/77654033/CT2/*": {"too_few_slices", "not_a_head"},
    "dicomdirtests/98892001/CT2N/*": {"localizer"},
    "dicomdirtests/98892001/CT5N/*": {"too_few_slices", "not_a_head"},
    "dicomdirtests/TINY_ALPHA/*": {"not_original_axial"},
}


def _is_ct(path):
    """Whether pydicom itself reads a file as CT."""
    try:
        return path.is_file() and pydicom.dcmread(path, stop_before_pixels=True, force=True).get("Modality") == "CT"
    except Exception:  # of its broken files
        return False


GEOMETRY_SETS = {"gantrytilting", "notavolume", "sliceincrement"}


def test_every_series_of_the_geometry_set_has_its_code(real_data, ingest):
    """Four slices each are too few of a head, whatever else is wrong; the geometry is described all the same."""
    for name in sorted(GEOMETRY_SETS):
        done = ingest(real_data / "dicom2nifti_geometry" / name)
        volumes = done.public[done.public["files"] > 1]
        assert done.scans.empty and set(done.public["reason"]) <= {"too_few_slices", "not_dicom"}, name
        assert len(volumes) or name == "notavolume"  # there, every image counts as an acquisition of its own
        if name == "gantrytilting":
            assert (volumes["tilt_deg"].abs() > 10).all()
        if name == "sliceincrement":
            assert volumes["uneven"].any()


def test_a_real_head_with_a_wrong_sign_in_its_codestream_comes_out_right(tmp_path):
    """One real slice of pydicom (JPEG 2000, sign of header and codestream differ, gantry at -22 degrees), stacked."""
    image = pydicom.dcmread(pydicom.data.get_testdata_file("J2K_pixelrep_mismatch.dcm"))
    x, y, z = (float(value) for value in image.ImagePositionPatient)
    (tmp_path / "in").mkdir()
    for number in range(21):
        image.ImagePositionPatient, image.InstanceNumber = [x, y, z + 5.4 * number], number + 1
        image.SOPInstanceUID = image.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        image.save_as(tmp_path / "in" / f"{number:03d}", enforce_file_format=True)
    index_center("real", tmp_path / "in", tmp_path / "index", key=b"k" * 32)
    selection, _, _ = select_series(read_private(tmp_path / "index"), None, center="real")
    copies_are_no_text = CheckRules(max_text_pixels=10**9)
    scans, status = convert_shard(selection[0], "real", tmp_path / "out", rules=copies_are_no_text)
    assert len(scans) == 1, status["detail"].tolist()
    # padding of -2000 around the field of view; all slices show the same level
    assert scans["flags"][0] == "padding_clipped;tilt_corrected;vertex_missing"
    assert abs(scans["tilt_deg"][0]) == pytest.approx(22, abs=0.1)
    assert scans["extent_mm"][0] == pytest.approx(20 * 5.4 * np.cos(np.radians(22)), abs=0.1)
    head = json.loads(Path(scans["image"][0].replace(".nii.gz", ".json")).read_text())["Head"]
    assert -1024 <= head["hu_min"] <= -950 and 1000 < head["hu_max"] < 3072 and 20 < head["brain_hu"] < 45
