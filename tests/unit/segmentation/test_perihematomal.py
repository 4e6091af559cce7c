import numpy as np

from ichor.segmentation.perihematomal import drop_edema_apart


def bleed_with_edema():
    """A hematoma of 27 voxels, edema of 9 at one of its faces, of 8 at a corner, and of 8 elsewhere."""
    mask = np.zeros((16, 16, 16), np.uint8)
    mask[4:7, 4:7, 4:7] = 1
    mask[7, 4:7, 4:7] = 3
    mask[2:4, 2:4, 2:4] = 3
    mask[11:13, 11:13, 11:13] = 3
    return mask


def test_edema_at_the_hematoma_stays_and_edema_elsewhere_goes():
    mask = bleed_with_edema()
    cleaned = drop_edema_apart(mask)
    assert (cleaned == 3).sum() == 17 and (cleaned == 1).sum() == 27
    assert not cleaned[11:13, 11:13, 11:13].any()
    assert (mask == bleed_with_edema()).all()


def test_without_a_hematoma_there_is_no_perihematomal_edema():
    mask = np.where(bleed_with_edema() == 3, 3, 0).astype(np.uint8)
    assert not drop_edema_apart(mask).any()


def test_blood_in_a_ventricle_is_no_reason_for_edema():
    mask = np.where(bleed_with_edema() == 1, 2, bleed_with_edema()).astype(np.uint8)
    cleaned = drop_edema_apart(mask)
    assert (cleaned == 2).sum() == 27 and not (cleaned == 3).any()


def test_nothing_to_remove_gives_the_mask_back():
    mask = bleed_with_edema()
    mask[11:13, 11:13, 11:13] = 0
    assert drop_edema_apart(mask) is mask
