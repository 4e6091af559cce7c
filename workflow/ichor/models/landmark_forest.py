"""Landmark random forest on the last known values, gaps as they are."""

from ichor.models import random_forest
from ichor.models.landmark import LandmarkModel
from ichor.models.tabular import TabularModel

FAMILY = "landmark"
SPEC = {
    "variables": None,  # of the courses; null = all that are known of train patients
    "record": [],  # columns of the cohort table, known at admission
    "changes": False,  # the change since the first known value, too
    "steps": "together",  # together: one fit with the time as a predictor | apart: one fit per named step
    "least_events": 10,  # train patients of either label that a step needs for a fit of its own
    "trees": 200,
    "depth": 0,  # splits on the way to a leaf at most; 0 = as many as the leaves' size allows
    "rows_per_leaf": 10,  # train rows in a leaf at least; several are of one patient
    "columns_per_split": 0.0,  # share of the columns that a split chooses from; 0 = the square root of their number
}


class Model(LandmarkModel):
    """A random forest per target, of :mod:`ichor.models.random_forest`."""

    def estimator(self) -> TabularModel:
        """The random forest of the record."""
        settings = ("trees", "depth", "rows_per_leaf", "columns_per_split")
        return random_forest.Model({name: self.spec[name] for name in settings})
