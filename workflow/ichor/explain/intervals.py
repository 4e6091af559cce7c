"""Mean over patients with its interval."""

import numpy as np
from scipy import stats

from ichor.evaluation.intervals import CONFIDENCE, Estimate


def mean_interval(values: np.ndarray, least: float = -np.inf) -> Estimate:
    """Mean with Student's t interval; missing values are left out, and one value has no interval.

    Parameters
    ----------
    values : numpy.ndarray
        One per patient, NaN where there is none.
    least : float
        Smallest value that can occur; the interval does not go below it.
    """
    known = np.asarray(values, float)
    known = known[np.isfinite(known)]
    if not len(known):
        return Estimate(float("nan"), n=0)
    mean = float(known.mean())
    if len(known) == 1:
        return Estimate(mean, n=1)
    half = float(stats.t.ppf(0.5 + CONFIDENCE / 2, len(known) - 1) * known.std(ddof=1) / np.sqrt(len(known)))
    return Estimate(mean, max(mean - half, least), mean + half, n=len(known))
