"""The ICH score (Hemphill et al., Stroke 2001), the score that every outcome model has to beat."""

from ichor.models import score
from ichor.scores.ich import mortality_30d

FAMILY = "tabular"
SPEC = {
    "probability": "refitted",  # refitted on train rows, or published: 30-day mortality of Hemphill's patients
    "ivh_present_ml": 0.1,  # measured intraventricular volume, mL, above which there is intraventricular hemorrhage
    "unknown_items": "no_score",  # no_score | fewest | most: the points that unknown items could give
    "c": 100.0,  # inverse ridge penalty: almost none, yet finite when the score separates the classes
}


class Model(score.Model):
    """One-variable logistic regression on the points of the ICH score, or its published 30-day mortality."""

    risk = staticmethod(mortality_30d)
    points = range(7)

    def score(self) -> str:
        """Name of the score."""
        return "ich"
