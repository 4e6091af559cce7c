"""An estimate with its interval, and intervals that have a closed form."""

import math
from typing import NamedTuple

import numpy as np
from scipy import stats

from ichor.reasons import Reason

CONFIDENCE = 0.95
Z = float(stats.norm.ppf(0.5 + CONFIDENCE / 2))


class Estimate(NamedTuple):
    """A number with its 95 % interval, or the reason why number or interval is undefined.

    `n` and `events` stand only where they differ from those of the rows that were evaluated (a subset, centers).
    `standard_error` is on the scale on which the interval is symmetric: the logarithm for O/E, else the estimate's own.
    """

    estimate: float
    low: float = math.nan
    high: float = math.nan
    reason: Reason | None = None
    n: int | None = None
    events: int | None = None
    standard_error: float = math.nan


def undefined(reason: Reason) -> Estimate:
    """Return an estimate that is missing for `reason`: not a number, never a zero."""
    return Estimate(math.nan, math.nan, math.nan, reason)


def wilson(successes: int, total: int, empty: Reason = Reason.EMPTY_DENOMINATOR) -> Estimate:
    """Proportion with Wilson's score interval (Wilson, J Am Stat Assoc 1927;22:209-212, no continuity correction).

    Parameters
    ----------
    successes, total : int
        Counts, ``0 <= successes <= total``.
    empty : Reason
        Reason that is given when `total` is 0.

    Examples
    --------
    >>> [round(float(value), 4) for value in wilson(0, 10)[:3]]
    [0.0, 0.0, 0.2775]
    """
    if total == 0:
        return undefined(empty)
    share = successes / total
    centre = (share + Z**2 / (2 * total)) / (1 + Z**2 / total)
    half = Z / (1 + Z**2 / total) * math.sqrt(share * (1 - share) / total + Z**2 / (4 * total**2))
    low = 0.0 if successes == 0 else centre - half
    high = 1.0 if successes == total else centre + half
    return Estimate(share, low, high)


def wald(estimate: float, standard_error: float) -> Estimate:
    """Estimate +- 1.96 standard errors."""
    estimate, half = float(estimate), Z * float(standard_error)
    return Estimate(estimate, estimate - half, estimate + half, standard_error=float(standard_error))


def check_inputs(labels: np.ndarray, probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return labels as bool and probabilities as float64, both shape (n,).

    Raises
    ------
    ValueError
        If the shapes differ or are not one-dimensional, a label is not 0 or 1, or a probability is not finite.
    """
    labels, probabilities = np.asarray(labels), np.asarray(probabilities, dtype=np.float64)
    if labels.ndim != 1 or labels.shape != probabilities.shape:
        raise ValueError(f"labels {labels.shape} and probabilities {probabilities.shape} must be two equal vectors")
    if not np.isin(labels, (0, 1)).all():
        raise ValueError("labels must be 0 or 1")
    if not np.isfinite(probabilities).all():
        raise ValueError("probabilities must be finite")
    return labels.astype(bool), probabilities
