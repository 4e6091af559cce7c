"""Images as they are written: read back by nibabel, whole, and the same bytes for the same voxels."""

import zlib

import nibabel as nib
import numpy as np
import pytest

from ichor.dicom.write import write_nifti

AFFINE = np.array([[0.5, 0, 0, -10], [0, 0.5, 0, -20], [0, 0, 5, -30], [0, 0, 0, 1.0]])


@pytest.mark.parametrize("dtype", [np.int16, np.uint8])
@pytest.mark.parametrize("order", ["F", "C"])
@pytest.mark.parametrize("suffix", [".nii.gz", ".nii"])
def test_what_is_written_is_read_back(suffix, order, dtype, tmp_path):
    data = np.random.default_rng(0).integers(0, 200, (7, 6, 5)).astype(dtype, order=order)
    write_nifti(data, AFFINE, tmp_path / f"ct{suffix}")
    image = nib.load(tmp_path / f"ct{suffix}")
    np.testing.assert_array_equal(np.asanyarray(image.dataobj), data)
    assert image.get_data_dtype() == dtype and image.header.get_xyzt_units() == ("mm", "sec")
    for form, code in (image.get_sform(coded=True), image.get_qform(coded=True)):
        np.testing.assert_allclose(form, AFFINE, atol=1e-6)
        assert code == 1


def test_compressed_images_are_one_member_without_a_time(tmp_path):
    write_nifti(np.zeros((4, 4, 4), np.int16), AFFINE, tmp_path / "ct.nii.gz")
    content = (tmp_path / "ct.nii.gz").read_bytes()
    stream = zlib.decompressobj(31)
    assert len(stream.decompress(content)) == 352 + 128 and stream.eof and not stream.unused_data
    assert content[4:8] == bytes(4) and not content[3] & 0b1000  # nor a name: RFC 1952, 2.3
