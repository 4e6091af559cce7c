import math

import numpy as np
import pytest
from scipy import optimize, stats

from ichor.evaluation.heterogeneity import pool, random_effects
from ichor.evaluation.intervals import Estimate, undefined, wald
from ichor.reasons import Reason


def test_equal_variances_have_a_closed_form():
    """With one variance v for all, REML's tau^2 is s^2 - v and the Knapp-Hartung interval is the t interval."""
    effects, variance = np.array([0.2, 0.9, 1.4, 0.1, 0.7]), 0.05
    found = random_effects(effects, np.full(5, variance))
    error = effects.std(ddof=1) / math.sqrt(5)
    assert found.mean == pytest.approx(effects.mean())
    assert found.tau2 == pytest.approx(effects.var(ddof=1) - variance, abs=1e-5)
    assert found.standard_error == pytest.approx(error)
    quantile = stats.t.ppf(0.975, 4)
    assert found.high == pytest.approx(effects.mean() + quantile * error)
    spread = math.sqrt(error**2 + found.tau2)
    assert found.prediction_low == pytest.approx(effects.mean() - quantile * spread)


def test_tau2_maximises_the_restricted_likelihood():
    rng = np.random.default_rng(0)
    for _ in range(30):
        k = int(rng.integers(3, 12))
        variances = rng.uniform(0.02, 0.3, k)
        effects = rng.normal(0, np.sqrt(variances + rng.choice([0, 0.2])))

        def negative(tau2, y=effects, v=variances):
            design = np.ones((len(y), 1))
            inverse = np.diag(1 / (v + tau2))
            information = design.T @ inverse @ design
            residual = y - (design @ np.linalg.solve(information, design.T @ inverse @ y))
            return 0.5 * (np.log(v + tau2).sum() + np.linalg.slogdet(information)[1] + residual @ inverse @ residual)

        best = optimize.minimize_scalar(negative, bounds=(0, 5), method="bounded", options={"xatol": 1e-9})
        assert random_effects(effects, variances).tau2 == pytest.approx(best.x, abs=1e-4)


def test_homogeneous_centers_have_no_between_center_variance():
    found = random_effects(np.array([0.50, 0.51, 0.49]), np.array([0.1, 0.2, 0.1]))
    assert found.tau2 == 0.0
    assert found.prediction_low == pytest.approx(found.low)


def test_centers_that_agree_by_chance_make_no_mean_more_certain_than_their_sizes_do():
    """Two equal estimates: Knapp and Hartung's own interval is a point, the bounded one has the usual error."""
    effects, variances = np.array([1.0, 1.0]), np.array([0.1, 0.3])
    assert random_effects(effects, variances, at_least_usual=False).standard_error == 0
    found = random_effects(effects, variances)
    assert found.standard_error == pytest.approx(math.sqrt(1 / (1 / 0.1 + 1 / 0.3)))
    assert found.high == pytest.approx(1 + stats.t.ppf(0.975, 1) * found.standard_error)
    far = np.array([0.0, 2.0, 5.0])
    assert random_effects(far, np.full(3, 0.1)) == random_effects(far, np.full(3, 0.1), at_least_usual=False)
    alone = wald(0.86, 0.04)
    mean = pool("auc", [alone, alone])["pooled"]
    assert mean.high - mean.low > (alone.high - alone.low) / 2


def test_centers_without_an_estimate_are_named_not_hidden():
    centers = [wald(0.8, 0.2), wald(1.1, 0.3), undefined(Reason.ONE_CLASS)]
    found = pool("calibration_slope", centers)
    assert found["pooled"].n == 2 and found["pooled"].reason == Reason.CENTERS_LEFT_OUT
    assert found["next"].low < found["pooled"].low or found["tau2"].estimate == 0
    few = pool("calibration_slope", centers[1:])
    assert few["pooled"].reason == Reason.TOO_FEW_CENTERS and math.isnan(few["next"].estimate)
    assert pool("auc", [])["pooled"].n == 0


def test_scales_bring_the_result_back():
    auc = pool("auc", [wald(0.7, 0.05), wald(0.8, 0.04), wald(0.75, 0.06)])
    assert 0.7 < auc["pooled"].estimate < 0.8 and 0 < auc["next"].low < auc["next"].high < 1
    ratio = [Estimate(value, standard_error=0.2) for value in (0.5, 1.0, 2.0)]
    assert pool("observed_expected", ratio)["pooled"].estimate == pytest.approx(1.0)


def test_two_far_centers_give_a_missing_interval_instead_of_an_infinite_one():
    ratio = [Estimate(1e-30, standard_error=0.1), Estimate(1e30, standard_error=0.1)]
    found = pool("observed_expected", ratio)["next"]
    assert math.isnan(found.high) and found.reason == Reason.TOO_FEW_CENTERS


def test_one_center_is_refused():
    with pytest.raises(ValueError, match="two centers"):
        random_effects(np.array([0.5]), np.array([0.1]))
