"""The 9-point score (Brouwers et al., JAMA Neurol 2014): expansion from anticoagulants, time, volume and spot sign."""

from ichor.models import score

FAMILY = "tabular"
SPEC = {
    "c": 100.0,  # inverse ridge penalty: almost none, yet finite when the score separates the classes
}


class Model(score.Model):
    """One-variable logistic regression on the points; a spot sign that is not known counts as unavailable."""

    def score(self) -> str:
        """Name of the score."""
        return "nine_point"
