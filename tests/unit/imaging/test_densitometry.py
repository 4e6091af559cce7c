import numpy as np
import pytest
from scipy import stats

from ichor.imaging.densitometry import density


def test_two_values_by_hand():
    found = density(np.array([50, 70, 50, 70]))
    assert (found.mean_hu, found.sd_hu, found.cov) == pytest.approx((60, 10, 1 / 6))
    assert (found.skewness, found.kurtosis) == pytest.approx((0, -2))  # the least a kurtosis can be


def test_moments_are_those_of_scipy():
    hu = np.random.default_rng(0).gamma(3, 8, (20, 10)).astype(np.int16) + 30
    found = density(hu)
    assert found.skewness == pytest.approx(stats.skew(hu, axis=None))
    assert found.kurtosis == pytest.approx(stats.kurtosis(hu, axis=None))


def test_one_value_has_no_shape_and_none_has_nothing():
    assert density(np.full(5, 60)).sd_hu == 0 and np.isnan(density(np.full(5, 60)).skewness)
    assert np.isnan(density(np.zeros(0)).mean_hu)
