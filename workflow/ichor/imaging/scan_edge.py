"""Is a bleed, or the brain, cut off where the scan ends? Then its volume is not known."""

import numpy as np

from ichor.imaging.shape import crop_to, main_piece

CUT_OFF_SHARE = 0.25
"""A mask is cut off when the area of its largest piece on an outer face of the image is more than this share of that
piece's largest parallel area.

A smaller slice would not count in ABC/2 either (Kothari 1996). Only the largest piece counts, because weak networks
see islands in the first and last slices: of 153 masks of a demo run 41 % had parenchymal hemorrhage there, and the
largest piece of 18 % ended with the scan (with a median Dice of 0.40, the others 0.86). Our choice.
"""


def edge_share(mask: np.ndarray) -> float:
    """Largest area of a mask's largest piece on one of the image's six outer faces, over its largest parallel area.

    Parameters
    ----------
    mask : array of bool, shape (X, Y, Z)

    Returns
    -------
    float
        In [0, 1]; 0.0 for an empty mask.
    """
    if not any(mask.take(end, axis).any() for axis in range(mask.ndim) for end in (0, -1)):
        return 0.0  # nearly always, and far cheaper than all areas
    box = crop_to(mask)
    piece, shares = main_piece(mask[box]), [0.0]
    for axis, (size, part) in enumerate(zip(mask.shape, box, strict=True)):
        areas = np.count_nonzero(piece, axis=tuple(other for other in range(mask.ndim) if other != axis))
        if part.start == 0:
            shares.append(float(areas[0] / areas.max()))
        if part.stop == size:
            shares.append(float(areas[-1] / areas.max()))
    return max(shares)


def brain_share_on_top(brain: np.ndarray) -> float:
    """Area of the brain on the uppermost slice over its largest area: 0.0 for a scan that ends above the brain.

    Parameters
    ----------
    brain : array of bool, shape (X, Y, Z)
        Mask of the brain, axis 2 upwards.

    Returns
    -------
    float
        In [0, 1]; 0.0 for an empty mask.
    """
    areas = brain.sum(axis=(0, 1))
    return float(areas[-1] / areas.max()) if areas.any() else 0.0


def is_cut_off(mask: np.ndarray) -> bool:
    """Tell whether a mask ends where the image does (`CUT_OFF_SHARE`)."""
    return edge_share(mask) > CUT_OFF_SHARE


def known_volume_ml(mask: np.ndarray, voxel_ml: float) -> float | None:
    """Volume of a mask in mL; None when it is cut off: what was seen is then less than what there is.

    Parameters
    ----------
    mask : array of bool, shape (X, Y, Z)
        0.0 mL when it is empty: nothing found is a result.
    voxel_ml : float
        Volume of a voxel, mL.
    """
    return None if is_cut_off(mask) else float(np.count_nonzero(mask)) * voxel_ml
