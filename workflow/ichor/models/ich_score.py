"""The ICH score (Hemphill et al., Stroke 2001), the score that every outcome model has to beat."""

from ichor.models import score

FAMILY = "tabular"
SPEC = {
    "ivh_present_ml": 0.1,  # measured intraventricular volume, mL, above which there is intraventricular hemorrhage
    "c": 100.0,  # inverse ridge penalty: almost none, yet finite when the score separates the classes
}


class Model(score.Model):
    """One-variable logistic regression on the points of the ICH score."""

    def score(self) -> str:
        """Name of the score."""
        return "ich"
