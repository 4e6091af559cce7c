"""Separate pieces of a mask that are too small to be believed.

Networks that were trained for minutes leave specks, above all of rare labels: on the development patients of a demo run
four of five scans without any intraventricular blood got some. Removing what is smaller than a limit is the oldest
cure; the limit is a config key (``segmentation.smallest_ml``), so nothing is learned from a patient who is tested.
"""

from collections.abc import Mapping

import numpy as np
from scipy import ndimage

from ichor.imaging.measures import LABEL_CODES
from ichor.imaging.shape import TOUCHING, crop_to


def drop_specks(mask: np.ndarray, voxel_ml: float, smallest_ml: Mapping[str, float]) -> np.ndarray:
    """Turn pieces of a label that are smaller than its limit into background.

    Parameters
    ----------
    mask : array of uint8, any order of three axes
        Codes of `LABEL_CODES`.
    voxel_ml : float
        Volume of a voxel, mL.
    smallest_ml : mapping of str to float
        Smallest piece that is kept, mL, by label; a label that is not named keeps all. Voxels that share a corner are
        one piece.

    Returns
    -------
    array of uint8
        A copy, or `mask` itself when there is nothing to remove.
    """
    cleaned = mask
    for label, least_ml in smallest_ml.items():
        of_label = mask == LABEL_CODES[label]
        if least_ml <= 0 or not of_label.any():
            continue
        box = crop_to(of_label)
        pieces, _ = ndimage.label(of_label[box], TOUCHING)
        sizes_ml = np.bincount(pieces.ravel()) * voxel_ml
        small = sizes_ml < least_ml * (1 - 1e-9)  # a piece of just the limit stays, whatever 0.1 is in binary
        small[0] = False
        if small.any():
            cleaned = cleaned.copy() if cleaned is mask else cleaned
            cleaned[box][small[pieces]] = 0
    return cleaned
