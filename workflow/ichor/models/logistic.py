"""Logistic regression on named columns of the cohort table."""

from ichor.models.tabular import LogisticModel, named_columns

FAMILY = "tabular"
SPEC = {
    "features": [],  # columns of the cohort table, known at admission, or names of sets of them
    "post_baseline": [],  # those of them that are known later and wanted all the same
    "imputer": "median",  # median of the train rows | multivariate: from the row's other features; with indicators
    "c": 1.0,  # inverse ridge penalty on predictors of unit variance
}


class Model(LogisticModel):
    """Imputation, missing indicators, scaling and a ridge-penalised logistic regression."""

    def columns(self) -> list[str]:
        """Columns of the cohort table that the config names."""
        return named_columns(self.spec, "age_years, gcs")
