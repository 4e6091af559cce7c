"""Time from onset to CT of simulated patients, and what remains of a risk when a reader does not know that time."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special


@dataclass(frozen=True)
class OnsetTimes:
    """Log-normal hours from onset to CT, clipped to a range and rounded to tenths of an hour.

    Attributes
    ----------
    median_h
        Median before clipping.
    spread
        Standard deviation of the natural logarithm.
    least_h, most_h
        Range.
    """

    median_h: float
    spread: float = 0.66  # quartiles 2 and 5 h around 3 h, Chen 2023
    least_h: float = 0.5
    most_h: float = 23.5

    def draw(self, count: int, rng: np.random.Generator) -> NDArray:
        """Draw hours, shape (count,)."""
        hours = self.median_h * np.exp(rng.normal(0, self.spread, count))
        return np.clip(hours, self.least_h, self.most_h).round(1)

    def shares(self) -> tuple[NDArray, NDArray]:
        """Every possible time, hours, and its probability: two arrays of one length; the probabilities sum to 1."""
        hours = np.arange(round(10 * self.least_h), round(10 * self.most_h) + 1) / 10.0
        edges = (hours[:-1] + hours[1:]) / 2
        below = special.ndtr(np.log(edges / self.median_h) / self.spread)
        return hours, np.diff(np.concatenate([[0.0], below, [1.0]]))


def mean_risk(logit: NDArray, times: OnsetTimes, per_doubling: float, reference_h: float = 3.0) -> NDArray:
    """Return the expected risk of patients whose time from onset to CT is not known.

    The time takes few values (tenths of an hour), so the expectation is a sum over all of them, not an approximation.

    Parameters
    ----------
    logit : array, shape (n,)
        Logit of the risk of each patient, scanned at `reference_h`.
    times : OnsetTimes
        Where the time comes from; it is drawn independently of everything in `logit`.
    per_doubling : float
        Logits that each doubling of the time adds.
    reference_h : float
        Hours at which the time adds nothing.

    Returns
    -------
    array, shape (n,)
        Risks in (0, 1).
    """
    hours, shares = times.shares()
    shifts = per_doubling * np.log2(hours / reference_h)
    return sum(
        share * special.expit(np.asarray(logit, float) + shift)
        for shift, share in zip(shifts, shares, strict=True)
        if not math.isclose(share, 0.0, abs_tol=1e-15)
    )
