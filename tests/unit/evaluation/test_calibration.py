import math

import numpy as np
import pytest

from ichor.evaluation.bootstrap import Resamples
from ichor.evaluation.calibration import (
    binned_curve,
    brier,
    calibration_errors,
    calibration_intercept,
    calibration_slope,
    nagelkerke_r2,
    observed_expected,
    smooth_curve,
)
from ichor.reasons import Reason


def expit(x):
    return 1 / (1 + np.exp(-x))


@pytest.fixture(scope="module")
def cohort():
    """Outcomes drawn from the predicted probabilities: perfectly calibrated up to chance."""
    rng = np.random.default_rng(0)
    p = expit(rng.normal(-0.5, 1.2, 20_000))
    return rng.random(p.size) < p, p


def test_a_calibrated_model_has_intercept_0_slope_1_and_ratio_1(cohort):
    y, p = cohort
    for found, ideal in ((calibration_intercept(y, p), 0), (calibration_slope(y, p), 1), (observed_expected(y, p), 1)):
        assert found.low < ideal < found.high
        assert found.estimate == pytest.approx(ideal, abs=0.06)
    assert max(calibration_errors(y, p)) < 0.05


def test_overconfidence_halves_the_slope_and_a_shift_moves_the_intercept(cohort):
    y, p = cohort
    logits = np.log(p / (1 - p))
    assert calibration_slope(y, expit(2 * logits)).estimate == pytest.approx(0.5, abs=0.02)
    assert calibration_intercept(y, expit(logits + 0.7)).estimate == pytest.approx(-0.7, abs=0.05)


def test_intercept_alone_makes_expected_equal_observed(cohort):
    y, p = cohort
    shift = calibration_intercept(y, p**2).estimate
    q = p**2
    assert expit(np.log(q / (1 - q)) + shift).sum() == pytest.approx(y.sum(), rel=1e-8)


def test_undefined_slopes_say_why():
    y = np.array([0, 0, 1, 1])
    assert calibration_slope(y, np.array([0.1, 0.2, 0.3, 0.4])).reason == Reason.PERFECT_PREDICTION
    assert calibration_slope(y, np.array([0.3, 0.4, 0.2, 0.3])).reason == Reason.PERFECT_PREDICTION
    assert calibration_slope(y, np.array([0.3, 0.3, 0.3, 0.3])).reason == Reason.CONSTANT_PREDICTION
    assert calibration_slope(y, np.array([0.0, 0.6, 0.5, 0.4])).reason == Reason.EXTREME_PROBABILITY
    assert calibration_slope(y, np.array([0.2, 0.6, 0.5, 1.0])).reason == Reason.EXTREME_PROBABILITY
    assert calibration_intercept(y, np.array([0.2, 0.6, 0.5, 1.0])).reason == Reason.EXTREME_PROBABILITY
    assert calibration_intercept(np.ones(4), np.array([0.2, 0.6, 0.5, 0.7])).reason == Reason.ONE_CLASS


def test_probabilities_next_to_0_and_1_never_crash():
    y = np.array([0, 1, 0, 1, 1, 0])
    p = np.array([1e-300, 0.5, 0.6, 1 - 1e-16, 0.4, 0.3])
    for found in (calibration_slope(y, p), calibration_intercept(y, p)):
        assert math.isfinite(found.estimate) or found.reason is not None


def test_observed_expected_closed_form():
    y, p = np.array([1, 1, 0, 0, 0, 0, 0, 0]), np.full(8, 0.5)
    found, error = observed_expected(y, p), math.sqrt((1 - 0.25) / 2)
    assert found.estimate == 0.5
    assert found.high == pytest.approx(0.5 * math.exp(1.959963984540054 * error))
    assert observed_expected(np.zeros(4), np.full(4, 0.2)).estimate == 0.0
    assert observed_expected(np.zeros(4), np.full(4, 0.2)).reason == Reason.ONE_CLASS
    assert observed_expected(y, np.zeros(8)).reason == Reason.EXTREME_PROBABILITY


def test_brier_closed_form_and_interval():
    y, p = np.array([1, 0, 1, 0] * 20), np.array([0.8, 0.2, 0.6, 0.4] * 20)
    found = brier(y, p, Resamples(np.zeros(80), 500, 0))
    assert found.estimate == pytest.approx(0.1)
    assert found.low < 0.1 < found.high


def test_r2_of_the_prevalence_is_0_and_of_certainty_1():
    y = np.array([0, 0, 0, 1])
    assert nagelkerke_r2(y, np.full(4, 0.25)) == pytest.approx(0)
    assert nagelkerke_r2(y, np.array([0, 0, 0, 1.0])) == pytest.approx(1)
    assert math.isnan(nagelkerke_r2(y, np.array([1.0, 0, 0, 1.0])))


def test_bins_hold_every_patient_once_and_never_split_ties():
    rng = np.random.default_rng(1)
    p = rng.integers(0, 6, 200) / 5
    y = rng.random(200) < p
    curve = binned_curve(y, p)
    assert sum(point[4] for point in curve) == 200
    assert [point[0] for point in curve] == pytest.approx(sorted(set(p)))
    for mean, share, low, high, _ in curve:
        assert share == pytest.approx(y[np.isclose(p, mean)].mean())
        assert low <= share <= high


def test_smooth_curve_of_a_straight_truth_is_straight_and_never_extrapolates(cohort):
    y, p = cohort
    smooth = smooth_curve(y, p, np.array([-0.1, 0.2, 0.5, 0.8, 1.1]))
    assert smooth[1:4] == pytest.approx([0.2, 0.5, 0.8], abs=0.05)
    assert np.isnan(smooth[[0, 4]]).all()


def test_curves_of_few_or_equal_probabilities_do_not_crash():
    assert binned_curve(np.array([]), np.array([])) == []
    assert len(binned_curve(np.array([1, 0]), np.array([0.3, 0.3]))) == 1
    assert np.isnan(smooth_curve(np.array([1, 0, 1]), np.array([0.3, 0.3, 0.4]), np.array([0.35]))).all()
    tied = np.repeat([0.1, 0.5, 0.9], 30)
    assert smooth_curve(np.arange(90) % 2, tied, tied).shape == (90,)
