"""Calibration: intercept, slope, observed/expected ratio, Brier score, Nagelkerke's R2 and calibration curves.

Definitions after Steyerberg, Clinical Prediction Models (2nd ed. 2019, chapter 15) and Van Calster et al., BMC Med
2019;17:230. A probability of exactly 0 or 1 has no logit: what needs one is then missing with `EXTREME_PROBABILITY`.
"""

import math
import warnings

import numpy as np
import statsmodels.api as sm
from statsmodels.nonparametric.smoothers_lowess import lowess

from ichor.evaluation.bootstrap import Resamples, weighted_mean
from ichor.evaluation.intervals import Estimate, Z, check_inputs, undefined, wald, wilson
from ichor.reasons import Reason


def calibration_intercept(labels: np.ndarray, probabilities: np.ndarray) -> Estimate:
    """Calibration in the large: intercept of a logistic model with the predicted logit as offset, Wald interval.

    0 when as many events were predicted as observed; negative when too many were predicted.
    """
    labels, probabilities = check_inputs(labels, probabilities)
    reason = _no_logit(labels, probabilities)
    if reason:
        return undefined(reason)
    return _logistic(labels, np.ones((labels.size, 1)), 0, offset=_logit(probabilities))


def calibration_slope(labels: np.ndarray, probabilities: np.ndarray) -> Estimate:
    """Slope of a logistic model on the predicted logit, Wald interval.

    1 is ideal; below 1 the predictions are too extreme. Missing when the outcomes are separated by the predictions
    (`PERFECT_PREDICTION`: no finite maximum of the likelihood) or all predictions are alike (`CONSTANT_PREDICTION`).
    """
    labels, probabilities = check_inputs(labels, probabilities)
    reason = _no_logit(labels, probabilities)
    if reason:
        return undefined(reason)
    logits = _logit(probabilities)
    if np.ptp(logits) == 0:
        return undefined(Reason.CONSTANT_PREDICTION)
    if logits[~labels].max() <= logits[labels].min() or logits[labels].max() <= logits[~labels].min():
        return undefined(Reason.PERFECT_PREDICTION)
    return _logistic(labels, sm.add_constant(logits), 1)


def observed_expected(labels: np.ndarray, probabilities: np.ndarray) -> Estimate:
    """Observed events over the sum of the probabilities; interval on the log scale.

    Standard error of log(O/E) = sqrt((1 - O/n) / O), the expected number taken as known (Debray et al., BMJ
    2017;356:i6460, appendix). With no events or only events the interval is missing (`ONE_CLASS`).
    """
    labels, probabilities = check_inputs(labels, probabilities)
    observed, expected, n = int(labels.sum()), float(probabilities.sum()), labels.size
    if n == 0:
        return undefined(Reason.EMPTY_DENOMINATOR)
    if expected == 0:
        return undefined(Reason.EXTREME_PROBABILITY)
    ratio = observed / expected
    if observed in (0, n):
        return Estimate(ratio, reason=Reason.ONE_CLASS)
    error = math.sqrt((1 - observed / n) / observed)
    low, high = ratio * math.exp(-Z * error), ratio * math.exp(Z * error)
    return Estimate(ratio, low, high, standard_error=error)


def brier(labels: np.ndarray, probabilities: np.ndarray, resamples: Resamples) -> Estimate:
    """Mean squared difference of outcome and probability, with the percentile interval of the resamples."""
    labels, probabilities = check_inputs(labels, probabilities)
    if labels.size == 0:
        return undefined(Reason.EMPTY_DENOMINATOR)
    squares = (probabilities - labels) ** 2
    return resamples.interval(squares.mean(), lambda weights: weighted_mean(squares, weights))


