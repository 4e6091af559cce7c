"""Soft geometric primitives on open coordinate grids, in millimetres.

Every distance is negative inside, zero on the surface and positive outside. Arrays are ordered (z, y, x);
head coordinates are RAS+: x to the patient's right, y to the front, z to the top.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Field = NDArray[np.float32]


@dataclass(frozen=True)
class Grid:
    """A regular grid in head coordinates, arrays ordered (z, y, x).

    Attributes
    ----------
    low_mm
        (x, y, z) of the first voxel center, mm.
    spacing_mm
        Voxel size along (x, y, z), mm.
    shape
        Number of voxels along (z, y, x).
    """

    low_mm: tuple[float, float, float]
    spacing_mm: tuple[float, float, float]
    shape: tuple[int, int, int]

    @cached_property
    def axes(self) -> tuple[Field, Field, Field]:
        """Open coordinate arrays x (1, 1, nx), y (1, ny, 1), z (nz, 1, 1), mm."""
        count = self.shape[::-1]
        x, y, z = ((self.low_mm[i] + self.spacing_mm[i] * np.arange(count[i])).astype(np.float32) for i in range(3))
        return x[None, None, :], y[None, :, None], z[:, None, None]

    @property
    def voxel_ml(self) -> float:
        """Volume of one voxel, mL."""
        return float(np.prod(self.spacing_mm)) / 1000.0

    def index_of(self, point_mm: tuple[float, float, float]) -> tuple[int, int, int]:
        """Return the (z, y, x) index of the voxel nearest to a point, clipped to the grid."""
        index = [round((point_mm[i] - self.low_mm[i]) / self.spacing_mm[i]) for i in range(3)]
        return tuple(int(np.clip(v, 0, n - 1)) for v, n in zip(index[::-1], self.shape, strict=True))

    def box_around(self, center_mm: tuple[float, float, float], half_mm: float) -> tuple[slice, ...]:
        """Return the (z, y, x) slices of the voxels within `half_mm` of a point along every axis."""
        low = self.index_of(tuple(c - half_mm for c in center_mm))
        high = self.index_of(tuple(c + half_mm for c in center_mm))
        return tuple(slice(a, b + 1) for a, b in zip(low, high, strict=True))

    def part(self, box: tuple[slice, ...]) -> Grid:
        """Return the grid of a box of this grid."""
        starts = [s.start for s in box][::-1]
        low = tuple(self.low_mm[i] + self.spacing_mm[i] * starts[i] for i in range(3))
        return Grid(low, self.spacing_mm, tuple(s.stop - s.start for s in box))


def ramp(distance_mm: Field, width_mm: float) -> Field:
    """Return the weight of the inside: 1 inside, 0 outside, linear over `width_mm` across the surface."""
    return np.clip(0.5 - distance_mm / np.float32(width_mm), 0.0, 1.0, dtype=np.float32)


def step(value: Field, low: float, high: float) -> Field:
    """Return a smooth step from 0 at `low` to 1 at `high` (either order)."""
    t = np.clip((value - np.float32(low)) / np.float32(high - low), 0.0, 1.0)
    return (t * t * (3 - 2 * t)).astype(np.float32)


def ellipsoid(grid: Grid, center: tuple[float, float, float], radii: tuple[float, float, float]) -> Field:
    """Return the approximate signed distance to an axis-aligned ellipsoid, mm."""
    squares = (((a - c) / r) ** 2 for a, c, r in zip(grid.axes, center, radii, strict=True))
    rho = np.sqrt(sum(squares))
    return ((rho - 1.0) * np.float32(min(radii))).astype(np.float32)


def capsule(
    grid: Grid,
    start: tuple[float, float, float],
    end: tuple[float, float, float],
    radius: float,
    end_radius: float | None = None,
) -> Field:
    """Return the signed distance to a segment thickened from `radius` to `end_radius`, mm."""
    axis = np.subtract(end, start)
    length2 = float(axis @ axis)
    offsets = [a - np.float32(s) for a, s in zip(grid.axes, start, strict=True)]
    along = sum(o * np.float32(v) for o, v in zip(offsets, axis, strict=True)) / np.float32(length2)
    along = np.clip(along, 0.0, 1.0)
    distance = np.sqrt(sum((o - along * np.float32(v)) ** 2 for o, v in zip(offsets, axis, strict=True)))
    end_radius = radius if end_radius is None else end_radius
    return (distance - (radius + along * np.float32(end_radius - radius))).astype(np.float32)


def tube(grid: Grid, points: list[tuple[float, float, float, float]]) -> Field:
    """Return the signed distance to a chain of capsules through (x, y, z, radius) points, mm."""
    pieces = [capsule(grid, a[:3], b[:3], a[3], b[3]) for a, b in zip(points[:-1], points[1:], strict=True)]
    return np.minimum.reduce(pieces)


def mirror(points: list[tuple[float, float, float, float]]) -> list[tuple[float, float, float, float]]:
    """Return the points on the other side of the midline."""
    return [(-x, y, z, r) for x, y, z, r in points]


def smooth_noise(grid: Grid, scale_mm: float, rng: np.random.Generator) -> Field:
    """Return noise of mean 0, standard deviation 1 and correlation length about `scale_mm`."""
    white = rng.standard_normal(grid.shape, dtype=np.float32)
    sigma = [scale_mm / s for s in grid.spacing_mm[::-1]]
    field = ndimage.gaussian_filter(white, sigma, mode="wrap", truncate=3.0)
    field -= field.mean()
    return field / np.float32(field.std() + 1e-12)
