"""What a score is made of, so that it is not put beside its own parts into one regression."""

from collections.abc import Iterable

from ichor.errors import StudyError
from ichor.scores.rows import SCORES, score_columns

SUFFIX = "_points"
"""A score's points as a variable are named by its key with this ending: ``ich_points``."""
SAME_AS = {
    "iph_ml": ("table_iph_ml",),
    "ivh_ml": ("table_ivh_ml",),
    "location": ("measured_location",),
}
"""Item -> columns that hold the same finding from another source."""


def score_of(feature: str) -> str | None:
    """Score whose points a variable is, or None: ``ich`` for ``ich_points``."""
    name = feature.removesuffix(SUFFIX)
    return name if name != feature and name in SCORES else None


def refuse_own_components(features: Iterable[str]) -> None:
    """Refuse a score beside its components, and two scores that share components.

    A score is a sum of its parts. Beside them its odds ratio is that of the sum at fixed parts: it says what rounding
    the parts to points adds, not what the score is worth.

    Parameters
    ----------
    features : iterable of str
        Variables of one regression.

    Raises
    ------
    StudyError
        With the parts that stand twice and what to write instead.
    """
    features = list(dict.fromkeys(features))
    scores = {name: set(score_columns(score)) for name in features if (score := score_of(name))}
    for name, parts in scores.items():
        again = [other for other in features if other not in scores and (other in parts or _stands_for(other, parts))]
        if again:
            raise StudyError(
                f"{name} stands beside its own components {', '.join(again)}: its odds ratio at fixed components means "
                f"nothing. Leave out {name}, or {' and '.join(again)}."
            )
        for other, others in scores.items():
            if other != name and parts & others:
                raise StudyError(
                    f"{name} and {other} share the components {', '.join(sorted(parts & others))}: at a fixed {other} "
                    f"the odds ratio of {name} means nothing. Put each into a regression of its own."
                )


def _stands_for(column: str, parts: set[str]) -> bool:
    return any(column in SAME_AS.get(part, ()) for part in parts)
