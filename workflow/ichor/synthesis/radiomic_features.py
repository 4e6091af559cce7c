"""Features of a case's hematoma, measured alike on real and synthetic cases: both resampled to one grid first.

Measured on the files as they are, a synthetic case of 2 mm voxels would differ from a scan of 0.5 mm voxels in
heterogeneity and surface because of the voxels alone.
"""

import numpy as np

from ichor.imaging.crops import Grid
from ichor.imaging.scan_measures import measure_scan

FEATURES = (
    "iph_ml",
    "diameter_mm",
    "sphericity",
    "surface_to_volume_per_mm",
    "hu_mean",
    "hu_sd",
    "hu_skewness",
    "hu_kurtosis",
    "auto_blend_hu",
    "auto_black_hole_hu",
    "auto_swirl_mm",
    "auto_hypodensity_mm2",
    "auto_islands",
    "auto_satellites",
)
"""Columns of the table ``measures``; volume, diameter and areas enter as logarithms, they are right-skewed."""
_LOGARITHMS = ("iph_ml", "diameter_mm", "auto_hypodensity_mm2", "auto_swirl_mm")


def radiomic_features(image_hu: np.ndarray, mask: np.ndarray, grid: Grid) -> np.ndarray:
    """Measure cases that lie on one grid.

    Parameters
    ----------
    image_hu : array of int16, shape (n, x, y, z)
        HU.
    mask : array, shape (n, x, y, z)
        Share of the voxel that is parenchymal hematoma, 0 to 1; half of it counts.
    grid : Grid
        Of all cases.

    Returns
    -------
    numpy.ndarray
        float64 ``(n, len(FEATURES))``; NaN where it cannot be measured: an empty mask, and the size of a bleed that
        the grid cuts off.
    """
    affine = np.diag([*grid.spacing_mm, 1.0])
    made = np.full((len(image_hu), len(FEATURES)), np.nan)
    for index, (image, share) in enumerate(zip(image_hu, mask, strict=True)):
        labels = (np.asarray(share) >= 0.5).astype(np.uint8)  # 1 is the code of iph
        if not labels.any():
            continue
        row, _ = measure_scan(image, labels, affine, ["iph"], None)
        for column, name in enumerate(FEATURES):
            value = row.get(name)
            if value is not None:
                made[index, column] = np.log1p(value) if name in _LOGARITHMS else value
    return made
