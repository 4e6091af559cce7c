"""Random forest (Breiman, Machine Learning 2001;45:5-32) on named columns of the cohort table, gaps as they are.

Each split learns to which side a missing value goes, so nothing is imputed. The defaults are our choice, for some
hundred rows.
"""

import numpy as np
import pandas as pd

from ichor.models.level_coding import LevelCoding, refuse_unrecorded
from ichor.models.node_arrays import NodeArrays
from ichor.models.tabular import TabularModel, named_columns

FAMILY = "tabular"
SPEC = {
    "features": [],  # columns of the cohort table, known at admission, or names of sets of them
    "post_baseline": [],  # those of them that are known later and wanted all the same
    "trees": 500,
    "depth": 0,  # splits on the way to a leaf at most; 0 = as many as the leaves' size allows
    "rows_per_leaf": 5,  # train rows in a leaf at least
    "columns_per_split": 0.0,  # share of the columns that a split chooses from; 0 = the square root of their number
}


class Model(TabularModel):
    """Trees on bootstrap samples of the train rows, fitted by scikit-learn, kept as arrays of their nodes."""

    coding: LevelCoding
    nodes: NodeArrays

    def columns(self) -> list[str]:
        """Columns of the cohort table that the config names."""
        return named_columns(self.spec, "age_years, gcs, iph_ml")

    def fit(self, design: pd.DataFrame, labels: np.ndarray, seed: int) -> None:
        """Grow the trees; equal for equal rows and seed, on any number of cores."""
        refuse_unrecorded(design)
        self.coding = LevelCoding.fitted(design)
        self.nodes = NodeArrays.of(self.grown(self.coding.matrix(design), labels, seed))

    def grown(self, values: np.ndarray, labels: np.ndarray, seed: int) -> list:
        """scikit-learn's trees, fitted on float32 ``(rows, columns)`` and labels 0 and 1."""
        from sklearn.ensemble import RandomForestClassifier

        forest = RandomForestClassifier(
            n_estimators=self.spec["trees"],
            max_depth=self.spec["depth"] or None,
            min_samples_leaf=self.spec["rows_per_leaf"],
            max_features=self.spec["columns_per_split"] or "sqrt",
            random_state=seed % 2**32,
            n_jobs=1,
        )
        return forest.fit(values, labels).estimators_

    def probability(self, design: pd.DataFrame) -> np.ndarray:
        """Probability of label 1 per row."""
        return self.nodes.probability(self.coding.matrix(design))

    def state(self) -> tuple[dict[str, np.ndarray], dict]:
        """The nodes, and how named columns are coded."""
        return self.nodes.arrays(), {"levels": self.coding.levels}

    def restore(self, arrays: dict[str, np.ndarray], facts: dict) -> None:
        """Take up what :meth:`state` gave."""
        self.coding, self.nodes = LevelCoding(facts["levels"]), NodeArrays.restored(arrays)
