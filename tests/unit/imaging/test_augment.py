import numpy as np
import pytest

from ichor.imaging.augment import AugmentRanges, Change, change_geometry, change_intensity, draw_change

STILL = dict(
    rotation_deg=0.0,
    shift_mm=(0.0, 0.0, 0.0),
    zoom=1.0,
    flip=False,
    brightness=0.0,
    contrast=1.0,
    noise=0.0,
    noise_seed=1,
)
SPACING = (2.0, 2.0, 5.0)


def still(**changes):
    return Change(**{**STILL, **changes})


@pytest.fixture
def volume():
    return np.random.default_rng(3).normal(40, 10, size=(12, 14, 5)).astype(np.float32)


def test_no_change_changes_nothing(volume):
    np.testing.assert_allclose(change_geometry(volume, still(), SPACING, -1000), volume, atol=1e-4)
    channels = np.linspace(0, 1, 24, dtype=np.float32).reshape(2, 3, 4)
    np.testing.assert_allclose(change_intensity(channels, still()), channels, atol=1e-7)


def test_flip_mirrors_left_and_right_only(volume):
    np.testing.assert_allclose(change_geometry(volume, still(flip=True), SPACING, 0), volume[::-1], atol=1e-4)


def test_shift_moves_by_millimetres_and_fills_with_air(volume):
    moved = change_geometry(volume, still(shift_mm=(4.0, -2.0, 5.0)), SPACING, -1000)
    np.testing.assert_allclose(moved[2:, :-1, 1:], volume[:-2, 1:, :-1], atol=1e-3)
    assert (moved[:2] == -1000).all() and (moved[:, -1] == -1000).all() and (moved[:, :, 0] == -1000).all()


def test_a_quarter_turn_is_a_quarter_turn():
    square = np.random.default_rng(0).normal(size=(9, 9, 2)).astype(np.float32)
    turned = change_geometry(square, still(rotation_deg=90.0), (2.0, 2.0, 5.0), 0)
    np.testing.assert_allclose(turned, np.rot90(square, axes=(0, 1)), atol=1e-4)


def test_turn_keeps_the_volume_of_a_mask():
    mask = np.zeros((40, 40, 4), dtype=np.uint8)
    mask[12:28, 15:30, 1:3] = 255
    turned = change_geometry(mask, still(rotation_deg=10.0, shift_mm=(2.4, 1.0, 0.0)), SPACING, 0)
    assert turned.sum() == pytest.approx(mask.sum(), rel=0.01)


def test_intensity_stays_in_the_window_and_noise_is_seeded():
    channels = np.full((2, 10, 10, 10), 0.5, dtype=np.float32)
    noisy = change_intensity(channels, still(noise=0.05, noise_seed=9))
    assert noisy.std() == pytest.approx(0.05, rel=0.1)
    np.testing.assert_array_equal(noisy, change_intensity(channels, still(noise=0.05, noise_seed=9)))
    assert not np.array_equal(noisy, change_intensity(channels, still(noise=0.05, noise_seed=10)))
    loud = change_intensity(channels, still(noise=3.0, contrast=2.0, brightness=0.4))
    assert loud.min() >= 0 and loud.max() <= 1
    assert change_intensity(channels, still(brightness=0.1)).max() == pytest.approx(0.6)


def test_drawn_changes_stay_in_range_and_vary():
    ranges = AugmentRanges()
    changes = [draw_change(ranges, np.random.default_rng(seed)) for seed in range(300)]
    turns = np.array([change.rotation_deg for change in changes])
    assert np.abs(turns).max() <= 10 and np.abs(turns).max() > 9 and abs(turns.mean()) < 1.5
    zooms = np.array([change.zoom for change in changes])
    assert zooms.min() >= 0.95 and zooms.max() <= 1.05 and np.unique(zooms).size == 300
    assert 0.4 < np.mean([change.flip for change in changes]) < 0.6


def test_same_generator_same_change():
    assert draw_change(AugmentRanges(), np.random.default_rng(1)) == draw_change(
        AugmentRanges(), np.random.default_rng(1)
    )


def test_zero_ranges_change_nothing(volume):
    ranges = AugmentRanges(0.0, 0.0, 0.0, False, 0.0, 0.0, 0.0)
    change = draw_change(ranges, np.random.default_rng(4))
    np.testing.assert_allclose(change_geometry(volume, change, SPACING, 0), volume, atol=1e-4)


def test_large_turns_are_refused():
    with pytest.raises(ValueError, match="rotation_deg"):
        AugmentRanges(rotation_deg=30)
