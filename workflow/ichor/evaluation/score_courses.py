"""Mean of a score over the days, for groups of patients."""

import math

import numpy as np
import pandas as pd
from scipy.stats import t as student

DAYS = (
    ("Day 1", 12.0, 36.0),
    ("Day 2", 36.0, 60.0),
    ("Day 3", 60.0, 108.0),
    ("Day 7", 108.0, 228.0),
    ("Day 14", 228.0, 360.0),
)
"""Name, start and end of each window, hours since onset; its last score counts. Our choice."""
ADMISSION = "Admission"
COLUMNS = ["group", "day", "position", "n", "mean", "low", "high"]


def score_by_group(courses: pd.DataFrame, people: pd.DataFrame, score: str = "nihss") -> pd.DataFrame:
    """Mean score of each group at admission and on the days after.

    Parameters
    ----------
    courses : DataFrame
        Table ``time_courses``.
    people : DataFrame
        One row per patient: ``patient``, ``group`` and the score at admission under its own name.
    score : str
        Variable of the time courses.

    Returns
    -------
    DataFrame
        ``group day position n mean low high``: mean with its interval by Student's t. Each mean is of those who are
        alive and scored then: the dead take no part.
    """
    own = courses[(courses["variable"] == score) & courses["patient"].isin(set(people["patient"]))]
    group = people.set_index("patient")["group"]
    parts = [(ADMISSION, people.set_index("patient")[score].dropna())]
    for day, start, end in DAYS:
        inside = own[(own["time_h"] >= start) & (own["time_h"] < end)].sort_values("time_h", kind="stable")
        parts.append((day, inside.groupby("patient")["value"].last()))
    rows = []
    for position, (day, values) in enumerate(parts):
        for name, found in values.astype(float).groupby(group.reindex(values.index)):
            rows.append(dict(group=name, day=day, position=position, n=len(found)) | _mean(found.to_numpy()))
    return pd.DataFrame(rows, columns=COLUMNS)


def _mean(values: np.ndarray) -> dict:
    mean = float(values.mean())
    if len(values) < 2:
        return dict(mean=mean, low=math.nan, high=math.nan)
    half = float(student.ppf(0.975, len(values) - 1) * values.std(ddof=1) / math.sqrt(len(values)))
    return dict(mean=mean, low=mean - half, high=mean + half)
