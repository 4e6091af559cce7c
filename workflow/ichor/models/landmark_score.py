"""A clinical score at the step: its points from the values known by then, turned into a probability on train rows."""

import numpy as np
import pandas as pd

from ichor.cohort.sequences import SequenceSet
from ichor.models.landmark import AT_ADMISSION, TIME, LandmarkModel, landmark_rows
from ichor.models.tabular import LogisticModel, TabularModel
from ichor.scores.rows import IVH_PRESENT_ML, SCORES, score_columns, score_rows

FAMILY = "landmark"
SPEC = {
    "score": "gcs",  # a variable of the courses (gcs, nihss) or a score of ichor/scores/rows.py: ich, func, ...
    "variables": ["gcs", "nihss", "iph_ml"],  # of the courses; a score's item is taken from there where it is known
    "record": ["age_years", "ivh_ml", "location", "prior_cognitive_impairment"],  # its other items, of admission
    "steps": "together",  # together: one fit of the points | apart: one per named step
    "least_events": 10,  # train patients of either label that a step needs for a fit of its own
    "c": 100.0,  # inverse ridge penalty: almost none, yet finite when the score separates the classes
}


class _Points(LogisticModel):
    """Logistic regression on the points alone; a step with an unknown item has none."""

    complete = True

    def columns(self) -> list[str]:
        """The points."""
        return ["points"]


class Model(LandmarkModel):
    """One-variable logistic regression on a score's points at the step.

    An item is the last value of the course up to the step, else that of admission; nothing is imputed.
    """

    def estimator(self) -> TabularModel:
        """Logistic regression on the points."""
        return _Points({"c": self.spec["c"]})

    def _read(self, train: SequenceSet) -> None:
        super()._read(train)
        self.remarks = []  # items are looked for in two places; a score without one has no answer, and that is told

    def design(self, sequences: SequenceSet) -> pd.DataFrame:
        """The points of every row, NaN where an item is unknown."""
        name = self.spec["score"]
        items = score_columns(name) if name in SCORES else [name]
        measured = [item for item in items if item in sequences.variables and item in self.variables]
        recorded = [item for item in items if item in sequences.patients]
        rows = landmark_rows(sequences, measured, recorded).drop(columns=TIME)
        found = pd.DataFrame(index=rows.index)
        for item in items:
            first = rows[item] if item in measured else None
            second = rows[f"{item}{AT_ADMISSION}"] if item in recorded else None
            found[item] = _first_known(first, second, rows.index)
        if name not in SCORES:
            return found.rename(columns={name: "points"}).astype(float)
        return score_rows(name, found, ivh_present_ml=IVH_PRESENT_ML)[["points"]]


def _first_known(first: pd.Series | None, second: pd.Series | None, index: pd.Index) -> pd.Series:
    if first is None:
        return pd.Series(np.nan, index=index) if second is None else second
    return first if second is None else first.astype(object).where(first.notna(), second)
