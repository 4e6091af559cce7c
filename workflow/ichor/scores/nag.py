"""NAG scale: risk of hematoma expansion from NIHSS, anticoagulation and glucose (Sakuta 2018)."""

from ichor.scores.points import Points, in_range, unknown_items

GLUCOSE_MMOL_L = 133 / 18.02
"""133 mg/dL, the scale's limit, in mmol/L (7.38)."""
EXPANSION_RISK = {0: 0.04, 1: 0.25, 2: 0.60, 3: 1.0}
"""Observed hematoma expansion by score in the derivation cohort."""


def nag(*, nihss: float, anticoagulant: bool, glucose_mmol_l: float) -> Points:
    """NAG scale, 0 to 3 points; more is worse.

    Parameters
    ----------
    nihss : float
        NIH Stroke Scale, 0 to 42: >= 10 = 1 point.
    anticoagulant : bool
        Anticoagulant agents: 1 point.
    glucose_mmol_l : float
        Glucose, mmol/L: >= 133 mg/dL (7.38 mmol/L) = 1 point. A value that was converted from 133 mg/dL counts however
        it was rounded to 6 decimals.

    Returns
    -------
    Points
        NaN with ``missing_input`` if an item is unknown.

    Notes
    -----
    Sakuta K et al., J Stroke Cerebrovasc Dis 2018 (PMID 29958849): items, limits and rates checked against the record.
    """
    missing = unknown_items(nihss=nihss, anticoagulant=anticoagulant, glucose_mmol_l=glucose_mmol_l)
    if missing:
        return missing
    points = int(in_range("nihss", nihss, 0, 42) >= 10)
    points += bool(anticoagulant)
    points += in_range("glucose_mmol_l", glucose_mmol_l, 0, float("inf")) >= GLUCOSE_MMOL_L - 1e-6
    return Points(float(points))


def expansion_risk(points: float) -> float:
    """Published rate of expansion, in [0, 1], for `points`; NaN for NaN."""
    return float("nan") if points != points else EXPANSION_RISK[int(points)]
