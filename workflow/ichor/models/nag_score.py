"""The NAG scale (Sakuta et al., J Stroke Cerebrovasc Dis 2018): expansion from NIHSS, anticoagulants and glucose."""

from ichor.models import score
from ichor.scores.nag import expansion_risk

FAMILY = "tabular"
SPEC = {
    "probability": "refitted",  # refitted on train rows, or published: the risk that the authors give for the points
    "c": 100.0,  # inverse ridge penalty: almost none, yet finite when the score separates the classes
}


class Model(score.Model):
    """One-variable logistic regression on the points of NAG, or its published rates."""

    risk = staticmethod(expansion_risk)
    points = range(4)

    def score(self) -> str:
        """Name of the score."""
        return "nag"
