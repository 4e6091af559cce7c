"""When simulated patients die, and how long they are followed."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import special

HOURS_30D, HOURS_90D, HOURS_180D = 720.0, 2160.0, 4320.0
DEATH_SHAPE, DEATH_SCALE_H = 2, 130.0  # our choice: half of the deaths within 30 days fall into the first eleven
LOST = 0.6  # share of the patients without an mRS at 180 days who were not followed until then


def earliest_death_h(rows: pd.DataFrame) -> NDArray:
    """Hours since onset before which nobody dies: after the scans that were made and the operation that was done."""
    scanned = rows["onset_to_followup_ct_h"].where(rows["has_followup"])
    last = pd.concat([rows["onset_to_ct_h"], scanned, rows["onset_to_surgery_h"]], axis=1).max(axis=1)
    return last.to_numpy(float) + 1.0


def share_dead(time_h: ArrayLike, earliest_h: ArrayLike) -> NDArray:
    """Probability that a patient who dies within 30 days is dead at a time: gamma from the earliest time, cut off.

    Parameters
    ----------
    time_h, earliest_h
        Hours since onset; they broadcast.
    """

    def below(hours: NDArray) -> NDArray:
        return special.gammainc(DEATH_SHAPE, np.clip(hours, 0, None) / DEATH_SCALE_H)

    earliest = np.asarray(earliest_h, float)
    return np.clip(below(np.asarray(time_h, float) - earliest) / below(HOURS_30D - earliest), 0, 1)


def draw_deaths(rows: pd.DataFrame, rng: np.random.Generator) -> NDArray:
    """Draw hours from onset to death, NaN for those who live at 180 days.

    Deaths within 30 days follow `share_dead`; those of the scales at 90 and 180 days fall evenly into 30 to 90 and
    90 to 180 days.
    """
    earliest, chance = earliest_death_h(rows), rng.random(len(rows))
    all_of_them = special.gammainc(DEATH_SHAPE, (HOURS_30D - earliest) / DEATH_SCALE_H)
    early = earliest + DEATH_SCALE_H * special.gammaincinv(DEATH_SHAPE, chance * all_of_them)
    middle = HOURS_30D + 1 + chance * (HOURS_90D - HOURS_30D - 1)
    late = HOURS_90D + 1 + chance * (HOURS_180D - HOURS_90D - 1)
    dead_30d, dead_90d, dead_180d = rows["death_30d"] == 1, rows["mrs_90d"] == 6, rows["mrs_180d"] == 6
    hours = np.select([dead_30d, dead_90d, dead_180d], [early, middle, late], np.nan)
    return np.clip(np.round(hours, 1), None, np.where(dead_30d, HOURS_30D, HOURS_180D))


def follow(rows: pd.DataFrame, record: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Return what a center knows of each patient's life: hours to death, hours to the last contact, dead at 180 days.

    Some patients whose record has no mRS at 180 days were not followed so long, whatever became of them: an end of
    follow-up that says nothing of the outcome. None is lost before what the record does hold (the mRS at 90 days, else
    the vital status at 30 days).

    Parameters
    ----------
    rows
        The patients, with `onset_to_death_h`.
    record
        The same patients with the gaps of the center's record.
    rng
        Generator of these draws alone.

    Returns
    -------
    DataFrame
        Index of `rows`; `onset_to_death_h`, `onset_to_last_contact_h` and `death_180d` with None where not known.
    """
    count, death = len(rows), rows["onset_to_death_h"].to_numpy(float)
    lost = (rng.random(count) < LOST) & record["mrs_180d"].isna().to_numpy()
    first = np.where(record["mrs_90d"].isna().to_numpy(), HOURS_30D, HOURS_90D) + 24.0
    end = np.where(lost, rng.uniform(first, HOURS_180D - 24.0), HOURS_180D + rng.uniform(0, 480, count)).round()
    known = death <= end
    out = pd.DataFrame(index=rows.index)
    out["onset_to_death_h"] = np.where(known, death, np.nan)
    out["onset_to_last_contact_h"] = np.where(known, death, end)
    out["death_180d"] = pd.Series(np.where(known, 1, 0), index=rows.index, dtype=object).mask(~known & lost, None)
    return out
