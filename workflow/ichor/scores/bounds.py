"""Bounds of a score with unknown items: the fewest and the most points that these items could give."""

from collections.abc import Callable, Mapping
from itertools import product

from ichor.scores.points import LOCATIONS, Points, is_unknown

GROUPS: Mapping[str, tuple] = {
    "gcs": (3, 5, 8, 9, 13),
    "nihss": (0, 7, 11, 14, 21),
    "age_years": (0, 45, 65, 70, 75, 80),
    "iph_ml": (0.0, 10.0, 10.01, 20.01, 30.0, 40.0, 50.01, 60.01, 70.01),
    "onset_to_ct_h": (0.0, 1.01, 2.01, 2.5, 3.01, 4.01, 5.01, 6.01),
    "glucose_mmol_l": (0.0, 7.5),
    "location": LOCATIONS,
}
"""Item -> one value of every group that any score cuts it into; all other items are yes or no."""


def bounds(score: Callable[..., Points], items: Mapping[str, object]) -> tuple[float, float]:
    """Fewest and most points of a score over all values that its unknown items could have.

    Nothing is imputed: the patient's points lie between the two whatever the truth is, and often the bounds alone
    decide (an ICH score of 3 to 4 is past a cut at 3).

    Parameters
    ----------
    score : callable
        A score of this package, for example `ichor.scores.ich.ich`.
    items : mapping
        Item -> value of all its items, None or NaN where unknown.

    Returns
    -------
    tuple of float
        Equal where all items are known.

    Raises
    ------
    ValueError
        If a known item is impossible.
    """
    # an item of which unknown is a value of the score (the spot sign) is no gap: the score says which are
    gaps = _needed(score, items)
    trials = product(*(GROUPS.get(name, (False, True)) for name in gaps))
    points = [score(**{**items, **dict(zip(gaps, values, strict=True))}).value for values in trials]
    return min(points), max(points)


def _needed(score: Callable[..., Points], items: Mapping[str, object]) -> tuple[str, ...]:
    return score(**{name: None if is_unknown(value) else value for name, value in items.items()}).missing
