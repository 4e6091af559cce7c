"""Measures that make up for follow-up that ends before the horizon: inverse probability of censoring weights.

A patient who is lost before the horizon has no label, and leaving such patients out favors those who died: a death is
known at once, survival only at the horizon. Here every patient whose outcome was settled stands for those who were
lost while still at risk: the weight is one over the probability of not having been lost by the time at which the
outcome was settled. It is estimated from the same patients by a Kaplan-Meier curve of being lost, without covariates:
whoever is lost is taken to be like those at risk who were not.

Robins & Finkelstein, Biometrics 2000;56:779-788 (weights). Satten & Datta, Am Stat 2001;55:207-210: the weighted
share of deaths is exactly one minus the Kaplan-Meier estimate of survival. Uno et al., J Am Stat Assoc
2007;102:527-537 (AUC). Graf et al., Stat Med 1999;18:2529-2545 (Brier score).
"""

import math
from typing import NamedTuple

import numpy as np

from ichor.evaluation.bootstrap import Resamples, percentile_interval, weighted_auc
from ichor.evaluation.intervals import Estimate, undefined
from ichor.reasons import Reason

QUANTITIES = ("auc_ipcw", "brier_ipcw", "observed_expected_ipcw", "prevalence_ipcw")
DIED, LOST, SETTLED = 0, 1, 2  # order of what happens at one time: a death comes before a loss


class Course(NamedTuple):
    """When and how the follow-up of each of n patients ended, as far as a horizon; see `course_of`."""

    time_h: np.ndarray
    ending: np.ndarray


def course_of(labels: np.ndarray, death_h: np.ndarray, followup_h: np.ndarray, horizon_h: float) -> Course:
    """When and how the follow-up of patients at risk ended, as far as `horizon_h`.

    Parameters
    ----------
    labels : array, shape (n,)
        Label of the target at the horizon, 0 or 1; NaN where it is unknown.
    death_h, followup_h : array, shape (n,)
        Hours from onset to death and to the last contact; NaN where there is none or it is unknown.
    horizon_h : float
        Horizon of the target, hours from onset.

    Returns
    -------
    Course
        Who has a label and died by the horizon: `DIED` at that time. Who has a label otherwise: `SETTLED` at the
        horizon. Who has none: `LOST` at the last contact, at the horizon at the latest; at time 0 (before anybody
        else) where not even that is known.
    """
    labels, death_h, followup_h = (np.asarray(values, dtype=float) for values in (labels, death_h, followup_h))
    known, died = np.isfinite(labels), np.nan_to_num(death_h, nan=math.inf) <= horizon_h
    ending = np.where(~known, LOST, np.where(died, DIED, SETTLED))
    last = np.minimum(np.nan_to_num(followup_h, nan=0.0), horizon_h)
    return Course(np.where(ending == DIED, death_h, np.where(ending == LOST, last, horizon_h)), ending)


def censoring_weights(course: Course, draws: np.ndarray | None = None) -> np.ndarray:
    """Weight of each patient: 0 for the lost, else one over the probability of not having been lost before.

    Parameters
    ----------
    course : Course
        Of n patients.
    draws : array, shape (m, n), optional
        How often each patient was drawn in each of m resamples, each of which has its own curve of being lost.
        Without it, one row of ones.

    Returns
    -------
    array, shape (m, n)
        Weights, not yet multiplied by `draws`. Without anybody lost they are 1.
    """
    draws = np.ones((1, len(course.time_h))) if draws is None else draws
    order = np.lexsort((course.ending, course.time_h))
    time_h, ending, drawn = course.time_h[order], course.ending[order], draws[:, order]
    starts = np.flatnonzero(np.r_[True, (np.diff(time_h) != 0) | (np.diff(ending) != 0)])
    group = np.searchsorted(starts, np.arange(time_h.size), side="right") - 1
    at_risk = np.cumsum(drawn[:, ::-1], axis=1)[:, ::-1][:, starts]
    lost = np.add.reduceat(drawn * (ending == LOST), starts, axis=1)
    stays = 1 - np.divide(lost, at_risk, out=np.zeros_like(lost), where=at_risk > 0)
    before = np.cumprod(np.c_[np.ones(len(drawn)), stays[:, :-1]], axis=1)[:, group]
    counted = (ending != LOST) & (before > 0)
    weights = np.empty_like(drawn)
    weights[:, order] = np.divide(1.0, before, out=np.zeros_like(before), where=counted)
    return weights


def survival_aware(
    labels: np.ndarray, probabilities: np.ndarray, course: Course, resamples: Resamples
) -> dict[str, Estimate]:
    """AUC, Brier score, O/E and share of events with censoring weights.

    Parameters
    ----------
    labels : array, shape (n,)
        0, 1, or NaN for the patients who were lost.
    probabilities : array, shape (n,)
        Predicted probability of label 1; those of lost patients are not read.
    course : Course
        Of the same patients.
    resamples : Resamples
        Of the n patients; the weights are estimated again in each resample.

    Returns
    -------
    dict
        Quantity of `QUANTITIES` -> estimate with percentile interval; `n` counts the patients at risk, `events` those
        with label 1. All are missing with `NOBODY_FOLLOWED` when patients were lost and nobody was followed to the
        horizon: then the weights cannot stand for the lost. Where nobody was lost, they are the usual ones.
    """
    settled = course.ending != LOST
    y = np.where(settled, np.nan_to_num(np.asarray(labels, dtype=float)), 0.0)
    p = np.where(settled, np.asarray(probabilities, dtype=float), 0.0)
    counts = {"n": int(y.size), "events": int(y.sum())}
    whole = censoring_weights(course)
    if not y.size or (not settled.all() and not math.isclose(whole.sum(), y.size, rel_tol=1e-9)):
        return dict.fromkeys(QUANTITIES, undefined(Reason.NOBODY_FOLLOWED)._replace(**counts))

    def all_of(draws: np.ndarray) -> np.ndarray:
        weights = draws * censoring_weights(course, draws)
        sums = [weights @ values for values in ((p - y) ** 2, y, p, np.ones(y.size))]
        brier, events, expected, total = sums
        total = np.where(np.isclose(total, draws.sum(axis=1)), total, math.nan)  # nobody drawn was followed to the end
        parts = [_ratio(brier, total), _ratio(events, expected), _ratio(events, total)]
        return np.stack([weighted_auc(y, p, weights), *parts], axis=1)

    found = all_of(np.ones((1, y.size)))[0]
    drawn = resamples.values(all_of).reshape(-1, len(QUANTITIES))
    out = {}
    for place, name in enumerate(QUANTITIES):
        value = percentile_interval(found[place], drawn[:, place])
        out[name] = (value if math.isfinite(found[place]) else undefined(Reason.ONE_CLASS))._replace(**counts)
    return out


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.full(whole.shape, math.nan), where=whole > 0)
