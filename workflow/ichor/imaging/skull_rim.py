"""How dark the rim of the brain is beside the skull: bone kernels overshoot there, soft kernels do not.

A kernel that sharpens edges darkens what lies beside bone (and brightens bone). What lies there in a scan of a soft
kernel is brain, CSF and a little bone, which is brighter than the deep brain on average.
"""

from dataclasses import replace

import numpy as np

from ichor.imaging.brain import HeadMaps
from ichor.imaging.flat_morphology import dilate, erode
from ichor.imaging.signal import LEAST_BRAIN, VERTEX_MM

RIM_MM = 4.0  # width of the rim; kernels overshoot over one or two pixels
DEEP_MM = 18.0  # from the outside of the skull: brain that no edge of bone reaches
AIR_HU = -200  # darker voxels are air in the skull's cells, no tissue
LEAST_VOXELS = 500


def rim_dip_hu(volume: np.ndarray, spacing_mm: np.ndarray, maps: HeadMaps) -> float:
    """How much darker the rim of the brain is than its inside.

    Parameters
    ----------
    volume : ndarray
        Three axes, int16 HU, third axis = slices.
    spacing_mm : ndarray
        Voxel size, shape (3,), mm.
    maps : HeadMaps
        Of `ichor.imaging.brain.find_head`.

    Returns
    -------
    float
        Median of the deep brain minus lower quartile of the rim, HU, in the upper half of the brain without the top
        20 mm: about 0 for a soft kernel. NaN where there is no skull or no brain.
    """
    inside = maps.skull & ~maps.bone
    if np.count_nonzero(maps.brain) < LEAST_BRAIN:  # noise itself can destroy the brain mask
        maps = replace(maps, brain=inside)
    areas = maps.brain.sum(axis=(0, 1))
    found = np.flatnonzero(areas > 0.2 * areas.max()) if areas.max() else np.empty(0, int)
    if not len(found):
        return float("nan")
    first, last = (found[0] + found[-1] + 1) // 2, found[-1] + 1 - round(VERTEX_MM / (maps.stride * spacing_mm[2]))
    part = (slice(None), slice(None), slice(first, max(first + 1, last)))
    rim = dilate(maps.bone[part], max(1, round(RIM_MM / maps.pixel_mm))) & inside[part]
    deep = erode(maps.skull[part], max(1, round(DEEP_MM / maps.pixel_mm))) & maps.brain[part]
    beside, within = (_voxels(volume, maps, mask, first) for mask in (rim, deep))
    beside = beside[beside > AIR_HU]
    if min(len(beside), len(within)) < LEAST_VOXELS:
        return float("nan")
    return float(np.median(within) - np.percentile(beside, 25))


def _voxels(volume: np.ndarray, maps: HeadMaps, mask: np.ndarray, first: int) -> np.ndarray:
    """Single voxels of `volume` in a mask of coarse ones that begins at slice `first` of the maps."""
    columns, rows, slices = np.nonzero(mask)
    columns, rows, slices = columns * maps.block, rows * maps.block, (slices + first) * maps.stride
    places = [(across, along) for across in range(maps.block) for along in range(maps.block)]
    return np.concatenate([volume[columns + across, rows + along, slices] for across, along in places])
