import numpy as np
import pytest

from ichor.imaging.scan_edge import brain_share_on_top, edge_share, is_cut_off, known_volume_ml


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


def test_an_island_at_the_edge_does_not_cut_the_bleed_off():
    mask = column([0, 100, 100, 40, 0, 0, 0])
    mask[20:25, 20:25, -1] = True  # a quarter of the bleed's largest area, and more than it has on this slice
    assert edge_share(mask) == 0.0 and known_volume_ml(mask, 0.1) == pytest.approx(26.5)
    mask = column([0, 40, 100, 80])
    mask[20:25, 20:25, 1] = True  # beside a bleed that is cut off
    assert edge_share(mask) == pytest.approx(0.8)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("end", [0, -1])
def test_every_face_of_the_image_counts(axis, end):
    cube = np.zeros((12, 12, 12), bool)
    cube[4:8, 4:8, 4:8] = True
    kept = [slice(None)] * 3
    kept[axis] = slice(6, None) if end == 0 else slice(0, 6)  # the image ends in the middle of it
    assert edge_share(cube) == 0.0 and edge_share(cube[tuple(kept)]) == 1.0


def test_nothing_is_not_cut_off():
    assert edge_share(np.zeros((4, 4, 4), bool)) == 0.0


def test_nothing_found_is_zero_and_a_cut_off_bleed_is_unknown():
    assert known_volume_ml(np.zeros((4, 4, 4), bool), 0.1) == 0.0
    assert known_volume_ml(column([0, 40, 100, 40, 0]), 0.1) == pytest.approx(18.0)
    assert known_volume_ml(column([0, 40, 100, 80]), 0.1) is None


@pytest.mark.parametrize(
    ("areas", "share"), [([80, 100, 60, 0], 0.0), ([0, 100, 60], 0.6), ([100, 60, 30], 0.3), ([0, 0], 0.0)]
)
def test_how_much_of_the_brain_the_uppermost_slice_shows(areas, share):
    assert brain_share_on_top(column(areas)) == pytest.approx(share)
