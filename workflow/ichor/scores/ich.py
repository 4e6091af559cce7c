"""ICH score: 30-day mortality after intracerebral hemorrhage (Hemphill 2001)."""

from ichor.scores.points import LOCATIONS, Points, completed_years, in_range, one_of, unknown_items

MORTALITY_30D = {0: 0.0, 1: 0.13, 2: 0.26, 3: 0.72, 4: 0.97, 5: 1.0, 6: 1.0}
"""Observed 30-day mortality by score, Hemphill 2001; nobody had 6 points there, 1.0 is assumed."""


def ich(*, gcs: float, iph_ml: float, ivh: bool, location: str, age_years: float) -> Points:
    """ICH score, 0 to 6 points; more is worse.

    Parameters
    ----------
    gcs : float
        Glasgow Coma Scale, 3 to 15: 3-4 = 2 points, 5-12 = 1, 13-15 = 0.
    iph_ml : float
        Hematoma volume, mL: >= 30 = 1 point.
    ivh : bool
        Intraventricular hemorrhage: 1 point.
    location : {"deep", "lobar", "infratentorial"}
        Infratentorial origin: 1 point.
    age_years : float
        >= 80 = 1 point.

    Returns
    -------
    Points
        NaN with ``missing_input`` if an item is unknown.

    Notes
    -----
    Hemphill JC et al., Stroke 2001;32:891-897. Points and mortality checked against the abstract and two public
    records of the score. Variants with other GCS groups (3-5 / 6-12, 5-8) circulate and are wrong.
    """
    missing = unknown_items(gcs=gcs, iph_ml=iph_ml, ivh=ivh, location=location, age_years=age_years)
    if missing:
        return missing
    coma = in_range("gcs", gcs, 3, 15)
    points = 2 if coma <= 4 else 1 if coma <= 12 else 0
    points += in_range("iph_ml", iph_ml, 0, float("inf")) >= 30
    points += bool(ivh)
    points += one_of("location", location, LOCATIONS) == "infratentorial"
    points += completed_years(age_years) >= 80
    return Points(float(points))


def mortality_30d(points: float) -> float:
    """Published 30-day mortality, in [0, 1], for `points`; NaN for NaN."""
    return float("nan") if points != points else MORTALITY_30D[int(points)]
