"""A clinical score as a model: its points, turned into a probability on the train rows or by its published table."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from ichor.errors import StudyError
from ichor.models.tabular import LogisticModel
from ichor.scores.rows import IVH_PRESENT_ML, OPTIONAL_ITEMS, SCORES, score_columns, score_rows

FAMILY = "tabular"
SPEC = {
    "score": "ich",  # a name of ichor/scores/rows.py: ich, ich_gs, func, max_ich, mich_cho, rich, brain, ...
    "ivh_present_ml": 0.1,  # measured intraventricular volume, mL, above which there is intraventricular hemorrhage
    "unknown_items": "no_score",  # no_score | fewest | most: the points that unknown items could give
    "c": 100.0,  # inverse ridge penalty: almost none, yet finite when the score separates the classes
}


class Model(LogisticModel):
    """One-variable logistic regression on the points of a score; a score with an unknown item is no score.

    With the setting ``unknown_items`` it is the fewest or the most points that the unknown items could give, of
    everybody of whom at least one item is known: two models between which the score lies, whatever the gaps hide.

    The published risk tables are for the outcome and the patients of their papers (30-day death, for the ICH score),
    so the points are mapped to the study's own outcome on train rows; discrimination is that of the points. A kind
    whose score has published risks of the outcome that it is a model of names them in `risk` and `points`, and has a
    setting ``probability``: ``refitted`` is the same, ``published`` takes the published risk as it is, of the
    definition and the patients of its paper.
    """

    complete = True
    risk: Callable[[float], float] | None = None
    """Published risk for points, if the kind has one."""
    points = range(0)
    """All points that the score can have."""
    published: np.ndarray | None = None

    def score(self) -> str:
        """Name of the score.

        Raises
        ------
        ichor.errors.StudyError
            If there is no such score.
        """
        name = self.spec["score"]
        if name not in SCORES:
            raise StudyError(f"score: found {name!r}; there are {', '.join(SCORES)}")
        return name

    def published_risk(self) -> Callable[[float], float]:
        """Published risk for points, of kinds that have the setting ``probability``."""
        return type(self).risk

    def columns(self) -> list[str]:
        """Columns of the cohort table that the score's items come from."""
        return score_columns(self.score())

    def required(self) -> list[str]:
        """The same without items of which unknown is a value."""
        return [name for name in self.columns() if name not in OPTIONAL_ITEMS]

    def design(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Points of every row, NaN where an item is unknown, unless the settings want a bound.

        Raises
        ------
        ichor.errors.StudyError
            If a column is not there, or the setting ``unknown_items`` is none of its values.
        """
        super().design(rows)  # refuses absent columns
        ivh_ml = self.spec.get("ivh_present_ml", IVH_PRESENT_ML)  # only scores with that item have the setting
        side = {"no_score": "points", "fewest": "low", "most": "high"}.get(self.spec.get("unknown_items", "no_score"))
        if side is None:
            raise StudyError(f"unknown_items: found {self.spec['unknown_items']!r}; write no_score, fewest or most")
        found = score_rows(self.score(), rows, ivh_present_ml=ivh_ml, with_bounds=side != "points")
        points = found[side].where(rows[self.columns()].notna().any(axis=1))
        return pd.DataFrame({f"{self.score()}_points": points}, index=rows.index)

    def fit(self, design: pd.DataFrame, labels: np.ndarray, seed: int) -> None:
        """Map the points to the outcome of the train rows, or look up what was published.

        Raises
        ------
        ichor.errors.StudyError
            If the setting ``probability`` is neither.
        """
        chosen = self.spec.get("probability", "refitted")
        if chosen not in ("refitted", "published"):
            raise StudyError(f"probability: found {chosen!r}; write refitted or published")
        if chosen == "refitted":
            super().fit(design, labels, seed)
        else:
            risk = self.published_risk()
            self.published = np.array([risk(points) for points in self.points])

    def probability(self, design: pd.DataFrame) -> np.ndarray:
        """Probability of label 1 per row."""
        if self.published is None:
            return super().probability(design)
        return self.published[design.iloc[:, 0].to_numpy(dtype=int)]

    def log_odds(self, design: pd.DataFrame) -> np.ndarray | None:
        """Log odds of label 1 per row; None for published risks, among which 0 and 1 have none."""
        return super().log_odds(design) if self.published is None else None

    def state(self) -> tuple[dict[str, np.ndarray], dict]:
        """As of the logistic regression; or the published risk for 0, 1, 2, ... points."""
        return super().state() if self.published is None else ({"published_risk": self.published}, {})

    def restore(self, arrays: dict[str, np.ndarray], facts: dict) -> None:
        """Take up what :meth:`state` gave."""
        self.published = arrays.get("published_risk")
        if self.published is None:
            super().restore(arrays, facts)
