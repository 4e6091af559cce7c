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


def test_a_probability_does_each_change_for_its_share_of_the_images():
    """The published code of Cobo et al. (MLMI 2024) zooms every training image by 1.1: nothing of it is random."""
    ranges = AugmentRanges(rotation_deg=5.0, shift_mm=3.0, zoom=0.1, noise=0.01, crop=0.2, probability=0.5)
    changes = [draw_change(ranges, np.random.default_rng(seed)) for seed in range(1000)]
    done = {
        "turn": [change.rotation_deg != 0 for change in changes],
        "shift": [change.shift_mm != (0, 0, 0) for change in changes],
        "zoom": [change.zoom != 1 for change in changes],
        "light": [change.brightness != 0 for change in changes],
        "noise": [change.noise > 0 for change in changes],
        "crop": [change.crop > 0 for change in changes],
    }
    assert all(0.45 < np.mean(each) < 0.55 for each in done.values())
    assert np.abs(np.corrcoef(list(done.values())) - np.eye(6)).max() < 0.12  # each for itself
    zooms = np.array([change.zoom for change in changes])
    assert zooms.min() < 0.91 and zooms.max() > 1.09
    assert abs(np.mean([change.zoom > 1 for change in changes]) - 0.25) < 0.05  # smaller as often as larger


def test_a_probability_of_one_draws_what_was_drawn_before_there_was_one():
    rng = np.random.default_rng(8)
    draws, noise_seed = rng.uniform(-1, 1, size=8), int(rng.integers(2**63))
    change = draw_change(AugmentRanges(), np.random.default_rng(8))
    assert change.rotation_deg == draws[0] * 10 and change.zoom == 1 + draws[4] * 0.05
    assert change.shift_mm == tuple(draws[1:4] * 6) and change.noise_seed == noise_seed
    assert (change.noise, change.crop) == (0.02, 0)


def test_a_crop_shows_its_part_of_the_image_on_the_whole_grid():
    along_x = np.broadcast_to(np.arange(16, dtype=np.float32)[:, None, None], (16, 16, 3))
    inner = slice(1, -1)  # the outermost voxels lie beside the middle of the crop's first and last one
    for place in (-1.0, 0.0, 1.0):
        first = 4 + 4 * place  # of the crop's 8 voxels
        expected = (first - 0.5 + (np.arange(16) + 0.5) / 2)[inner]
        change = still(crop=0.5, crop_place=(place, -place))
        shown = change_geometry(along_x, change, SPACING, -1000)[inner, inner]
        np.testing.assert_allclose(shown, np.broadcast_to(expected[:, None, None], shown.shape), atol=1e-3)
        turned = change_geometry(
            along_x.transpose(1, 0, 2), still(crop=0.5, crop_place=(-place, place)), SPACING, -1000
        )
        np.testing.assert_allclose(turned[inner, inner], shown.transpose(1, 0, 2), atol=1e-3)


def test_shares_that_are_none_are_refused():
    with pytest.raises(ValueError, match="crop"):
        AugmentRanges(crop=0.8)
    with pytest.raises(ValueError, match="probability"):
        AugmentRanges(probability=2)
