import subprocess
import sys
from datetime import date, datetime
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest

from ichor.simulate.centers import CENTERS
from ichor.simulate.dicom_writer import Encoding, Exam, Series, stored_values, write_ct_series
from ichor.simulate.scanner import Scanner, orthogonal_affine, stack_affine

EXAM = Exam("key", "P1", birth_date=date(1950, 6, 1), sex="F", acquired=datetime(2021, 3, 4, 5, 6, 7))


def dcm2niix(folder, out):
    program = Path(sys.executable).with_name("dcm2niix")
    if not program.exists():
        pytest.skip("no dcm2niix beside this Python")
    out.mkdir()
    subprocess.run([program, "-z", "n", "-b", "n", "-o", out, "-f", "x", folder], check=True, capture_output=True)
    return sorted(out.glob("*.nii"))


def ball(affine, shape, center_mm=(22.0, 13.0, -4.0), radius_mm=24.0):
    """HU volume (column, row, slice): a ball of 60 HU in air, at a place in the world."""
    index = np.moveaxis(np.indices(shape), 0, -1)
    world = index @ affine[:3, :3].T + affine[:3, 3]
    return np.where(np.linalg.norm(world - center_mm, axis=-1) < radius_mm, 60.0, -1000.0)


def center_of(values, affine):
    return affine[:3, :3] @ np.argwhere(values > -470).mean(axis=0) + affine[:3, 3]


@pytest.mark.parametrize("name", sorted(CENTERS))
def test_hu_come_back_from_every_vendor(name, tmp_path):
    rng = np.random.default_rng(1)
    volume = rng.integers(-1000, 2000, (16, 16, 6)).astype(float)
    encoding = CENTERS[name].encoding
    write_ct_series(volume, np.diag([-1.0, -1.0, 5.0, 1.0]), tmp_path / "d", EXAM, Series(), encoding)
    (path,) = dcm2niix(tmp_path / "d", tmp_path / "o")
    image = nib.load(path)
    back = nib.as_closest_canonical(image).get_fdata()
    np.testing.assert_array_equal(back, volume[::-1, ::-1])


@pytest.mark.parametrize("axes", [(-1, -1, 5), (1, 1, 5), (1, -1, -5)])
def test_geometry_survives_any_orientation(axes, tmp_path):
    affine = np.diag([*map(float, axes), 1.0]) * [2, 2, 1, 1]
    affine[:3, 3] = [-a * n / 2 for a, n in zip(np.diag(affine)[:3], (60, 60, 24), strict=True)]
    volume = ball(affine, (60, 60, 24))
    write_ct_series(volume, affine, tmp_path / "d", EXAM)
    (path,) = dcm2niix(tmp_path / "d", tmp_path / "o")
    image = nib.load(path)
    np.testing.assert_allclose(center_of(image.get_fdata(), image.affine), center_of(volume, affine), atol=0.01)


def test_mask_grid_of_a_tilted_stack_lies_on_the_corrected_image(tmp_path):
    """The world of dcm2niix's tilt-corrected volume is that of our orthogonal label grid."""
    affine, slices = stack_affine(Scanner(tilt_deg=14.0), 96, 1.0)
    volume = ball(affine, (96, 96, slices))
    write_ct_series(volume, affine, tmp_path / "d", EXAM, Series(tilt_deg=14.0))
    corrected = nib.load(next(p for p in dcm2niix(tmp_path / "d", tmp_path / "o") if "Tilt" in p.name))
    straight, extra = orthogonal_affine(affine, slices)
    labels = ball(straight, (96, 96 + extra, slices))
    found = center_of(corrected.get_fdata(), corrected.affine)
    np.testing.assert_allclose(found, center_of(labels, straight), atol=1.0)
    np.testing.assert_allclose(found, (22.0, 13.0, -4.0), atol=1.0)


def test_header_says_who_when_and_how(tmp_path):
    files = write_ct_series(np.zeros((8, 8, 4)), np.diag([1, 1, 5.0, 1]), tmp_path, EXAM, Series(kernel="H31s"))
    ds = pydicom.dcmread(files[1])
    assert (ds.PatientID, ds.PatientSex, ds.PatientAge, ds.ConvolutionKernel) == ("P1", "F", "070Y", "H31s")
    assert ds.AcquisitionDate + ds.AcquisitionTime[:6] == "20210304050607"
    assert ds.SliceThickness == 5.0 and ds.InstanceNumber == 2
    assert len({pydicom.dcmread(f).SOPInstanceUID for f in files}) == 4


def test_only_wanted_slices_keep_their_numbers_and_places(tmp_path):
    volume, affine = np.zeros((8, 8, 6)), np.diag([1, 1, 5.0, 1])
    whole = write_ct_series(volume, affine, tmp_path / "a", EXAM)
    some = write_ct_series(volume, affine, tmp_path / "b", EXAM, slices=[0, 4])
    assert [pydicom.dcmread(f).InstanceNumber for f in some] == [1, 5]
    assert some[1].read_bytes() == whole[4].read_bytes()


def test_twelve_bits_clip_and_sixteen_hold_padding():
    hu = np.array([-3024.0, -1024.0, 0.0, 5000.0])
    twelve = stored_values(hu, Encoding(intercept=-1024.0, signed=False, bits_stored=12))
    assert twelve.tolist() == [0, 0, 1024, 4095]
    assert stored_values(hu, Encoding(intercept=-1024.0)).tolist() == [-2000, 0, 1024, 6024]


def test_real_scan_round_trip(real_data, tmp_path):
    """A real scan, written as DICOM by this writer and converted back, has the same voxels in the same places."""
    image = nib.load(sorted((real_data / "phe_sich").glob("*_ct.nii.gz"))[0])
    write_ct_series(np.asarray(image.dataobj), image.affine, tmp_path / "d", EXAM)
    (path,) = dcm2niix(tmp_path / "d", tmp_path / "o")
    before, after = nib.as_closest_canonical(image), nib.as_closest_canonical(nib.load(path))
    np.testing.assert_array_equal(np.asarray(before.dataobj), after.get_fdata())
    np.testing.assert_allclose(before.affine, after.affine, atol=1e-3)
