"""max-ICH score: 12-month outcome under maximal treatment (Sembill 2017)."""

from ichor.scores.points import LOCATIONS, Points, completed_years, in_range, one_of, unknown_items


def max_ich(*, nihss: float, age_years: float, ivh: bool, anticoagulant: bool, iph_ml: float, location: str) -> Points:
    """max-ICH score, 0 to 10 points; more is worse.

    Parameters
    ----------
    nihss : float
        NIH Stroke Scale, 0 to 42: 0-6 = 0 points, 7-13 = 1, 14-20 = 2, >= 21 = 3.
    age_years : float
        <= 69 = 0 points, 70-74 = 1, 75-79 = 2, >= 80 = 3.
    ivh : bool
        Intraventricular hemorrhage: 1 point.
    anticoagulant : bool
        Oral anticoagulation: 1 point.
    iph_ml : float
        Hematoma volume, mL: lobar >= 30 = 1 point; not lobar >= 10 = 1 point. (The score counts them as two items; a
        hematoma can reach one of them only, so the highest sum of one hematoma is 9.)
    location : {"deep", "lobar", "infratentorial"}
        Deep and infratentorial are not lobar.

    Returns
    -------
    Points
        NaN with ``missing_input`` if an item is unknown.

    Notes
    -----
    Sembill JA et al., Neurology 2017;89:423-431. Points checked against a public record of the score; range 0 to 10.
    There is no risk per point here: the published one was not at hand.
    """
    missing = unknown_items(
        nihss=nihss, age_years=age_years, ivh=ivh, anticoagulant=anticoagulant, iph_ml=iph_ml, location=location
    )
    if missing:
        return missing
    deficit = in_range("nihss", nihss, 0, 42)
    years = completed_years(age_years)
    limit_ml = 30 if one_of("location", location, LOCATIONS) == "lobar" else 10
    points = 0 if deficit <= 6 else 1 if deficit <= 13 else 2 if deficit <= 20 else 3
    points += 0 if years <= 69 else 1 if years <= 74 else 2 if years <= 79 else 3
    points += bool(ivh)
    points += bool(anticoagulant)
    points += in_range("iph_ml", iph_ml, 0, float("inf")) >= limit_ml
    return Points(float(points))
