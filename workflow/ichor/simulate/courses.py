"""The simulated time course after admission: six time points with vital signs, scores, volume and laboratory values.

Six time points and three outcomes as Wang 2026 (surgery day, days 1, 3, 7, 14, drain removal); the variables and
the model are our choice.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

STEPS = (("surgery", 0.0), ("day1", 1.0), ("day3", 3.0), ("day7", 7.0), ("day14", 14.0), ("drain_removal", 5.0))


def draw_courses(rows: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Return the time course of every patient until death or day 14, one row a time point, in time order.

    Parameters
    ----------
    rows
        As `ichor.simulate.patients.draw_patients`, with `patient`.

    Returns
    -------
    DataFrame
        patient step day gcs nihss systolic_mmhg heart_rate_bpm temperature_c volume_ml white_cells_1e9_l
        glucose_mmol_l sodium_mmol_l drain; about 4 % of the measurements are missing.
    """
    course = [_course(row, rng) for row in rows.to_dict("records")]
    table = pd.concat(course, ignore_index=True)
    measured = [c for c in table.columns if c not in ("patient", "step", "day", "drain")]
    table[measured] = table[measured].mask(rng.random((len(table), len(measured))) < 0.04)
    return table


def _course(row: dict, rng: np.random.Generator) -> pd.DataFrame:
    """Return one patient's rows; the latent course pulls every measure up or down over time."""
    operated = row["treatment"] != "conservative"
    steps = sorted(STEPS if operated else STEPS[:-1], key=lambda step: step[1])
    last_day = rng.gamma(2.0, 4.0) if row["death_30d"] else np.inf
    steps = [step for step in steps if step[1] <= max(last_day, 0.5)]
    day = np.array([d for _, d in steps])
    count, trend = len(day), -np.clip(row["latent"] - 0.5, -4, 5)
    progress = np.sqrt(day / 14.0)
    remaining = np.exp(-day / (4.0 if operated else 12.0))

    def around(level: object, spread: float, low: float, high: float, decimals: int = 0) -> np.ndarray:
        return np.clip(level + rng.normal(0, spread, count), low, high).round(decimals)

    values = {
        "gcs": around(row["gcs"] + (1.1 * trend + 0.5) * progress, 0.7, 3, 15),
        "nihss": around(row["nihss"] - 2.6 * trend * progress, 1.5, 0, 42),
        "systolic_mmhg": around(138 + (row["systolic_mmhg"] - 138) * np.exp(-day), 10, 60, 260),
        "heart_rate_bpm": around(row["heart_rate_bpm"] - 1.5 * trend * progress, 7, 40, 170),
        "temperature_c": around(36.9 - 0.12 * trend * np.sin(np.pi * progress), 0.3, 34.0, 41.5, 1),
        "volume_ml": (row["followup_iph_ml"] * remaining * rng.lognormal(0, 0.08, count)).round(1),
        "white_cells_1e9_l": around(9.5 - 0.5 * trend * (0.4 + progress), 1.6, 2, 40, 1),
        "glucose_mmol_l": around(row["glucose_mmol_l"] - 0.25 * trend * progress, 0.8, 2.5, 30, 1),
        "sodium_mmol_l": around(139 - 0.5 * trend * progress, 2.5, 115, 165),
    }
    drained = [int(operated and d < 5.0) for d in day]
    frame = pd.DataFrame({"step": [name for name, _ in steps], "day": day, **values, "drain": drained})
    frame.insert(0, "patient", row["patient"])
    return frame
