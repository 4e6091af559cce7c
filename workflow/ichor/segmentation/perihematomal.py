"""Edema that is far from every hematoma is none: perihematomal edema lies around a hematoma by its definition.

In networks that know edema from some dozens of scans, old infarcts, white matter of the old and the partial volume
between brain and ventricle are taken for it, in pieces of their own.
"""

import numpy as np
from scipy import ndimage

from ichor.imaging.measures import LABEL_CODES
from ichor.imaging.shape import TOUCHING

FARTHEST_MM = 5.0
"""Least distance of a piece to a hematoma, mm, at which it is still edema of it; our choice: a thick slice.

References that draw a hematoma by a limit of HU leave a rim of partial volume between the two.
"""


def drop_edema_apart(mask: np.ndarray, spacing_mm: tuple[float, float, float]) -> np.ndarray:
    """Turn pieces of edema that are farther than `FARTHEST_MM` from every parenchymal hematoma into background.

    Parameters
    ----------
    mask : array of uint8, any order of three axes
        Codes of `LABEL_CODES`. Voxels that share a corner are one piece.
    spacing_mm : tuple of float
        Distance of neighbouring voxels along the axes, mm.

    Returns
    -------
    array of uint8
        A copy, or `mask` itself when there is nothing to remove.
    """
    edema, hematoma = mask == LABEL_CODES["edema"], mask == LABEL_CODES["iph"]
    if not edema.any():
        return mask
    box = _box_around(edema, spacing_mm)
    pieces, n_pieces = ndimage.label(edema[box], TOUCHING)
    if hematoma[box].any():
        distance_mm = ndimage.distance_transform_edt(~hematoma[box], sampling=spacing_mm)
        apart = ndimage.minimum(distance_mm, pieces, np.arange(n_pieces + 1)) > FARTHEST_MM
    else:
        apart = np.ones(n_pieces + 1, dtype=bool)
    apart[0] = False
    if not apart.any():
        return mask
    cleaned = mask.copy()
    cleaned[box][apart[pieces]] = 0
    return cleaned


def _box_around(edema: np.ndarray, spacing_mm: tuple[float, float, float]) -> tuple[slice, slice, slice]:
    """Box that holds all edema and whatever is near enough to keep it."""
    box = ndimage.find_objects(edema.astype(np.uint8))[0]
    margins = [int(FARTHEST_MM / step) + 1 for step in spacing_mm]
    return tuple(slice(max(0, s.start - m), s.stop + m) for s, m in zip(box, margins, strict=True))
