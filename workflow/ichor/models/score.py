"""A clinical score as a model: its points, turned into a probability on the train rows."""

import pandas as pd

from ichor.errors import StudyError
from ichor.models.tabular import LogisticModel
from ichor.scores.rows import SCORES, score_columns, score_rows

FAMILY = "tabular"
SPEC = {
    "score": "ich",  # a score of ichor/scores: ich, ich_gs, func, max_ich, brain, nag
    "ivh_present_ml": 0.1,  # measured intraventricular volume, mL, above which there is intraventricular hemorrhage
    "c": 100.0,  # inverse ridge penalty: almost none, yet finite when the score separates the classes
}


class Model(LogisticModel):
    """One-variable logistic regression on the points of a score; a score with an unknown item is no score.

    The published risk tables are for the outcome and the patients of their papers (30-day death, for the ICH score),
    so the points are mapped to the study's own outcome on train rows; discrimination is that of the points.
    """

    complete = True

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

    def columns(self) -> list[str]:
        """Columns of the cohort table that the score's items come from."""
        return score_columns(self.score())

    def design(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Points of every row, NaN where an item is unknown."""
        super().design(rows)  # refuses absent columns
        points = score_rows(self.score(), rows, ivh_present_ml=self.spec["ivh_present_ml"])["points"]
        return pd.DataFrame({f"{self.score()}_points": points}, index=rows.index)
