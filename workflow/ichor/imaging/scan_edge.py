"""Is a bleed cut off where the scan ends? Then its volume is not known."""

import numpy as np

CUT_OFF_SHARE = 0.25
"""A mask is cut off when its area on an outer face of the image is more than this share of its largest parallel area.

A smaller slice would not count in ABC/2 either (Kothari 1996), and a speck at the skull base is no cut. Our choice.
"""


def edge_share(mask: np.ndarray) -> float:
    """Largest area of a mask on one of the image's six outer faces, as a share of its largest parallel area.

    Parameters
    ----------
    mask : array of bool, shape (X, Y, Z)

    Returns
    -------
    float
        In [0, 1]; 0.0 for an empty mask.
    """
    shares = [0.0]
    for axis in range(mask.ndim):
        areas = np.count_nonzero(mask, axis=tuple(other for other in range(mask.ndim) if other != axis))
        if areas.any():
            shares.append(float(max(areas[0], areas[-1]) / areas.max()))
    return max(shares)


def is_cut_off(mask: np.ndarray) -> bool:
    """Tell whether a mask ends where the image does (`CUT_OFF_SHARE`)."""
    return edge_share(mask) > CUT_OFF_SHARE
