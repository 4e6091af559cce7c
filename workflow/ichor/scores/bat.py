"""BAT score: risk of hematoma expansion from the blend sign, hypodensities and the time to CT (Morotti 2018)."""

from ichor.scores.points import Points, in_range, unknown_items

EARLY_H = 2.5
"""Onset to CT, h, below which the scan is early."""


def bat(*, blend: bool, hypodensity: bool, onset_to_ct_h: float) -> Points:
    """BAT score, 0 to 5 points; more is worse.

    Parameters
    ----------
    blend : bool
        Blend sign: 1 point.
    hypodensity : bool
        Any hypodensity inside the hematoma: 2 points.
    onset_to_ct_h : float
        Hours from onset to the baseline CT: < 2.5 = 2 points.

    Returns
    -------
    Points
        NaN with ``missing_input`` if an item is unknown.

    Notes
    -----
    Morotti A et al., Stroke 2018;49:1163-1169. Components, range 0 to 5 and the high-risk group from 3 points are
    checked against a public record of the score; the points of the items are from two independent recollections that
    agree and add up to the range, not from the paper itself. The two signs are a reader's findings; with the measured
    proxies in their place (``auto_blend``, ``auto_hypodensity``) the result is a proxy too, and is to be named so.
    There is no risk per point here: the published one was not at hand.
    """
    missing = unknown_items(blend=blend, hypodensity=hypodensity, onset_to_ct_h=onset_to_ct_h)
    if missing:
        return missing
    points = 1 if blend else 0
    points += 2 if hypodensity else 0
    points += 2 if in_range("onset_to_ct_h", onset_to_ct_h, 0, float("inf")) < EARLY_H else 0
    return Points(float(points))
