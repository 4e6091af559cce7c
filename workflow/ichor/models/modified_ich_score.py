"""A modified ICH score: three scores have this name, and the setting ``variant`` says which one is meant."""

from collections.abc import Callable

from ichor.errors import StudyError
from ichor.models import score
from ichor.scores.modified_ich import mortality_30d_cheung_zou, mortality_90d_rich

FAMILY = "tabular"
SPEC = {
    "variant": "cheung_zou",  # cheung_zou (mICH, Stroke 2003) | cho (MICH, Crit Care Med 2008) | rich (rICH, 2018)
    "probability": "refitted",  # refitted on train rows, or published: mortality at 30 (cheung_zou) or 90 days (rich)
    "ivh_present_ml": 0.1,  # measured intraventricular volume, mL, above which there is intraventricular hemorrhage
    "unknown_items": "no_score",  # no_score | fewest | most: the points that unknown items could give
    "c": 100.0,  # inverse ridge penalty: almost none, yet finite when the score separates the classes
}
VARIANTS = {"cheung_zou": "mich_cheung_zou", "cho": "mich_cho", "rich": "rich"}
"""Variant -> the score's name in `ichor.scores.rows`."""
RISKS = {"cheung_zou": mortality_30d_cheung_zou, "rich": mortality_90d_rich}


class Model(score.Model):
    """One-variable logistic regression on the points of the variant, or its published mortality."""

    points = range(7)

    def score(self) -> str:
        """Name of the score.

        Raises
        ------
        ichor.errors.StudyError
            If there is no such variant.
        """
        variant = self.spec["variant"]
        if variant not in VARIANTS:
            raise StudyError(f"variant: found {variant!r}; write {', '.join(VARIANTS)}")
        return VARIANTS[variant]

    def published_risk(self) -> Callable[[float], float]:
        """Published mortality of the variant.

        Raises
        ------
        ichor.errors.StudyError
            If its paper's rates are not known here.
        """
        variant = self.spec["variant"]
        if variant not in RISKS:
            raise StudyError(
                f"probability: the mortality by points of variant {variant} was not at hand; write refitted"
            )
        return RISKS[variant]
