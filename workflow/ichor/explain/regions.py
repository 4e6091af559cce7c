"""Where in the head the attribution lies: hematoma, edema, rim, ventricles, brain, the rest.

Regions are found on the scan, with its own voxels, and then taken to the model's grid as the share of each grid voxel
that they fill; they do not overlap and together fill the grid. Hematoma, edema and blood in the ventricles are those
of the predicted mask; the ventricles are found by `ichor.imaging.ventricles`. The rim is brain outside of all these,
not farther from the hematoma than the configured distance; ``elsewhere`` is the head without brain: bone, scalp, air.
What cannot be told (edema that no network segments, ventricles of a scan that ends inside the head) has no region and
is part of the rim and of the brain.
"""

from collections.abc import Collection

import numpy as np
from scipy import ndimage

from ichor.explain.vocabulary import REGIONS
from ichor.imaging.brain import brain_mask
from ichor.imaging.crops import Grid, resample_to_grid
from ichor.imaging.flat_morphology import fill_holes
from ichor.imaging.measures import LABEL_CODES
from ichor.imaging.ventricles import ventricle_mask

OF_LABEL = {"hematoma": "iph", "edema": "edema", "ventricular_blood": "ivh"}
"""Regions that are labels of the predicted mask."""
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
    image_hu: np.ndarray,
    labels: np.ndarray,
    spacing_mm: np.ndarray,
    center: np.ndarray,
    grid: Grid,
    head: np.ndarray,
    rim_mm: float,
    segmented: Collection[str] = ("iph", "ivh"),
) -> dict[str, np.ndarray]:
    """Share of each grid voxel that a region fills.

    Parameters
    ----------
    image_hu : numpy.ndarray
        ``(x, y, z)`` of the scan, HU.
    labels : numpy.ndarray
        Predicted mask of the same shape, values of `ichor.imaging.measures.LABEL_CODES`.
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
    segmented : collection of str
        Labels that masks of the study can hold.

    Returns
    -------
    dict
        Region -> float32 of ``grid.shape``, in the order of `ichor.explain.vocabulary.REGIONS`; they add up to 1 in
        every voxel. Regions that cannot be told are not in it.
    """
    on_scan = {name: labels == LABEL_CODES[own] for name, own in OF_LABEL.items() if own in segmented}
    named = np.any(list(on_scan.values()), axis=0) if on_scan else np.zeros(labels.shape, bool)
    fluid = ventricle_mask(image_hu, spacing_mm, named)
    if fluid is not None:
        on_scan["ventricles"] = fluid
        named = named | fluid
    hematoma = on_scan.get("hematoma", np.zeros(labels.shape, bool))
    on_scan["rim"] = _within(hematoma, spacing_mm, rim_mm) & ~named
    on_scan["brain"] = fill_holes(brain_mask(image_hu, spacing_mm)) & ~named & ~on_scan["rim"]
    found = {
        name: np.clip(resample_to_grid(mask, spacing_mm, center, grid), 0, 1).astype(np.float32)
        for name, mask in on_scan.items()
    }
    inside = head | (sum(found[name] for name in (*OF_LABEL, "ventricles") if name in found) > 0)
    for name in ("rim", "brain"):  # the rim of a bleed at the skull does not lie in the air around it
        found[name] *= inside
    taken = sum(found.values())
    found["elsewhere"] = np.where(inside, np.clip(1 - taken, 0, 1), 0).astype(np.float32)
    found["outside_head"] = np.where(inside, 0, 1 - taken).astype(np.float32)
    return {name: found[name] for name in REGIONS if name in found}


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
