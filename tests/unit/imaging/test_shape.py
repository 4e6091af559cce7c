import numpy as np
import pytest

from ichor.imaging.shape import crop_to, largest_diameter_mm, main_piece, sphericity, surface_area_mm2

SPACINGS = [(1.0, 1.0, 1.0), (0.5, 0.5, 5.0), (1.8, 1.8, 4.0)]


def ellipsoid(semi_axes_mm, spacing_mm):
    shape = [int(2 * a / s) + 6 for a, s in zip(semi_axes_mm, spacing_mm, strict=True)]
    grid = np.stack(np.meshgrid(*(np.arange(n) - (n - 1) / 2 for n in shape), indexing="ij"), -1) * spacing_mm
    return np.linalg.norm(grid / np.array(semi_axes_mm), axis=-1) < 1


@pytest.mark.parametrize("spacing", SPACINGS)
def test_surface_of_a_ball_is_four_pi_r_squared(spacing):
    assert surface_area_mm2(ellipsoid((20, 20, 20), spacing), spacing) == pytest.approx(4 * np.pi * 400, rel=0.02)


def test_surface_of_a_long_ellipsoid_is_known():
    a, c = 10.0, 30.0  # prolate: 2 pi a^2 (1 + c / (a e) asin e)
    e = np.sqrt(1 - a**2 / c**2)
    surface = 2 * np.pi * a**2 * (1 + c / (a * e) * np.arcsin(e))
    assert surface_area_mm2(ellipsoid((a, a, c), (1, 1, 1)), (1, 1, 1)) == pytest.approx(surface, rel=0.02)


def test_a_mask_at_the_images_edge_has_a_surface_there_too():
    mask = ellipsoid((8, 8, 8), (1, 1, 1))
    assert surface_area_mm2(mask[crop_to(mask)], (1, 1, 1)) == surface_area_mm2(mask, (1, 1, 1))


def test_diameter_of_a_box_is_its_diagonal_and_of_a_ball_twice_its_radius():
    box = np.zeros((30, 30, 10), bool)
    box[5:25, 5:15, 2:6] = True
    assert largest_diameter_mm(box, (0.5, 0.5, 5.0)) == pytest.approx(np.sqrt(10**2 + 5**2 + 20**2))
    assert largest_diameter_mm(ellipsoid((20, 20, 20), (1, 1, 1)), (1, 1, 1)) == pytest.approx(40, abs=np.sqrt(3))


def test_one_voxel_has_its_own_diagonal():
    voxel = np.zeros((3, 3, 3), bool)
    voxel[1, 1, 1] = True
    assert largest_diameter_mm(voxel, (1, 2, 2)) == pytest.approx(3.0)


def test_nothing_has_no_shape():
    empty = np.zeros((4, 4, 4), bool)
    assert largest_diameter_mm(empty, (1, 1, 1)) == surface_area_mm2(empty, (1, 1, 1)) == 0.0
    assert np.isnan(sphericity(0.0, 0.0))


@pytest.mark.parametrize("spacing", SPACINGS)
def test_a_ball_is_the_roundest(spacing):
    found = []
    for semi_axes in ((20, 20, 20), (12, 20, 30), (6, 20, 40)):
        mask = ellipsoid(semi_axes, spacing)
        volume = np.count_nonzero(mask) * np.prod(spacing) / 1000
        found.append(sphericity(volume, surface_area_mm2(mask, spacing)))
    assert found[0] == pytest.approx(1.0, abs=0.02)
    assert found[0] > found[1] > found[2]


def test_the_main_piece_is_the_largest_and_corners_connect():
    mask = np.zeros((12, 12, 12), bool)
    mask[1:4, 1:4, 1:4] = True
    mask[4, 4, 4] = True  # touches by a corner
    mask[8, 8, 8] = True
    assert main_piece(mask).sum() == 28 and not main_piece(mask)[8, 8, 8]
    assert crop_to(mask) == (slice(1, 9),) * 3 and crop_to(mask, margin=2) == (slice(0, 11),) * 3
