"""The rim of the brain beside the skull: level under a soft kernel, dark under one that sharpens edges."""

import numpy as np
import pytest
from scipy import ndimage

from ichor.dicom.checks import CheckRules, check_volume
from ichor.imaging.brain import find_head
from ichor.imaging.skull_rim import rim_dip_hu
from ichor.reasons import Reason

SPACING = np.array([1.0, 1.0, 5.0])
AFFINE = np.diag([*SPACING, 1.0])
SHAPE = (192, 208, 28)
AXES_MM = (66.0, 84.0, 62.0)


@pytest.fixture(scope="module")
def soft():
    """Air, scalp, bone and brain through a soft kernel, without noise."""
    grid = np.meshgrid(*((np.arange(n) - (n - 1) / 2) * s for n, s in zip(SHAPE, SPACING, strict=True)), indexing="ij")
    radius = np.sqrt(sum((g / a) ** 2 for g, a in zip(grid, AXES_MM, strict=True)))
    volume = np.full(SHAPE, -1000.0)
    for limit, hu in ((1.2, 45), (1.12, 900), (1.0, 32)):
        volume[radius < limit] = hu
    return ndimage.gaussian_filter(volume, (0.8, 0.8, 0))


def noisy(volume, sigma):
    drawn = np.random.default_rng(1).normal(0, sigma, SHAPE)
    return np.asfortranarray(np.rint(volume + drawn).clip(-1024).astype(np.int16))


def sharpened(volume, gain=1.6):
    return volume + gain * (volume - ndimage.gaussian_filter(volume, (0.8, 0.8, 0)))


def dip(volume):
    return rim_dip_hu(volume, SPACING, find_head(volume, SPACING))


def test_it_is_the_step_that_was_made(soft):
    radius_dark = soft.copy()
    maps = find_head(noisy(soft, 0), SPACING)
    rim = ndimage.binary_dilation(soft > 150, np.ones((9, 9, 1))) & (soft < 60) & (soft > 20)
    radius_dark[rim] = 12.0
    assert dip(noisy(soft, 0)) == pytest.approx(0, abs=2)
    assert rim_dip_hu(noisy(radius_dark, 0), SPACING, maps) == pytest.approx(20, abs=1)


def test_air_and_nothing_have_no_rim():
    assert np.isnan(dip(np.full(SHAPE, -1000, np.int16)))
    water = np.zeros(SHAPE, np.int16)
    assert np.isnan(dip(water))


@pytest.mark.parametrize("sigma", [8.0, 12.0])
def test_a_weak_bone_kernel_is_told_from_a_noisy_soft_one(soft, sigma):
    rules = CheckRules()
    weak = check_volume(noisy(sharpened(soft), sigma), AFFINE, rules)
    assert weak.reason == Reason.BONE_KERNEL
    assert "darker than its inside, at most 7 HU or 12 HU" in weak.detail
    assert weak.signal.noise_hu < rules.max_noise_hu
    assert check_volume(noisy(soft, sigma), AFFINE, rules).reason is None


def test_a_dark_rim_without_noise_is_no_bone_kernel(soft):
    """CSF of an old brain is dark beside the skull as well."""
    assert check_volume(noisy(sharpened(soft), 2.5), AFFINE, CheckRules()).reason is None


def test_strong_noise_is_enough(soft):
    found = check_volume(noisy(soft, 20.0), AFFINE, CheckRules())
    assert found.reason == Reason.BONE_KERNEL and found.detail.endswith("at most 14 HU")
