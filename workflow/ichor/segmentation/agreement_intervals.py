"""How sure bias and limits of agreement are: confidence intervals for a Bland-Altman plot."""

from dataclasses import dataclass

import numpy as np
from scipy import stats

Z = 1.96
"""Limits of agreement lie this many standard deviations from the bias."""


@dataclass(frozen=True)
class Limits:
    """Bias and limits of agreement, each with its confidence interval, in the unit of the differences.

    Attributes
    ----------
    bias, low, high : float
        Mean, mean - 1.96 SD, mean + 1.96 SD.
    bias_interval, low_interval, high_interval : (float, float)
        Their confidence intervals; NaN with fewer than two cases.
    n : int
        Cases.
    """

    bias: float
    low: float
    high: float
    bias_interval: tuple[float, float]
    low_interval: tuple[float, float]
    high_interval: tuple[float, float]
    n: int


def limits_with_intervals(difference: np.ndarray, level: float = 0.95) -> Limits:
    """Bias and limits of agreement with confidence intervals.

    The standard error of the bias is ``s / sqrt(n)``, that of a limit ``s * sqrt(1/n + 1.96^2 / (2 (n - 1)))``, with
    the t distribution of n - 1 degrees of freedom (Bland and Altman, Stat Methods Med Res 1999;8:135-160, section 2.2).
    Differences are taken as independent: two scans of one patient make the intervals a little too narrow.

    Parameters
    ----------
    difference : array, shape (n,)
        Predicted minus reference; missing values are left out.
    level : float
        Confidence level, 0 to 1.
    """
    values = np.asarray(difference, dtype=float)
    values = values[np.isfinite(values)]
    n, unknown = len(values), (float("nan"), float("nan"))
    bias = float(values.mean()) if n else float("nan")
    if n < 2:
        return Limits(bias, *unknown, unknown, unknown, unknown, n)
    spread = float(values.std(ddof=1))
    t = float(stats.t.ppf((1 + level) / 2, n - 1))
    of_bias, of_limit = t * spread / np.sqrt(n), t * spread * np.sqrt(1 / n + Z**2 / (2 * (n - 1)))
    low, high = bias - Z * spread, bias + Z * spread
    around = [(float(at - half), float(at + half)) for at, half in ((bias, of_bias), (low, of_limit), (high, of_limit))]
    return Limits(bias, low, high, *around, n)
