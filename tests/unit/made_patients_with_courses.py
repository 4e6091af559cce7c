"""Patients with time courses whose outcomes follow a severity that the values show, as the tables of one split."""

import numpy as np
import pandas as pd

from ichor.cohort.sequences import SequenceSet, sequences_of
from ichor.cohort.targets import TRAJECTORY

STEPS = {"surgery": 12.0, "day1": 36.0, "day3": 108.0, "day7": 228.0, "drain_removal": 300.0}
VARIABLES = ("gcs", "nihss", "sodium_mmol_l")


def made_tables(n: int = 90, seed: int = 0) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Tables ``trajectory_steps``, ``trajectory_values`` and ``cohort``; roles train, tune and test in turn 6 : 2 : 2.

    A third of the values are gaps, patients have two to five steps, every tenth patient dies within three days, and
    every twelfth is lost after 30 days.
    """
    rng = np.random.default_rng(seed)
    names, hours = list(STEPS), np.array(list(STEPS.values()))
    severity = rng.normal(size=n)
    chances = [1 / (1 + np.exp(-(start - 1.5 * severity))) for start in (3.0, 2.5, 1.0)]
    lived, longer, well = (rng.random(n) < chance for chance in chances)
    steps, values, cohort = [], [], []
    for number in range(n):
        patient, role = f"p{number:03d}", ["train"] * 6 + ["tune"] * 2 + ["test"] * 2
        who = {"split": "external", "patient": patient, "center": "aurora", "role": role[number % 10]}
        cohort.append(who | {"age_years": float(np.round(65 + 8 * rng.normal())), "gcs": 15})
        early = number % 10 == 9
        labels = [int(lived[number] and not early), int(longer[number]), int(well[number])]
        labels = np.minimum.accumulate(labels).tolist()
        lost = number % 12 == 5 and labels[0] == 1
        for position in range(2 + number % 4):
            dead = early and hours[position] >= 72
            known = [None if dead or (lost and place) else label for place, label in enumerate(labels)]
            row = dict(who, step=names[position], position=position, time_h=hours[position], at_risk=int(not dead))
            row |= {"followup_h": 72.0 if early else 5000.0, "death_h": 72.0 if early else None}
            steps.append(row | {f"label_{target}": label for target, label in zip(TRAJECTORY, known, strict=True)})
            shown = [10 - 3 * severity[number], 14 + 6 * severity[number], 140.0] + rng.normal(size=3) * [1, 2, 3]
            for variable, value in zip(VARIABLES, shown, strict=True):
                if not dead and rng.random() > 1 / 3:
                    at = {"patient": patient, "step": names[position], "position": position}
                    values.append(at | {"variable": variable, "value": value})
    return pd.DataFrame(steps), pd.DataFrame(values), pd.DataFrame(cohort)


def made_courses(n: int = 90, seed: int = 0) -> SequenceSet:
    """The same as arrays."""
    steps, values, cohort = made_tables(n, seed)
    return sequences_of(steps, values, cohort, VARIABLES, ["age_years"], TRAJECTORY, nested=True)
