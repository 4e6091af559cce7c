"""The max-ICH score (Sembill et al., Neurology 2017), which needs the NIHSS."""

from ichor.models import score

FAMILY = "tabular"
SPEC = {
    "ivh_present_ml": 0.1,  # measured intraventricular volume, mL, above which there is intraventricular hemorrhage
    "unknown_items": "no_score",  # no_score | fewest | most: the points that unknown items could give
    "c": 100.0,  # inverse ridge penalty: almost none, yet finite when the score separates the classes
}


class Model(score.Model):
    """One-variable logistic regression on the points of the max-ICH score."""

    def score(self) -> str:
        """Name of the score."""
        return "max_ich"
