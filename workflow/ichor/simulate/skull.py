"""The head around the brain: scalp, skull, skull base, orbits, sinuses and face.

Sizes are those of an adult head; they are our choice, checked by eye beside real scans.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ichor.simulate.shapes import Field, Grid, capsule, ellipsoid, ramp, smooth_noise, step

AIR_HU, FAT_HU, MUSCLE_HU, SKIN_HU = -1000.0, -95.0, 52.0, 35.0


@dataclass(frozen=True)
class Shell:
    """Everything outside the brain.

    Attributes
    ----------
    hu
        HU of all that is not inside the cavity, (z, y, x).
    cavity
        Weight of the inside of the skull, 0-1.
    bone
        Weight of bone, 0-1; bends the beam in `scanner`.
    """

    hu: Field
    cavity: Field
    bone: Field


def _dome(grid: Grid, half_width: float, half_length: float, height: float, depth: float) -> Field:
    """Signed distance to an egg-shaped head: narrow in front, `height` above and `depth` below the origin."""
    x, y, z = grid.axes
    width = half_width * (1.0 - 0.12 * y / half_length - 0.05 * (y / half_length) ** 2)
    vertical = np.where(z > 0, z / height, z / depth)
    rho2 = (np.abs(x) / width) ** 2.25 + (np.abs(y) / half_length) ** 2.15 + np.abs(vertical) ** 2.2
    return ((np.sqrt(rho2) - 1.0) * np.float32(0.92 * half_width)).astype(np.float32)


def cavity_floor(grid: Grid) -> Field:
    """Height of the floor of the skull over (1, y, x), mm: three fossae, petrous ridges, clivus and canal."""
    x, y, _ = grid.axes
    side = np.abs(x)
    front = -17.0 + 6.0 * np.exp(-(((side - 27) / 15) ** 2)) - 7.0 * np.exp(-((side / 6) ** 2))
    middle = -40.0 + 0.02 * (side - 35) ** 2
    back = -67.0 + 0.006 * side**2 + 0.004 * (y + 40) ** 2
    wing, petrous = 22 + 0.12 * side, 2 - 0.55 * (side - 12)
    floor = back + (middle - back) * step(y, petrous - 4, petrous + 4)
    floor = floor + (front - floor) * step(y, wing - 4, wing + 4)
    ridge = -23.0 - 0.12 * (side - 20)
    on_ridge = np.exp(-(((y - petrous) / 8) ** 2)) * step(side, 9, 17)
    floor = floor + np.maximum(ridge - floor, 0) * on_ridge
    clivus = np.where(y > 6, -26.0, -26.0 - 1.25 * (6 - y)) + 7.0 * np.exp(-(((y - 3) / 3) ** 2))
    central = step(side, 18, 9) * step(y, 26, 20) * step(y, -30, -22)
    floor = floor + (clivus - floor) * central
    canal = ramp((np.sqrt((x / 15) ** 2 + ((y + 36) / 18) ** 2) - 1) * 15, 3.0)
    return (floor - 200.0 * canal).astype(np.float32)


def _air_cells(grid: Grid, rng: np.random.Generator) -> Field:
    """Weight of air: sinuses, nose, ear canals, mastoid and ethmoid cells, pharynx."""
    cells = (np.abs(smooth_noise(grid, 2.2, rng)) > 0.35).astype(np.float32)
    x, y, z = grid.axes
    air = np.zeros(grid.shape, np.float32)
    for side in (-1, 1):
        for center, radii in (
            ((side * 8, 17, -38), (7, 10, 8)),
            ((side * 30, 55, -68), (14, 17, 18)),
            ((side * 10, 85, -4), (9, 4.5, 11)),
        ):
            air = np.maximum(air, ramp(ellipsoid(grid, center, radii), 2.0))
        mastoid = ramp(ellipsoid(grid, (side * 55, -26, -44), (9, 13, 15)), 2.0) * cells
        air = np.maximum(air, mastoid)
        air = np.maximum(air, ramp(capsule(grid, (side * 50, -8, -42), (side * 78, -8, -43), 3.2), 2.0))
    ethmoid = ramp(
        np.maximum.reduce(np.broadcast_arrays(np.abs(x) - 12, np.abs(y - 52) - 24, np.abs(z + 36) - 12)), 2.0
    )
    nose = ramp(ellipsoid(grid, (0, 62, -70), (13, 38, 20)), 2.0)
    air = np.maximum(air, np.maximum(ethmoid, nose) * cells)
    return np.maximum(air, ramp(ellipsoid(grid, (0, 14, -84), (12, 8, 16)), 2.0))


def _orbits(grid: Grid, hu: Field, bone: Field) -> tuple[Field, Field]:
    """Put orbits (wall, fat, globe, lens, nerve, muscles) into the face."""
    for side in (-1, 1):
        cone = np.minimum(
            ellipsoid(grid, (side * 31, 66, -33), (19, 22, 17)),
            capsule(grid, (side * 29, 58, -33), (side * 12, 26, -29), 15, 3),
        )
        open_front = step(grid.axes[1], 80, 74)
        bone = np.maximum(bone, ramp(np.abs(cone - 1.5) - 1.2, 1.5) * open_front)
        inside = ramp(cone, 1.5)
        hu = hu + (FAT_HU - hu) * inside
        bone = bone * (1 - inside)
        nerve = capsule(grid, (side * 31, 60, -33), (side * 9, 24, -27), 2.2)
        lateral = capsule(grid, (side * 44, 66, -33), (side * 20, 34, -30), 2.0)
        medial = capsule(grid, (side * 19, 66, -33), (side * 13, 36, -30), 1.8)
        hu = hu + (48.0 - hu) * ramp(np.minimum.reduce([nerve, lateral, medial]), 1.5)
        globe = ellipsoid(grid, (side * 31, 74, -33), (12.3, 12.3, 12.3))
        hu = hu + (48.0 - hu) * ramp(globe, 1.5)
        hu = hu + (12.0 - hu) * ramp(globe + 2.0, 1.5)
        hu = hu + (75.0 - hu) * ramp(ellipsoid(grid, (side * 31, 82.5, -33), (4.5, 2, 4.5)), 1.5)
    return hu, bone


def _bones(grid: Grid, cavity_mm: Field, below_mm: Field, rng: np.random.Generator) -> Field:
    """Weight of bone: vault, base, petrous pyramids, face and first vertebra."""
    x, y, z = grid.axes
    outer = _dome(grid, 72.5, 91.0, 84.5, 104) + 1.2 * smooth_noise(grid, 25, rng)
    base_mm = 4.0 + 5.0 * step(y, 28, 12)
    side = np.abs(x)
    petrous = 2 - 0.55 * (side - 12)
    base_mm = base_mm + 9.0 * np.exp(-(((y - petrous) / 9) ** 2)) * step(side, 12, 20)
    base = np.maximum(below_mm - base_mm, outer - 1.5)
    inner = _dome(grid, 66.0, 84.5, 78.5, 98)
    vault = np.maximum.reduce(np.broadcast_arrays(outer, _vault_edge(grid), -1.0 - inner))
    bone = np.maximum(ramp(vault, 1.5), ramp(base, 1.5)) * (1 - ramp(cavity_mm, 1.5))
    for s in (-1, 1):
        maxilla = np.abs(ellipsoid(grid, (s * 30, 55, -68), (15.5, 18.5, 19.5))) - 1.2
        arch = capsule(grid, (s * 50, 62, -50), (s * 66, 6, -47), 3.0)
        bone = np.maximum(bone, np.maximum(ramp(maxilla, 1.5), ramp(arch, 1.5)))
    ring = np.abs(np.sqrt((x / 1.15) ** 2 + (y + 36) ** 2) - 22) - 4.0
    atlas = ramp(np.maximum(ring, np.abs(z + 80) - 6.0), 1.5)
    jaw = ramp(ellipsoid(grid, (0, 74, -90), (24, 16, 10)), 1.5)
    return np.maximum.reduce([bone, atlas, jaw])


def _vault_edge(grid: Grid) -> Field:
    """Signed distance that keeps the vault above the face in front and above the neck behind, mm."""
    _, y, z = grid.axes
    lowest = -66.0 + 20.0 * step(y, -22, -8) + 30.0 * step(y, 18, 34)
    return (lowest - z).astype(np.float32)


def build_shell(grid: Grid, rng: np.random.Generator) -> Shell:
    """Return the head around the brain on a grid (see `Shell`)."""
    x, y, z = grid.axes
    skin = _dome(grid, 78.0, 97.0, 90.5, 150)
    skin = skin + 16.0 * step(y, -55, -90) * step(z, -45, -80)
    nose = ellipsoid(grid, (0, 94, -58), (11, 20, 22))
    ears = np.minimum(*(ellipsoid(grid, (s * 77, -14, -38), (7, 11, 24)) for s in (-1, 1)))
    skin = np.minimum.reduce([skin, nose, ears])
    floor = cavity_floor(grid)
    below_mm = np.abs(z - floor)
    cavity_mm = np.maximum(_dome(grid, 66.0, 84.5, 78.5, 98), floor - z)
    bone = _bones(grid, cavity_mm, np.where(z < floor, below_mm, -below_mm + 400), rng)
    layers = smooth_noise(grid, 5.0, rng)
    tissue = np.where(layers > -0.25, MUSCLE_HU, FAT_HU).astype(np.float32)
    scalp = skin + 4.5
    tissue = np.where((scalp > 0) | (z > 20), SKIN_HU - 70 * step(skin, -2.0, -3.5), tissue)
    hu = AIR_HU + (tissue - AIR_HU) * ramp(skin, 2.0)
    hu, bone = _orbits(grid, hu.astype(np.float32), bone)
    diploe = smooth_noise(grid, 3.0, rng)
    inner = np.minimum(np.abs(_dome(grid, 69.2, 87.8, 81.5, 101)) / 2.2, 1.0)
    hu = hu + (620 + 430 * inner + 60 * diploe - hu) * bone
    air = _air_cells(grid, rng) * ramp(skin + 3.0, 2.0)
    cavity = ramp(cavity_mm, 1.5)
    hu = hu + (AIR_HU - hu) * air * (1 - cavity)
    return Shell(hu.astype(np.float32), cavity, (bone * (1 - air) * (1 - cavity)).astype(np.float32))
