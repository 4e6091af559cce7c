"""Net benefit, the currency of a decision curve (Vickers & Elkin, Med Decis Making 2006;26:565-574)."""

import numpy as np

from ichor.errors import StudyError
from ichor.evaluation.bootstrap import Resamples, weighted_mean
from ichor.evaluation.intervals import Estimate, check_inputs, undefined
from ichor.reasons import Reason


def gains(labels: np.ndarray, probabilities: np.ndarray, threshold: float) -> np.ndarray:
    """What each patient adds to the net benefit: 1 (treated event), -t/(1-t) (treated in vain) or 0 (not treated).

    A patient is treated when the probability is at or above `threshold`; `threshold` in [0, 1).
    """
    if not 0 <= threshold < 1:
        raise StudyError(f"evaluation.net_benefit_thresholds: {threshold} is not a probability below 1; use e.g. 0.2.")
    labels, probabilities = check_inputs(labels, probabilities)
    return np.where(probabilities >= threshold, np.where(labels, 1.0, -threshold / (1 - threshold)), 0.0)


def net_benefit(labels: np.ndarray, probabilities: np.ndarray, threshold: float, resamples: Resamples) -> Estimate:
    """True positives/n - false positives/n * t/(1 - t), with the percentile interval of the resamples."""
    each = gains(labels, probabilities, threshold)
    if each.size == 0:
        return undefined(Reason.EMPTY_DENOMINATOR)
    return resamples.interval(each.mean(), lambda weights: weighted_mean(each, weights))


def decision_curve(
    labels: np.ndarray, probabilities: np.ndarray, thresholds: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Net benefit of the model and of treating everybody at each threshold (treating nobody is 0)."""
    labels, probabilities = check_inputs(labels, probabilities)
    everybody = np.ones(labels.size)
    model = np.array([gains(labels, probabilities, t).mean() for t in thresholds])
    return model, np.array([gains(labels, everybody, t).mean() for t in thresholds])
