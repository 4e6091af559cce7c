import numpy as np
import pytest

from ichor.simulate.shapes import Grid, capsule, ellipsoid, ramp, smooth_noise

GRID = Grid((-20.0, -20.0, -20.0), (0.5, 0.5, 1.0), (41, 81, 81))


def volume(distance):
    return float(ramp(distance, 0.8).sum()) * GRID.voxel_ml


def test_ellipsoid_has_its_volume():
    expected = 4 / 3 * np.pi * 12 * 10 * 8 / 1000
    assert volume(ellipsoid(GRID, (1, 0, -1), (12, 10, 8))) == pytest.approx(expected, rel=0.02)


def test_capsule_has_its_volume():
    expected = (np.pi * 25 * 20 + 4 / 3 * np.pi * 125) / 1000
    assert volume(capsule(GRID, (-10, 0, 0), (10, 0, 0), 5.0)) == pytest.approx(expected, rel=0.02)


def test_part_of_a_grid_keeps_its_coordinates():
    box = GRID.box_around((3.0, -4.0, 5.0), 6.0)
    part = GRID.part(box)
    for whole, piece, where in zip(GRID.axes, part.axes, box[::-1], strict=True):
        np.testing.assert_allclose(whole.ravel()[where], piece.ravel(), atol=1e-5)


def test_index_of_is_the_nearest_voxel():
    z, y, x = GRID.index_of((3.1, -4.2, 5.4))
    assert [a.ravel()[i] for a, i in zip(GRID.axes, (x, y, z), strict=True)] == [3.0, -4.0, 5.0]


def test_noise_is_standardised_and_as_coarse_as_asked():
    coarse = smooth_noise(GRID, 3.0, np.random.default_rng(1))
    fine = smooth_noise(GRID, 0.5, np.random.default_rng(1))
    assert coarse.mean() == pytest.approx(0, abs=1e-4) and coarse.std() == pytest.approx(1, abs=1e-3)
    assert np.abs(np.diff(coarse, axis=2)).mean() < 0.3 * np.abs(np.diff(fine, axis=2)).mean()
