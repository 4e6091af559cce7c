"""Landmark gradient boosting (XGBoost) on the last known values, gaps as they are."""

from ichor.models import xgboost
from ichor.models.landmark import LandmarkModel
from ichor.models.tabular import TabularModel

FAMILY = "landmark"
SPEC = {
    "variables": None,  # of the courses; null = all that are known of train patients
    "record": [],  # columns of the cohort table, known at admission
    "changes": False,  # the change since the first known value, too
    "steps": "together",  # together: one fit with the time as a predictor | apart: one fit per named step
    "least_events": 10,  # train patients of either label that a step needs for a fit of its own
    "rounds": 200,  # trees at most
    "choose_rounds": True,  # as many of them as the tune rows' log loss is least with; false = all
    "depth": 2,  # splits on the way to a leaf
    "learning_rate": 0.05,
    "ridge": 5.0,  # penalty on the leaves' squares
    "least_weight": 1.0,  # smallest sum of p (1 - p) in a leaf
    "rows_per_tree": 0.8,  # share of the train rows that each tree sees
    "columns_per_tree": 0.8,  # share of the columns
}

_OURS = ("variables", "record", "changes", "steps", "least_events")


class Model(LandmarkModel):
    """Boosted trees per target, of :mod:`ichor.models.xgboost`."""

    def estimator(self) -> TabularModel:
        """The boosted trees of the record."""
        return xgboost.Model({name: value for name, value in self.spec.items() if name not in _OURS})
