"""Skull strip by Hounsfield units and morphology, and the cut below the foramen magnum: what networks of outcome see.

Thresholds on brightness lose a bleed that touches the inner table, where clot of 60 to 90 HU and bone share voxels.
Here the coarse brain mask of `ichor.imaging.brain`, which ends where soft tissue ends, is closed over what it leaves
out (sulci, cysts, calcifications, a dense bleed at the rim, whole holes) and then grown on the scan's own grid up to
the bone. Nothing here knows where the bleed is: no mask of it is used.
"""

import numpy as np

from ichor.imaging.brain import BONE_HU, HeadMaps, find_head
from ichor.imaging.flat_morphology import close, dilate, fill_holes

CLOSE_MM = 12.0
"""Dents of the coarse mask that are narrower than twice this are filled: sulci, fissures, clot along the skull."""
GROW_MM = 4.0
"""From the coarse mask's edge to the bone at most: the subarachnoid space and partial volume of the inner table."""
SMOOTH_MM = 1.0
"""Dents of the grown mask narrower than twice this are noise."""
SOFT_HU = -30.0
"""Growth stops at fat (-100 HU) and air, so that it does not leave the skull where the skull has a gap."""
EDGE_HU = 500.0
EDGE_MM = 1.5
"""At last the mask grows over so much of what is darker than `EDGE_HU`, where about half is brain or clot and half
bone of 1000 HU, so that the rim of a bleed that touches the inner table is kept. In a clipped scan such voxels cannot
be told from bone and are left."""
LEAST_BRAIN_ML = 300.0
"""Less than this is no brain to be cut out; about a quarter of an adult's. Our choice."""
FORAMEN_MM2 = 1300.0
"""Below its widest slice, brain of a smaller area than this is the cord in the foramen magnum or under it. The foramen
measures 729 (standard deviation 125) mm2 on CT (Kanodia et al., J Neurosci Rural Pract 2012;3:261), in men 793 (192)
mm2 (Nepal J Med Sci 2023;8); the posterior fossa measures several times that one or two slices higher. Our choice."""
FORAMEN_BELOW_MM = 40.0
"""The foramen lies farther than this below the widest slice of the brain; nearer, a thin slice is a damaged one."""


def brain_to_bone(volume: np.ndarray, spacing_mm: np.ndarray, maps: HeadMaps | None = None) -> np.ndarray:
    """Mask of all that the skull holds: brain, bleed, fluid, on the grid of `volume`.

    Parameters
    ----------
    volume : ndarray
        Three axes (right, anterior, superior), HU, third axis = slices; padding already at -1024.
    spacing_mm : ndarray
        Voxel size, shape (3,), mm.
    maps : HeadMaps, optional
        Of `ichor.imaging.brain.find_head`, if they are known.

    Returns
    -------
    ndarray of bool
        Shape of `volume`; empty where there is no brain of `LEAST_BRAIN_ML`. What lies below the foramen magnum is in
        it as far as it looks like brain, see `foramen_slice`.
    """
    spacing_mm = np.asarray(spacing_mm, float)
    maps = maps or find_head(volume, spacing_mm)
    found = np.zeros(volume.shape, bool)
    voxel_ml = maps.block**2 * maps.stride * float(np.prod(spacing_mm)) / 1000
    if np.count_nonzero(maps.brain) * voxel_ml < LEAST_BRAIN_ML:
        return found
    coarse = close(maps.brain, max(1, round(CLOSE_MM / maps.pixel_mm))) | maps.brain
    brain = _on_grid(fill_holes(coarse), maps, volume.shape)
    steps = max(1, round(GROW_MM / float(spacing_mm[0])))
    box = _box(brain, steps + 1)
    part = volume[box]
    bone_hu = BONE_HU if maps.hu_max >= 200 else 0.9 * maps.hu_max  # a clipped scan's bone is its upper end
    soft = (part > SOFT_HU) & (part < bone_hu)
    inside = brain[box] & soft
    for _ in range(steps):
        inside = dilate(inside, 1) & soft
    if maps.hu_max >= 200:
        edge = (part > SOFT_HU) & (part < EDGE_HU)
        for _ in range(max(1, round(EDGE_MM / float(spacing_mm[0])))):
            inside |= dilate(inside, 1) & edge
    smooth = close(inside, max(1, round(SMOOTH_MM / float(spacing_mm[0]))))
    found[box] = fill_holes(smooth | inside)
    return found


def foramen_slice(brain: np.ndarray, spacing_mm: np.ndarray) -> int | None:
    """Uppermost slice at or below the foramen magnum; None where the scan ends above it.

    Going down from the brain's widest slice, the first one in which the mask measures less than `FORAMEN_MM2`: above
    the foramen lies the posterior fossa, several times as wide; in it and under it only the cord with its fluid. Slices
    are taken as they are, so in a head that is turned back far the cut is as oblique as the slices.

    Parameters
    ----------
    brain : ndarray of bool
        Of `brain_to_bone`, or of another program: (right, anterior, superior).
    spacing_mm : ndarray
        Voxel size, shape (3,), mm.

    Returns
    -------
    int or None
        This slice and all below it are cut.
    """
    areas = np.count_nonzero(brain, axis=(0, 1)) * float(spacing_mm[0] * spacing_mm[1])
    widest = int(areas.argmax())
    first = widest - int(np.ceil(FORAMEN_BELOW_MM / float(spacing_mm[2])))
    for number in range(first, -1, -1):
        if areas[number] < FORAMEN_MM2:
            return number
    return None


def without_neck(brain: np.ndarray, spacing_mm: np.ndarray) -> np.ndarray:
    """The mask without the foramen's slice and all below it (`foramen_slice`); the same where there is none."""
    cut = foramen_slice(brain, spacing_mm)
    if cut is None:
        return brain
    kept = brain.copy()
    kept[:, :, : cut + 1] = False
    return kept


def _on_grid(coarse: np.ndarray, maps: HeadMaps, shape: tuple[int, ...]) -> np.ndarray:
    """Bring a coarse mask to the scan's own grid, each voxel repeated."""
    full = coarse.repeat(maps.block, axis=0).repeat(maps.block, axis=1).repeat(maps.stride, axis=2)[:, :, : shape[2]]
    return np.pad(full, [(0, have - got) for have, got in zip(shape, full.shape, strict=True)], mode="edge")


def _box(mask: np.ndarray, margin: int) -> tuple[slice, slice, slice]:
    """Smallest box in the slice that holds a mask which is not empty, with a margin; all slices."""
    sides = []
    for axis in (0, 1):
        found = np.flatnonzero(mask.any(axis=(1 - axis, 2)))
        sides.append(slice(max(0, found[0] - margin), min(mask.shape[axis], found[-1] + 1 + margin)))
    return (*sides, slice(None))
