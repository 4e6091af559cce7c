"""Phantoms with known Hounsfield units: each proxy meets its written criterion at its limit and not below it."""

import numpy as np
import pytest

from ichor.imaging.markers import markers

SPACING = (0.5, 0.5, 5.0)
SHAPE = (160, 160, 8)
CLOT, BRAIN = 65, 33


def disc(center_mm, radius_mm, slices=slice(2, 6)):
    """A cylinder through some slices; centre in mm from the middle of the slice."""
    x, y = np.meshgrid(*((np.arange(n) - n / 2) * 0.5 for n in SHAPE[:2]), indexing="ij")
    mask = np.zeros(SHAPE, bool)
    mask[:, :, slices] = (np.hypot(x - center_mm[0], y - center_mm[1]) < radius_mm)[:, :, None]
    return mask


def phantom(*parts):
    """Clot of 15 mm radius; `parts` are pairs of a mask and its HU, laid over it."""
    bleed = disc((0, 0), 15)
    hu = np.where(bleed, CLOT, BRAIN).astype(np.int16)
    for mask, value in parts:
        hu[mask] = value
    return hu, bleed


def half(bleed):
    """The part of a bleed to one side."""
    side = bleed.copy()
    side[: SHAPE[0] // 2] = False
    return side


def test_an_even_clot_shows_nothing():
    found = markers(*phantom(), SPACING)
    signs = (found.blend, found.black_hole, found.swirl, found.hypodensity, found.island, found.satellite)
    assert signs == (0,) * 6
    assert (found.blend_hu, found.black_hole_hu, found.hypodensity_mm2) == (0, 0, 0) and np.isnan(found.satellite_mm)


def test_noise_and_the_blurred_rim_of_a_clot_show_no_blend_or_hole():
    rng = np.random.default_rng(0)
    hu, bleed = phantom()
    rim = bleed & ~disc((0, 0), 14)
    hu[rim] = (CLOT + BRAIN) // 2
    found = markers((hu + rng.normal(0, 5, SHAPE)).astype(np.int16), bleed, SPACING)
    assert (found.blend, found.black_hole, found.hypodensity) == (0, 0, 0)


@pytest.mark.parametrize(("difference", "sign"), [(17, 0), (18, 1), (25, 1)])
def test_two_halves_are_a_blend_from_18_hu_on(difference, sign):
    hu, bleed = phantom()
    hu[half(bleed)] = CLOT - difference
    found = markers(hu, bleed, SPACING)
    assert found.blend_hu == pytest.approx(difference, abs=0.01) and found.blend == sign
    assert found.black_hole == found.hypodensity == 0  # not enclosed


def test_what_is_enclosed_is_no_blend():
    hu, bleed = phantom((disc((0, 0), 7), CLOT - 25))
    found = markers(hu, bleed, SPACING)
    assert (found.blend, found.blend_hu) == (0, 0.0) and found.hypodensity == 1


@pytest.mark.parametrize(("difference", "sign"), [(27, 0), (28, 1), (40, 1)])
def test_an_enclosed_hole_is_black_from_28_hu_on(difference, sign):
    found = markers(*phantom((disc((3, 2), 4), CLOT - difference)), SPACING)
    assert found.black_hole_hu == pytest.approx(difference, abs=0.01) and found.black_hole == sign
    assert found.hypodensity == 1 and found.hypodensity_mm2 == pytest.approx(np.pi * 16, rel=0.06)


def test_a_hole_that_reaches_the_edge_of_the_clot_is_not_enclosed():
    found = markers(*phantom((disc((13, 0), 4) & disc((0, 0), 15), CLOT - 30)), SPACING)
    assert (found.black_hole, found.hypodensity) == (0, 0)


def test_a_hole_that_the_mask_leaves_out_is_found_all_the_same():
    hole = disc((0, 0), 4)
    hu, bleed = phantom((hole, CLOT - 30))
    assert markers(hu, bleed & ~hole, SPACING).black_hole == 1


@pytest.mark.parametrize(("slices", "value", "sign"), [(1, 38, 0), (2, 38, 1), (3, 38, 1), (2, 44, 0)])
def test_a_swirl_is_as_dark_as_brain_on_two_slices_of_5_mm(slices, value, sign):
    found = markers(*phantom((disc((0, 0), 5, slice(2, 2 + slices)), value)), SPACING)
    assert found.swirl == sign and found.swirl_mm == (5.0 * slices if value < 40 else 0.0)


@pytest.mark.parametrize(("gap_mm", "sign"), [(3, 1), (19, 1), (22, 0)])
def test_a_small_focus_is_a_satellite_up_to_20_mm_away(gap_mm, sign):
    bleed = disc((-15, 0), 12) | disc((-15 + 12 + gap_mm + 3, 0), 3, slice(3, 4))
    found = markers(np.where(bleed, CLOT, BRAIN), bleed, SPACING)
    assert found.satellite == found.satellites == sign
    if sign:
        assert found.satellite_mm == pytest.approx(gap_mm, abs=1.0)  # between voxel centres


@pytest.mark.parametrize(("radius_mm", "sign"), [(4.5, 1), (5.5, 0)])
def test_a_focus_wider_than_10_mm_is_no_satellite(radius_mm, sign):
    bleed = disc((-15, 0), 12) | disc((10, 0), radius_mm)
    assert markers(np.where(bleed, CLOT, BRAIN), bleed, SPACING).satellite == sign


@pytest.mark.parametrize(("count", "sign"), [(0, 0), (2, 0), (3, 1), (5, 1)])
def test_three_pieces_beside_the_main_one_are_islands(count, sign):
    bleed = disc((0, 0), 12)
    for angle in np.arange(count) * 2 * np.pi / 6:
        bleed |= disc((25 * np.cos(angle), 25 * np.sin(angle)), 4, slice(3, 5))
    found = markers(np.where(bleed, CLOT, BRAIN), bleed, SPACING)
    assert (found.islands, found.island) == (count, sign)


def test_a_speck_is_neither_island_nor_satellite():
    bleed = disc((0, 0), 12)
    bleed[120, 80, 3] = bleed[130, 80, 3] = bleed[140, 80, 3] = True
    found = markers(np.where(bleed, CLOT, BRAIN), bleed, SPACING)
    assert (found.islands, found.satellites) == (0, 0)
