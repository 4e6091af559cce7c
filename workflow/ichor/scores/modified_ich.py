"""Three scores that go by the name "modified ICH score": they share neither items nor cuts, so each is named here."""

from ichor.scores.points import LOCATIONS, Points, completed_years, in_range, one_of, unknown_items

MORTALITY_30D_CHEUNG_ZOU = {0: 0.0, 1: 0.04, 2: 0.06, 3: 0.30, 4: 0.65, 5: 1.0, 6: 1.0}
"""30-day mortality by points, Cheung & Zou 2003, page 1720, as a public record prints it; nobody had 6 points."""
GOOD_OUTCOME_CHEUNG_ZOU = {0: 0.90, 1: 0.52, 2: 0.30, 3: 0.10, 4: 0.0, 5: 0.0, 6: 0.0}
"""Share with mRS 0 to 2 after 30 days, from the same page and record."""
MORTALITY_90D_RICH = {0: 0.06, 1: 0.15, 2: 0.25, 3: 0.51, 4: 0.75, 5: 1.0, 6: 1.0}
"""Mortality within three months by rICH, Hegde & Menon 2018, abstract; it prints 0 to 5, 1.0 is assumed for 6."""


def mich_cheung_zou(*, nihss: float, iph_ml: float, ivh: bool, location: str, age_years: float) -> Points:
    """Modified ICH score of Cheung and Zou (mICH), 0 to 6 points; more is worse. The GCS is replaced by the NIHSS.

    Parameters
    ----------
    nihss : float
        NIH Stroke Scale, 0 to 42: 0-10 = 0 points, 11-20 = 1, >= 21 = 2 (the record prints 21-40; the scale ends at
        42).
    iph_ml : float
        Hematoma volume, mL: >= 30 = 1 point.
    ivh : bool
        Intraventricular hemorrhage: 1 point.
    location : {"deep", "lobar", "infratentorial"}
        Infratentorial origin: 1 point, as in the ICH score.
    age_years : float
        >= 80 = 1 point.

    Returns
    -------
    Points
        NaN with ``missing_input`` if an item is unknown.

    Notes
    -----
    Cheung RT, Zou LY, Stroke 2003;34:1717-1722. Items, cuts and rates are checked against a public record of the score.
    That record gives the point to supratentorial bleeds and says in the same breath that 6 points are not seen because
    an infratentorial bleed of 30 mL is rare: taken for a misprint, the point is for infratentorial ones.
    """
    missing = unknown_items(nihss=nihss, iph_ml=iph_ml, ivh=ivh, location=location, age_years=age_years)
    if missing:
        return missing
    deficit = in_range("nihss", nihss, 0, 42)
    points = 0 if deficit <= 10 else 1 if deficit <= 20 else 2
    points += in_range("iph_ml", iph_ml, 0, float("inf")) >= 30
    points += bool(ivh)
    points += one_of("location", location, LOCATIONS) == "infratentorial"
    points += completed_years(age_years) >= 80
    return Points(float(points))


def mich_cho(*, gcs: float, iph_ml: float, ivh_or_hydrocephalus: bool) -> Points:
    """Modified ICH score of Cho and others (MICH), 0 to 5 points; more is worse. Made for basal ganglia hemorrhage.

    Parameters
    ----------
    gcs : float
        Glasgow Coma Scale, 3 to 15: 13-15 = 0 points, 9-12 = 1, 3-8 = 2.
    iph_ml : float
        Hematoma volume, mL: <= 20 = 0 points, above 20 to 50 = 1, above 50 = 2. (The groups are written in whole mL,
        20, 21-50, 51; that 20.5 counts as more than 20 is our choice.)
    ivh_or_hydrocephalus : bool
        Either of them: 1 point. The cohort table knows the blood in the ventricles, not their width, so a
        hydrocephalus without it is not seen there.

    Returns
    -------
    Points
        NaN with ``missing_input`` if an item is unknown.

    Notes
    -----
    Cho DY et al., Crit Care Med 2008;36:2151-2156. The three items and their highest points are checked against a
    public table; the cuts are recollected, not from the paper itself. No risk per point: it was not at hand.
    """
    missing = unknown_items(gcs=gcs, iph_ml=iph_ml, ivh_or_hydrocephalus=ivh_or_hydrocephalus)
    if missing:
        return missing
    coma = in_range("gcs", gcs, 3, 15)
    volume_ml = in_range("iph_ml", iph_ml, 0, float("inf"))
    points = 0 if coma >= 13 else 1 if coma >= 9 else 2
    points += 0 if volume_ml <= 20 else 1 if volume_ml <= 50 else 2
    return Points(float(points + bool(ivh_or_hydrocephalus)))


def rich(*, gcs: float, iph_ml: float, ivh: bool, location: str, age_years: float) -> Points:
    """rICH, the ICH score with its age cut at 70 years, 0 to 6 points; more is worse.

    Parameters
    ----------
    gcs, iph_ml, ivh, location
        As in `ichor.scores.ich.ich`.
    age_years : float
        >= 70 = 1 point.

    Returns
    -------
    Points
        NaN with ``missing_input`` if an item is unknown.

    Notes
    -----
    Hegde A, Menon G, Ann Indian Acad Neurol 2018;21:270-274 (PMC6238559): cut and rates are from the abstract.
    """
    missing = unknown_items(gcs=gcs, iph_ml=iph_ml, ivh=ivh, location=location, age_years=age_years)
    if missing:
        return missing
    coma = in_range("gcs", gcs, 3, 15)
    points = 2 if coma <= 4 else 1 if coma <= 12 else 0
    points += in_range("iph_ml", iph_ml, 0, float("inf")) >= 30
    points += bool(ivh)
    points += one_of("location", location, LOCATIONS) == "infratentorial"
    points += completed_years(age_years) >= 70
    return Points(float(points))


def mortality_30d_cheung_zou(points: float) -> float:
    """Published 30-day mortality, in [0, 1], for points of `mich_cheung_zou`; NaN for NaN."""
    return float("nan") if points != points else MORTALITY_30D_CHEUNG_ZOU[int(points)]


def mortality_90d_rich(points: float) -> float:
    """Published three-month mortality, in [0, 1], for points of `rich`; NaN for NaN."""
    return float("nan") if points != points else MORTALITY_90D_RICH[int(points)]
