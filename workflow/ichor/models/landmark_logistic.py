"""Landmark logistic regression on the last known values, with gaps imputed and marked on the train rows."""

from ichor.models import logistic
from ichor.models.landmark import LandmarkModel
from ichor.models.tabular import TabularModel

FAMILY = "landmark"
SPEC = {
    "variables": None,  # of the courses; null = all that are known of train patients
    "record": [],  # columns of the cohort table, known at admission
    "changes": False,  # the change since the first known value, too
    "steps": "together",  # together: one fit with the time as a predictor | apart: one fit per named step
    "least_events": 10,  # train patients of either label that a step needs for a fit of its own
    "imputer": "median",  # median of the train rows | multivariate: from the row's other predictors; with indicators
    "c": 1.0,  # inverse ridge penalty on predictors of unit variance
}


class Model(LandmarkModel):
    """A ridge-penalised logistic regression per target; patients whose label is not known are left out."""

    def estimator(self) -> TabularModel:
        """The logistic regression of the record."""
        return logistic.Model({"imputer": self.spec["imputer"], "c": self.spec["c"]})
