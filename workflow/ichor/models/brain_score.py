"""The BRAIN score (Wang et al., Stroke 2015): expansion from volume, prior bleed, anticoagulants, IVH and time."""

from ichor.models import score
from ichor.scores.brain import expansion_risk

FAMILY = "tabular"
SPEC = {
    "ivh_present_ml": 0.1,  # measured intraventricular volume, mL, above which there is intraventricular hemorrhage
    "probability": "refitted",  # refitted on train rows, or published: the risk that the authors give for the points
    "c": 100.0,  # inverse ridge penalty: almost none, yet finite when the score separates the classes
}


class Model(score.Model):
    """One-variable logistic regression on the points of BRAIN, or its published curve (growth of 6 mL in 24 h)."""

    risk = staticmethod(expansion_risk)
    points = range(25)

    def score(self) -> str:
        """Name of the score."""
        return "brain"
