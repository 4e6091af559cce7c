"""ICH grading scale, ICH-GS: mortality and function after intracerebral hemorrhage (Ruiz-Sandoval 2007)."""

from ichor.scores.points import LOCATIONS, Points, completed_years, in_range, one_of, unknown_items


def ich_gs(*, gcs: float, iph_ml: float, ivh: bool, location: str, age_years: float) -> Points:
    """ICH-GS, 5 to 13 points; more is worse.

    Parameters
    ----------
    gcs : float
        Glasgow Coma Scale, 3 to 15: 13-15 = 1 point, 9-12 = 2, 3-8 = 3.
    iph_ml : float
        Hematoma volume, mL. Supratentorial: < 40 = 1 point, 40-70 = 2, > 70 = 3. Infratentorial: < 10 = 1,
        10-20 = 2, > 20 = 3.
    ivh : bool
        Intraventricular extension: no = 1 point, yes = 2.
    location : {"deep", "lobar", "infratentorial"}
        Supratentorial = 1 point, infratentorial = 2.
    age_years : float
        < 45 = 1 point, 45-64 = 2, >= 65 = 3.

    Returns
    -------
    Points
        NaN with ``missing_input`` if an item is unknown.

    Notes
    -----
    Ruiz-Sandoval JL et al., Stroke 2007;38:1641-1644 (PMID 17379820). The range 5 to 13 and the five components are
    checked against the abstract; the points of the items are from two independent recollections that agree and add up
    to the range, not from the paper itself. There is no risk per point here: the published one was not at hand.
    """
    missing = unknown_items(gcs=gcs, iph_ml=iph_ml, ivh=ivh, location=location, age_years=age_years)
    if missing:
        return missing
    coma = in_range("gcs", gcs, 3, 15)
    volume_ml = in_range("iph_ml", iph_ml, 0, float("inf"))
    infratentorial = one_of("location", location, LOCATIONS) == "infratentorial"
    years = completed_years(age_years)
    low, high = (10, 20) if infratentorial else (40, 70)
    points = 1 if coma >= 13 else 2 if coma >= 9 else 3
    points += 1 if volume_ml < low else 2 if volume_ml <= high else 3
    points += 2 if ivh else 1
    points += 2 if infratentorial else 1
    points += 1 if years < 45 else 2 if years < 65 else 3
    return Points(float(points))
