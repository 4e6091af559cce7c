"""BRAIN score: risk of hematoma expansion within 24 hours (Wang 2015)."""

import math

from ichor.scores.points import Points, in_range, unknown_items

INTERCEPT, SLOPE = -3.3468, 0.2144


def brain(*, iph_ml: float, prior_ich: bool, anticoagulant: bool, ivh: bool, onset_to_ct_h: float) -> Points:
    """BRAIN score, 0 to 24 points; more is worse.

    Parameters
    ----------
    iph_ml : float
        Baseline volume, mL: <= 10 = 0 points, above 10 to 20 = 5, > 20 = 7.
    prior_ich : bool
        Recurrent intracerebral hemorrhage: 4 points.
    anticoagulant : bool
        Warfarin at onset: 6 points. The data dictionary knows anticoagulants, not warfarin alone; taking any of them
        is our choice.
    ivh : bool
        Intraventricular extension: 2 points.
    onset_to_ct_h : float
        Hours from onset to the baseline CT: <= 1 = 5 points, to 2 = 4, to 3 = 3, to 4 = 2, to 5 = 1, > 5 = 0.

    Returns
    -------
    Points
        NaN with ``missing_input`` if an item is unknown.

    Notes
    -----
    Wang X et al., Stroke 2015;46:376-381 (PMID 25503550): points checked against the abstract and a public record.
    """
    missing = unknown_items(
        iph_ml=iph_ml, prior_ich=prior_ich, anticoagulant=anticoagulant, ivh=ivh, onset_to_ct_h=onset_to_ct_h
    )
    if missing:
        return missing
    volume_ml = in_range("iph_ml", iph_ml, 0, float("inf"))
    hours = in_range("onset_to_ct_h", onset_to_ct_h, 0, float("inf"))
    points = 0 if volume_ml <= 10 else 5 if volume_ml <= 20 else 7
    points += 4 if prior_ich else 0
    points += 6 if anticoagulant else 0
    points += 2 if ivh else 0
    points += max(0, 6 - max(1, math.ceil(hours)))
    return Points(float(points))


def expansion_risk(points: float) -> float:
    """Published risk of growth >= 6 mL at 24 h, in [0, 1], for `points`; NaN for NaN.

    The logistic curve 1 / (1 + exp(3.3468 - 0.2144 points)) reproduces the 25 printed values (3.4 % for 0, 85.8 % for
    24 points) within 0.08 percentage points.
    """
    return 1.0 / (1.0 + math.exp(-(INTERCEPT + SLOPE * points)))
