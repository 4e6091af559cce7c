import numpy as np
import pytest

from ichor.synthesis.transplant.noise import Noise, measure_noise, more_noise, strength

SPACING = np.array([0.5, 0.5, 5.0])
EVERYWHERE = np.ones((96, 96, 6), bool)


@pytest.mark.parametrize("sigma_mm", [0.4, 0.8])
def test_noise_that_is_made_is_measured_as_what_was_asked_for(sigma_mm):
    made = 30 + more_noise(EVERYWHERE.shape, Noise(4.0, sigma_mm), SPACING, np.random.default_rng(1))
    found = measure_noise(np.rint(made), EVERYWHERE, SPACING)
    assert found.strength_hu == pytest.approx(4.0, rel=0.1)
    assert found.sigma_mm == pytest.approx(sigma_mm, rel=0.15)


def test_shading_is_no_noise_and_too_little_brain_is_told():
    slope = np.linspace(20, 40, 96)[:, None, None] * np.ones((1, 96, 6))
    assert strength(slope, ndimage_inside(), SPACING) < 0.1
    assert np.isnan(strength(slope, np.zeros_like(EVERYWHERE), SPACING))
    assert measure_noise(slope, np.zeros_like(EVERYWHERE), SPACING) == Noise(0.0, 0.0)


def ndimage_inside():
    inside = np.zeros_like(EVERYWHERE)
    inside[20:-20, 20:-20] = True
    return inside
