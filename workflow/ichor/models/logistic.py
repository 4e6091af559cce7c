"""Logistic regression on named columns of the cohort table."""

from ichor.errors import StudyError
from ichor.models.tabular import LogisticModel

FAMILY = "tabular"
SPEC = {
    "features": [],  # columns of the cohort table, known at admission
    "c": 1.0,  # inverse ridge penalty on predictors of unit variance
}


class Model(LogisticModel):
    """Median imputation, missing indicators, scaling and a ridge-penalised logistic regression."""

    def columns(self) -> list[str]:
        """Columns of the cohort table that the config names."""
        if not self.spec["features"]:
            raise StudyError("features is empty; name columns of the cohort table, for example [age_years, gcs]")
        return list(self.spec["features"])
