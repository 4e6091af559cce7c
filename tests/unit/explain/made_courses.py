"""Courses whose outcomes hang on two variables of five and on age."""

import numpy as np
import pandas as pd

from ichor.cohort.sequences import SequenceSet

VARIABLES = ("gcs", "glucose_mmol_l", "iph_ml", "sodium_mmol_l", "temperature_c")
TARGETS = ("survival_30d", "survival_180d", "good_180d")
STEPS, HOURS = ("surgery", "day1", "day3", "day7"), (12.0, 36.0, 84.0, 180.0)


def made_courses(n=160, seed=0):
    rng = np.random.default_rng(seed)
    health = rng.normal(size=n)
    level = rng.normal(size=(n, len(STEPS), len(VARIABLES)))
    level[:, :, 0] = 11 + 2 * health[:, None] + 0.5 * level[:, :, 0]
    level[:, :, 2] = np.exp(3 - 0.4 * health[:, None] + 0.3 * level[:, :, 2])
    level[rng.random(level.shape) < 0.2] = np.nan
    age = rng.normal(62, 12, n)
    draw, risk = rng.random(n), 1.6 * health - 0.04 * (age - 62)
    outcome = np.stack([draw < 1 / (1 + np.exp(-risk - more)) for more in (2.2, 1.6, 0.0)], axis=-1)
    death = np.where(outcome[:, 0], np.inf, rng.uniform(30, 600, n))
    at_risk = np.array(HOURS) < death[:, None]
    labels = np.where(at_risk[:, :, None], outcome[:, None, :].astype(float), np.nan)
    roles = np.array(["train", "train", "train", "tune", "test"])[np.arange(n) % 5]
    patients = pd.DataFrame({"split": "external", "patient": [f"p{row:04d}" for row in range(n)]})
    patients = patients.assign(center=np.where(np.arange(n) % 2, "north", "south"), role=roles, age_years=age)
    patients.loc[2, "age_years"] = np.nan
    steps = np.tile(np.array(STEPS, dtype=object), (n, 1))
    times = np.tile(np.array(HOURS, dtype=np.float32), (n, 1))
    values, labels = level.astype(np.float32), labels.astype(np.float32)
    return SequenceSet(patients, steps, times, values, VARIABLES, at_risk, labels, TARGETS, True)


def tables_of(courses):
    """Tables trajectory_steps and trajectory_values of courses."""
    row, place = np.nonzero(courses.steps != "")
    steps = courses.patients[["split", "patient", "center", "role"]].iloc[row].reset_index(drop=True)
    steps = steps.assign(step=courses.steps[row, place], position=place, time_h=courses.time_h[row, place])
    steps = steps.assign(at_risk=courses.at_risk[row, place].astype(int), followup_h=None, death_h=None)
    for number, target in enumerate(courses.targets):
        steps[f"label_{target}"] = pd.Series(courses.labels[row, place, number]).astype("Int64")
    row, place, variable = np.nonzero(np.isfinite(courses.values))
    values = pd.DataFrame({"patient": courses.patients["patient"].to_numpy()[row], "step": courses.steps[row, place]})
    values = values.assign(position=place, variable=np.array(courses.variables)[variable])
    return steps, values.assign(value=courses.values[row, place, variable].astype(float))
