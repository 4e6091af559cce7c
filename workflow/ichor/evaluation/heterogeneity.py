"""Random-effects summary over centers: what to expect on average, and in a center not seen.

Scales after Snell et al., Stat Methods Med Res 2018;27:3505-3522: logit of the AUC, log of O/E, intercept and slope as
they are.
"""

import math
from typing import NamedTuple

import numpy as np
from scipy import stats

from ichor.evaluation.intervals import CONFIDENCE, Estimate, undefined
from ichor.reasons import Reason

SCALES = {
    "auc": "logit",
    "observed_expected": "log",
    "calibration_intercept": "none",
    "calibration_slope": "none",
}
SMALLEST_STEP = 1e-5
MOST_STEPS = 1000


class RandomEffects(NamedTuple):
    """Random-effects model of `k` centers on the scale of analysis; `df` = k - 1."""

    mean: float
    standard_error: float
    tau2: float
    low: float
    high: float
    prediction_low: float
    prediction_high: float
    df: int
    k: int


def random_effects(effects: np.ndarray, variances: np.ndarray, *, at_least_usual: bool = True) -> RandomEffects:
    """Between-center variance by REML, interval by Knapp-Hartung, prediction interval with k - 1 degrees of freedom.

    The prediction interval is mean +- t(k - 1) sqrt(se^2 + tau^2), as ``predict()`` of metafor 3.8.1.

    Parameters
    ----------
    effects, variances : array, shape (k,)
        Estimate of each center and its variance (> 0), k >= 2.
    at_least_usual : bool
        Bound Knapp and Hartung's variance below by the usual one, 1 / sum of the weights (Roever et al., BMC Med Res
        Methodol 2015;15:99, section 2: two centers that agree by chance would otherwise give a mean more certain than
        either center). Without it the numbers are those of ``metafor::rma(test="knha")``.
    """
    effects, variances = np.asarray(effects, dtype=np.float64), np.asarray(variances, dtype=np.float64)
    if effects.size < 2 or effects.shape != variances.shape or not (variances > 0).all():
        raise ValueError("random effects need two centers or more, each with an estimate and a variance above 0")
    tau2 = _reml(effects, variances)
    weights = 1 / (variances + tau2)
    mean = float(weights @ effects / weights.sum())
    df = effects.size - 1
    scale = float(weights @ (effects - mean) ** 2) / df
    error = math.sqrt((max(scale, 1.0) if at_least_usual else scale) / weights.sum())
    quantile = float(stats.t.ppf(0.5 + CONFIDENCE / 2, df))
    half, spread = quantile * error, quantile * math.sqrt(error**2 + tau2)
    return RandomEffects(
        mean, error, tau2, mean - half, mean + half, mean - spread, mean + spread, df, int(effects.size)
    )


def _reml(effects: np.ndarray, variances: np.ndarray) -> float:
    """Between-center variance that maximises the restricted likelihood, 0 or more.

    Fisher scoring (Viechtbauer, J Educ Behav Stat 2005;30:261-293, equation 13) from Hedges' estimate; a step that
    would leave the range is halved. It stops as metafor's default does, when a step is at most 1e-5: further steps
    would change the fifth decimal of tau^2 and make our numbers others than R's. When the likelihood is higher at 0
    than where it stopped (a second hump), 0 is taken.
    """
    tau2 = max(0.0, float(np.var(effects, ddof=1) - variances.mean()))
    for _ in range(MOST_STEPS):
        weights = 1 / (variances + tau2)
        total = weights.sum()
        residuals = weights * (effects - weights @ effects / total)
        trace = total - weights @ weights / total
        squares = weights @ weights - 2 * (weights**3).sum() / total + (weights @ weights / total) ** 2
        step = float((residuals @ residuals - trace) / squares)
        while tau2 + step < 0:
            step /= 2
        tau2 += step
        if abs(step) <= SMALLEST_STEP:
            break
    if tau2 > SMALLEST_STEP and _restricted(0.0, effects, variances) > _restricted(tau2, effects, variances) + 1e-7:
        return 0.0
    return tau2


def _restricted(tau2: float, effects: np.ndarray, variances: np.ndarray) -> float:
    """Restricted log-likelihood of a between-center variance, up to a constant."""
    weights = 1 / (variances + tau2)
    mean = weights @ effects / weights.sum()
    return 0.5 * float(np.log(weights).sum() - math.log(weights.sum()) - weights @ (effects - mean) ** 2)


def pool(quantity: str, estimates: list[Estimate]) -> dict[str, Estimate]:
    """Pool one quantity over centers.

    Parameters
    ----------
    quantity : str
        A key of `SCALES`.
    estimates : list of Estimate
        One per center, with its standard error; the AUC's is brought to the logit scale by the delta method,
        var / (AUC (1 - AUC))^2. Centers without either are left out and the result says so (`CENTERS_LEFT_OUT`);
        `n` is the number of centers that were pooled.

    Returns
    -------
    dict
        ``pooled``: the mean with its bounded Knapp-Hartung interval; ``next``: the mean with its prediction interval;
        ``tau2``: the between-center variance on the scale of analysis. All missing with `TOO_FEW_CENTERS` when fewer
        than two centers have an estimate.
    """
    usable = [effect for effect in (_effect(quantity, value) for value in estimates) if effect is not None]
    if len(usable) < 2:
        missing = undefined(Reason.TOO_FEW_CENTERS)._replace(n=len(usable))
        return {"pooled": missing, "next": missing, "tau2": missing}
    result = random_effects(*np.array(usable).T)
    back = {"logit": _expit, "log": _exp, "none": float}[SCALES[quantity]]
    note = {"reason": Reason.CENTERS_LEFT_OUT if len(usable) < len(estimates) else None, "n": len(usable)}
    mean = back(result.mean)
    return {
        "pooled": _bounded(Estimate(mean, back(result.low), back(result.high), **note)),
        "next": _bounded(Estimate(mean, back(result.prediction_low), back(result.prediction_high), **note)),
        "tau2": Estimate(result.tau2, **note),
    }


def _effect(quantity: str, value: Estimate) -> tuple[float, float] | None:
    """Estimate and variance of a center on the scale of analysis, or None when it has no standard error."""
    if not (math.isfinite(value.estimate) and value.standard_error > 0):
        return None
    if SCALES[quantity] == "log":
        return math.log(value.estimate), value.standard_error**2
    if SCALES[quantity] == "logit":
        spread = value.estimate * (1 - value.estimate)
        return math.log(value.estimate / (1 - value.estimate)), (value.standard_error / spread) ** 2
    return value.estimate, value.standard_error**2


def _expit(value: float) -> float:
    return 1 / (1 + math.exp(-value)) if value > -700 else 0.0


def _exp(value: float) -> float:
    return math.exp(value) if value < 700 else math.inf


def _bounded(value: Estimate) -> Estimate:
    """With two centers an interval can leave the range of numbers: then it is missing, not infinite."""
    if math.isfinite(value.high):
        return value
    return value._replace(low=math.nan, high=math.nan, reason=Reason.TOO_FEW_CENTERS)
