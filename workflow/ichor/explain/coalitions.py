"""Shapley values of one row from the answers to coalitions of its features.

The shap library's explainers for any model compile themselves for most of a minute in every process and draw from
numpy's global generator; the sums below are its definition (Lundberg and Lee, NeurIPS 2017) and cost neither.
"""

from collections.abc import Callable
from math import factorial

import numpy as np

EXACT_FEATURES = 8
"""Up to so many features all 2^n coalitions are asked; with more, those along permutations. Our choice."""
PERMUTATIONS = 10
"""Orders of the features, each gone through forwards and backwards; as many as in the shap library."""

Answers = Callable[[np.ndarray], np.ndarray]
"""The model's answers to int ``(n, features)``: a place of the background for a feature that is left out of the
coalition, -1 for one that has the explained row's own value. Places stand for values, so that a feature may be a text
or several columns."""


def shapley_values(answers: Answers, features: int, background: int, seed: int) -> tuple[np.ndarray, float]:
    """Shapley values of one row.

    Parameters
    ----------
    answers : callable
        See `Answers`.
    features, background : int
        How many features, and background rows.
    seed : int
        Of the permutations, where there are any.

    Returns
    -------
    values : numpy.ndarray
        float64 ``(features,)``. With the second they add up to the answer for the row, exactly; each alone is exact up
        to `EXACT_FEATURES` features and else the mean over `PERMUTATIONS` random orders and their reverses.
    expected : float
        Mean answer of the background.
    """

    def mean_answers(inside: np.ndarray) -> np.ndarray:
        rows = np.where(inside[:, None, :], -1, np.arange(background)[None, :, None])
        return answers(rows.reshape(-1, features)).reshape(len(inside), background).mean(axis=1)

    if features <= EXACT_FEATURES:
        inside = _all_coalitions(features)
        found = mean_answers(inside)
        return _weights(inside) @ found, float(found[0])
    rng, values = np.random.default_rng(seed), np.zeros(features)
    for _ in range(PERMUTATIONS):
        order = rng.permutation(features)
        for way in (order, order[::-1]):
            inside = np.zeros((features + 1, features), dtype=bool)
            inside[1:, way] = np.tri(features, dtype=bool)
            found = mean_answers(inside)
            values[way] += np.diff(found)
    return values / (2 * PERMUTATIONS), float(found[0])


def _all_coalitions(features: int) -> np.ndarray:
    """Which features are in each coalition, bool ``(2^features, features)``; the first is empty."""
    return (np.arange(2**features)[:, None] >> np.arange(features)) % 2 == 1


def _weights(inside: np.ndarray) -> np.ndarray:
    """What each coalition's answer counts for each feature, ``(features, coalitions)``.

    A feature's value is the sum over coalitions S without it of |S|! (n - |S| - 1)! / n! times what joining changes.
    """
    features = inside.shape[1]
    others = inside.sum(axis=1)[None, :] - inside.T
    weight = np.array([factorial(k) * factorial(features - k - 1) / factorial(features) for k in range(features)])
    return np.where(inside.T, 1.0, -1.0) * weight[np.minimum(others, features - 1)]
