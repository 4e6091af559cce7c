"""The simulated time course after admission: when readings are made, and the readings until death or day 14.

What is read and how is in `ichor.simulate.course_model`; how each center writes it in `ichor.simulate.course_tables`.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from ichor.simulate.course_model import READINGS, mean_reading, read

VISITS_H = {
    "day1": (25.0, 34.0),
    "day2": (41.0, 47.0),
    "day3": (66.0, 78.0),
    "day7": (148.0, 166.0),
    "day14": (318.0, 334.0),
}
"""Hours since onset between which a visit falls, for every patient."""
AFTER_ADMISSION_H, AFTER_SURGERY_H, DRAINED_H = 0.3, (2.0, 4.0), (66.0, 120.0)
LABORATORY = ("white_cells_10e9_l", "glucose_mmol_l", "sodium_mmol_l")
LABORATORY_VISITS = ("admission", "day1", "day3", "day7", "day14")
NEVER_MISSED = {("nihss", visit) for visit in ("day1", "day2", "day7")}  # so that a patient who lives has a label
CONTROL_SCANS = {"day3": 0.5, "day7": 0.8, "day14": 0.5}  # share of the patients with a control scan at the visit
MISSED_VISIT, MISSED_READING = 0.06, 0.06
MISSABLE = ("surgery", "day3", "day14")
VOLUME_SPREAD = 0.06  # of the logarithm
FADES_H = {True: 110.0, False: 330.0}  # after which a third of the hematoma is left: operated on, and not
WEEK_H = 166.0
STAYS_H = 6.0  # so long after the follow-up scan nothing is seen to fade


def draw_courses(rows: pd.DataFrame, rng: np.random.Generator, kept: frozenset[str] | None = None) -> pd.DataFrame:
    """Return the readings of every patient until day 14, should the patient live so long (`until_death`).

    Parameters
    ----------
    rows
        As `ichor.simulate.center.draw_center_patients`, with `leading_signs`.
    rng
        Generator of these draws alone.
    kept
        Visits that the center makes; all of `visits_of` by default.

    Returns
    -------
    DataFrame
        patient visit time_h variable value, in order of time; scores at admission are those of the record. The drain
        is 1 while it lies and 0 when it is out.
    """
    parts = [part for row in rows.to_dict("records") for part in _course(row, rng, kept)]
    return pd.DataFrame(parts, columns=["patient", "visit", "time_h", "variable", "value"])


def until_death(courses: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """Return the readings that were made: those before the patient's death."""
    death = courses["patient"].map(rows.set_index("patient")["onset_to_death_h"])
    return courses[~(courses["time_h"] >= death)].reset_index(drop=True)


def visits_of(row: dict, rng: np.random.Generator) -> dict[str, float]:
    """Draw the visits of a patient, should the patient live: name to hours since onset, in order of time."""
    times = {"admission": row["onset_to_ct_h"] + AFTER_ADMISSION_H}
    times |= {name: rng.uniform(*between) for name, between in VISITS_H.items()}
    if row["treatment"] != "conservative":
        times["surgery"] = row["onset_to_surgery_h"] + rng.uniform(*AFTER_SURGERY_H)
        times["drain_removal"] = times["surgery"] + rng.uniform(*DRAINED_H)
    return {name: round(float(time), 1) for name, time in sorted(times.items(), key=lambda item: item[1])}


def _course(row: dict, rng: np.random.Generator, kept: frozenset[str] | None) -> list[tuple]:
    """Return one patient's readings; draws do not depend on what the center keeps."""
    visits, out = visits_of(row, rng), []
    for visit, time in visits.items():
        missed = rng.random() < MISSED_VISIT and visit in MISSABLE
        noise = rng.normal(size=len(READINGS))
        gap = rng.random(len(READINGS) + 1) < MISSED_READING
        scanned, volume_noise = rng.random() < CONTROL_SCANS.get(visit, 0.0), rng.normal()
        if missed or (kept is not None and visit not in kept):
            continue
        for place, variable in enumerate(READINGS):
            if visit == "admission":
                if (value := _at_admission(variable, row)) is not None:
                    out.append((row["patient"], visit, time, variable, value))
            elif _is_read(variable, visit, time) and not (gap[place] and (variable, visit) not in NEVER_MISSED):
                mean = mean_reading(variable, time, row, row["latent"], row["leading_signs"], row["expansion"])
                out.append((row["patient"], visit, time, variable, float(read(variable, mean, noise[place]))))
        if scanned and time > row["onset_to_followup_ct_h"]:
            volume = volume_left(row, time) * np.exp(VOLUME_SPREAD * volume_noise)
            out.append((row["patient"], visit, time, "iph_ml", round(volume, 1)))
        if "surgery" in visits and visits["surgery"] <= time:
            out.append((row["patient"], visit, time, "drain", float(time < visits["drain_removal"])))
    return out


def _is_read(variable: str, visit: str, time_h: float) -> bool:
    """Whether a visit includes a reading: no blood is taken for an operation, no score when a drain is out late."""
    if variable in LABORATORY:
        return visit in LABORATORY_VISITS
    return not (READINGS[variable].score and visit == "drain_removal" and time_h > WEEK_H)


def _at_admission(variable: str, row: dict) -> float | None:
    """Return what the record says too, so that it tells nothing more."""
    return None if variable == "nihss_motor" else float(row[READINGS[variable].at_admission])


def volume_left(row: dict, time_h: float) -> float:
    """Return the volume of the hematoma, mL, at a time after the follow-up scan, without the error of measurement."""
    since = max(time_h - row["onset_to_followup_ct_h"] - STAYS_H, 0.0)
    return row["followup_iph_ml"] * float(np.exp(-since / FADES_H[row["treatment"] != "conservative"]))
