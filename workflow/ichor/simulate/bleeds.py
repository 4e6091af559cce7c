"""Bleeds: where they lie, how they look, and how they grow.

One field orders the voxels of the brain from the core of a bleed outwards. A volume is a threshold of that field, so
a follow-up is the same bleed, larger; what a reader can see at baseline (heterogeneity, irregular margin,
satellites, a fluid level) is in the field and in the texture.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from ichor.simulate.anatomy import Head, Template
from ichor.simulate.shapes import Field, Grid, ramp, smooth_noise, step

CLOT_HU, DARK_CLOT_HU, EDEMA_HU, IVH_HU = 65.0, 41.0, 17.5, 58.0
MARGIN_MM = 14.0  # the box around a bleed reaches this far beyond 1.6 x its mean radius
MASS_EFFECT = 0.55  # share of the clot's volume that pushes tissue away; the rest replaces it (our choice)


@dataclass(frozen=True)
class BleedPlan:
    """What one person's bleed is to be.

    Attributes
    ----------
    center_mm
        Center in head coordinates (x, y, z), mm.
    heterogeneity, irregularity
        0 (even, round) to 1 (many hypodensities, ragged with satellites).
    fluid_level
        Whether a blood-fluid level shows, as under anticoagulants.
    iph_ml, ivh_ml, edema_ml
        Volumes at (baseline, follow-up), mL.
    """

    center_mm: tuple[float, float, float]
    heterogeneity: float
    irregularity: float
    fluid_level: bool
    iph_ml: tuple[float, float]
    ivh_ml: tuple[float, float]
    edema_ml: tuple[float, float]


@dataclass(frozen=True)
class BledHead:
    """A head with its bleed at one time point; weights 0-1, arrays (z, y, x)."""

    hu: Field
    iph: Field
    ivh: Field
    edema: Field


@dataclass(frozen=True)
class _Fields:
    """The fields of a bleed inside its box."""

    box: tuple[slice, ...]
    grid: Grid
    order: Field
    envelope: Field
    texture: Field


def radius_of(volume_ml: float) -> float:
    """Radius in mm of the sphere of a volume in mL."""
    return float((volume_ml * 1000.0 * 3.0 / (4.0 * np.pi)) ** (1.0 / 3.0))


def draw_center(location: str, volume_ml: float, rng: np.random.Generator) -> tuple[float, float, float]:
    """Draw the center of a bleed of a location and a volume, in head coordinates, mm."""
    side = float(rng.choice((-1.0, 1.0)))
    outward = 0.22 * radius_of(volume_ml)
    if location == "deep":
        if rng.random() < 0.7:
            point = (25 + outward + rng.normal(0, 2.0), 2 + rng.normal(0, 5), 4 + rng.normal(0, 4))
        else:
            point = (14 + 0.5 * outward + rng.normal(0, 1.5), -12 + rng.normal(0, 3), 6 + rng.normal(0, 3))
    elif location == "lobar":
        x, y, z = ((33, 44, 26), (46, -18, 24), (30, -58, 22), (44, 6, -18))[int(rng.integers(4))]
        point = (x + rng.normal(0, 4), y + rng.normal(0, 6), z + rng.normal(0, 5))
    else:
        x, y, z = ((22, -54, -38), (2, -6, -26))[int(rng.random() < 0.35)]
        point = (x + rng.normal(0, 3 if x > 5 else 1.5), y + rng.normal(0, 3), z + rng.normal(0, 3))
    return side * float(point[0]), float(point[1]), float(point[2])


def _barrier(template: Template, head: Head, plan: BleedPlan, box: tuple[slice, ...]) -> Field:
    """Return what keeps a bleed out of fluid, sheets and skull, and inside its own side and compartment."""
    x, _, _ = template.grid.part(box).axes
    barrier = 3.0 * (1 - step(head.tissue[box], 0.05, 0.6))
    below = template.brain.cerebellum[box]
    infratentorial = below[tuple(n // 2 for n in below.shape)] > 0.5
    barrier += 2.0 * ((1 - below) if infratentorial else below)
    if not infratentorial:
        other_side = -x * np.float32(np.sign(plan.center_mm[0]))
        barrier += 1.2 * step(other_side, -3.0, 5.0)
    return barrier


def _fields(template: Template, head: Head, plan: BleedPlan, rng: np.random.Generator) -> _Fields:
    """Return orders and texture inside a box that holds the largest extent of the bleed and its edema."""
    mean_radius = radius_of(max(plan.iph_ml))
    box = template.grid.box_around(plan.center_mm, 1.6 * mean_radius + MARGIN_MM)
    part = template.grid.part(box)
    stretch = np.exp(rng.normal(0, 0.16, 3))
    stretch /= np.prod(stretch) ** (1 / 3)
    x, y, z = ((a - c) / np.float32(s) for a, c, s in zip(part.axes, plan.center_mm, stretch, strict=True))
    twist = np.float32(rng.normal(0, 0.35))
    x, y = x + twist * y, y - twist * x
    ragged = plan.irregularity
    envelope = np.sqrt(x**2 + y**2 + z**2) / np.float32(mean_radius)
    envelope += (0.09 + 0.20 * ragged) * smooth_noise(part, max(0.30 * mean_radius, 3.0), rng)
    envelope += _barrier(template, head, plan, box)
    fine = smooth_noise(part, max(0.13 * mean_radius, 2.4), rng)
    order = envelope + (0.02 + 0.24 * ragged**1.5) * fine
    texture = smooth_noise(part, float(np.clip(0.17 * mean_radius, 2.4, 4.5)), rng)
    return _Fields(box, part, order.astype(np.float32), envelope.astype(np.float32), texture)


def _nested_weights(order: Field, volume_ml: float, voxel_ml: float, softness: float) -> tuple[Field, float]:
    """Return the weights of the first `volume_ml` of the ordered voxels, and the threshold taken.

    The edge is soft over `softness` of the order, and takes half of it on either side of the threshold.
    """
    ranked = np.sort(order, axis=None)
    count = min(volume_ml / voxel_ml, ranked.size - 2.0)
    level = float(np.interp(count, np.arange(ranked.size), ranked))
    return ramp(order - np.float32(level), softness), level


def _clot_hu(fields: _Fields, plan: BleedPlan, level: float) -> Field:
    """Return the HU inside the clot: even, or swirled with hypodense pockets, or with a fluid level."""
    uneven = plan.heterogeneity
    hu = CLOT_HU + (1.5 + 4.0 * uneven) * fields.texture
    pocket = step(fields.texture, 1.7 - 1.75 * uneven, 1.2 - 1.75 * uneven - 0.15) - 1.0
    inside = step(fields.order, level, level - 0.22)
    hu = hu + (CLOT_HU - DARK_CLOT_HU) * min(1.0, 0.25 + 1.1 * uneven) * pocket * inside
    if plan.fluid_level:
        behind = step(fields.grid.axes[1], plan.center_mm[1] + 2.0, plan.center_mm[1] - 2.0)
        hu = hu + inside * (12.0 * behind - 9.0)
    return np.clip(hu, 34.0, 82.0).astype(np.float32)


def _push_apart(template: Template, head: Head, plan: BleedPlan, volume_ml: float) -> tuple[Field, Field]:
    """Return HU and ventricle weights with the tissue moved outwards by a clot; the skull stays where it is."""
    grid = template.grid
    x, y, z = (a - np.float32(c) for a, c in zip(grid.axes, plan.center_mm, strict=True))
    radius = np.sqrt(x**2 + y**2 + z**2) + np.float32(1e-3)
    reach3 = np.float32(MASS_EFFECT * radius_of(volume_ml) ** 3)
    source = np.cbrt(np.maximum(radius**3 - reach3, 0.02 * radius**3))
    # Tissue far away gives way (venous outflow, spinal fluid), so the push fades faster than volume alone says.
    yielding = np.clip(template.brain.depth_mm / np.float32(14.0), 0, 1)
    shift = (1 - source / radius) * step(radius, 75.0, 15.0) * yielding
    coordinates = [
        np.arange(n, dtype=np.float32).reshape(v.shape) - shift * v / np.float32(s)
        for n, v, s in zip(grid.shape, (z, y, x), grid.spacing_mm[::-1], strict=True)
    ]
    hu, ventricle = (
        ndimage.map_coordinates(field, coordinates, order=1, mode="nearest", output=np.float32)
        for field in (head.hu, head.ventricle)
    )
    return hu, ventricle


def _pool(grid: Grid, ventricle: Field, plan: BleedPlan, volume_ml: float) -> Field:
    """Return the weights of blood pooled in the ventricles of a patient on the back: behind first, own side first."""
    x, y, z = grid.axes
    other_side = step(-x * np.float32(np.sign(plan.center_mm[0])), -2.0, 4.0)
    away = np.sqrt(sum((a - np.float32(c)) ** 2 for a, c in zip((x, y, z), plan.center_mm, strict=True)))
    order = y / np.float32(30.0) + 0.55 * other_side + away / np.float32(60.0) + 8.0 * (ventricle < 0.5)
    available_ml = float((ventricle >= 0.5).sum()) * grid.voxel_ml
    weight, _ = _nested_weights(order, min(volume_ml, 0.92 * available_ml), grid.voxel_ml, 0.25)
    return weight * step(ventricle, 0.2, 0.6)


def _blend(hu: Field, value: Field | float, weight: Field) -> Field:
    """Return `hu` moved towards `value` by a weight of 0-1."""
    return hu + (value - hu) * weight


def bleed(template: Template, head: Head, plan: BleedPlan, rng: np.random.Generator) -> list[BledHead]:
    """Return the head with its bleed at baseline and, where planned, at follow-up.

    Volumes are those of the template's space; the follow-up clot holds the baseline clot where it has grown.
    """
    fields = _fields(template, head, plan, rng)
    box, voxel_ml = fields.box, template.grid.voxel_ml
    heads = []
    for iph_ml, ivh_ml, edema_ml in zip(plan.iph_ml, plan.ivh_ml, plan.edema_ml, strict=True):
        hu, ventricle = _push_apart(template, head, plan, iph_ml)
        iph, ivh, edema = (np.zeros(template.grid.shape, np.float32) for _ in range(3))
        clot, level = _nested_weights(fields.order, iph_ml, voxel_ml, 0.10)
        outside = fields.envelope + 6.0 * clot + 4.0 * (head.tissue[box] < 0.5)
        swollen, _ = _nested_weights(outside, edema_ml, voxel_ml, 0.16)
        swollen = swollen * (1 - clot)
        iph[box], edema[box] = clot, swollen
        if ivh_ml > 0:
            ivh = _pool(template.grid, ventricle * (1 - iph), plan, ivh_ml)
            hu = _blend(hu, IVH_HU, ivh)
        hu[box] = _blend(hu[box], EDEMA_HU + 0.25 * (hu[box] - 33.0), 0.9 * swollen)
        hu[box] = _blend(hu[box], _clot_hu(fields, plan, level), clot)
        heads.append(BledHead(hu, iph, ivh, edema))
    return heads
