"""True risk of an early neurological deterioration of simulated patients, from the record, the scan and the report.

As `cohort.deterioration` of the config has it by default: a patient deteriorates when a reading of the first seven days
is 4 points of the NIHSS above, or 2 points of the GCS below, the one at admission (Diagnostics 2024;14:308), early when
a reading of the first 48 hours is; "no deterioration" needs a reading in the second half of the time. Given the latent
number, the expansion and the leading signs, readings are independent, so the probability that none of them is so bad is
a product of normal distribution functions, averaged over what is not known.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ichor.simulate.course_model import DEAD_ABOVE, SIGNS, mean_reading, no_worse_than
from ichor.simulate.course_risks import Belief, latent_grid
from ichor.simulate.followup import share_dead

TARGETS = ("deterioration_7d", "deterioration_early", "deterioration_late")
NIHSS_RISE, GCS_FALL, WITHIN_H, EARLY_H, COVERED = 4, 2, 168.0, 48.0, 0.5


def is_bad(readings: pd.DataFrame, within_h: float = WITHIN_H) -> pd.Series:
    """Whether each patient's readings up to a time hold a deterioration: index patient, True or False.

    Parameters
    ----------
    readings
        Rows of `ichor.simulate.courses.draw_courses` of one or many patients, each with scores at admission.
    within_h
        Hours since onset.
    """
    scores = readings[readings["variable"].isin(("gcs", "nihss")) & (readings["time_h"] <= within_h)]
    first = scores[scores["visit"] == "admission"].set_index(["patient", "variable"])["value"]
    start = first.reindex(pd.MultiIndex.from_frame(scores[["patient", "variable"]])).to_numpy()
    change = scores["value"].to_numpy() - start
    bad = np.where(scores["variable"] == "nihss", change >= NIHSS_RISE, change <= -GCS_FALL)
    return pd.Series(bad, index=scores["patient"].to_numpy()).groupby(level=0, sort=False).any()


def deterioration_risks(
    row: Mapping, planned: pd.DataFrame, earliest_death_h: float, signs: int | None
) -> dict[str, float]:
    """Return the probability of each of `TARGETS` of a patient who has a label of it.

    Parameters
    ----------
    row
        The patient: the record, `outcome_logit` and `risk_expansion`.
    planned
        Readings that are made should the patient live: visit time_h variable.
    earliest_death_h
        As `ichor.simulate.followup.earliest_death_h`.
    signs
        Number of leading signs that the report names; None without a report.

    Returns
    -------
    dict
        Of the whole week, of its first 48 hours, and of the rest for those who were not worse early. Who dies before
        the reading that "no deterioration" needs, and was not seen worse, has no label and does not count.
    """
    scores: dict[float, list[str]] = {}
    for one in sorted(planned.to_dict("records"), key=lambda one: one["time_h"]):
        if one["variable"] in ("gcs", "nihss") and one["visit"] != "admission":
            scores.setdefault(one["time_h"], []).append(one["variable"])
    mass = Belief.at_admission(row, signs).mass
    worse, good = _worse_and_good(row, scores, earliest_death_h, WITHIN_H, mass)
    worse_early, good_early = _worse_and_good(row, scores, earliest_death_h, EARLY_H, mass)
    pairs = zip(TARGETS, ((worse, good), (worse_early, good_early), (worse - worse_early, good)), strict=True)
    return {name: float(np.clip(bad / (bad + fine), 0, 1)) if bad + fine > 0 else 0.0 for name, (bad, fine) in pairs}


def _worse_and_good(
    row: Mapping, scores: dict[float, list[str]], earliest_h: float, within_h: float, mass: NDArray
) -> tuple[float, float]:
    """Probability that a reading up to a time is bad, and that none is and one of the second half was made.

    `scores` are hours since onset, in order, with the scores that are read then.
    """
    grid = latent_grid()
    signs, expansion = np.arange(SIGNS + 1)[:, None, None], np.arange(2)[None, :, None]
    still_good = np.ones((SIGNS + 1, 2, grid.size))  # of all readings until now, should the patient live
    died_unseen, died_uncovered = np.zeros_like(still_good), np.zeros_like(still_good)
    dead_before, covered = 0.0, False
    for time, made in [item for item in scores.items() if item[0] <= within_h]:
        dead = float(share_dead(time, earliest_h))
        died_unseen = died_unseen + (dead - dead_before) * still_good
        dead_before = dead
        if not covered and time >= COVERED * within_h:
            covered, died_uncovered = True, died_unseen
        for variable in made:
            mean = mean_reading(variable, time, row, grid[None, None, :], signs, expansion)
            still_good = still_good * no_worse_than(variable, _worst_allowed(variable, row), mean)
    died_unseen = died_unseen + (1 - dead_before) * still_good
    lives = grid < DEAD_ABOVE
    not_worse = (mass * np.where(lives, still_good, died_unseen)).sum()
    unlabelled = (mass * np.where(lives, 0.0, died_uncovered)).sum() if covered else not_worse
    return 1 - not_worse, not_worse - unlabelled


def _worst_allowed(variable: str, row: Mapping) -> float:
    return row["nihss"] + NIHSS_RISE - 1 if variable == "nihss" else row["gcs"] - GCS_FALL + 1
