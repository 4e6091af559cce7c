"""A recipient without its own bleed: what was there is replaced by the mirrored brain of the other side."""

import numpy as np
from scipy import ndimage

from ichor.imaging.measures import LABEL_CODES
from ichor.synthesis.transplant.noise import more_noise, smooth, strength
from ichor.synthesis.transplant.scans import Scan, UnsuitableError

RIM_MM = 6.0
"""So far around a bleed the brain is replaced with it: partial volume, edema, and what the mask missed."""
SEAM_MM = 2.0
WITHOUT_IMAGE = 0.5
"""A bleed of which more than this share has no mirror image in healthy brain (it bleeds there too, or there is bone)
cannot be replaced; below, what is missing is filled from around."""
AROUND_MM = 5.0
BRAIN_HU = (-15.0, 80.0)
BRIGHT_HU = 18.0
"""What is so much brighter than the brain, smoothed, is left-over blood."""
LEFT_OVER = 0.1
"""A recipient in which more than this share of its bleed is still bright is not used."""


def without_bleed(scan: Scan, most_ml: float, rng: np.random.Generator) -> np.ndarray:
    """HU of a scan whose own bleed is replaced by the mirror image of the other side.

    Parameters
    ----------
    scan : Scan
        The recipient.
    most_ml : float
        A larger bleed has changed the other side too.
    rng : numpy.random.Generator
        For the noise that interpolation takes away.

    Returns
    -------
    numpy.ndarray
        float32 of the scan's shape.

    Raises
    ------
    UnsuitableError
        If the bleed is too large, lies on both sides, or is not gone afterwards.
    """
    if scan.frame is None:
        raise UnsuitableError("no head frame")
    tight = scan.bleed_box
    if tight is None:
        return scan.hu.copy()
    voxel_ml, codes = float(np.prod(scan.spacing_mm)) / 1000, scan.mask[tight]
    if np.count_nonzero(codes) * voxel_ml > most_ml or (codes == LABEL_CODES["extraaxial"]).any():
        raise UnsuitableError("its own bleed is too large, or outside of the brain")
    box, blood = grown(tight, RIM_MM + 3 * SEAM_MM, scan.spacing_mm, scan.hu.shape), scan.mask > 0
    own, old = blood[box], scan.hu[box]
    away = ndimage.distance_transform_edt(~own, sampling=scan.spacing_mm)
    filling = _filling(scan, box, blood, away, rng)
    weight = np.clip(1 + (RIM_MM - away) / SEAM_MM, 0, 1) * scan.brain[box]
    weight = smooth(weight.astype(np.float32), SEAM_MM / 2, scan.spacing_mm) * scan.brain[box]
    hu = scan.hu.copy()
    hu[box] += weight * (filling - old)
    bright = scan.brain_hu + BRIGHT_HU
    left = [smooth(part, 1.5, scan.spacing_mm) > bright for part in (hu[box], old)]
    if (left[0] & left[1])[own].mean() > LEFT_OVER:
        raise UnsuitableError("blood is left after its bleed was replaced")
    return hu


def _filling(
    scan: Scan, box: tuple[slice, slice, slice], blood: np.ndarray, away: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Mirrored brain of the other side, HU; where there is none, what lies around, smoothed."""
    places, shape = _mirrored_places(scan, box), away.shape
    mirrored = ndimage.map_coordinates(scan.hu, places, order=1, mode="nearest").reshape(shape)
    bleeding = ndimage.map_coordinates(blood.astype(np.float32), places, order=1).reshape(shape)
    tissue = (mirrored > BRAIN_HU[0]) & (mirrored < BRAIN_HU[1])
    usable = ndimage.binary_erosion(tissue, np.ones((3, 3, 1), bool), border_value=1) & (bleeding < 0.1)
    if (~usable[away == 0]).mean() > WITHOUT_IMAGE:
        raise UnsuitableError("its own bleed has no mirror image in healthy brain")
    healthy = (away > RIM_MM) & scan.brain[box] & (scan.hu[box] > BRAIN_HU[0]) & (scan.hu[box] < BRAIN_HU[1])
    known = (healthy | usable).astype(np.float32)
    values = np.where(healthy, scan.hu[box], mirrored) * known
    weight = smooth(known, AROUND_MM, scan.spacing_mm)
    around = (smooth(values, AROUND_MM, scan.spacing_mm) + 0.01 * scan.brain_hu) / (weight + 0.01)
    own = strength(mirrored, usable, scan.spacing_mm)  # interpolation takes noise away
    lost = np.sqrt(max(0.0, 1 - (own / scan.noise.strength_hu) ** 2)) if own < scan.noise.strength_hu else 0.0
    noise = more_noise(shape, scan.noise, scan.spacing_mm, rng)
    return np.where(usable, mirrored + lost * noise, around + noise).astype(np.float32)


def grown(
    box: tuple[slice, slice, slice], margin_mm: float, spacing_mm: np.ndarray, shape: tuple[int, ...]
) -> tuple[slice, slice, slice]:
    """A box with a margin, inside of an array."""
    margins = np.ceil(margin_mm / spacing_mm).astype(int)
    return tuple(
        slice(max(0, side.start - margin), min(size, side.stop + margin))
        for side, margin, size in zip(box, margins, shape, strict=True)
    )


def _mirrored_places(scan: Scan, box: tuple[slice, slice, slice]) -> np.ndarray:
    """Voxel coordinates of the mirror image of each voxel of a box, ``(3, n)``."""
    normal = np.array([1.0, -scan.frame.midline[1], -scan.frame.midline[2]])
    axes = [np.arange(side.start, side.stop) * step for side, step in zip(box, scan.spacing_mm, strict=True)]
    points = np.stack(np.meshgrid(*axes, indexing="ij")).reshape(3, -1)
    off = (normal @ points - scan.frame.midline[0]) / (normal @ normal)
    return (points - 2 * off * normal[:, None]) / scan.spacing_mm[:, None]
