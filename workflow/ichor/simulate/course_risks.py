"""True risks of simulated courses: the probability of each end given what a course shows up to a step.

A patient's latent number is ``outcome_logit + 1.5 expansion + a standard logistic number`` (`ichor.simulate.patients`),
and readings are independent given it (`ichor.simulate.course_model`). So by Bayes' rule the risk is a ratio of two
integrals over one number, summed over expansion (until a scan shows it) and over the leading signs that only the
report tells. The integrals are sums over narrow cells of the latent number: the mass of each cell is exact, a cell's
edge lies where death begins, and inside a cell all else is smooth. No approximation but the cells' width is made.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special, stats

from ichor.simulate.course_model import DEAD_ABOVE, READINGS, SIGNS, log_probability, mean_reading, sign_shares
from ichor.simulate.followup import HOURS_30D, share_dead
from ichor.simulate.patients import OUTCOME_EXTRA

TARGETS = ("survival_30d", "survival_180d", "good_180d")
LANDMARKS_H = {"surgery": 12.0, "day1": 36.0, "day3": 108.0, "day7": 228.0, "day14": 444.0}
"""Ends of the windows of the config's time points, hours since onset; the drain's removal is at its own time."""
EVENT_STEP = "drain_removal"
CELL, LOWEST, HIGHEST = 0.1, -14.0, 16.0  # of the latent number, around `DEAD_ABOVE`
SHIFT_90D, SPREAD_90D, SHIFT_180D, SPREAD_180D, GOOD_BELOW = -0.35, 0.6, -0.4, 0.3, -0.2
"""How `ichor.simulate.patients` reads the mRS at 90 and at 180 days from the latent number, and where mRS 0-3 ends."""


@cache
def latent_edges() -> NDArray:
    """Edges of the cells of the latent number; one of them is where death begins."""
    below = DEAD_ABOVE - CELL * np.arange(round((DEAD_ABOVE - LOWEST) / CELL), 0, -1)
    return np.concatenate([below, DEAD_ABOVE + CELL * np.arange(round((HIGHEST - DEAD_ABOVE) / CELL) + 1)])


@cache
def latent_grid() -> NDArray:
    """Middles of the cells, shape (g,)."""
    edges = latent_edges()
    return (edges[:-1] + edges[1:]) / 2


def prior_mass(mean: float) -> NDArray:
    """Mass of each cell for a standard logistic number around `mean`; the outermost cells take the tails."""
    inner = special.expit(latent_edges()[1:-1] - mean)
    return np.diff(np.concatenate([[0.0], inner, [1.0]]))


@cache
def end_given_latent() -> NDArray:
    """Probability of the three ends of `TARGETS` given the latent number, shape (3, g).

    Alive at 30 days is below `DEAD_ABOVE`. Alive at 180 days needs the number plus the 90-day noise, and this plus the
    180-day noise, to stay below it too; a good outcome needs the last to stay below `GOOD_BELOW`. The integral over
    the 90-day noise is taken by Gauss-Legendre quadrature, the one over the 180-day noise is a distribution function.
    """
    grid = latent_grid()
    nodes, weights = np.polynomial.legendre.leggauss(80)
    alive = (grid < DEAD_ABOVE).astype(float)
    top = np.clip((DEAD_ABOVE - SHIFT_90D - grid) / SPREAD_90D, -9, 9)  # the 90-day noise stays below it
    noise = -9 + (nodes[:, None] + 1) / 2 * (top + 9)
    density = weights[:, None] * (top + 9) / 2 * stats.norm.pdf(noise)
    at_180d = grid + SHIFT_90D + SHIFT_180D + SPREAD_90D * noise
    ends = [alive * (density * special.ndtr((cut - at_180d) / SPREAD_180D)).sum(0) for cut in (DEAD_ABOVE, GOOD_BELOW)]
    return np.stack([alive, *ends])


@dataclass(frozen=True)
class Belief:
    """What an ideal reader knows before the course: cells of the latent number by signs and expansion.

    Attributes
    ----------
    mass : array, shape (SIGNS + 1, 2, g)
        Prior probabilities; they sum to 1.
    """

    mass: NDArray

    @classmethod
    def at_admission(cls, row: Mapping, signs: int | None = None) -> Belief:
        """Belief of who knows all that the record and the scan tell, and `signs` if the report was read."""
        shares = sign_shares() if signs is None else (np.arange(SIGNS + 1) == signs).astype(float)
        grows = float(row["risk_expansion"])
        mean = float(row["outcome_logit"])
        cells = np.stack([(1 - grows) * prior_mass(mean), grows * prior_mass(mean + OUTCOME_EXTRA["growth"])])
        return cls(shares[:, None, None] * cells)


def steps_of(readings: list[dict]) -> dict[str, float]:
    """Landmark times, hours, of the steps that a patient with such readings can have, in order of time."""
    out = [one["time_h"] for one in readings if one["variable"] == "drain" and one["value"] == 0]
    steps = LANDMARKS_H | ({EVENT_STEP: min(out)} if out else {})
    return dict(sorted(steps.items(), key=lambda item: item[1]))


def course_risks(row: Mapping, readings: pd.DataFrame, earliest_death_h: float) -> list[dict]:
    """Return the probability of each end of `TARGETS` at every step at which the patient lives.

    Parameters
    ----------
    row
        The patient: the record, `outcome_logit`, `risk_expansion`, `expansion`, `has_followup`, `onset_to_death_h`.
    readings
        The patient's readings as the center keeps them: visit time_h variable value.
    earliest_death_h
        As `ichor.simulate.followup.earliest_death_h`.

    Returns
    -------
    list of dict
        step target risk: the probability of being alive at 30 and at 180 days and of a good outcome then, given the
        record, every reading before the landmark and that the patient lives at the landmark. Expansion is known from
        the follow-up scan on, or from a later volume, which tells it apart beyond doubt.
    """
    belief, ends, made = Belief.at_admission(row).mass, end_given_latent(), readings.to_dict("records")
    log_seen, out, read_until = np.zeros_like(belief), [], 0.0
    for step, landmark in steps_of(made).items():
        if row["onset_to_death_h"] <= landmark:
            break
        until = landmark + 1e-6 if step == EVENT_STEP else landmark  # the end of a window is not in it
        new = [one for one in made if read_until <= one["time_h"] < until]
        log_seen, read_until = log_seen + _log_likelihood(row, new), until
        weight = belief * np.exp(log_seen - log_seen.max()) * _alive_at(landmark, earliest_death_h)
        if _expansion_known(row, made, until):
            weight = weight[:, [int(row["expansion"])]]
        cells = weight.sum(axis=(0, 1))
        chances = np.clip(ends @ cells / cells.sum(), 0, 1)
        out += [dict(step=step, target=name, risk=chance) for name, chance in zip(TARGETS, chances, strict=True)]
    return out


def _log_likelihood(row: Mapping, readings: list[dict]) -> NDArray:
    """Log-likelihood of readings, shape (SIGNS + 1, 2, g); those at admission repeat the record and tell nothing."""
    grid = latent_grid()[None, None, :]
    signs, expansion = np.arange(SIGNS + 1)[:, None, None], np.arange(2)[None, :, None]
    total = np.zeros((SIGNS + 1, 2, grid.size))
    for one in readings:
        if one["visit"] != "admission" and one["variable"] in READINGS:
            mean = mean_reading(one["variable"], one["time_h"], row, grid, signs, expansion)
            total += log_probability(one["variable"], one["value"], mean)
    return total


def _alive_at(time_h: float, earliest_h: float) -> NDArray:
    """Probability of being alive at a time within 30 days, for each cell of the latent number."""
    if time_h >= HOURS_30D:
        raise ValueError(f"landmark {time_h:g} h: risks are known until {HOURS_30D:g} h")
    return np.where(latent_grid() < DEAD_ABOVE, 1.0, 1.0 - share_dead(time_h, earliest_h))


def _expansion_known(row: Mapping, readings: list[dict], until_h: float) -> bool:
    scanned = bool(row["has_followup"]) and row["onset_to_followup_ct_h"] < until_h
    return scanned or any(one["variable"] == "iph_ml" and one["time_h"] < until_h for one in readings)
