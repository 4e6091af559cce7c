"""Points of the curves that the report draws: ROC, calibration (bins and smooth), net benefit."""

import math

import numpy as np

from ichor.evaluation.calibration import binned_curve, smooth_curve
from ichor.evaluation.discrimination import roc_curve
from ichor.evaluation.utility import decision_curve

POINTS = 200  # most points of one ROC curve in the table
SMOOTH_POINTS = 30
DECISION_THRESHOLDS = np.round(np.arange(0.02, 0.99, 0.02), 2)


def curves(labels: np.ndarray, probabilities: np.ndarray) -> list[dict]:
    """All curves of one model on one group of patients.

    Returns
    -------
    list of dict
        Rows of the curves table: curve, x, y, low, high, n. ``roc``: x = 1 - specificity, y = sensitivity.
        ``calibration``: x = mean probability of a bin, y = observed share with Wilson interval, n = patients in the
        bin. ``calibration_smooth``: x = probability, y = lowess. ``net_benefit`` and ``net_benefit_treat_all``:
        x = threshold, y = net benefit. What is undefined has no rows.
    """
    n = int(len(labels))
    if n == 0:
        return []
    x, y = thin(*roc_curve(labels, probabilities))
    rows = _points("roc", x, y, n)
    rows += [
        {"curve": "calibration", "x": at, "y": share, "low": low, "high": high, "n": size}
        for at, share, low, high, size in binned_curve(labels, probabilities)
    ]
    grid = np.linspace(np.min(probabilities), np.max(probabilities), SMOOTH_POINTS)
    smooth = smooth_curve(labels, probabilities, grid)
    rows += _points("calibration_smooth", grid[np.isfinite(smooth)], smooth[np.isfinite(smooth)], n)
    model, everybody = decision_curve(labels, probabilities, DECISION_THRESHOLDS)
    rows += _points("net_benefit", DECISION_THRESHOLDS, model, n)
    return rows + _points("net_benefit_treat_all", DECISION_THRESHOLDS, everybody, n)


def thin(x: np.ndarray, y: np.ndarray, most: int = POINTS) -> tuple[np.ndarray, np.ndarray]:
    """Leave out points on a straight line between their neighbours, then keep at most `most`, ends included."""
    if x.size > 2:
        cross = (x[1:-1] - x[:-2]) * (y[2:] - y[1:-1]) - (y[1:-1] - y[:-2]) * (x[2:] - x[1:-1])
        keep = np.r_[True, np.abs(cross) > 1e-12, True]
        x, y = x[keep], y[keep]
    if x.size > most:
        keep = np.unique(np.round(np.linspace(0, x.size - 1, most)).astype(int))
        x, y = x[keep], y[keep]
    return x, y


def _points(curve: str, x: np.ndarray, y: np.ndarray, n: int) -> list[dict]:
    return [
        {"curve": curve, "x": float(a), "y": float(b), "low": math.nan, "high": math.nan, "n": n}
        for a, b in zip(x, y, strict=True)
    ]
