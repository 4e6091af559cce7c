"""The 9-point score: risk of hematoma expansion, with or without CT angiography (Brouwers 2014)."""

from ichor.scores.points import Points, in_range, is_unknown, unknown_items

SPOT_SIGN_POINTS = {"absent": 0, "unavailable": 1, "present": 3}


def nine_point(*, anticoagulant: bool, onset_to_ct_h: float, iph_ml: float, spot_sign: bool | None = None) -> Points:
    """9-point score, 0 to 9 points; more is worse.

    Parameters
    ----------
    anticoagulant : bool
        Warfarin at onset: 2 points. The data dictionary knows anticoagulants, not warfarin alone; taking any of them
        is our choice.
    onset_to_ct_h : float
        Hours from onset to the baseline CT: <= 6 = 2 points.
    iph_ml : float
        Baseline volume, mL: < 30 = 0 points, 30 to 60 = 1, > 60 = 2.
    spot_sign : bool or None
        Spot sign on CT angiography: present = 3 points, absent = 0, and 1 point where it is not known, because there
        was no CT angiography or nobody has read it: that is an item of the score, not a gap.

    Returns
    -------
    Points
        NaN with ``missing_input`` if one of the other items is unknown.

    Notes
    -----
    Brouwers HB et al., JAMA Neurol 2014;71:158-164 (PMC4131760): predictors are checked against the record; the points
    are from two independent recollections that agree and add up to 9, not from the paper itself. There is no risk per
    point here: the published one was not at hand.
    """
    missing = unknown_items(anticoagulant=anticoagulant, onset_to_ct_h=onset_to_ct_h, iph_ml=iph_ml)
    if missing:
        return missing
    volume_ml = in_range("iph_ml", iph_ml, 0, float("inf"))
    points = 2 if anticoagulant else 0
    points += 2 if in_range("onset_to_ct_h", onset_to_ct_h, 0, float("inf")) <= 6 else 0
    points += 0 if volume_ml < 30 else 1 if volume_ml <= 60 else 2
    found = "unavailable" if is_unknown(spot_sign) else "present" if spot_sign else "absent"
    return Points(float(points + SPOT_SIGN_POINTS[found]))
