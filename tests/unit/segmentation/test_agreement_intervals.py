"""Confidence intervals of a Bland-Altman plot: the formula by hand, a published example, and their coverage."""

import numpy as np
import pytest

from ichor.segmentation.agreement import limits_of_agreement
from ichor.segmentation.agreement_intervals import limits_with_intervals


def with_moments(n, mean, spread):
    """n values with exactly this mean and sample standard deviation."""
    values = np.linspace(-1, 1, n)
    values = (values - values.mean()) / values.std(ddof=1)
    return mean + spread * values


def test_three_values_by_hand():
    found = limits_with_intervals(np.array([-1.0, 0.0, 4.0]))
    spread = np.sqrt(7.0)  # mean 1, squares 4 + 1 + 9 over 2
    t = 4.302652729911275  # 97.5 % of t with 2 degrees of freedom, from a table
    assert (found.bias, found.n) == (1.0, 3)
    assert found.bias_interval == pytest.approx((1 - t * spread / np.sqrt(3), 1 + t * spread / np.sqrt(3)))
    half = t * spread * np.sqrt(1 / 3 + 1.96**2 / 4)
    assert found.high == pytest.approx(1 + 1.96 * spread)
    assert found.high_interval == pytest.approx((found.high - half, found.high + half))
    assert found.low_interval == pytest.approx((found.low - half, found.low + half))


def test_it_is_near_the_example_of_bland_and_altman():
    """Lancet 1986: 17 peak flow differences, mean -2.1, SD 38.8 l/min; they took 2 SD and SE = sqrt(3 s^2 / n)."""
    found = limits_with_intervals(with_moments(17, -2.1, 38.8))
    assert found.bias_interval == pytest.approx((-22.0, 17.8), abs=0.1)
    assert found.low_interval == pytest.approx((-114.3, -45.1), abs=2.0)
    assert found.high_interval == pytest.approx((40.9, 110.1), abs=2.0)


def test_limits_are_those_of_the_table_and_missing_ones_are_left_out():
    values = np.random.default_rng(5).normal(3, 2, 40)
    found = limits_with_intervals(np.append(values, np.nan))
    assert (found.bias, found.low, found.high) == pytest.approx(limits_of_agreement(values))


@pytest.mark.parametrize("values", [[], [2.0], [np.nan, 2.0]])
def test_fewer_than_two_cases_have_no_interval(values):
    found = limits_with_intervals(np.array(values))
    assert np.isnan([found.low, found.high, *found.bias_interval, *found.low_interval]).all()


def test_intervals_cover_what_they_say():
    """Of 2,000 draws of 30 normal differences, 95 % hold the truth (standard error .5 %)."""
    rng = np.random.default_rng(11)
    draws = [limits_with_intervals(rng.normal(1.0, 4.0, 30)) for _ in range(2000)]
    truth = {"bias_interval": 1.0, "low_interval": 1.0 - 1.96 * 4, "high_interval": 1.0 + 1.96 * 4}
    for name, value in truth.items():
        ends = np.array([getattr(draw, name) for draw in draws])
        assert np.mean((ends[:, 0] <= value) & (value <= ends[:, 1])) == pytest.approx(0.95, abs=0.02)
