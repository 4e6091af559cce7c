import numpy as np
import pytest

from ichor.imaging.back_to_scan import back_to_scan, in_stored_axes
from ichor.imaging.crops import Grid, resample_to_grid
from ichor.imaging.geometry import to_canonical


def blob(shape, spacing_mm, middle_mm, width_mm):
    at = np.stack(np.meshgrid(*(np.arange(n) for n in shape), indexing="ij"), axis=-1) * spacing_mm
    return np.exp(-(((at - middle_mm) / width_mm) ** 2).sum(axis=-1)).astype(np.float32)


@pytest.mark.parametrize("spacing_mm", [(0.8, 0.9, 2.5), (2.0, 2.0, 5.0), (3.0, 3.0, 6.0)])
def test_a_smooth_blob_comes_back_to_its_place_and_height(spacing_mm):
    spacing = np.array(spacing_mm)
    shape = tuple(np.ceil(np.array([90, 90, 80]) / spacing).astype(int))
    center = np.array(shape) * [0.45, 0.55, 0.5] + 0.3
    made = blob(shape, spacing, center * spacing + 2, 20.0)
    grid = Grid((32, 32, 16), (2.0, 2.0, 4.0))
    back = back_to_scan(resample_to_grid(made, spacing, center, grid), grid, center, shape, spacing)
    assert back.shape == shape and back.dtype == np.float32
    corners = (np.array(grid.shape) - 1) / 2 * grid.spacing_mm / spacing
    inner = tuple(slice(max(0, int(np.ceil(c - r)) + 1), int(c + r)) for c, r in zip(center, corners, strict=True))
    np.testing.assert_allclose(back[inner], made[inner], atol=0.06)
    found, true = (np.array(np.unravel_index(values.argmax(), shape)) for values in (back, made))
    assert np.abs(found - true).max() <= 1


def test_the_same_grid_gives_the_values_back_and_zero_outside():
    values = np.random.default_rng(0).normal(size=(4, 3, 2)).astype(np.float32)
    grid = Grid((4, 3, 2), (1.0, 2.0, 3.0))
    back = back_to_scan(values, grid, np.array([3.5, 3.0, 1.5]), (8, 8, 6), np.array([1.0, 2.0, 3.0]))
    np.testing.assert_allclose(back[2:6, 2:5, 1:3], values, atol=1e-6)
    back[2:6, 2:5, 1:3] = 0
    assert not back.any()


def test_values_of_another_shape_are_refused():
    with pytest.raises(ValueError, match="do not lie on a grid"):
        back_to_scan(np.zeros((3, 3, 3)), Grid((4, 3, 2), (1.0, 1.0, 1.0)), np.zeros(3), (8, 8, 8), np.ones(3))


@pytest.mark.parametrize(
    "directions",
    [
        np.diag([-1.0, -1.0, 2.0]),
        np.array([[0, 0, 3.0], [0, -1.0, 0], [-1.0, 0, 0]]),
        np.array([[0.1, -2.0, 0], [1.0, 0.1, 0], [0, 0, -4.0]]),
    ],
)
def test_stored_axes_undo_the_canonical_ones(directions):
    affine = np.eye(4)
    affine[:3, :3] = directions
    stored = np.random.default_rng(1).normal(size=(4, 5, 6))
    canonical, _ = to_canonical(stored, affine)
    assert canonical.shape != stored.shape or not np.array_equal(canonical, stored)
    np.testing.assert_array_equal(in_stored_axes(canonical, affine), stored)
