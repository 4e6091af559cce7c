"""Heads: a template computed once, and individuals composed from it in milliseconds.

An individual differs in size (by the scanner's affine map), ventricle size, sulcal width, tissue contrast, sulcal
pattern, calcifications and white-matter disease.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ichor.simulate.brain import CHOROID_PLEXUS, PINEAL, Brain, build_brain
from ichor.simulate.shapes import Field, Grid, ellipsoid, ramp, smooth_noise, step
from ichor.simulate.skull import Shell, build_shell

CSF_HU, FALX_HU, VENOUS_HU = 6.0, 58.0, 52.0
EXTENT_LOW_MM, EXTENT_HIGH_MM = (-90.0, -103.0, -86.0), (90.0, 116.0, 96.0)


@dataclass(frozen=True)
class Template:
    """What all heads of a resolution share: the grid, the shell, the brain and a fine texture."""

    grid: Grid
    shell: Shell
    brain: Brain
    texture: Field


@dataclass(frozen=True)
class Individual:
    """What makes a head one person's.

    Attributes
    ----------
    scale
        Size relative to the template along (x, y, z).
    ventricle_mm
        How far the ventricle walls stand out from the template, mm.
    sulcus_mm
        Half width of a sulcus, mm.
    pattern
        Which sulcal pattern, 0-2.
    grey_hu, white_hu
        HU of grey and white matter.
    leukoaraiosis
        White-matter disease about the ventricles, 0-1.
    calcified
        HU of the calcified choroid plexus (right, left) and the pineal gland; 0 means none.
    """

    scale: tuple[float, float, float]
    ventricle_mm: float
    sulcus_mm: float
    pattern: int
    grey_hu: float
    white_hu: float
    leukoaraiosis: float
    calcified: tuple[float, float, float]


@dataclass(frozen=True)
class Head:
    """One person's head without a bleed.

    Attributes
    ----------
    hu
        HU, (z, y, x).
    tissue
        Weight of brain parenchyma, 0-1: where a bleed and its edema may lie.
    ventricle
        Weight of ventricle, 0-1: where blood may pool.
    """

    hu: Field
    tissue: Field
    ventricle: Field


def build_template(matrix: int, rng: np.random.Generator) -> Template:
    """Return the template for scans of `matrix` x `matrix` pixels of about 230 mm.

    The grid follows the pixel size down to 0.7 mm, below which a head scanner resolves nothing more.
    """
    in_plane = max(230.0 / matrix, 0.7)
    along = float(np.clip(1.5 * in_plane, 1.25, 2.5))
    spacing = (in_plane, in_plane, along)
    low, high = EXTENT_LOW_MM, EXTENT_HIGH_MM
    count = [round((b - a) / s) for a, b, s in zip(low, high, spacing, strict=True)]
    grid = Grid(low, spacing, tuple(count[::-1]))
    shell = build_shell(grid, rng)
    brain = build_brain(grid, shell.cavity, rng)
    return Template(grid, shell, brain, smooth_noise(grid, 4.0, rng))


def draw_individual(age_years: float, rng: np.random.Generator) -> Individual:
    """Draw a head for an age: ventricles and sulci widen and white matter fades with the years (our choice)."""
    atrophy = float(np.clip((age_years - 58.0) / 25.0 + rng.normal(0, 0.45), -1.2, 1.8))
    size = rng.normal(0.97, 0.02)
    scale = tuple(float(np.clip(size * rng.normal(1.0, 0.02), 0.91, 1.03)) for _ in range(3))
    calcified = tuple(float(rng.uniform(90, 260)) if rng.random() < p else 0.0 for p in (0.55, 0.55, 0.6))
    return Individual(
        scale=scale,
        ventricle_mm=1.0 + 1.4 * atrophy + float(rng.normal(0, 0.3)),
        sulcus_mm=max(0.3, 1.0 + 0.5 * atrophy),
        pattern=int(rng.integers(3)),
        grey_hu=float(rng.normal(36.0, 0.8)),
        white_hu=float(rng.normal(27.0, 0.8)),
        leukoaraiosis=float(np.clip(0.3 * atrophy + rng.normal(0, 0.25), 0.0, 1.0)),
        calcified=calcified,
    )


def _fluid(template: Template, who: Individual) -> tuple[Field, Field]:
    """Return the weights of all cerebrospinal fluid and of the ventricles alone, 0-1."""
    brain, blur = template.brain, 1.3 * template.grid.spacing_mm[0]
    ventricle = ramp(brain.ventricle_mm - who.ventricle_mm, blur)
    widening = 0.8 * (who.sulcus_mm - 0.85)
    cistern = ramp(brain.cistern_mm - widening, blur)
    reach = step(brain.depth_mm, 8 + 10 * who.sulcus_mm, 3) * (1 - brain.cerebellum)
    half_width = who.sulcus_mm * reach
    sulci = brain.sulci_mm[who.pattern]
    sulcus = np.clip((half_width + blur / 2 - sulci) / blur, 0, 1) * np.clip(2 * half_width / blur, 0, 1)
    surface = ramp(brain.depth_mm - 0.6 - 1.1 * who.sulcus_mm, blur)
    interhemispheric = ramp(np.abs(template.grid.axes[0]) - 0.8 * who.sulcus_mm, blur)
    interhemispheric = interhemispheric * step(brain.depth_mm, 30, 22) * (1 - brain.cerebellum)
    fluid = np.maximum.reduce([ventricle, cistern, 0.95 * sulcus, 0.85 * surface, 0.7 * interhemispheric])
    return fluid.astype(np.float32), ventricle


def _parenchyma_hu(template: Template, who: Individual) -> Field:
    """Return the HU of brain without fluid: cortex, white matter, nuclei, brainstem, cerebellum, leukoaraiosis."""
    brain, blur = template.brain, 1.3 * template.grid.spacing_mm[0]
    sulci = brain.sulci_mm[who.pattern]
    beyond_sulci = np.maximum(brain.depth_mm - 9 - 9 * who.sulcus_mm, 0)
    near_sulcus = sulci - who.sulcus_mm + beyond_sulci
    cortex = step(np.minimum(near_sulcus, brain.depth_mm - 2.0), 4.4, 2.2)
    grey = np.maximum(cortex * (1 - brain.cerebellum), ramp(brain.nuclei_mm, blur))
    hu = who.white_hu + (who.grey_hu - who.white_hu) * grey
    low = who.white_hu + 3.5
    hu = hu + (low + 1.2 * template.texture - hu) * brain.cerebellum
    hu = hu + (low - hu) * ramp(brain.stem_mm, blur)
    faded = step(brain.ventricle_mm, 13, 2) * (1 - grey) * (1 - brain.cerebellum)
    hu = hu - 7.0 * who.leukoaraiosis * faded + 0.7 * template.texture
    return hu.astype(np.float32)


def _add_bait(template: Template, who: Individual, hu: Field) -> None:
    """Put bright things that are no bleed into `hu`: calcified choroid plexus and pineal gland."""
    x, y, z = CHOROID_PLEXUS
    places = ((x, y, z), (-x, y, z), PINEAL)
    for place, value, radius in zip(places, who.calcified, (3.4, 3.4, 2.4), strict=True):
        if value > 0:
            box = template.grid.box_around(place, 8.0)
            spot = ramp(ellipsoid(template.grid.part(box), place, (radius, radius, radius)), 2.0)
            hu[box] += (value - hu[box]) * spot


def compose_head(template: Template, who: Individual) -> Head:
    """Return one person's head without a bleed."""
    brain, blur = template.brain, 1.3 * template.grid.spacing_mm[0]
    fluid, ventricle = _fluid(template, who)
    hu = _parenchyma_hu(template, who)
    hu += (CSF_HU - hu) * fluid
    thin = min(1.0, 1.6 / blur)
    sheet = thin * np.clip(0.5 - brain.sheet_mm / np.float32(blur), 0, 1)
    hu += (FALX_HU - hu) * sheet
    hu += (VENOUS_HU - hu) * ramp(brain.vessel_mm, blur) * 0.8
    _add_bait(template, who, hu)
    cavity = template.shell.cavity
    hu = template.shell.hu + (hu - template.shell.hu) * cavity
    tissue = cavity * (1 - fluid) * (1 - np.minimum(sheet, 1)) * (brain.depth_mm > 2.0)
    return Head(hu.astype(np.float32), tissue.astype(np.float32), (ventricle * cavity).astype(np.float32))
