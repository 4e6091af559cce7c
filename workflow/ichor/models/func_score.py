"""The FUNC score (Rost et al., Stroke 2008), in which more points are better."""

from ichor.models import score
from ichor.scores.func import dependence_90d

FAMILY = "tabular"
SPEC = {
    "probability": "refitted",  # refitted on train rows, or published: 1 - the rate of independence at 90 days
    "unknown_items": "no_score",  # no_score | fewest | most: the points that unknown items could give
    "c": 100.0,  # inverse ridge penalty: almost none, yet finite when the score separates the classes
}


class Model(score.Model):
    """One-variable logistic regression on the points of FUNC, or the published rates of GOS 1 to 3 at 90 days."""

    risk = staticmethod(dependence_90d)
    points = range(12)

    def score(self) -> str:
        """Name of the score."""
        return "func"
