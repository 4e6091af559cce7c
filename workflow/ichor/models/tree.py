"""One decision tree (Breiman et al. 1984) on named columns of the cohort table; its cut points can be read.

Cobo et al. (MLMI 2024, arXiv:2408.08784) take cut-offs of GCS and age from such a tree, whose settings we do not know:
the defaults are our choice. Each split learns to which side a missing value goes, so nothing is imputed.
"""

import numpy as np

from ichor.models import random_forest
from ichor.models.cut_points import cut_points, in_words

FAMILY = "tabular"
SPEC = {
    "features": [],  # columns of the cohort table, known at admission, or names of sets of them
    "post_baseline": [],  # those of them that are known later and wanted all the same
    "depth": 3,  # splits on the way to a leaf at most: a tree that can be read
    "rows_per_leaf": 10,  # train rows in a leaf at least
}


class Model(random_forest.Model):
    """A tree grown on all train rows by scikit-learn (Gini impurity), kept as arrays of its nodes."""

    def grown(self, values: np.ndarray, labels: np.ndarray, seed: int) -> list:
        """scikit-learn's tree, alone in a list; the seed decides between equally good splits."""
        from sklearn.tree import DecisionTreeClassifier

        tree = DecisionTreeClassifier(
            max_depth=self.spec["depth"] or None,
            min_samples_leaf=self.spec["rows_per_leaf"],
            random_state=seed % 2**32,
        )
        return [tree.fit(values, labels)]

    def state(self) -> tuple[dict[str, np.ndarray], dict]:
        """The nodes, how named columns are coded, and the cut points as a table and in words."""
        arrays, facts = super().state()
        named = self.coding.columns(self.columns())
        return arrays, facts | {"cut_points": cut_points(self.nodes, named), "rules": in_words(self.nodes, named)}
