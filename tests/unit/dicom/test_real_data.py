"""Real scans and odd files through the ingest: right, or refused with the right code."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom.data
import pytest

from ichor.dicom.convert import convert_shard
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
    assert done.codes("set_aside") == {"not_a_head", "localizer", "not_original_axial", "not_ct"}
    assert (done.public["outcome"] == "accepted").sum() == 1


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