def nagelkerke_r2(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Nagelkerke's R2 of the probabilities as they are, not refitted, so it can be negative (as ``rms::val.prob``).

    (1 - exp(2 (l0 - l) / n)) / (1 - exp(2 l0 / n)) with l the log-likelihood of the probabilities and l0 that of the
    prevalence (Nagelkerke, Biometrika 1991;78:691-692). NaN with one class; minus infinity of a certain prediction
    that was wrong is NaN as well.
    """
    labels, probabilities = check_inputs(labels, probabilities)
    if labels.all() or not labels.any():
        return math.nan
    with np.errstate(divide="ignore"):
        model = float(np.log(np.where(labels, probabilities, 1 - probabilities)).sum())
    prevalence, n = labels.mean(), labels.size
    null = n * (prevalence * math.log(prevalence) + (1 - prevalence) * math.log(1 - prevalence))
    if not math.isfinite(model):
        return math.nan
    return (1 - math.exp(2 * (null - model) / n)) / (1 - math.exp(2 * null / n))


def binned_curve(
    labels: np.ndarray, probabilities: np.ndarray, bins: int = 10
) -> list[tuple[float, float, float, float, int]]:
    """Calibration curve in bins of about equal size.

    Patients with the same probability stay together; a bin has at least 5 patients where there are that many.

    Returns
    -------
    list of tuples
        Mean probability, observed share, its Wilson interval (low, high), number of patients; lowest bin first.
    """
    labels, probabilities = check_inputs(labels, probabilities)
    if labels.size == 0:
        return []
    bins = max(1, min(bins, labels.size // 5))
    edges = np.unique(np.quantile(probabilities, np.linspace(0, 1, bins + 1)[1:-1], method="inverted_cdf"))
    number = np.searchsorted(edges, probabilities, side="left")
    curve = []
    for code in np.unique(number):
        inside = number == code
        share = wilson(int(labels[inside].sum()), int(inside.sum()))
        curve.append((float(probabilities[inside].mean()), *share[:3], int(inside.sum())))
    return curve


def smooth_curve(labels: np.ndarray, probabilities: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Lowess-smoothed share of events at `points`; NaN outside the range of the probabilities.

    Span 2/3, no robustness iterations, as ``rms::val.prob``; cut at 0 and 1. All NaN when the probabilities have
    fewer than 3 distinct values, where a smoother has nothing to smooth.
    """
    labels, probabilities = check_inputs(labels, probabilities)
    points = np.asarray(points, dtype=np.float64)
    if np.unique(probabilities).size < 3:
        return np.full(points.shape, math.nan)
    delta = 0.01 * float(np.ptp(probabilities))
    with warnings.catch_warnings(), np.errstate(divide="ignore", invalid="ignore"):
        warnings.simplefilter("ignore", RuntimeWarning)  # many ties: a window of zero width, NaN below
        smooth = lowess(labels.astype(float), probabilities, frac=2 / 3, it=0, delta=delta)
    smooth = smooth[np.isfinite(smooth[:, 1])]
    if not len(smooth):
        return np.full(points.shape, math.nan)
    x, where = np.unique(smooth[:, 0], return_index=True)
    return np.clip(np.interp(points, x, smooth[where, 1], left=math.nan, right=math.nan), 0, 1)


def calibration_errors(labels: np.ndarray, probabilities: np.ndarray) -> tuple[float, float, float]:
    """Mean (ICI), 90th percentile (E90) and maximum (Emax) of |smoothed share - probability| over the patients.

    Austin & Steyerberg, Stat Med 2019;38:4051-4065, with the lowess of `smooth_curve`.
    """
    error = np.abs(smooth_curve(labels, probabilities, probabilities) - probabilities)
    if not np.isfinite(error).any():
        return math.nan, math.nan, math.nan
    return float(np.nanmean(error)), float(np.nanquantile(error, 0.9)), float(np.nanmax(error))


def _no_logit(labels: np.ndarray, probabilities: np.ndarray) -> Reason | None:
    if labels.all() or not labels.any():
        return Reason.ONE_CLASS
    if not np.isfinite(_logit(probabilities)).all():
        return Reason.EXTREME_PROBABILITY
    return None


def _logit(probabilities: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore"):
        return np.log(probabilities) - np.log1p(-probabilities)


def _logistic(labels: np.ndarray, design: np.ndarray, column: int, offset: np.ndarray | None = None) -> Estimate:
    """Coefficient of `column` of `design` with its Wald interval; missing when the fit does not converge."""
    model = sm.GLM(labels.astype(float), design, family=sm.families.Binomial(), offset=offset)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # separation and divergence are told by the reason below
        try:
            fit = model.fit(tol=1e-12, maxiter=100)
        except (np.linalg.LinAlgError, ValueError):
            return undefined(Reason.EXTREME_PROBABILITY)
    if not (fit.converged and np.isfinite(fit.bse[column]) and fit.bse[column] < 1e6):
        return undefined(Reason.EXTREME_PROBABILITY)
    return wald(fit.params[column], fit.bse[column])
