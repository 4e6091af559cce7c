"""The BAT score (Morotti et al., Stroke 2018) on automatic markers: a measured proxy stands for each reader's sign."""

from ichor.models import score

FAMILY = "tabular"
SPEC = {
    "c": 100.0,  # inverse ridge penalty: almost none, yet finite when the score separates the classes
}


class Model(score.Model):
    """One-variable logistic regression on the points of BAT with measured proxies of blend sign and hypodensities."""

    def score(self) -> str:
        """Name of the score."""
        return "bat"
