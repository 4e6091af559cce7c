"""Distances between the surfaces of two masks: normalised surface distance and the 95th percentile Hausdorff distance.

A mask's surface is its voxels that have one of their six neighbours outside. Distances are between centres of surface
voxels, in mm, right for voxels of any shape. Only the box around both masks is looked at.
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from ichor.imaging.shape import crop_to


@dataclass(frozen=True)
class SurfaceDistances:
    """Distance of each surface voxel of one mask to the surface of the other, both ways, mm."""

    to_reference: np.ndarray
    to_prediction: np.ndarray

    def within(self, tolerance_mm: float) -> float:
        """Normalised surface distance: share of both surfaces within a tolerance of the other, 0 to 1.

        Nikolov et al., J Med Internet Res 2021;23:e26151, with voxels counted for surface area. NaN for no surface.
        """
        every = len(self.to_reference) + len(self.to_prediction)
        near = np.count_nonzero(self.to_reference <= tolerance_mm) + np.count_nonzero(
            self.to_prediction <= tolerance_mm
        )
        return near / every if every else float("nan")

    def hausdorff(self, percent: float = 95.0) -> float:
        """Larger one of the two directed percentiles of distance, mm; NaN when a mask has no voxel."""
        if not (np.isfinite(self.to_reference).any() and np.isfinite(self.to_prediction).any()):
            return float("nan")
        return float(max(np.percentile(self.to_reference, percent), np.percentile(self.to_prediction, percent)))


def surface_distances(
    prediction: np.ndarray, reference: np.ndarray, spacing_mm: tuple[float, float, float]
) -> SurfaceDistances:
    """Measure how far the surfaces of two masks are apart.

    Parameters
    ----------
    prediction, reference : array of bool, shape (X, Y, Z)
    spacing_mm : tuple of float
        Voxel size along the three axes.

    Returns
    -------
    SurfaceDistances
        Infinite distances where the other mask is empty.
    """
    if prediction.shape != reference.shape:
        raise ValueError(f"masks of shape {prediction.shape} and {reference.shape} cannot be compared")
    box = crop_to(prediction | reference)
    first, second = _surface(prediction[box]), _surface(reference[box])
    return SurfaceDistances(_distances(first, second, spacing_mm), _distances(second, first, spacing_mm))


def _surface(mask: np.ndarray) -> np.ndarray:
    return mask & ~ndimage.binary_erosion(mask)


def _distances(surface: np.ndarray, other: np.ndarray, spacing_mm: tuple[float, float, float]) -> np.ndarray:
    if not other.any():
        return np.full(np.count_nonzero(surface), np.inf)
    if not surface.any():
        return np.zeros(0)
    return ndimage.distance_transform_edt(~other, sampling=spacing_mm)[surface]
