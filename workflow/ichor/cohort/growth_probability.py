"""Probability that a hematoma expanded, given both measured volumes and their errors.

The true volumes are taken for normal about the measured ones, with errors that may be correlated: what one segmenter
misses in a patient's first scan it tends to miss in the second. The parenchymal bleed is there on both scans, so its
distribution is truncated at 0 mL. Ventricles may hold no blood at all: what lies below 0 mL is none, a mass at 0 mL.
Everything has a closed form: the probability on one side of a line in the plane of both volumes is a bivariate normal
probability, which Owen's T function gives (Owen, Ann Math Stat 1956;27:1075-1090).
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr, owens_t

from ichor.cohort.expansion import TOLERANCE_ML, Definition

ALMOST_ONE = 1.0 - 1e-12


class Volumes(NamedTuple):
    """Volumes before and after, mL, standard deviations of their errors, and the errors' correlation; shape (n,)."""

    before: np.ndarray
    after: np.ndarray
    before_sd: np.ndarray
    after_sd: np.ndarray
    correlation: np.ndarray


def growth_error_ml(before_sd: ArrayLike, after_sd: ArrayLike, correlation: ArrayLike = 0.0) -> np.ndarray:
    """Standard deviation of a growth, mL, from those of both volumes and the correlation of their errors."""
    first, second = np.asarray(before_sd, dtype=float), np.asarray(after_sd, dtype=float)
    return np.sqrt(np.maximum(first**2 + second**2 - 2 * np.asarray(correlation) * first * second, 0.0))


def expansion_probability(
    rule: Definition,
    iph_ml: ArrayLike,
    iph_error_ml: ArrayLike,
    ivh_ml: ArrayLike | None = None,
    ivh_error_ml: ArrayLike | None = None,
    use_relative: ArrayLike = True,
    iph_correlation: ArrayLike = 0.0,
    ivh_correlation: ArrayLike = 0.0,
) -> np.ndarray:
    """Probability that a definition of expansion is met.

    Errors of parenchymal and intraventricular volumes are taken for independent.

    Parameters
    ----------
    rule : Definition
        One of `ichor.cohort.expansion.DEFINITIONS`.
    iph_ml, iph_error_ml : array, shape (2, n)
        Parenchymal volume at baseline and at follow-up, mL, and standard deviation of each; an error of 0 is none.
    ivh_ml, ivh_error_ml : array, shape (2, n), optional
        The same of intraventricular hemorrhage; needed by definitions that look at it.
    use_relative : array of bool, shape (n,), optional
        False leaves the rule in percent out.
    iph_correlation, ivh_correlation : float or array, shape (n,), optional
        Correlation of the errors of a patient's two volumes, above -1 and below 1.

    Returns
    -------
    array, shape (n,)
        From 0 to 1; NaN where a volume or an error that is needed is not known. Without any error 0 or 1, as
        `ichor.cohort.expansion.expanded` says.
    """
    (before, after), (before_sd, after_sd) = _pairs(iph_ml), _errors(iph_error_ml)
    relative = np.broadcast_to(np.asarray(use_relative, dtype=bool), before.shape)
    missed = np.ones(before.shape)
    if rule.absolute_ml is not None or rule.relative is not None:
        volumes = Volumes(before, after, before_sd, after_sd, np.asarray(iph_correlation, dtype=float))
        missed = 1.0 - _parenchymal(rule, volumes, relative)
    if rule.ivh_ml is not None:
        volumes = Volumes(*_pairs(ivh_ml), *_errors(ivh_error_ml), np.asarray(ivh_correlation, dtype=float))
        missed = missed * (1.0 - _ventricular(rule, volumes))
    return np.clip(1.0 - missed, 0.0, 1.0)


def _pairs(values: ArrayLike | None) -> np.ndarray:
    if values is None:
        raise ValueError("this definition looks at the ventricles: give ivh_ml and ivh_error_ml")
    return np.asarray(values, dtype=float)


def _errors(values: ArrayLike | None) -> np.ndarray:
    """Errors below any voxel are none."""
    found = _pairs(values)
    return np.where(found < TOLERANCE_ML, 0.0, found)


def _parenchymal(rule: Definition, volumes: Volumes, use_relative: np.ndarray) -> np.ndarray:
    """P(Y >= min(X + a, (1 + r) X)), X and Y truncated at 0; the two lines cross at X = a / r."""
    absolute = math.inf if rule.absolute_ml is None else rule.absolute_ml
    relative = np.where(use_relative, math.inf if rule.relative is None else rule.relative, math.inf)
    crossing = np.where(np.isinf(relative), 0.0, absolute / np.where(np.isinf(relative), 1.0, relative))
    met = np.zeros(volumes.before.shape)
    if rule.relative is not None:  # below the crossing it is met first
        slope = 1.0 + np.where(use_relative, rule.relative, 0.0)
        met = met + _above_line(volumes, slope, 0.0, 0.0, crossing, rule.strict)
    if rule.absolute_ml is not None:
        met = met + _above_line(volumes, 1.0, absolute, crossing, math.inf, rule.strict)
    return met / _both_above_zero(volumes)


