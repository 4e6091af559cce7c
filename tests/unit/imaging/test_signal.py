"""Measures of the signal on heads of which is known what is in them."""

import numpy as np
import pytest

from ichor.imaging.brain import find_head
from ichor.imaging.signal import measure_raw, measure_signal

SPACING = np.array([1.0, 1.0, 5.0])
SHAPE = (192, 208, 28)
AXES_MM = (66.0, 84.0, 62.0)


def grid():
    return np.meshgrid(*((np.arange(n) - (n - 1) / 2) * s for n, s in zip(SHAPE, SPACING, strict=True)), indexing="ij")


@pytest.fixture(scope="module")
def plain():
    """Whole numbers without noise: air, scalp, bone and brain."""
    radius = np.sqrt(sum((g / a) ** 2 for g, a in zip(grid(), AXES_MM, strict=True)))
    volume = np.full(SHAPE, -1000.0)
    for limit, hu in ((1.2, 45), (1.12, 900), (1.0, 32)):
        volume[radius < limit] = hu
    return volume


def noisy(volume, sigma=3.0):
    return np.asfortranarray(np.rint(volume + np.random.default_rng(0).normal(0, sigma, SHAPE)).astype(np.int16))


def signal(volume):
    return measure_signal(volume, SPACING, find_head(volume, SPACING))


@pytest.mark.parametrize("sigma", [2.0, 6.0, 20.0, 40.0])
def test_noise_is_that_which_was_added(sigma, plain):
    assert signal(noisy(plain, sigma)).noise_hu == pytest.approx(sigma, rel=0.1)


def test_thin_slices_may_be_noisier(plain):
    volume = noisy(plain, 9.0)
    thin = np.array([1.0, 1.0, 1.25])
    found = measure_signal(volume, thin, find_head(volume, thin)).noise_hu
    assert found == pytest.approx(9.0 / 2, rel=0.1)  # a quarter of the thickness has twice the noise


def test_vessels_count_and_blood_does_not(plain):
    x, y, z = grid()
    up = (z > -5) & (z < 35)
    tubes = plain.copy()
    ml = 0.0
    for side in (-25, 25):
        inside = (np.hypot(x - side, y - 10) < 4) & up
        tubes[inside] = 300
        ml += inside.sum() * SPACING.prod() / 1000
    blood = plain.copy()
    blood[np.sqrt((x - 25) ** 2 + y**2 + (z - 10) ** 2) < 28] = 88  # 92 mL, as dense as clot gets
    assert signal(noisy(tubes)).enhanced_ml == pytest.approx(ml, rel=0.25)
    assert signal(noisy(blood, 5.0)).enhanced_ml < 0.1 and signal(noisy(plain)).enhanced_ml == 0


def test_empty_slices_and_steps_of_level(plain):
    clean = signal(noisy(plain))
    assert clean.empty_slices == 0 and clean.level_step_hu < 5
    empty, lifted = noisy(plain), noisy(plain)
    empty[:, :, 13:15] = -1000
    lifted[:, :, 13] += 1024
    assert signal(empty).empty_slices == 2
    assert signal(lifted).level_step_hu == pytest.approx(1024, abs=5)


def test_padding_round_the_field_hides_no_step_of_level(plain):
    x, y, _ = grid()
    outside = np.hypot(x, y) > 100  # nothing but padding is left at the border
    for volume, expected in ((noisy(plain), 0), (noisy(plain), 1024)):
        volume[:, :, 2::5] += expected
        volume[outside] = -1024
        assert signal(volume).level_step_hu == pytest.approx(expected, abs=5)


def test_the_end_of_a_tight_crop_is_no_step_of_level(plain):
    assert signal(noisy(plain)[32:-32, 20:-20, :]).level_step_hu < 100


def test_wrapped_numbers_and_padding(plain):
    volume = noisy(plain)
    assert measure_raw(volume).wrapped_fraction == 0
    padded = volume.copy()
    padded[:20] = -3024
    assert measure_raw(padded).wrapped_fraction == 0
    bone = volume > 600
    dark = np.where(bone, volume - 4096, volume)
    assert 0.2 * bone.mean() < measure_raw(dark).wrapped_fraction <= bone.mean() * 1.1  # four values may be padding
    unsigned = volume.astype(np.uint16).astype(np.int32)
    assert measure_raw(unsigned).wrapped_fraction == pytest.approx((volume < 0).mean(), rel=0.05)
    air = np.where(volume < -1000, volume + 4096, volume)
    assert measure_raw(air).bright_border_fraction > 0.3 and measure_raw(volume).bright_border_fraction == 0


def test_text_is_what_stays_the_same(plain):
    volume = noisy(plain)
    assert measure_raw(volume).text_pixels == 0
    written = volume.copy()
    written[5:15:2, 5:25] = 2000
    assert measure_raw(written).text_pixels == 5 * 20
    window = np.clip(volume, 0, 255)  # bone is the same everywhere, and no text
    assert measure_raw(window).text_pixels == 0


def test_numbers_that_are_none_do_not_count():
    volume = np.full((40, 40, 8), np.nan, np.float32)
    volume[10:30] = -1000
    assert measure_raw(volume).wrapped_fraction == 0
