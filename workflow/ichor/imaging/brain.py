"""Is it a head with a brain in it? A fast brain mask from Hounsfield units alone, and the measures that answer.

The mask is found on a coarse grid (about 2 mm in the slice, block means) because it serves plausibility checks,
crops and normalisation, not volumetry. Soft tissue (5 to 90 HU) is eroded by 4 mm, which cuts off scalp and
muscle at the skull's openings; the largest piece that is left, grown back, is the brain. It works on full-range
scans and on scans clipped to a soft-tissue window, where bone is the upper end of the range.
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from ichor.imaging.flat_morphology import close, dilate, erode, fill_holes

TISSUE_HU = (5.0, 90.0)  # CSF to dense clot; our choice, checked on 40 real bleeds and one head without
BONE_HU = 120.0  # block means at the inner table, below the 300 HU of full bone because of partial volume
COARSE_MM = 2.0
CUT_MM = 4.0  # half the width of the openings that scalp and neck muscle connect through
SKULL_GAP_MM = 8.0  # sutures, burr holes and thin temporal bone are closed over this distance
AIR_HU = (-1150.0, -850.0)
FULL_RANGE_HU = (-500, 300)  # a scan that reaches neither end was clipped
BRIGHTEST_HU = 4000  # above it nothing is told apart here, and sums of eight such voxels still fit in 16 bits


@dataclass(frozen=True)
class HeadMeasures:
    """What a scan looks like as a head.

    Attributes
    ----------
    brain_ml : float
        Volume of the brain mask, mL (0 when there is none).
    enclosed_fraction : float
        Share of the brain mask that lies inside a closed ring of bone, 0 to 1.
    brain_hu : float
        Median of the brain mask, HU; NaN without brain.
    air_hu : float
        What surrounds the head: median of the darkest fifth of the border voxels, HU.
    brain_width_mm : float
        Largest width of the brain mask in a slice, from right to left, mm.
    hu_min, hu_max : int
        Range of the scan, HU.
    clipped : bool
        The range ends where neither air nor bone can: intensities were clipped to a window before.
    """

    brain_ml: float
    enclosed_fraction: float
    brain_width_mm: float
    brain_hu: float
    air_hu: float
    hu_min: int
    hu_max: int
    clipped: bool


@dataclass(frozen=True)
class HeadMaps:
    """A scan on the coarse grid, and what was found in it.

    Attributes
    ----------
    small : ndarray
        float32, HU: block means of about 2 mm.
    block, stride : int
        Voxels averaged along axes 0 and 1, and slices stepped along axis 2.
    pixel_mm : float
        Width of a coarse voxel.
    bone, brain, skull : ndarray of bool
        Shape of `small`; `skull` is bone and all that it encloses, slice by slice.
    hu_min, hu_max : int
        Range of the scan, HU.
    """

    small: np.ndarray
    block: int
    stride: int
    pixel_mm: float
    bone: np.ndarray
    brain: np.ndarray
    skull: np.ndarray
    hu_min: int
    hu_max: int


def coarse(volume: np.ndarray, spacing_mm: np.ndarray) -> tuple[np.ndarray, int, int]:
    """Block means in the slice and every n-th slice, so that voxels are about 2 mm wide and at most 3 mm apart.

    Returns
    -------
    small : ndarray
        float32, HU; of whole numbers, what lies above 4000 HU counts as 4000 HU.
    block, stride : int
        Voxels averaged along axes 0 and 1, and slices stepped along axis 2.
    """
    block = max(1, round(COARSE_MM / float(spacing_mm[0])))
    stride = max(1, round(3.0 / float(spacing_mm[2])))
    columns, rows = (size // block * block for size in volume.shape[:2])
    part = volume[:columns, :rows, ::stride]
    if block == 1:
        return part.astype(np.float32), block, stride
    if volume.dtype != np.int16 or block > 8:
        shape = (columns // block, block, rows // block, block, part.shape[2])
        return part.reshape(shape).mean(axis=(1, 3), dtype=np.float32), block, stride
    small = np.empty((columns // block, rows // block, part.shape[2]), np.float32, order="F")
    ones, bright = np.ones(block, np.float32), volume.max() > BRIGHTEST_HU
    for k in range(part.shape[2]):  # slice by slice stays in the cache
        plane = part[:, :, k].T  # (rows, columns), contiguous along columns
        if bright:
            plane = np.minimum(plane, BRIGHTEST_HU)
        lines = plane[0::block].copy()
        for offset in range(1, block):
            lines += plane[offset::block]
        # sums of whole numbers below 2**24: exact in any order
        small[:, :, k].T[:] = lines.astype(np.float32).reshape(-1, block).dot(ones).reshape(small.shape[1::-1])
    small /= block * block
    return small, block, stride


def _bone(small: np.ndarray, highest: float) -> np.ndarray:
    return small > (BONE_HU if highest >= 200 else 0.9 * highest)


def _brain(small: np.ndarray, bone: np.ndarray, pixel_mm: float) -> np.ndarray:
    tissue = (small > TISSUE_HU[0]) & (small < TISSUE_HU[1]) & ~bone
    steps = max(1, round(CUT_MM / pixel_mm))
    core = erode(tissue, steps)
    box = _box(core, steps)
    pieces, count = ndimage.label(core[box].T)  # along the order in memory: half the time
    brain = np.zeros_like(tissue)
    if count:
        sizes = np.bincount(pieces.ravel())
        sizes[0] = 0
        brain[box] = dilate((pieces == sizes.argmax()).T, steps) & tissue[box]
    return brain


def _inside_skull(bone: np.ndarray, pixel_mm: float) -> np.ndarray:
    steps = max(1, round(SKULL_GAP_MM / pixel_mm))
    box, inside = _box(bone, steps + 1), np.zeros_like(bone)
    inside[box] = fill_holes(close(bone[box], steps))
    return inside


def _box(mask: np.ndarray, margin: int) -> tuple[slice, slice, slice]:
    """Smallest box in the slice that holds a mask, with a margin; all slices."""
    sides = []
    for axis in (0, 1):
        found = np.flatnonzero(mask.any(axis=(1 - axis, 2)))
        low, high = (found[0], found[-1] + 1) if len(found) else (0, 0)
        sides.append(slice(max(0, low - margin), min(mask.shape[axis], high + margin)))
    return (*sides, slice(None))


def _air_hu(small: np.ndarray) -> float:
    border = np.concatenate([small[0].ravel(), small[-1].ravel(), small[:, 0].ravel(), small[:, -1].ravel()])
    return float(np.median(np.sort(border)[: max(1, border.size // 5)]))


def _width(mask: np.ndarray) -> int:
    """Largest distance along axis 0 from the first to the last voxel of a mask in one slice, voxels."""
    found = mask.any(axis=1)  # (columns, slices)
    if not found.any():
        return 0
    first, last = found.argmax(axis=0), len(found) - 1 - found[::-1].argmax(axis=0)
    return int((last - first + 1)[found.any(axis=0)].max())


def find_head(volume: np.ndarray, spacing_mm: np.ndarray) -> HeadMaps:
    """Find bone, brain and the inside of the skull on the coarse grid.

    Parameters
    ----------
    volume : ndarray
        Three axes, HU, third axis = slices; padding already at -1024.
    spacing_mm : ndarray
        Voxel size, shape (3,), mm.
    """
    spacing_mm = np.asarray(spacing_mm, float)
    small, block, stride = coarse(volume, spacing_mm)
    pixel_mm = block * float(spacing_mm[0])
    lowest, highest = int(volume.min()), int(volume.max())
    bone = _bone(small, highest)
    brain, skull = _brain(small, bone, pixel_mm), _inside_skull(bone, pixel_mm)
    return HeadMaps(small, block, stride, pixel_mm, bone, brain, skull, lowest, highest)


def measure_head(volume: np.ndarray, spacing_mm: np.ndarray, maps: HeadMaps | None = None) -> HeadMeasures:
    """Measure whether `volume` looks like a head with a brain in it.

    Parameters
    ----------
    volume : ndarray
        Three axes, HU, third axis = slices; padding already at -1024.
    spacing_mm : ndarray
        Voxel size, shape (3,), mm.
    maps : HeadMaps, optional
        Of `find_head`, if they are known.

    Returns
    -------
    HeadMeasures
    """
    spacing_mm = np.asarray(spacing_mm, float)
    maps = maps or find_head(volume, spacing_mm)
    small, brain = maps.small, maps.brain
    lowest, highest = maps.hu_min, maps.hu_max
    count = int(np.count_nonzero(brain))
    enclosed = np.count_nonzero(brain & maps.skull) / count if count else 0.0
    voxel_ml = maps.block**2 * maps.stride * float(np.prod(spacing_mm)) / 1000
    return HeadMeasures(
        brain_ml=count * voxel_ml,
        enclosed_fraction=enclosed,
        brain_width_mm=_width(brain) * maps.pixel_mm,
        brain_hu=float(np.median(small.T[brain.T])) if count else float("nan"),
        air_hu=_air_hu(small),
        hu_min=lowest,
        hu_max=highest,
        clipped=lowest > FULL_RANGE_HU[0] and highest < FULL_RANGE_HU[1],
    )


def brain_mask(volume: np.ndarray, spacing_mm: np.ndarray, maps: HeadMaps | None = None) -> np.ndarray:
    """Mask of the brain on the grid of `volume`, bool; coarse (about 2 mm), empty when there is no brain.

    Parameters
    ----------
    volume : ndarray
        Three axes, HU, third axis = slices.
    spacing_mm : ndarray
        Voxel size, shape (3,), mm.
    maps : HeadMaps, optional
        Of `find_head`, if they are known.
    """
    if maps is None:
        spacing_mm = np.asarray(spacing_mm, float)
        small, block, stride = coarse(volume, spacing_mm)
        found = _brain(small, _bone(small, float(volume.max())), block * float(spacing_mm[0]))
    else:
        found, block, stride = maps.brain, maps.block, maps.stride
    return on_grid(close(found, 2) | found, block, stride, volume.shape)


def on_grid(found: np.ndarray, block: int, stride: int, shape: tuple[int, int, int]) -> np.ndarray:
    """What was found on the coarse grid (see `coarse`), voxel by voxel on the grid that it was made of."""
    full = found.repeat(stride, axis=2)[:, :, : shape[2]].repeat(block, axis=1).repeat(block, axis=0)
    rest = [(0, have - got) for have, got in zip(shape, full.shape, strict=True)]
    return np.pad(full, rest, mode="edge") if any(after for _, after in rest) else full
