"""Brain tissue and fluid: ventricles, cisterns, sulci, nuclei, sheets, vessels, as signed distances.

Positions follow an adult brain in a frame about the mid-commissural point; sizes are our choice, checked by eye.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from ichor.simulate.shapes import Field, Grid, capsule, ellipsoid, mirror, smooth_noise, step, tube

LATERAL_VENTRICLE = [
    (9.0, 34.0, 4.0, 3.0),
    (8.0, 24.0, 13.0, 4.6),
    (7.0, 6.0, 20.0, 4.4),
    (10.0, -14.0, 22.0, 4.6),
    (17.0, -32.0, 17.0, 6.0),
    (23.0, -42.0, 8.0, 6.5),
]
OCCIPITAL_HORN = [(23.0, -42.0, 8.0, 5.0), (23.0, -66.0, 4.0, 2.4)]
TEMPORAL_HORN = [(24.0, -40.0, 4.0, 4.0), (32.0, -20.0, -12.0, 2.2), (30.0, 0.0, -20.0, 1.6)]
CHOROID_PLEXUS = (21.5, -40.0, 10.0)
PINEAL = (0.0, -25.0, 3.0)
STEM = [(0.0, -12.0, -2.0, 15.0), (0.0, -14.0, -24.0, 14.5), (0.0, -24.0, -46.0, 8.5), (0.0, -34.0, -92.0, 6.5)]


@dataclass(frozen=True)
class Brain:
    """Distances and weights that an individual brain is composed from, all (z, y, x).

    Attributes
    ----------
    depth_mm
        Distance from the inner table of the skull, mm; 0 outside.
    ventricle_mm, cistern_mm, nuclei_mm, sheet_mm, vessel_mm, stem_mm
        Signed distances, mm, negative inside.
    sulci_mm
        Three variants of the distance to the nearest sulcal sheet, mm.
    cerebellum
        Weight of what lies below the tentorium, 0-1.
    """

    depth_mm: Field
    ventricle_mm: Field
    cistern_mm: Field
    nuclei_mm: Field
    sheet_mm: Field
    vessel_mm: Field
    stem_mm: Field
    sulci_mm: tuple[Field, ...]
    cerebellum: Field


def ventricles(grid: Grid) -> Field:
    """Signed distance to the lateral, third and fourth ventricles and the aqueduct, mm."""
    sides = []
    for points in (LATERAL_VENTRICLE, OCCIPITAL_HORN, TEMPORAL_HORN):
        sides += [tube(grid, points), tube(grid, mirror(points))]
    x, y, z = grid.axes
    third = np.maximum.reduce(
        np.broadcast_arrays(np.abs(x) - 2.2, np.abs(y + 2) - 14, np.abs(z - 1 - 0.1 * y) - 9)
    ).astype(np.float32)
    aqueduct = capsule(grid, (0, -18, -2), (0, -26, -22), 0.8)
    fourth = ellipsoid(grid, (0, -33, -32), (7.5, 5.5, 10))
    return np.minimum.reduce([*sides, third, aqueduct, fourth])


def _tentorium_height(grid: Grid) -> Field:
    """Height of the tentorium over (1, y, x), mm: a tent with its apex in the midline."""
    x, y, _ = grid.axes
    return (6.0 - 0.42 * np.abs(x) - 0.006 * (y + 45) ** 2).astype(np.float32)


def _sheets(grid: Grid, depth_mm: Field) -> tuple[Field, Field]:
    """Distance to falx and tentorium, mm, and the weight of what lies below the tentorium."""
    x, y, z = grid.axes
    callosum = ellipsoid(grid, (0, 2, 12), (14, 36, 15))
    bent = x + 0.6 * np.sin(y / 17.0)
    above_tent = z - _tentorium_height(grid)
    falx = np.maximum.reduce(np.broadcast_arrays(np.abs(bent) - 0.5, 8 - callosum, depth_mm - 26, -above_tent - 1))
    stem = tube(grid, STEM)
    border = y - (0 - 0.55 * (np.abs(x) - 12))
    sheet = np.maximum.reduce(np.broadcast_arrays(np.abs(above_tent) * 0.9 - 0.6, 7 - stem, border))
    below = step(above_tent, 0.6, -0.6) * step(border, 3, -3)
    below = np.maximum(below, step(z, -38, -46))
    return np.minimum(falx, sheet).astype(np.float32), below.astype(np.float32)


def _cisterns(grid: Grid, stem_mm: Field) -> Field:
    """Signed distance to the basal cisterns, the Sylvian and the interhemispheric fissures, mm."""
    x, y, z = grid.axes
    star = ellipsoid(grid, (0, 12, -17), (13, 11, 6))
    magna = ellipsoid(grid, (0, -58, -60), (14, 8, 9))
    ambient = np.maximum.reduce(np.broadcast_arrays(np.abs(stem_mm - 2.0) - 1.2, np.abs(z + 8) - 12, y + 15 + 0.0 * x))
    quadrigeminal = ellipsoid(grid, (0, -31, 0), (11, 5, 6))
    prepontine = np.maximum.reduce(np.broadcast_arrays(np.abs(stem_mm - 2.2) - 1.8, -8 - y, z + 14))
    pieces = [star, magna, ambient, quadrigeminal, prepontine]
    for s in (-1, 1):
        fissure = tube(
            grid, [(s * 20, 16, -18, 2.0), (s * 40, 16, -10, 2.2), (s * 46, 4, 2, 2.0), (s * 44, -14, 14, 1.2)]
        )
        opening = tube(grid, [(s * 42, 14, -8, 2.0), (s * 60, 18, -6, 2.6)])
        pieces += [fissure, opening]
        pieces.append(capsule(grid, (s * 45, 4, 2), (s * 62, -2, 4), 1.2))
    return np.minimum.reduce(pieces).astype(np.float32)


def _nuclei(grid: Grid) -> Field:
    """Signed distance to caudate, lentiform nucleus and thalamus of both sides, mm."""
    pieces = []
    for s in (-1, 1):
        pieces.append(ellipsoid(grid, (s * 13, 20, 6), (5, 9, 9)))
        pieces.append(capsule(grid, (s * 22, 14, 1), (s * 29, -8, 2), 7.0, 5.0))
        pieces.append(ellipsoid(grid, (s * 11, -12, 6), (8, 13, 9)))
        pieces.append(ellipsoid(grid, (s * 37, 2, 2), (2.4, 18, 13)))
    return np.minimum.reduce(pieces)


def _vessels(grid: Grid) -> Field:
    """Signed distance to the circle of Willis and the dural sinuses, mm."""
    pieces = [capsule(grid, (0, 3, -40), (0, 4, -16), 1.8)]
    for s in (-1, 1):
        pieces.append(
            tube(
                grid,
                [
                    (s * 12, 10, -34, 2.4),
                    (s * 10, 12, -17, 2.2),
                    (s * 26, 14, -16, 1.6),
                    (s * 44, 12, -6, 1.4),
                    (s * 48, -8, 10, 1.2),
                ],
            )
        )
        pieces.append(tube(grid, [(s * 10, 12, -17, 1.6), (s * 1.5, 26, -12, 1.3), (s * 1.5, 40, 14, 1.2)]))
        pieces.append(tube(grid, [(0, 4, -17, 1.4), (s * 15, -12, -8, 1.3), (s * 16, -40, -2, 1.1)]))
        pieces.append(tube(grid, [(0, -83, -8, 3.4), (s * 40, -68, -18, 3.2), (s * 54, -40, -26, 3.0)]))
    pieces.append(tube(grid, [(0, -83, -8, 3.2), (0, -78, 32, 3.0), (0, -40, 68, 2.6), (0, 20, 74, 2.0)]))
    return np.minimum.reduce(pieces)


def _sulcal_sheets(grid: Grid, depth_mm: Field, rng: np.random.Generator) -> Field:
    """Distance to winding sheets that run inwards from the surface, mm.

    The zero set of a noise that is nearly constant along the radius: projected on a shell, so the sheets stand
    upright on the surface as sulci do.
    """
    noise = smooth_noise(grid, 5.5, rng)
    x, y, z = grid.axes
    radius = np.sqrt(x**2 + y**2 + z**2) + 1e-3
    shell = (62.0 + 0.35 * radius) / radius
    coordinates = []
    for axis, low, size in zip((z, y, x), grid.low_mm[::-1], grid.spacing_mm[::-1], strict=True):
        coordinates.append((axis * shell * 0.85 - low) / size)
    field = ndimage.map_coordinates(noise, coordinates, order=1, mode="reflect", output=np.float32)
    gradient = np.gradient(field, *grid.spacing_mm[::-1])
    steepness = np.sqrt(sum(g**2 for g in gradient))
    return (np.abs(field) / np.maximum(steepness, 0.02)).astype(np.float32)


def build_brain(grid: Grid, cavity: Field, rng: np.random.Generator) -> Brain:
    """Return the parts of the brain inside a skull cavity of weights 0-1 (see `Brain`)."""
    inside = cavity > 0.5
    depth = ndimage.distance_transform_edt(inside, sampling=grid.spacing_mm[::-1]).astype(np.float32)
    stem = tube(grid, STEM)
    sheet, below = _sheets(grid, depth)
    return Brain(
        depth_mm=depth,
        ventricle_mm=ventricles(grid),
        cistern_mm=_cisterns(grid, stem),
        nuclei_mm=_nuclei(grid),
        sheet_mm=sheet,
        vessel_mm=_vessels(grid),
        stem_mm=stem,
        sulci_mm=tuple(_sulcal_sheets(grid, depth, rng) for _ in range(3)),
        cerebellum=below,
    )
