"""Firth's logistic regression: finite odds ratios where an outcome is separated, with profile-likelihood intervals."""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit, log_expit
from scipy.stats import chi2

from ichor.evaluation.intervals import Z

STEPS = 200
TOLERANCE = 1e-9
"""Largest component of the score per patient at the maximum."""
LOOSE = 1e-6
"""The same along a profile: its height is off by the square of that."""
FARTHEST = 2.0**12
"""Where the search for the end of an interval stops, in coefficients per standard deviation: farther is no end."""


class FirthFit(NamedTuple):
    """Slopes, without the intercept; shape (m,) each.

    Attributes
    ----------
    slope : array
        Logarithm of the odds ratio per unit.
    low, high : array
        Ends of the 95 % interval of the profile penalised likelihood; infinite where it has none.
    p : array
        Of the penalised likelihood-ratio test of slope 0.
    """

    slope: np.ndarray
    low: np.ndarray
    high: np.ndarray
    p: np.ndarray


def firth(labels: np.ndarray, variables: np.ndarray) -> FirthFit | None:
    """Maximise the likelihood times the root of the determinant of its information (Jeffreys' prior).

    Parameters
    ----------
    labels : array, shape (n,)
        Outcome, 0 or 1; both occur.
    variables : array, shape (n, m)
        Without gaps, of full rank with the intercept.

    Returns
    -------
    FirthFit or None
        None if the search did not settle.

    Notes
    -----
    Firth D, Biometrika 1993;80:27-38; intervals and tests as Heinze G, Schemper M, Stat Med 2002;21:2409-2419. The
    likelihood's maximum is finite even if the variables separate the outcomes; in a fourfold table it is the odds ratio
    with one half added to each cell.
    """
    y, x = np.asarray(labels, dtype=float), np.asarray(variables, dtype=float)
    scale = x.std(axis=0)
    design = np.column_stack([np.ones(len(y)), (x - x.mean(axis=0)) / scale])
    best = _maximise(y, design, np.zeros(design.shape[1]), np.ones(design.shape[1], dtype=bool), TOLERANCE)
    if best is None:
        return None
    beta, height, information = best
    errors = np.sqrt(np.diag(np.linalg.inv(information)))
    ends, p = [], []
    for j in range(1, design.shape[1]):
        fallen = _profile(y, design, beta, height, j)
        side = [_end(fallen, beta[j], sign * errors[j]) for sign in (-1, 1)]
        null = fallen(0.0)
        if math.isnan(null) or any(math.isnan(end) for end in side):
            return None
        ends.append(side)
        p.append(float(chi2.sf(max(0.0, 2 * null), 1)))
    low, high = np.array(ends).T
    return FirthFit(beta[1:] / scale, low / scale, high / scale, np.array(p))


def _penalised(y: np.ndarray, design: np.ndarray, beta: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """Penalised log likelihood, its modified score and the information at `beta`."""
    linear = design @ beta
    chance = expit(linear)
    weight = chance * (1 - chance)
    information = design.T @ (design * weight[:, None])
    sign, logdet = np.linalg.slogdet(information)
    if sign <= 0 or not math.isfinite(logdet):
        return -math.inf, np.zeros_like(beta), information
    leverage = weight * ((design @ np.linalg.inv(information)) * design).sum(axis=1)
    height = float(log_expit(np.where(y == 1, linear, -linear)).sum() + 0.5 * logdet)
    return height, design.T @ (y - chance + leverage * (0.5 - chance)), information


def _maximise(
    y: np.ndarray, design: np.ndarray, start: np.ndarray, free: np.ndarray, tolerance: float
) -> tuple[np.ndarray, float, np.ndarray] | None:
    """Scoring steps on the free coefficients, halved until the likelihood rises; where, how high, the information."""
    beta = start.copy()
    height, score, information = _penalised(y, design, beta)
    for _ in range(STEPS):
        if not math.isfinite(height):
            return None
        if np.abs(score[free]).max(initial=0.0) < tolerance * len(y):
            return beta, height, information
        step = np.zeros_like(beta)
        step[free] = np.linalg.solve(information[np.ix_(free, free)], score[free])
        step *= min(1.0, 5.0 / np.abs(step).max())
        for _ in range(40):
            trial = _penalised(y, design, beta + step)
            if trial[0] >= height - 1e-12 * max(1.0, abs(height)):
                break
            step /= 2
        else:
            return None
        beta = beta + step
        height, score, information = trial
    return None


def _profile(y: np.ndarray, design: np.ndarray, beta: np.ndarray, height: float, j: int) -> Callable[[float], float]:
    """How far the penalised likelihood has fallen where coefficient `j` has a value and the others are free."""
    free = np.arange(design.shape[1]) != j
    # the way the others go with it, to begin the search near its end
    *_, information = _penalised(y, design, beta)
    along = np.zeros_like(beta)
    along[free] = -np.linalg.solve(information[np.ix_(free, free)], information[free, j])
    along[j] = 1.0
    known: dict[float, tuple[float, np.ndarray]] = {float(beta[j]): (0.0, beta)}

    def fallen(value: float) -> float:
        value = float(value)
        if value not in known:
            nearest = min(known, key=lambda other: abs(other - value))
            for start in (
                known[nearest][1] + along * (value - nearest),
                beta + (np.arange(len(beta)) == j) * (value - beta[j]),
            ):
                found = _maximise(y, design, start, free, LOOSE)
                if found is not None:
                    break
            else:
                return math.nan
            known[value] = (height - found[1], found[0])
        return known[value][0]

    return fallen


def _end(fallen: Callable[[float], float], middle: float, step: float) -> float:
    """Where the likelihood has fallen by what 95 % allow, in the direction of `step`; infinite if nowhere.

    The signed root of the fall is nearly a straight line, so the search is for its zero.
    """

    def past(value: float) -> float:
        fall = fallen(value)
        return math.nan if math.isnan(fall) else math.sqrt(max(0.0, 2 * fall)) - Z

    near, far = middle, middle + Z * step
    reached = past(far)
    while reached < 0:
        if abs(far - middle) > FARTHEST:
            return math.copysign(math.inf, step)
        near, far = far, middle + 2 * (far - middle)
        reached = past(far)
    if math.isnan(reached):
        return math.nan
    try:
        return float(brentq(past, near, far, xtol=1e-7 * max(1.0, abs(far)), rtol=1e-9))
    except ValueError:  # no likelihood at a value between
        return math.nan
