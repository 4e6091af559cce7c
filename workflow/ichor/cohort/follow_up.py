"""Until when each patient was followed, when the patient died, and the outcomes of a trajectory that follow from both.

Death within a horizon and a scale at a later time say something of each other: who has an mRS of 3 at 180 days was
alive until then, who was dead at 30 days is dead at 180. Everything that a record says is used; where two things cannot
both be true, nothing of that patient is.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from ichor.cohort.dictionary import variables
from ichor.errors import StudyError

HORIZONS_H = {"survival_30d": 720.0, "survival_180d": 4320.0}
"""Target -> its horizon, hours since onset."""
GOOD = "good_180d"
TARGETS = (*HORIZONS_H, GOOD)
"""Targets of a trajectory, each implying the one before (Wang 2026: survival at 30 and 180 days, mRS 0-3)."""
TIMES_H = {"30d": 720.0, "90d": 2160.0, "180d": 4320.0, "365d": 8760.0}
DEAD = {"death": 1, "mrs": 6, "gos": 1, "gose": 1}
"""Scale -> its value that means death."""
CLOCK_H = 24.0
"""Times that differ by less do not contradict each other: many tables hold dates without a time. Our choice."""


def good_rule(good: Mapping) -> tuple[str, tuple[int, ...]]:
    """Variable and values of the good outcome at 180 days, from the config.

    Parameters
    ----------
    good : mapping
        ``trajectory.good``: ``variable`` (a scale at 180 days) and ``good`` (some of its values, not that of the dead).

    Raises
    ------
    StudyError
        If the values are not on the scale, or death is among them.
    """
    name, values = good["variable"], tuple(good["good"])
    scale, _, time = name.partition("_")
    if scale not in DEAD or scale == "death" or time != "180d":
        raise StudyError(f"config: trajectory.good.variable: found {name}, expected mrs_180d, gos_180d or gose_180d.")
    low, high = int(variables()[name].minimum), int(variables()[name].maximum)
    wrong = [value for value in values if not low <= value <= high or value == DEAD[scale]]
    if wrong or not values:
        raise StudyError(
            f"config: trajectory.good.good: found {list(values)}, expected values of {name} from {low} to {high} "
            f"without {DEAD[scale]}, which is death."
        )
    return name, values


def follow_up(patients: pd.DataFrame, last_seen_h: pd.Series | None = None) -> pd.DataFrame:
    """Time of death and end of follow-up of each patient.

    Parameters
    ----------
    patients : DataFrame
        Table ``patients`` or ``cohort``.
    last_seen_h : Series, optional
        Index of `patients`: hours from onset to a later proof of life, such as the last measurement; NaN = none.

    Returns
    -------
    DataFrame
        Index of `patients`. ``death_h``: hours from onset to death, NaN for the living and where it is not known.
        ``dead_by_h``: hours by which the patient was dead, inf where no death is known. ``alive_until_h``: hours
        until which the patient was alive for certain. ``followup_h``: until when it is known whether the patient lived:
        ``death_h``, else ``alive_until_h``. ``contradicts``: what is recorded cannot all be true; the other columns
        are then empty.
    """
    death = _numbers(patients, "onset_to_death_h").fillna(_numbers(patients, "onset_to_death_days") * 24.0)
    contact = _numbers(patients, "onset_to_last_contact_h")
    alive_by_scale, dead_by_scale = _from_scales(patients)
    alive = np.fmax(contact.fillna(0.0), alive_by_scale)
    contradicts = (alive_by_scale >= dead_by_scale) | (contact > dead_by_scale + CLOCK_H)
    contradicts |= (alive > death + CLOCK_H) | (death > dead_by_scale + CLOCK_H)
    dead_by = np.fmin(dead_by_scale, death)
    if last_seen_h is not None:
        alive = np.fmax(alive, last_seen_h)
    alive = np.fmin(alive, dead_by)
    found = pd.DataFrame(
        {
            "death_h": death,
            "dead_by_h": dead_by,
            "alive_until_h": alive,
            "followup_h": death.fillna(alive),
        },
        index=patients.index,
    )
    found = found.mask(contradicts)
    found["contradicts"] = contradicts
    return found


def _from_scales(patients: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """Hours until which the scales show a patient alive (0: they do not), and by which dead (inf: they do not)."""
    alive = pd.Series(0.0, index=patients.index)
    dead_by = pd.Series(np.inf, index=patients.index)
    for scale, dead in DEAD.items():
        for time, hours in TIMES_H.items():
            value = _numbers(patients, f"{scale}_{time}")
            alive = alive.mask(value.notna() & (value != dead), np.maximum(alive, hours))
            dead_by = dead_by.mask(value == dead, np.minimum(dead_by, hours))
    return alive, dead_by


def outcomes(patients: pd.DataFrame, followed: pd.DataFrame, good: Mapping) -> pd.DataFrame:
    """Outcomes of each patient, whatever the step.

    Parameters
    ----------
    patients : DataFrame
        Table ``patients`` or ``cohort``.
    followed : DataFrame
        Of `follow_up`.
    good : mapping
        See `good_rule`.

    Returns
    -------
    DataFrame
        Index of `patients`; a column per target of `TARGETS`: 1 alive (good), 0 not, NaN where it is not known. A good
        outcome implies survival; of the dead none is good.
    """
    found = {}
    for target, horizon_h in HORIZONS_H.items():
        dead = followed["dead_by_h"] <= horizon_h
        alive = (followed["alive_until_h"] >= horizon_h) | (followed["death_h"] > horizon_h)
        found[target] = pd.Series(np.where(dead, 0.0, np.where(alive, 1.0, np.nan)), index=patients.index)
    name, values = good_rule(good)
    scale = _numbers(patients, name)
    is_good = scale.isin(values).astype(float).where(scale.notna()).mask(followed["contradicts"])
    found[GOOD] = is_good.mask(found["survival_180d"] == 0, 0.0)
    return pd.DataFrame(found)


def _numbers(patients: pd.DataFrame, name: str) -> pd.Series:
    if name not in patients:
        return pd.Series(np.nan, index=patients.index)
    return pd.to_numeric(patients[name]).astype(float)
