"""FUNC score: functional independence 90 days after intracerebral hemorrhage (Rost 2008)."""

from ichor.scores.points import LOCATIONS, Points, completed_years, in_range, one_of, unknown_items

LOCATION_POINTS = {"lobar": 2, "deep": 1, "infratentorial": 0}
_GROUP = {**dict.fromkeys(range(5), 0), **dict.fromkeys(range(5, 8), 1), 8: 2, 9: 3, 10: 3, 11: 4}
INDEPENDENCE_90D = {points: (0.0, 0.13, 0.42, 0.66, 0.82)[group] for points, group in _GROUP.items()}
"""Share with GOS >= 4 at 90 days by points, all patients: from two independent recollections that agree with the
abstract (nobody with 4 points or less, more than 80 % with 11), not from the paper's table."""
INDEPENDENCE_90D_SURVIVORS = {points: (0.0, 0.29, 0.48, 0.75, 0.95)[group] for points, group in _GROUP.items()}
"""The same among those alive at 90 days, as public calculators print it, which do not say that it is of survivors."""


def func(*, iph_ml: float, age_years: float, location: str, gcs: float, prior_cognitive_impairment: bool) -> Points:
    """FUNC score, 0 to 11 points; more is better (turn the sign to rank patients by risk of a poor outcome).

    Parameters
    ----------
    iph_ml : float
        Hematoma volume, mL: < 30 = 4 points, 30-60 = 2, > 60 = 0.
    age_years : float
        < 70 = 2 points, 70-79 = 1, >= 80 = 0.
    location : {"lobar", "deep", "infratentorial"}
        2, 1, 0 points.
    gcs : float
        Glasgow Coma Scale: >= 9 = 2 points, <= 8 = 0.
    prior_cognitive_impairment : bool
        None before the hemorrhage = 1 point.

    Returns
    -------
    Points
        NaN with ``missing_input`` if an item is unknown.

    Notes
    -----
    Rost NS et al., Stroke 2008;39:2304-2309 (PMID 18556582); outcome GOS >= 4 at 90 days. Range, maximum of each item,
    volume and age groups are checked against public records of the score; the points of location, GCS and cognition
    are from two independent recollections that agree and add up to 11, not from the paper itself.
    """
    missing = unknown_items(
        iph_ml=iph_ml,
        age_years=age_years,
        location=location,
        gcs=gcs,
        prior_cognitive_impairment=prior_cognitive_impairment,
    )
    if missing:
        return missing
    volume_ml = in_range("iph_ml", iph_ml, 0, float("inf"))
    years = completed_years(age_years)
    points = 4 if volume_ml < 30 else 2 if volume_ml <= 60 else 0
    points += 2 if years < 70 else 1 if years < 80 else 0
    points += LOCATION_POINTS[one_of("location", location, LOCATIONS)]
    points += 2 if in_range("gcs", gcs, 3, 15) >= 9 else 0
    points += 0 if prior_cognitive_impairment else 1
    return Points(float(points))


def dependence_90d(points: float) -> float:
    """Published risk of GOS 1 to 3 at 90 days, in [0, 1], among all patients, for `points`; NaN for NaN."""
    return float("nan") if points != points else 1.0 - INDEPENDENCE_90D[int(points)]
