import numpy as np
import pytest

from ichor.segmentation.specks import drop_specks


def cubes():
    """Two pieces of iph (27 and 8 voxels), three of ivh (27, 8 and 1)."""
    mask = np.zeros((20, 20, 20), np.uint8)
    mask[1:4, 1:4, 1:4] = mask[8:10, 1:3, 1:3] = 1
    mask[1:4, 10:13, 1:4] = mask[8:10, 10:12, 1:3] = 2
    mask[15, 10, 1] = 2
    return mask


@pytest.mark.parametrize(
    ("limit_ml", "left"), [(0.0, 36), (0.1, 36), (0.11, 35), (0.8, 35), (0.81, 27), (2.7, 27), (2.71, 0)]
)
def test_a_piece_of_the_limit_stays_and_a_smaller_one_goes(limit_ml, left):
    cleaned = drop_specks(cubes(), 0.1, {"ivh": limit_ml})
    assert (cleaned == 2).sum() == left and (cleaned == 1).sum() == 35  # a label that is not named keeps all


def test_pieces_that_share_a_corner_are_one():
    mask = np.zeros((6, 6, 6), np.uint8)
    mask[1:3, 1:3, 1:3] = mask[3:5, 3:5, 3:5] = 1
    assert (drop_specks(mask, 0.1, {"iph": 1.5}) == mask).all()
    assert not drop_specks(mask, 0.1, {"iph": 1.7}).any()


def test_one_label_does_not_hold_another_together_and_the_mask_is_not_changed_in_place():
    mask = np.zeros((5, 5, 5), np.uint8)
    mask[1, 1, :], mask[1, 1, 2] = 1, 2  # two ends of iph with ivh between them
    before = mask.copy()
    cleaned = drop_specks(mask, 1.0, {"iph": 3.0, "ivh": 1.0})
    assert (mask == before).all() and (cleaned == 1).sum() == 0 and (cleaned == 2).sum() == 1


def test_nothing_to_remove_gives_the_mask_back():
    mask = cubes()
    assert drop_specks(mask, 0.1, {"iph": 0.0, "ivh": 0.0, "edema": 1.0}) is mask
