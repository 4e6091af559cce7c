import nibabel as nib
import numpy as np
import pytest

from ichor.segmentation.scan import GridMismatch, read_mask, read_scan, write_mask

AFFINE = np.array([[0.5, 0, 0, -10], [0, 0.6, 0.3, 5], [0, 0, 5, 7], [0, 0, 0, 1.0]])


@pytest.fixture
def scan(tmp_path):
    voxels = np.arange(4 * 5 * 6, dtype=np.int16).reshape(4, 5, 6)
    nib.save(nib.Nifti1Image(voxels, AFFINE), tmp_path / "ct.nii.gz")
    return read_scan(tmp_path / "ct.nii.gz")


def test_slices_come_first(scan):
    assert scan.hu.shape == (6, 5, 4)
    assert scan.hu[2, 1, 3] == 3 * 30 + 1 * 6 + 2


def test_a_written_mask_lies_on_the_scan_and_reads_back(scan, tmp_path):
    mask = (scan.hu % 4).astype(np.uint8)
    write_mask(tmp_path / "new" / "mask.nii.gz", mask, scan)
    assert np.array_equal(read_mask(tmp_path / "new" / "mask.nii.gz", scan), mask)
    stored = nib.load(tmp_path / "new" / "mask.nii.gz")
    assert stored.get_data_dtype() == np.uint8
    assert np.allclose(stored.affine, AFFINE, atol=1e-5)
    assert np.array_equal(np.asarray(stored.dataobj), mask.T)


@pytest.mark.parametrize(
    ("shape", "shift_mm", "message"), [((4, 5, 7), 0, "voxels"), ((4, 5, 6), 0.1, "affine differs")]
)
def test_a_mask_on_another_grid_is_refused(scan, tmp_path, shape, shift_mm, message):
    affine = AFFINE.copy()
    affine[0, 3] += shift_mm
    nib.save(nib.Nifti1Image(np.zeros(shape, np.uint8), affine), tmp_path / "mask.nii.gz")
    with pytest.raises(GridMismatch, match=message):
        read_mask(tmp_path / "mask.nii.gz", scan)


def test_a_4d_image_is_refused(tmp_path):
    nib.save(nib.Nifti1Image(np.zeros((2, 2, 2, 2), np.int16), AFFINE), tmp_path / "ct.nii.gz")
    with pytest.raises(ValueError, match="3D"):
        read_scan(tmp_path / "ct.nii.gz")
