"""Volumes of the page: nothing of the face, the same millimetres, masks where they were."""

import base64
import gzip
import json
import re

import nibabel as nib
import numpy as np
import pytest

from ichor.imaging.measures import volumes_ml
from ichor.viewer.volumes import RANGE_HU, reduce, script

FINE = np.diag([0.45, 0.45, 5.0, 1.0])
FINE[:3, 3] = (-90.0, 12.0, 3.0)


def center_mm(mask, affine):
    return nib.affines.apply_affine(affine, np.argwhere(mask).mean(axis=0))


@pytest.fixture(scope="module")
def fine(head, brain):
    """The head on four times as many pixels as wide as 0.45 mm, its mask and brain."""
    return [part.repeat(4, axis=0).repeat(4, axis=1) for part in (*head, brain)]


def test_fine_pixels_are_averaged_in_whole_blocks_and_nothing_moves(fine):
    volume, mask, brain = fine
    shown = reduce(volume, FINE, brain, mask, mask)
    assert shown.block == 2 and set(shown.volumes) == {"ct", "mask", "reference", "brain"}
    ct, small = shown.volumes["ct"], shown.volumes["mask"]
    assert ct.header.get_zooms()[:3] == pytest.approx((0.9, 0.9, 5.0)) and ct.get_data_dtype() == np.int16
    found = np.asarray(small.dataobj)
    assert found.dtype == np.uint8 and set(np.unique(found)) == {0, 1}
    assert center_mm(found, small.affine) == pytest.approx(center_mm(mask, FINE), abs=0.05)
    before, after = (volumes_ml(data, affine, ["iph"])["iph"] for data, affine in ((mask, FINE), (found, small.affine)))
    assert after == pytest.approx(before, rel=0.01)
    values = np.asarray(ct.dataobj)
    assert values[found > 0].mean() == pytest.approx(65, abs=1.0)


def test_coarse_pixels_stay_as_they_are(head, brain):
    affine = np.diag([2.0, 2.0, 5.0, 1.0])
    shown = reduce(head[0], affine, brain, head[1], None)
    assert shown.block == 1 and "reference" not in shown.volumes
    ct = shown.volumes["ct"]
    start = np.round(np.linalg.inv(affine) @ ct.affine @ [0, 0, 0, 1]).astype(int)
    box = tuple(slice(first, first + size) for first, size in zip(start[:3], ct.shape, strict=True))
    inside = brain[box]
    assert (np.asarray(ct.dataobj)[inside] == head[0][box][inside]).all()
    assert inside.sum() == brain.sum()  # the whole brain is in the box


def test_what_lies_far_from_the_brain_is_gone(head, brain):
    affine = np.diag([2.0, 2.0, 5.0, 1.0])
    low = brain & (np.indices(brain.shape)[1] < 80)
    ct = reduce(head[0], affine, low, None, None).volumes["ct"]
    ends = nib.affines.apply_affine(ct.affine, np.array(ct.shape) - 1)
    assert ends[1] <= 2.0 * (79 + 8)  # the nose began at 2 * 91 mm
    assert np.asarray(ct.dataobj).min() == RANGE_HU[0]
    assert reduce(head[0], affine, np.zeros_like(brain), None, None) is None


def test_outlines_are_the_outermost_voxels_of_each_slice(head, brain):
    affine = np.diag([2.0, 2.0, 5.0, 1.0])
    shown = reduce(head[0], affine, brain, head[1], head[1])
    mask, outline = (np.asarray(shown.volumes[name].dataobj) for name in ("mask", "reference"))
    assert (mask[outline > 0] == outline[outline > 0]).all() and 0 < (outline > 0).sum() < (mask > 0).sum()
    for level in range(mask.shape[2]):
        rest = (mask[:, :, level] > 0) & (outline[:, :, level] == 0)
        moved = [np.roll(mask[:, :, level] > 0, by, axis) for axis in (0, 1) for by in (-1, 1)]
        assert (rest <= np.logical_and.reduce(moved)).all()


def test_a_script_hands_over_volumes_that_are_read_back(head, brain):
    shown = reduce(head[0], np.diag([2.0, 2.0, 5.0, 1.0]), brain, head[1], None)
    text = script("0a_baseline", shown)
    assert text == script("0a_baseline", shown)  # the same bytes in every run
    key, packed = re.fullmatch(r'ichorCase\("([\w]+)",(\{.*\})\);\n', text).groups()
    assert key == "0a_baseline"
    for name, content in json.loads(packed).items():
        image = nib.Nifti1Image.from_bytes(gzip.decompress(base64.b64decode(content)))
        assert (np.asarray(image.dataobj) == np.asarray(shown.volumes[name].dataobj)).all()
        assert np.allclose(image.affine, shown.volumes[name].affine)
