import numpy as np
import pytest

from ichor.imaging.scan_edge import edge_share, is_cut_off


def column(areas):
    """A bleed with these areas, in voxels, from the lowest slice up."""
    mask = np.zeros((30, 30, len(areas)), bool)
    for k, area in enumerate(areas):
        mask[5 : 5 + area // 10, 5:15, k] = True
    return mask


def test_a_bleed_inside_is_whole_and_one_that_ends_with_the_scan_is_not():
    assert edge_share(column([0, 40, 100, 40, 0])) == 0.0
    assert edge_share(column([0, 40, 100, 80])) == pytest.approx(0.8)
    assert is_cut_off(column([0, 40, 100, 80])) and not is_cut_off(column([0, 40, 100, 40, 0]))


def test_a_quarter_of_the_largest_area_is_the_limit():
    assert not is_cut_off(column([20, 80, 80, 0]))  # exactly a quarter
    assert is_cut_off(column([30, 80, 80, 0]))


def test_the_sides_of_the_image_count_too():
    mask = np.zeros((20, 20, 9), bool)
    mask[0:6, 5:9, 3:6] = True
    assert edge_share(mask) == 1.0


def test_nothing_is_not_cut_off():
    assert edge_share(np.zeros((4, 4, 4), bool)) == 0.0
