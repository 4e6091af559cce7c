"""A scan without what is no brain, or without what lies below the foramen magnum, on a network's grid."""

import numpy as np

from ichor.imaging import crops, skull_strip
from ichor.imaging.volume_cache import Volume

BRAIN_SHARE = 0.5
"""A voxel of the grid shows what is kept if that fills at least this share of it; its HU are those of that share."""


class NoBrainError(Exception):
    """No brain was found to be cut out."""


def kept_voxels(image: Volume, *, strip: bool, cut: bool) -> np.ndarray:
    """Voxels of a scan that are not to become air.

    Parameters
    ----------
    image : Volume
        HU; its own `Volume.brain`, if it has one, stands in for the mask by morphology.
    strip : bool
        Keep the brain alone (`ichor.imaging.skull_strip.brain_to_bone`).
    cut : bool
        Keep nothing from the foramen magnum down (`ichor.imaging.skull_strip.foramen_slice`); a scan that ends above it
        is kept whole.

    Returns
    -------
    numpy.ndarray of bool
        Of the scan's shape.

    Raises
    ------
    NoBrainError
        If less than `ichor.imaging.skull_strip.LEAST_BRAIN_ML` of brain is found.
    """
    found = image.brain
    if found is None:
        found = skull_strip.brain_to_bone(image[:, :, :], image.spacing_mm)
    brain_ml = np.count_nonzero(found) * float(np.prod(image.spacing_mm)) / 1000
    if brain_ml < skull_strip.LEAST_BRAIN_ML:
        raise NoBrainError(
            f"{brain_ml:.0f} mL of brain found; {skull_strip.LEAST_BRAIN_ML:.0f} mL are needed to strip the skull or "
            "to cut below the foramen magnum"
        )
    last = skull_strip.foramen_slice(found, image.spacing_mm) if cut else None
    kept = found.copy() if strip else np.ones(image.shape, bool)
    if last is not None:
        kept[:, :, : last + 1] = False
    return kept


def resample_within(image: Volume, kept: np.ndarray, center: np.ndarray, grid: crops.Grid) -> np.ndarray:
    """Resample what is kept of a scan to a grid: its mean HU alone, so that its rim takes nothing of what lies beside.

    Parameters
    ----------
    image : Volume
        HU.
    kept : numpy.ndarray of bool
        Of `kept_voxels`.
    center : array of 3
        Middle of the grid in voxel coordinates of the scan.
    grid : ichor.imaging.crops.Grid
        Target.

    Returns
    -------
    numpy.ndarray
        float32 of the grid's shape; `ichor.imaging.crops.AIR_HU` where less than `BRAIN_SHARE` of a voxel is kept.
    """
    box = crops.filled_box(kept) or (slice(0, 0),) * 3
    share = crops.resample_to_grid(kept, image.spacing_mm, center, grid, within=box)
    within = np.where(kept, image[:, :, :], np.int16(0))
    total = crops.resample_to_grid(within, image.spacing_mm, center, grid, within=box)
    shown = share >= BRAIN_SHARE
    return np.where(shown, total / np.where(shown, share, 1), np.float32(crops.AIR_HU))