def _both_above_zero(volumes: Volumes) -> np.ndarray:
    before, after, before_sd, after_sd, correlation = volumes
    first, second = _above_zero(before, before_sd), _above_zero(after, after_sd)
    exact = (before_sd == 0) | (after_sd == 0)
    both = _bivariate(before / np.where(exact, 1.0, before_sd), after / np.where(exact, 1.0, after_sd), correlation)
    return np.where(exact, first * second, both)


def _above_zero(mean: np.ndarray, sd: np.ndarray) -> np.ndarray:
    """Mass of a normal distribution above 0; all of it without error."""
    return np.where(sd > 0, ndtr(mean / np.where(sd > 0, sd, 1.0)), np.where(np.isnan(sd), math.nan, 1.0))


def _ventricular(rule: Definition, volumes: Volumes) -> np.ndarray:
    """P(max(0, Y) - max(0, X) reaches the limit).

    For the rule "any growth" 0.0 mL found is none, without error: with errors of any size, however small, it would be
    a matter of chance whether two scans without blood differ. Our choice.
    """
    before, after, before_sd, after_sd, correlation = volumes
    if rule.ivh_ml == 0.0:
        before_sd = np.where((before == 0.0) & ~np.isnan(before_sd), 0.0, before_sd)
        after_sd = np.where((after == 0.0) & ~np.isnan(after_sd), 0.0, after_sd)
    volumes = Volumes(before, after, before_sd, after_sd, correlation)
    # X below 0 is none: Y alone has to reach the limit there
    none_before = _above_line(volumes, 0.0, rule.ivh_ml, -math.inf, 0.0, rule.ivh_strict)
    return none_before + _above_line(volumes, 1.0, rule.ivh_ml, 0.0, math.inf, rule.ivh_strict)


def _above_line(
    volumes: Volumes, slope: ArrayLike, offset: float, low: ArrayLike, high: ArrayLike, strict: bool
) -> np.ndarray:
    """P(low <= X < high and Y >= slope X + offset), X (before) and Y (after) normal, not truncated.

    Without error the comparison is that of `ichor.cohort.expansion.reaches`.
    """
    before, after, before_sd, after_sd, correlation = volumes
    gap = after - slope * before - offset  # of the means, above the line
    spread = growth_error_ml(slope * before_sd, after_sd, correlation)
    margin = gap / np.where(spread > 0, spread, 1.0)
    inside = (before >= low) & (before < high)
    reached = gap > TOLERANCE_ML if strict else gap >= -TOLERANCE_ML
    exact_before = inside * np.where(spread > 0, ndtr(margin), reached.astype(float))
    safe_sd = np.where(before_sd > 0, before_sd, 1.0)
    with_gap = (slope * before_sd - correlation * after_sd) / np.where(spread > 0, spread, 1.0)
    both = _bivariate((high - before) / safe_sd, margin, with_gap) - _bivariate(
        (low - before) / safe_sd, margin, with_gap
    )
    unknown = np.isnan(before + after + before_sd + after_sd)
    return np.where(unknown, math.nan, np.where(before_sd > 0, np.maximum(both, 0.0), exact_before))


def _bivariate(first: ArrayLike, second: np.ndarray, correlation: np.ndarray) -> np.ndarray:
    """P(U <= first, V <= second) of correlated standard normal U, V; `first` may be infinite."""
    first = np.broadcast_to(np.asarray(first, dtype=float), second.shape)
    h = np.where(np.isfinite(first), first, 0.0)
    same, opposite = correlation >= ALMOST_ONE, correlation <= -ALMOST_ONE
    rho = np.where(same | opposite, 0.0, correlation)
    root = np.sqrt(1.0 - rho**2)
    with np.errstate(divide="ignore", invalid="ignore"):
        from_h, from_k = (second / h - rho) / root, (h / second - rho) / root
    apart = (h * second < 0) | ((h * second == 0) & (h + second < 0))
    value = 0.5 * (ndtr(h) + ndtr(second)) - owens_t(h, from_h) - owens_t(second, from_k) - 0.5 * apart
    value = np.where((h == 0) & (second == 0), 0.25 + np.arcsin(rho) / (2 * math.pi), value)
    value = np.where(same, ndtr(np.minimum(h, second)), value)
    value = np.where(opposite, np.maximum(ndtr(h) + ndtr(second) - 1.0, 0.0), value)
    return np.where(first == math.inf, ndtr(second), np.where(first == -math.inf, 0.0, value))
