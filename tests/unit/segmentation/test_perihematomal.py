import numpy as np
import pytest

from ichor.segmentation.perihematomal import drop_edema_apart

SPACING_MM = (1.0, 1.0, 5.0)


def bleed_with_edema(gap: int = 1, axis: int = 0):
    """A hematoma of 27 voxels, edema of 9 so many steps from its last voxel along an axis, and of 8 far away."""
    mask = np.zeros((40, 40, 20), np.uint8)
    mask[4:7, 4:7, 4:7] = 1
    near = [slice(4, 7)] * 3
    near[axis] = slice(6 + gap, 7 + gap)
    mask[tuple(near)] = 3
    mask[30:32, 30:32, 11:13] = 3
    return mask


@pytest.mark.parametrize(
    ("gap", "axis", "stays"), [(1, 0, True), (5, 0, True), (6, 0, False), (1, 2, True), (2, 2, False)]
)
def test_edema_within_5_mm_of_the_hematoma_stays_and_edema_elsewhere_goes(gap, axis, stays):
    mask = bleed_with_edema(gap, axis)
    cleaned = drop_edema_apart(mask, SPACING_MM)
    assert (cleaned == 3).sum() == (9 if stays else 0) and (cleaned == 1).sum() == 27
    assert (mask == bleed_with_edema(gap, axis)).all(), "not changed in place"


def test_without_a_hematoma_there_is_no_perihematomal_edema():
    mask = np.where(bleed_with_edema() == 3, 3, 0).astype(np.uint8)
    assert not drop_edema_apart(mask, SPACING_MM).any()


def test_blood_in_a_ventricle_is_no_reason_for_edema():
    mask = np.where(bleed_with_edema() == 1, 2, bleed_with_edema()).astype(np.uint8)
    cleaned = drop_edema_apart(mask, SPACING_MM)
    assert (cleaned == 2).sum() == 27 and not (cleaned == 3).any()


def test_nothing_to_remove_gives_the_mask_back():
    mask = bleed_with_edema()
    mask[30:32, 30:32, 11:13] = 0
    assert drop_edema_apart(mask, SPACING_MM) is mask
