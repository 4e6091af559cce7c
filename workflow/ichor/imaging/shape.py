"""Shape of a bleed: its main piece, largest diameter, surface and sphericity."""

from functools import cache
from itertools import product

import numpy as np
from scipy import ndimage
from scipy.spatial import ConvexHull, SphericalVoronoi

TOUCHING = np.ones((3, 3, 3), bool)  # voxels that share a corner belong to one piece


def crop_to(mask: np.ndarray, margin: int = 0) -> tuple[slice, ...]:
    """Box of a mask's voxels, `margin` voxels wider where the image allows; an empty mask has an empty box.

    Parameters
    ----------
    mask : array of bool, shape (X, Y, Z)
    margin : int, voxels

    Returns
    -------
    tuple of slice
    """
    box = []
    for axis in range(mask.ndim):
        found = np.flatnonzero(mask.any(axis=tuple(other for other in range(mask.ndim) if other != axis)))
        if not len(found):
            return tuple(slice(0, 0) for _ in range(mask.ndim))
        box.append(slice(max(int(found[0]) - margin, 0), int(found[-1]) + 1 + margin))
    return tuple(box)


def main_piece(mask: np.ndarray) -> np.ndarray:
    """Largest connected piece of a mask (voxels that share a corner are connected); bool, empty stays empty."""
    pieces, count = ndimage.label(mask, TOUCHING)
    if count < 2:
        return np.asarray(mask, bool)
    sizes = np.bincount(pieces.ravel())
    sizes[0] = 0
    return pieces == sizes.argmax()


def second_piece(mask: np.ndarray) -> tuple[int, int]:
    """Voxels of the largest and of the second largest connected piece; 0 where there is none."""
    pieces, count = ndimage.label(mask, TOUCHING)
    sizes = np.sort(np.bincount(pieces.ravel(), minlength=3)[1:])[::-1]
    return int(sizes[0]), int(sizes[1])


def largest_diameter_mm(mask: np.ndarray, spacing_mm: tuple[float, float, float]) -> float:
    """Largest distance between two corners of a mask's voxels in space (maximum Feret diameter), mm; 0.0 if empty.

    Parameters
    ----------
    mask : array of bool, shape (X, Y, Z)
    spacing_mm : tuple of float
        Voxel size along the three axes.
    """
    mask = np.asarray(mask, bool)
    if not mask.any():
        return 0.0
    # The ends of each line of voxels along the first axis hold every corner of the convex hull.
    ends = np.argwhere(np.diff(np.pad(mask, ((1, 1), (0, 0), (0, 0))).astype(np.int8), axis=0))
    points = np.concatenate([ends + [0, j, k] for j, k in product((0, 1), repeat=2)]) * np.asarray(spacing_mm, float)
    points = points[ConvexHull(points).vertices]
    return float(max(np.linalg.norm(points - point, axis=1).max() for point in points))


def surface_area_mm2(mask: np.ndarray, spacing_mm: tuple[float, float, float]) -> float:
    """Surface of a mask by Crofton's formula over 13 directions of the voxel grid, mm2; 0.0 for an empty mask.

    Lines of the grid in each direction are intersected with the mask; a direction counts by the part of the unit
    sphere that is nearest to it, so that slices much thicker than pixels are right as well (Lehmann and Legland,
    Insight Journal 2012, "Efficient N-dimensional surface estimation using Crofton formula and run-length encoding").
    """
    mask = np.asarray(mask, bool)
    mask = np.pad(mask[crop_to(mask)], 1)
    voxel_mm3 = float(np.prod(spacing_mm))
    total = 0.0
    for step, weight in _directions(tuple(float(size) for size in spacing_mm)):
        here = tuple(slice(max(0, -s), n - max(0, s)) for s, n in zip(step, mask.shape, strict=True))
        there = tuple(slice(max(0, s), n - max(0, -s)) for s, n in zip(step, mask.shape, strict=True))
        crossings = np.count_nonzero(mask[here] ^ mask[there])
        total += weight * crossings * voxel_mm3 / float(np.linalg.norm(np.multiply(step, spacing_mm)))
    return 2.0 * total


def sphericity(volume_ml: float, surface_mm2: float) -> float:
    """Surface of the ball of the same volume over the surface: 1 for a ball, less the more irregular.

    Wadell, J Geol 1935;43:250-280: ``pi^(1/3) (6 V)^(2/3) / S``. Its cube is the compactness ``36 pi V^2 / S^3``.
    NaN without surface. Voxels make it err by a few percent, upwards too, so a ball may exceed 1 a little.
    """
    if surface_mm2 <= 0:
        return float("nan")
    return float(np.pi ** (1 / 3) * (6000.0 * volume_ml) ** (2 / 3) / surface_mm2)


@cache
def _directions(spacing_mm: tuple[float, float, float]) -> tuple[tuple[tuple[int, int, int], float], ...]:
    """Half of the 26 steps to neighbours, each with its share of the sphere of directions (sum 1)."""
    steps = [step for step in product((-1, 0, 1), repeat=3) if any(step)]
    towards = np.multiply(steps, spacing_mm)
    towards /= np.linalg.norm(towards, axis=1, keepdims=True)
    shares = SphericalVoronoi(towards).calculate_areas() / (4 * np.pi)
    return tuple((step, 2.0 * float(share)) for step, share in zip(steps, shares, strict=True) if step > (0, 0, 0))
