"""A head of which all is known: an ellipsoid of brain in a skull, with fluid spaces that can be moved and turned."""

from functools import cache

import numpy as np
import pytest

from ichor.imaging.head_frame import LENGTH_MM, WIDTH_MM, find_frame
from ichor.imaging.location import locate
from ichor.imaging.midline import midline_shift

SPACING = (2.0, 2.0, 5.0)
SHAPE = (105, 112, 30)
MIDDLE_MM = np.array([104.0, 112.0, 70.0])
HALF_MM = np.array([68.0, 84.0, 72.0])
"""Half width, length and height of the brain."""


@cache
def phantom(shift_mm=0.0, yaw_deg=0.0, aside_mm=0.0, left=1.0):
    """HU of the head; the fluid spaces `shift_mm` to the right, the left horn `left` times as wide."""
    grid = np.stack(np.meshgrid(*(np.arange(n) for n in SHAPE), indexing="ij"), axis=-1) * SPACING
    x, y, z = np.moveaxis(grid - MIDDLE_MM - [aside_mm, 0, 0], -1, 0)
    turn = np.radians(yaw_deg)
    x, y = x * np.cos(turn) - y * np.sin(turn), x * np.sin(turn) + y * np.cos(turn)
    out = np.linalg.norm(np.stack([x, y, z], -1) / (HALF_MM + 7), axis=-1)
    inside = np.linalg.norm(np.stack([x, y, z], -1) / HALF_MM, axis=-1)
    hu = np.where(out < 1, 900.0, -1000.0)
    hu[inside < 1] = 32.0
    for side, wide in ((-1, left), (1, 1.0)):
        horn = ((x - shift_mm - 9 * side) / (4.5 * wide)) ** 2 + ((y - 8) / 26) ** 2 + ((z - 12) / 12) ** 2
        hu[horn < 1] = 6.0
    hu[(np.abs(x - shift_mm) < 2.5) & (np.abs(y - 5) < 13) & (np.abs(z + 2) < 9)] = 6.0
    return (hu + np.random.default_rng(0).normal(0, 3, SHAPE)).astype(np.int16)


def bleed_at(right_mm, front_mm, up_mm, radius_mm=12.0):
    """A ball in head coordinates: the mid-commissural point lies 4 mm above the middle of this head."""
    grid = np.stack(np.meshgrid(*(np.arange(n) for n in SHAPE), indexing="ij"), axis=-1) * SPACING
    return np.linalg.norm(grid - (MIDDLE_MM + [right_mm, front_mm, up_mm + 2.0]), axis=-1) < radius_mm


@pytest.fixture(scope="module")
def frame():
    return find_frame(phantom(), SPACING)


def test_the_frame_is_the_heads(frame):
    assert frame.width_mm == pytest.approx(2 * HALF_MM[0], abs=4)
    assert frame.length_mm == pytest.approx(2 * HALF_MM[1], abs=4)
    assert frame.middle_mm == pytest.approx(MIDDLE_MM[1], abs=2)
    assert frame.top_mm == pytest.approx(MIDDLE_MM[2] + HALF_MM[2], abs=6) and frame.reaches_top


def test_a_place_is_told_from_midline_middle_and_top_in_a_head_of_usual_size(frame):
    voxel = (MIDDLE_MM + [34, -42, 0]) / SPACING
    place = frame.places(voxel[None], SPACING)[0]
    assert place[:2] == pytest.approx([WIDTH_MM / 4, -LENGTH_MM / 4], abs=2)
    assert place[2] == pytest.approx(-72 * LENGTH_MM / 168, abs=6)


@pytest.mark.parametrize(("yaw_deg", "aside_mm"), [(0, 6), (5, 0), (-8, -5)])
def test_the_midline_follows_a_head_that_lies_aside_or_turned(yaw_deg, aside_mm):
    frame = find_frame(phantom(yaw_deg=yaw_deg, aside_mm=aside_mm), SPACING)
    a, along, _ = frame.midline
    assert along == pytest.approx(np.tan(np.radians(yaw_deg)), abs=0.02)
    assert a + along * MIDDLE_MM[1] + frame.midline[2] * MIDDLE_MM[2] == pytest.approx(MIDDLE_MM[0] + aside_mm, abs=1.0)


def test_without_a_brain_there_is_no_frame():
    assert find_frame(np.full(SHAPE, -1000, np.int16), SPACING) is None


def test_a_scan_that_ends_inside_the_head_says_so():
    assert not find_frame(phantom()[:, :, :20], SPACING).reaches_top


@pytest.mark.parametrize("shift_mm", [-9.0, -4.0, 0.0, 2.5, 6.0, 12.0])
def test_a_known_shift_is_found_with_its_direction(shift_mm):
    hu = phantom(shift_mm)
    found = midline_shift(hu, SPACING, find_frame(hu, SPACING), np.zeros(SHAPE, bool))
    assert found.shift_mm == pytest.approx(shift_mm, abs=1.0) and found.symmetry > 0.6


@pytest.mark.parametrize("yaw_deg", [-6, 6])
def test_a_turned_head_has_no_shift(yaw_deg):
    hu = phantom(yaw_deg=yaw_deg)
    found = midline_shift(hu, SPACING, find_frame(hu, SPACING), np.zeros(SHAPE, bool))
    assert found.shift_mm == pytest.approx(0, abs=1.0)


def test_a_narrowed_ventricle_makes_a_shift_less_certain_not_another():
    hu = phantom(5.0, left=0.55)
    found = midline_shift(hu, SPACING, find_frame(hu, SPACING), np.zeros(SHAPE, bool))
    even = midline_shift(phantom(5.0), SPACING, find_frame(phantom(5.0), SPACING), np.zeros(SHAPE, bool))
    assert found.shift_mm == pytest.approx(5.0, abs=1.5) and found.symmetry < even.symmetry


def test_mirrored_head_has_the_opposite_shift():
    hu = phantom(6.0)[::-1]
    found = midline_shift(hu, SPACING, find_frame(hu, SPACING), np.zeros(SHAPE, bool))
    assert found.shift_mm == pytest.approx(-6.0, abs=1.0)


def test_no_fluid_no_shift(frame):
    assert midline_shift(np.full(SHAPE, 32, np.int16), SPACING, frame, np.zeros(SHAPE, bool)) is None


@pytest.mark.parametrize(
    ("place", "region"),
    [
        ((26, 2, 4), "deep"),  # putamen
        ((14, -12, 6), "deep"),  # thalamus
        ((46, 30, 26), "lobar"),  # frontal
        ((30, -60, 26), "lobar"),  # parieto-occipital
        ((48, 6, -18), "lobar"),  # temporal
        ((1, -11, -24), "brainstem"),  # pons
        ((26, -54, -38), "cerebellum"),
    ],
)
@pytest.mark.parametrize("side", [-1, 1])
def test_regions_lie_where_anatomy_has_them_on_both_sides(frame, place, region, side):
    found = locate(bleed_at(side * place[0], *place[1:], radius_mm=9), SPACING, frame)
    assert found.region == region and found.confidence > 0.6
    if region != "brainstem":
        assert found.side == ("right" if side > 0 else "left") and found.side_share > 0.95


def test_a_bleed_across_the_midline_is_bilateral(frame):
    assert locate(bleed_at(0, 10, 20, 15), SPACING, frame).side == "bilateral"


def test_a_bleed_between_two_regions_is_less_certain(frame):
    sure = locate(bleed_at(26, 2, 4, 9), SPACING, frame)
    unsure = locate(bleed_at(44, 0, 8, 9), SPACING, frame)
    assert sure.confidence == 1.0 and unsure.confidence < 0.9
