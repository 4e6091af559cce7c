"""Classification at a threshold that was chosen before the test rows were seen."""

import math
from typing import NamedTuple

import numpy as np

from ichor.errors import StudyError
from ichor.evaluation.bootstrap import Resamples
from ichor.evaluation.discrimination import roc_curve
from ichor.evaluation.intervals import Estimate, check_inputs, undefined, wilson
from ichor.reasons import Reason

RULES = ("youden", "sensitivity")


class Confusion(NamedTuple):
    """Counts of patients by prediction and outcome."""

    true_positives: int
    false_positives: int
    false_negatives: int
    true_negatives: int


def choose_threshold(
    labels: np.ndarray, probabilities: np.ndarray, rule: str = "youden", target_sensitivity: float = 0.8
) -> Estimate:
    """Threshold from the tune rows; a patient is called positive when the probability is at or above it.

    Parameters
    ----------
    labels, probabilities : array, shape (n,)
        Outcome and prediction of the tune rows only.
    rule : {"youden", "sensitivity"}
        ``youden``: largest sensitivity + specificity - 1 (Youden, Cancer 1950;3:32-35), on a tie the lowest threshold
        (missing an event weighs more than a false alarm). ``sensitivity``: the highest threshold that still has
        `target_sensitivity`.
    target_sensitivity : float
        In (0, 1]; used by the rule ``sensitivity``.

    Returns
    -------
    Estimate
        One of the tuned probabilities, with `n` and `events` of the tune rows. Without tune rows
        (`NO_TUNE_ROWS`) or with one class among them (`ONE_CLASS`) no threshold is made up: it is missing, and so
        is all that depends on it.
    """
    if rule not in RULES:
        raise StudyError(f"evaluation.threshold: {rule!r} is unknown; use {' or '.join(RULES)}.")
    labels, probabilities = check_inputs(labels, probabilities)
    counts = {"n": int(labels.size), "events": int(labels.sum())}
    if labels.size == 0:
        return undefined(Reason.NO_TUNE_ROWS)._replace(**counts)
    if labels.all() or not labels.any():
        return undefined(Reason.ONE_CLASS)._replace(**counts)
    false_positive_rate, sensitivity = (rates[1:] for rates in roc_curve(labels, probabilities))
    candidates = np.unique(probabilities)[::-1]
    if rule == "youden":
        index = sensitivity - false_positive_rate
        best = int(np.flatnonzero(index >= index.max() - 1e-12)[-1])
    else:
        best = int(np.flatnonzero(sensitivity >= target_sensitivity - 1e-12)[0])
    return Estimate(float(candidates[best]), **counts)


def confusion(labels: np.ndarray, positive: np.ndarray) -> Confusion:
    """Count the four cells; `positive` (n,) says who was called positive."""
    labels, positive = np.asarray(labels).astype(bool), np.asarray(positive).astype(bool)
    return Confusion(
        int((labels & positive).sum()),
        int((~labels & positive).sum()),
        int((labels & ~positive).sum()),
        int((~labels & ~positive).sum()),
    )


def proportions(cells: Confusion) -> dict[str, Estimate]:
    """Sensitivity, specificity, PPV, NPV and accuracy with Wilson intervals.

    A proportion of nobody is missing: `ONE_CLASS` for sensitivity and specificity, `EMPTY_DENOMINATOR` for PPV and
    NPV. PPV and NPV hold for the prevalence of these rows.
    """
    tp, fp, fn, tn = cells
    return {
        "sensitivity": wilson(tp, tp + fn, Reason.ONE_CLASS),
        "specificity": wilson(tn, tn + fp, Reason.ONE_CLASS),
        "ppv": wilson(tp, tp + fp),
        "npv": wilson(tn, tn + fn),
        "accuracy": wilson(tp + tn, tp + fp + fn + tn),
    }


def balanced_accuracy(labels: np.ndarray, positive: np.ndarray, resamples: Resamples) -> Estimate:
    """Mean of sensitivity and specificity, with the percentile interval of the resamples."""
    labels, right = np.asarray(labels).astype(bool), np.asarray(positive).astype(bool) == np.asarray(labels)
    if labels.size == 0 or labels.all() or not labels.any():
        return undefined(Reason.ONE_CLASS)

    def statistic(weights: np.ndarray) -> np.ndarray:
        parts = [_share(weights[:, rows] @ right[rows], weights[:, rows].sum(axis=1)) for rows in (labels, ~labels)]
        return np.mean(parts, axis=0)

    return resamples.interval(float(statistic(np.ones((1, labels.size)))[0]), statistic)


def f1(labels: np.ndarray, positive: np.ndarray, resamples: Resamples) -> Estimate:
    """F1 of label 1, 2 TP / (2 TP + FP + FN), with the percentile interval of the resamples.

    The harmonic mean of PPV (precision) and sensitivity (recall). Missing (`EMPTY_DENOMINATOR`) when nobody has the
    event and nobody was called positive.
    """
    labels, positive = np.asarray(labels).astype(bool), np.asarray(positive).astype(bool)
    agreed, either = 2.0 * (labels & positive), labels.astype(float) + positive
    if not either.any():
        return undefined(Reason.EMPTY_DENOMINATOR)

    def statistic(weights: np.ndarray) -> np.ndarray:
        return _share(weights @ agreed, weights @ either)

    return resamples.interval(float(agreed.sum() / either.sum()), statistic)


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.full(whole.shape, math.nan), where=whole > 0)
