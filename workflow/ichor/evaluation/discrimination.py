"""Discrimination: area under the ROC curve with DeLong's variance and tests, average precision, the ROC curve.

Higher probabilities stand for label 1; the direction is never guessed from the data. Any score will do, not only
probabilities.
"""

import math
from typing import NamedTuple

import numpy as np
from scipy import stats

from ichor.evaluation.bootstrap import Resamples, weighted_average_precision
from ichor.evaluation.intervals import CONFIDENCE, Estimate, check_inputs, undefined, wald
from ichor.reasons import Reason


class DifferenceTest(NamedTuple):
    """Difference of two AUCs (first minus second) with interval and two-sided test; `df` is NaN for a normal test."""

    difference: float
    low: float = math.nan
    high: float = math.nan
    statistic: float = math.nan
    df: float = math.nan
    p: float = math.nan
    reason: Reason | None = None


def placements(labels: np.ndarray, probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Share of the other class that each patient is placed above (label 1) or below (label 0); a tie counts half.

    Midranks make this O(n log n): Sun & Xu, IEEE Signal Process Lett 2014;21:1389-1393, equations 5-8.

    Returns
    -------
    tuple of arrays
        Shape (events,) and (non-events,); the mean of each is the AUC.
    """
    labels, probabilities = check_inputs(labels, probabilities)
    events, others = int(labels.sum()), int((~labels).sum())
    everybody = stats.rankdata(probabilities)
    within_events = stats.rankdata(probabilities[labels])
    within_others = stats.rankdata(probabilities[~labels])
    return (everybody[labels] - within_events) / others, 1 - (everybody[~labels] - within_others) / events


def area(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Area under the ROC curve (Mann-Whitney, ties count half); NaN when one class is absent."""
    labels, probabilities = check_inputs(labels, probabilities)
    if labels.all() or not labels.any():
        return math.nan
    return float(placements(labels, probabilities)[0].mean())


def delong_variance(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Variance of the AUC: DeLong et al., Biometrics 1988;44:837-845. NaN with fewer than two of either class."""
    labels, probabilities = check_inputs(labels, probabilities)
    events, others = int(labels.sum()), int((~labels).sum())
    if min(events, others) < 2:
        return math.nan
    above, below = placements(labels, probabilities)
    return float(above.var(ddof=1) / events + below.var(ddof=1) / others)


def auc(labels: np.ndarray, probabilities: np.ndarray) -> Estimate:
    """AUC with DeLong's interval on the AUC scale, cut at 0 and 1 (as ``pROC::ci.auc(method="delong")``).

    With one class there is no AUC (`ONE_CLASS`). Without spread in the placements DeLong's variance is 0 and says
    nothing of the uncertainty: the AUC stands, its interval is missing, with `CONSTANT_PREDICTION` or
    `PERFECT_PREDICTION`; likewise with a single patient of a class (`TOO_FEW_EVENTS`).
    """
    labels, probabilities = check_inputs(labels, probabilities)
    value = area(labels, probabilities)
    if math.isnan(value):
        return undefined(Reason.ONE_CLASS)
    if np.ptp(probabilities) == 0:
        return Estimate(value, reason=Reason.CONSTANT_PREDICTION)
    if value in (0.0, 1.0):
        return Estimate(value, reason=Reason.PERFECT_PREDICTION)
    variance = delong_variance(labels, probabilities)
    if not variance > 0:
        return Estimate(value, reason=Reason.TOO_FEW_EVENTS)
    interval = wald(value, math.sqrt(variance))
    return interval._replace(low=max(0.0, interval.low), high=min(1.0, interval.high))


def delong_paired(labels: np.ndarray, first: np.ndarray, second: np.ndarray) -> DifferenceTest:
    """Compare two models on the same patients (DeLong 1988; normal test, as ``pROC::roc.test(paired=TRUE)``).

    Two models that rank all patients alike have difference 0 and p 1, as in pROC. The difference stands without a
    test when a class is absent from the interval's variance (fewer than two patients).
    """
    labels = np.asarray(labels).astype(bool)
    events, others = int(labels.sum()), int((~labels).sum())
    if min(events, others) == 0:
        return DifferenceTest(math.nan, reason=Reason.ONE_CLASS)
    pairs = [placements(labels, model) for model in (first, second)]
    difference = float(pairs[0][0].mean() - pairs[1][0].mean())
    if min(events, others) < 2:
        return DifferenceTest(difference, reason=Reason.TOO_FEW_EVENTS)
    # Var(a - b) from the differences of the placements is the contrast of DeLong's 2 x 2 covariance matrix.
    variance = sum(np.var(a - b, ddof=1) / a.size for a, b in zip(*pairs, strict=True))
    return _test(difference, float(variance), math.nan)


def delong_unpaired(
    labels_a: np.ndarray, probabilities_a: np.ndarray, labels_b: np.ndarray, probabilities_b: np.ndarray
) -> DifferenceTest:
    """Compare AUCs of two groups of patients (t test with Welch-type degrees of freedom, as ``pROC`` does).

    The degrees of freedom are (Va + Vb)^2 / (Va^2 / (na - 1) + Vb^2 / (nb - 1)), with DeLong's variances V and all
    patients n of each group.
    """
    groups = [check_inputs(labels_a, probabilities_a), check_inputs(labels_b, probabilities_b)]
    areas = [area(*group) for group in groups]
    if any(math.isnan(value) for value in areas):
        return DifferenceTest(math.nan, reason=Reason.ONE_CLASS)
    difference = areas[0] - areas[1]
    variances = [delong_variance(*group) for group in groups]
    if any(math.isnan(value) for value in variances):
        return DifferenceTest(difference, reason=Reason.TOO_FEW_EVENTS)
    total = sum(variances)
    parts = sum(v**2 / (group[0].size - 1) for v, group in zip(variances, groups, strict=True))
    return _test(difference, total, total**2 / parts if parts > 0 else math.nan)


def _test(difference: float, variance: float, df: float) -> DifferenceTest:
    # Placements are sums of ranks: rounding leaves ~1e-33 where the variance is really 0.
    if variance < 1e-20:
        if abs(difference) < 1e-12:
            return DifferenceTest(0.0, 0.0, 0.0, 0.0, df, 1.0)
        return DifferenceTest(difference, reason=Reason.PERFECT_PREDICTION)
    law = stats.norm() if math.isnan(df) else stats.t(df)
    error = math.sqrt(variance)
    half = float(law.ppf(0.5 + CONFIDENCE / 2)) * error
    statistic = difference / error
    p = float(2 * law.sf(abs(statistic)))
    return DifferenceTest(difference, difference - half, difference + half, statistic, df, p)


def average_precision(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Area under the precision-recall curve as a step function: sum of precision x gain in recall, ties together.

    NaN when one class is absent. An uninformative model has the prevalence, not 0.5.
    """
    labels, probabilities = check_inputs(labels, probabilities)
    if labels.all() or not labels.any():
        return math.nan
    return float(weighted_average_precision(labels, probabilities, np.ones((1, labels.size)))[0])


def auprc(labels: np.ndarray, probabilities: np.ndarray, resamples: Resamples) -> Estimate:
    """Average precision with the percentile interval of `resamples` (patients drawn with replacement)."""
    value = average_precision(labels, probabilities)
    if math.isnan(value):
        return undefined(Reason.ONE_CLASS)
    return resamples.interval(value, lambda weights: weighted_average_precision(labels, probabilities, weights))


def auprc_rare(labels: np.ndarray, probabilities: np.ndarray, resamples: Resamples) -> Estimate:
    """Average precision of the rarer outcome, with the percentile interval of `resamples`.

    Where more than half of the patients have label 1 (most of them survive), it is the precision in finding those with
    label 0, lowest probability first; else it is `auprc`. An uninformative model has the share of the rarer outcome.
    """
    labels, probabilities = check_inputs(labels, probabilities)
    if 2 * labels.sum() <= labels.size:
        return auprc(labels, probabilities, resamples)
    return auprc(~labels, -probabilities, resamples)


def roc_curve(labels: np.ndarray, probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Corners of the empirical ROC curve from (0, 0) to (1, 1).

    Returns
    -------
    tuple of arrays
        1 - specificity and sensitivity, one point per distinct probability plus the origin; empty with one class.
    """
    labels, probabilities = check_inputs(labels, probabilities)
    if labels.all() or not labels.any():
        return np.empty(0), np.empty(0)
    order = np.argsort(-probabilities, kind="stable")
    last = np.r_[np.flatnonzero(np.diff(probabilities[order])), labels.size - 1]
    true_positives = np.r_[0, np.cumsum(labels[order])[last]]
    false_positives = np.r_[0, np.cumsum(~labels[order])[last]]
    return false_positives / (~labels).sum(), true_positives / labels.sum()
