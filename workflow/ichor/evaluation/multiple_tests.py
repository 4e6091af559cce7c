"""P values of several tests of one question."""

import numpy as np


def holm(p_values: np.ndarray) -> np.ndarray:
    """Adjust p values for their number (Holm, Scand J Stat 1979;6:65-70).

    Parameters
    ----------
    p_values : array, shape (n,)
        NaN where a test could not be made; such tests do not count.

    Returns
    -------
    array, shape (n,)
        Adjusted p values: below 0.05 means that the whole family of tests errs in at most 5 of 100 such studies.

    Examples
    --------
    >>> [round(float(p), 3) for p in holm(np.array([0.01, 0.04, 0.03]))]
    [0.03, 0.06, 0.06]
    """
    p_values = np.asarray(p_values, dtype=float)
    out = np.full(p_values.shape, np.nan)
    known = np.flatnonzero(np.isfinite(p_values))
    order = known[np.argsort(p_values[known], kind="stable")]
    factors = np.arange(order.size, 0, -1)
    out[order] = np.minimum(1.0, np.maximum.accumulate(factors * p_values[order])) if order.size else []
    return out
