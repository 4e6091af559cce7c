"""Edema that is far from every hematoma is none: perihematomal edema lies around a hematoma by its definition.

In networks that know edema from some dozens of scans, old infarcts, white matter of the old and the partial volume
between brain and ventricle are taken for it, in pieces of their own.
"""

import numpy as np
from scipy import ndimage

from ichor.imaging.measures import LABEL_CODES
from ichor.imaging.shape import TOUCHING, crop_to


def drop_edema_apart(mask: np.ndarray) -> np.ndarray:
    """Turn pieces of edema that touch no parenchymal hematoma into background.

    Parameters
    ----------
    mask : array of uint8, any order of three axes
        Codes of `LABEL_CODES`. Voxels that share a corner touch.

    Returns
    -------
    array of uint8
        A copy, or `mask` itself when there is nothing to remove.
    """
    edema = mask == LABEL_CODES["edema"]
    if not edema.any():
        return mask
    box = crop_to(edema)
    pieces, _ = ndimage.label(edema[box], TOUCHING)
    around = ndimage.binary_dilation(mask == LABEL_CODES["iph"], TOUCHING)[box]
    apart = np.ones(pieces.max() + 1, dtype=bool)
    apart[pieces[around]] = False
    apart[0] = False
    if not apart.any():
        return mask
    cleaned = mask.copy()
    cleaned[box][apart[pieces]] = 0
    return cleaned
