"""Whether a predicted risk rises with an ordered outcome: share of concordant pairs, and the Jonckheere-Terpstra test.

A risk of an event is no class, so classes cannot be compared with classes (`ichor.evaluation.ordinal` does that). Of
two patients with different outcomes the one with the higher outcome should have the higher risk. The share of such
pairs is the AUC for an outcome of more than two classes: Harrell's c, the Jonckheere-Terpstra statistic over the number
of pairs.
"""

import itertools
import math

import numpy as np

from ichor.evaluation.bootstrap import weighted_auc


def weighted_concordance(classes: np.ndarray, risks: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Share of pairs of different classes in which the higher class has the higher risk; a tied risk counts half.

    Parameters
    ----------
    classes : array of int, shape (n,) or (resamples, n)
        Ordered outcome; with two axes each resample has its own.
    risks : array, shape (n,)
        Predicted.
    weights : array, shape (resamples, n)
        How often each patient counts.

    Returns
    -------
    array, shape (resamples,)
        0 to 1, 0.5 where the risk says nothing; with two classes the AUC. NaN where all have one class.
    """
    wins, pairs = np.zeros(len(weights)), np.zeros(len(weights))
    for low, high in itertools.combinations(np.unique(classes), 2):
        events, others = weights * (classes == high), weights * (classes == low)
        number = events.sum(axis=1) * others.sum(axis=1)
        found = weighted_auc(classes == high, risks, events + others)
        wins += np.where(number > 0, found, 0.0) * number
        pairs += number
    return np.divide(wins, pairs, out=np.full(len(weights), math.nan), where=pairs > 0)


def concordance(classes: np.ndarray, risks: np.ndarray) -> float:
    """`weighted_concordance` of patients who count once."""
    return float(weighted_concordance(np.asarray(classes), np.asarray(risks, dtype=float), np.ones((1, len(risks))))[0])


def trend_z(classes: np.ndarray, risks: np.ndarray) -> float:
    """Statistic of the Jonckheere-Terpstra test, standard normal where risk and class have nothing in common.

    Positive where the risk rises with the class. The variance is the one for ties in either (Hollander & Wolfe,
    Nonparametric Statistical Methods, section 6.2); with two classes it is the Mann-Whitney test without correction for
    continuity. NaN where all have one class or one risk.

    Parameters
    ----------
    classes : array of int, shape (n,)
        Ordered outcome.
    risks : array, shape (n,)
        Predicted.
    """
    classes, risks = np.asarray(classes), np.asarray(risks, dtype=float)
    n, ties = len(classes), [np.unique(values, return_counts=True)[1].astype(float) for values in (classes, risks)]
    pairs = (n**2 - (ties[0] ** 2).sum()) / 2
    if pairs == 0 or len(ties[1]) == 1:
        return math.nan
    two, three, five = ([_falling(count, order) for count in ties] for order in (2, 3, 5))
    variance = (_falling(np.array([float(n)]), 5) - five[0] - five[1]) / 72 + two[0] * two[1] / (8 * n * (n - 1))
    if n > 2:
        variance += three[0] * three[1] / (36 * n * (n - 1) * (n - 2))
    return float((concordance(classes, risks) - 0.5) * pairs / math.sqrt(variance))


def _falling(counts: np.ndarray, order: int) -> float:
    """Sum over groups of m (m - 1), of m (m - 1) (m - 2), or (5) of m (m - 1) (2 m + 5)."""
    last = {2: 1.0, 3: counts - 2, 5: 2 * counts + 5}[order]
    return float((counts * (counts - 1) * last).sum())
