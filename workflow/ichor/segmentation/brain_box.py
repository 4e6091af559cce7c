"""The part of a scan that can hold a bleed inside the skull: a smaller box than the head's, for fewer tiles."""

import math

import numpy as np

from ichor.imaging.brain import find_head, measure_head
from ichor.segmentation.preprocess import Box, head_box

MARGIN_MM = 10.0
"""Around the brain's mask, whose own box holds all of 40 real bleeds and edemas with 9 mm to spare."""
MIN_BRAIN_ML, MIN_ENCLOSED = 400.0, 0.4
"""Below, what was found is not trusted to be the brain: the least that the ingest takes for a head."""


def brain_box(hu: np.ndarray, spacing_mm: tuple[float, float, float], least_mm: tuple[float, float, float]) -> Box:
    """Bounding box of the brain within the slices, and a margin; all slices are kept.

    Parameters
    ----------
    hu : array, shape (Z, Y, X), Hounsfield units
    spacing_mm : tuple of float
        Voxel size along (z, y, x).
    least_mm : tuple of float
        Size (z, y, x) below which the box is not made smaller, as far as the scan goes: that of a tile, which sees
        what lies beside the brain rather than padding.

    Returns
    -------
    tuple of slice
        `head_box` where no brain is found, it is smaller than `MIN_BRAIN_ML`, or less than `MIN_ENCLOSED` of it is
        enclosed by bone.
    """
    outer = head_box(hu, spacing_mm)
    head = hu[outer].transpose(2, 1, 0)
    spacing_xyz = np.array(spacing_mm[::-1])
    maps = find_head(head, spacing_xyz)
    measures = measure_head(head, spacing_xyz, maps)
    if measures.brain_ml < MIN_BRAIN_ML or measures.enclosed_fraction < MIN_ENCLOSED:
        return outer
    sides = [
        _side(maps.brain.any(axis=(1 - axis, 2)), maps.block, side, hu.shape[at], spacing_mm[at], least_mm[at])
        for axis, side, at in ((1, outer[1], 1), (0, outer[2], 2))
    ]
    return (slice(None), *sides)


def _side(found: np.ndarray, block: int, outer: slice, length: int, voxel_mm: float, least_mm: float) -> slice:
    """Side of the box along one axis: `found` says which blocks of voxels, from `outer`'s start, show brain."""
    blocks, start = np.flatnonzero(found), outer.start or 0
    margin = math.ceil(MARGIN_MM / voxel_mm)
    first = start + int(blocks[0]) * block - margin
    last = start + int(blocks[-1] + 1) * block + margin
    missing = max(0, math.ceil(least_mm / voxel_mm) - (last - first))
    first, last = first - missing // 2, last + missing - missing // 2
    first, last = (first, last) if first >= 0 else (0, last - first)  # what is missing at one end is taken at the other
    first, last = (first, last) if last <= length else (first - (last - length), length)
    return slice(max(0, first), min(length, last))
