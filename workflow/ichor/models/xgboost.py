"""Boosted trees of XGBoost (Chen and Guestrin, KDD 2016) on named columns of the cohort table, gaps as they are.

Trees learn to which side a missing value goes, so nothing is imputed. The defaults are for some hundred rows: shallow
trees, a small step, a ridge on the leaves.
"""

import numpy as np
import pandas as pd

from ichor.models.level_coding import LevelCoding
from ichor.models.tabular import TabularModel, named_columns

FAMILY = "tabular"
SPEC = {
    "features": [],  # columns of the cohort table, known at admission, or names of sets of them
    "post_baseline": [],  # those of them that are known later and wanted all the same
    "rounds": 200,  # trees at most
    "choose_rounds": True,  # as many of them as the tune rows' log loss is least with; false = all
    "depth": 2,  # splits on the way to a leaf
    "learning_rate": 0.05,
    "ridge": 5.0,  # penalty on the leaves' squares
    "least_weight": 1.0,  # smallest sum of p (1 - p) in a leaf: at p = 0.2 one per 6 rows
    "rows_per_tree": 0.8,  # share of the train rows that each tree sees
    "columns_per_tree": 0.8,  # share of the columns
}

_THREADS = 1
"""Sums of several threads round differently; fits of some hundred rows take less than a second on one."""


class Model(TabularModel):
    """Gradient-boosted trees with logistic loss; saved in XGBoost's own binary JSON, which holds no code."""

    booster = None
    coding: LevelCoding
    rounds: int

    def columns(self) -> list[str]:
        """Columns of the cohort table that the config names."""
        return named_columns(self.spec, "age_years, iph_ml")

    def fit(self, design: pd.DataFrame, labels: np.ndarray, seed: int) -> None:
        """Grow all trees on train rows; equal for equal rows and seed, on any number of cores."""
        import xgboost

        self.coding = LevelCoding.fitted(design)
        settings = {
            "objective": "binary:logistic",
            "tree_method": "hist",
            "max_depth": self.spec["depth"],
            "eta": self.spec["learning_rate"],
            "lambda": self.spec["ridge"],
            "min_child_weight": self.spec["least_weight"],
            "subsample": self.spec["rows_per_tree"],
            "colsample_bytree": self.spec["columns_per_tree"],
            "seed": seed % 2**31,
            "nthread": _THREADS,
        }
        matrix = xgboost.DMatrix(self.coding.matrix(design), label=labels, nthread=_THREADS)
        self.booster = xgboost.train(settings, matrix, num_boost_round=self.spec["rounds"])
        self.rounds = self.spec["rounds"]

    def choose(self, design: pd.DataFrame, labels: np.ndarray) -> None:
        """Keep as many trees as the log loss of the tune rows is least with; the fewest of equally good numbers."""
        if not self.spec["choose_rounds"]:
            return
        losses = []
        for rounds in range(1, self.spec["rounds"] + 1):
            logits = self._predict(design, rounds, output_margin=True)
            losses.append(float(np.mean(np.logaddexp(0.0, logits) - labels * logits)))
        self.rounds = int(np.argmin(losses)) + 1
        self.booster = self.booster[: self.rounds]

    def probability(self, design: pd.DataFrame) -> np.ndarray:
        """Probability of label 1 per row."""
        return self._predict(design, self.rounds).astype(np.float64)

    def log_odds(self, design: pd.DataFrame) -> np.ndarray | None:
        """Log odds of label 1 per row."""
        return self._predict(design, self.rounds, output_margin=True).astype(np.float64)

    def contributions(self, design: pd.DataFrame) -> pd.DataFrame:
        """What each predictor adds to the log odds of each row: SHAP values of the trees (Lundberg et al. 2020).

        Returns
        -------
        pandas.DataFrame
            Index of `design`; one column per predictor, and ``base``, the part of none. Their sum is the logit.
        """
        raw = self._predict(design, self.rounds, pred_contribs=True)
        names = [source for source, _ in self.coding.columns(design.columns)]
        found = pd.DataFrame(0.0, index=design.index, columns=[*design.columns, "base"])
        for position, name in enumerate([*names, "base"]):
            found[name] += raw[:, position]
        return found

    def state(self) -> tuple[dict[str, np.ndarray], dict]:
        """The trees as bytes (UBJSON, https://ubjson.org), and how named columns are coded."""
        trees = np.frombuffer(bytes(self.booster.save_raw("ubj")), dtype=np.uint8)
        return {"booster_ubj": trees}, {"levels": self.coding.levels, "rounds": self.rounds}

    def restore(self, arrays: dict[str, np.ndarray], facts: dict) -> None:
        """Take up what :meth:`state` gave."""
        import xgboost

        self.booster = xgboost.Booster({"nthread": _THREADS})
        self.booster.load_model(bytearray(arrays["booster_ubj"].tobytes()))
        self.coding, self.rounds = LevelCoding(facts["levels"]), facts["rounds"]

    def _predict(self, design: pd.DataFrame, rounds: int, **what: bool) -> np.ndarray:
        import xgboost

        matrix = xgboost.DMatrix(self.coding.matrix(design), nthread=_THREADS)
        return self.booster.predict(matrix, iteration_range=(0, rounds), **what)
