"""Where in the head the attribution lies: hematoma, its rim, blood in the ventricles, the rest.

Regions are found on the scan, with its own voxels, and then taken to the model's grid as the share of each grid voxel
that they fill; they do not overlap and together fill the grid. The rim lies outside both bleeds and not farther from
the hematoma than the configured distance; ``elsewhere`` is the rest of the head, bone and scalp included.
"""

import numpy as np
from scipy import ndimage

from ichor.explain.vocabulary import REGIONS
from ichor.imaging.crops import Grid, resample_to_grid
from ichor.training.data import MASK_LABELS

BODY_HU = -300.0
"""Between air and tissue, so that fat belongs to the head."""


def head_on_grid(image_hu: np.ndarray) -> np.ndarray:
    """Where the head is: the largest body of tissue on a grid, with the air inside it; bool of the image's shape."""
    parts, n_parts = ndimage.label(image_hu > BODY_HU)
    if n_parts == 0:
        return np.zeros(image_hu.shape, dtype=bool)
    largest = parts == np.argmax(np.bincount(parts.ravel())[1:]) + 1
    for level in range(largest.shape[2]):
        largest[:, :, level] = ndimage.binary_fill_holes(largest[:, :, level])
    return largest


def shares_of_regions(
    labels: np.ndarray, spacing_mm: np.ndarray, center: np.ndarray, grid: Grid, head: np.ndarray, rim_mm: float
) -> dict[str, np.ndarray]:
    """Share of each grid voxel that a region fills.

    Parameters
    ----------
    labels : numpy.ndarray
        ``(x, y, z)`` of the scan: 1 parenchymal, 2 ventricular blood.
    spacing_mm : array of 3
        Spacing of the scan.
    center : array of 3
        Middle of the grid in voxel coordinates of the scan.
    grid : Grid
        Of the model.
    head : numpy.ndarray
        bool of ``grid.shape``, see `head_on_grid`.
    rim_mm : float
        Width of the rim.

    Returns
    -------
    dict
        Region -> float32 of ``grid.shape``; they add up to 1 in every voxel.
    """
    bleed, blood = labels == MASK_LABELS["iph"], labels == MASK_LABELS["ivh"]
    near = _within(bleed, spacing_mm, rim_mm) & ~bleed & ~blood
    found = {
        name: np.clip(resample_to_grid(mask, spacing_mm, center, grid), 0, 1)
        for name, mask in (("hematoma", bleed), ("rim", near), ("ventricular_blood", blood))
    }
    inside = head | (found["hematoma"] + found["ventricular_blood"] > 0)
    found["rim"] *= inside  # the rim of a bleed at the skull does not lie in the air around it
    taken = found["hematoma"] + found["rim"] + found["ventricular_blood"]
    found["elsewhere"] = np.where(inside, np.clip(1 - taken, 0, 1), 0).astype(np.float32)
    found["outside_head"] = np.where(inside, 0, 1 - taken).astype(np.float32)
    return {name: found[name] for name in REGIONS}


def _within(mask: np.ndarray, spacing_mm: np.ndarray, distance_mm: float) -> np.ndarray:
    """Voxels not farther than a distance from a mask, itself included."""
    if not mask.any():
        return np.zeros(mask.shape, dtype=bool)
    reach = [int(np.ceil(distance_mm / step)) for step in spacing_mm]
    box = tuple(
        slice(max(0, where.start - more), where.stop + more)
        for where, more in zip(ndimage.find_objects(mask.astype(np.uint8))[0], reach, strict=True)
    )
    near = np.zeros(mask.shape, dtype=bool)
    near[box] = ndimage.distance_transform_edt(~mask[box], sampling=spacing_mm) <= distance_mm
    return near
