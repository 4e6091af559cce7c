"""Noise of a scan: how strong and how coarse it is, measured in the brain, and more of the same kind."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

SMOOTH_MM = 1.5
"""What a Gaussian of this standard deviation takes out of a slice counts as noise. Our choice: about one grain."""
MAD_TO_SD = 1.4826
LEAST_VOXELS = 200
MOST_SIGMA_VOXELS = 3.0


@dataclass(frozen=True)
class Noise:
    """Noise in the plane of the slices.

    Attributes
    ----------
    strength_hu : float
        Robust standard deviation of what is finer than `SMOOTH_MM`.
    sigma_mm : float
        Standard deviation of the Gaussian that makes white noise as coarse as this; 0 for white noise.
    """

    strength_hu: float
    sigma_mm: float


def fine(hu: np.ndarray, spacing_mm: np.ndarray) -> np.ndarray:
    """What is finer than `SMOOTH_MM` in the slices, same shape."""
    return hu - smooth(hu, SMOOTH_MM, spacing_mm)


def smooth(values: np.ndarray, sigma_mm: float, spacing_mm: np.ndarray) -> np.ndarray:
    """Smooth in the plane of the slices by a Gaussian."""
    return ndimage.gaussian_filter(values, (sigma_mm / spacing_mm[0], sigma_mm / spacing_mm[1], 0), truncate=3.0)


def strength(hu: np.ndarray, where: np.ndarray, spacing_mm: np.ndarray) -> float:
    """Robust standard deviation of the fine part in some voxels, HU; NaN where they are too few."""
    found = fine(hu, spacing_mm)[where]
    if found.size < LEAST_VOXELS:
        return float("nan")
    return float(MAD_TO_SD * np.median(np.abs(found - np.median(found))))


def measure_noise(hu: np.ndarray, brain: np.ndarray, spacing_mm: np.ndarray) -> Noise:
    """Measure the noise of a scan.

    Parameters
    ----------
    hu : array, shape (X, Y, Z)
        float.
    brain : array of bool, same shape
        Where it is measured, without bleeds.
    spacing_mm : array, shape (3,)

    Returns
    -------
    Noise
        0 HU where there is no brain to measure in.
    """
    areas = brain.sum(axis=(0, 1))
    slices = np.argsort(areas, kind="stable")[-6:]  # the largest ones: enough, and free of bone at the base
    inside = np.stack([_eroded(brain[:, :, place]) for place in slices], axis=2)
    box = _box_for(inside, spacing_mm)
    part, inside = hu[:, :, slices][box], inside[box]
    found = strength(part, inside, spacing_mm)
    if np.isnan(found):
        return Noise(0.0, 0.0)
    near, far = (_difference(part, inside, step) for step in (1, 2))
    # of white noise smoothed by s voxels, neighbours at distance d correlate by exp(-d^2 / (4 s^2))
    sigmas = np.linspace(0.05, MOST_SIGMA_VOXELS, 200)
    ratios = (1 - np.exp(-1 / (4 * sigmas**2))) / (1 - np.exp(-1 / sigmas**2))
    ratio = near / far if far > 0 else 1.0
    sigma = float(np.interp(-ratio, -ratios, sigmas))
    return Noise(found, min(sigma * float(spacing_mm[0]), SMOOTH_MM))  # coarser noise is not seen as fine


def _eroded(brain: np.ndarray) -> np.ndarray:
    """One slice without what is within two voxels, along either axis, of its edge."""
    along = ndimage.binary_erosion(brain, np.ones((5, 1), bool))
    return ndimage.binary_erosion(along, np.ones((1, 5), bool))


def _box_for(inside: np.ndarray, spacing_mm: np.ndarray) -> tuple[slice, slice]:
    """Part of the slices that `strength` looks at for voxels `inside`: around them, as far as smoothing reaches."""
    sides = []
    for axis, step in enumerate(spacing_mm[:2]):
        found, reach = np.flatnonzero(inside.any(axis=(1 - axis, 2))), int(np.ceil(3.0 * SMOOTH_MM / step)) + 1
        sides.append(slice(max(0, found[0] - reach), found[-1] + reach + 1) if found.size else slice(None))
    return tuple(sides)


def _difference(hu: np.ndarray, inside: np.ndarray, step: int) -> float:
    """Mean square of differences between voxels some steps apart along the first axis, edges cut down.

    No median: differences of whole numbers have only a few.
    """
    both = inside[step:] & inside[:-step]
    found = np.abs(hu[step:] - hu[:-step])[both]
    return float(np.mean(np.minimum(found, 3 * found.mean()) ** 2)) if found.size else 0.0


def more_noise(shape: tuple[int, ...], noise: Noise, spacing_mm: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Noise of a kind, as strong as `noise.strength_hu` where measured in the same way; float32."""
    made = rng.standard_normal(shape, dtype=np.float32)
    if noise.sigma_mm > 0:
        made = smooth(made, noise.sigma_mm, spacing_mm)
    own = float(fine(made, spacing_mm).std())
    return made * np.float32(noise.strength_hu / own) if own > 0 else made * np.float32(0.0)
