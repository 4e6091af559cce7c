"""Volumes of a labelled mask, and the bedside estimate ABC/2 beside them."""

from collections.abc import Iterable

import numpy as np

LABEL_CODES = {"iph": 1, "ivh": 2, "edema": 3, "extraaxial": 4}
"""Voxel value of each label in every mask of a study; 0 is background.

iph: parenchymal hemorrhage, ivh: intraventricular hemorrhage, edema: perihematomal edema, extraaxial: blood inside of
the skull and outside of the brain (epidural, subdural, subarachnoid).
"""

SLICE_WEIGHTS = ((0.75, 1.0), (0.25, 0.5))
"""ABC/2: a slice whose bleed area exceeds this share of the largest slice's counts this much (Kothari 1996)."""


def voxel_volume_ml(affine: np.ndarray) -> float:
    """Volume of one voxel in mL.

    Parameters
    ----------
    affine : array, shape (4, 4), mm
        Voxel index to world; a sheared affine (gantry tilt) is right as well, its determinant is the volume.

    Returns
    -------
    float
        ``|det(affine[:3, :3])| / 1000``.
    """
    return float(abs(np.linalg.det(np.asarray(affine, dtype=float)[:3, :3]))) / 1000.0


def volumes_ml(mask: np.ndarray, affine: np.ndarray, labels: Iterable[str]) -> dict[str, float]:
    """Volume of each label in mL.

    Parameters
    ----------
    mask : array of integers, shape (X, Y, Z)
        Values of `LABEL_CODES`; values that are not asked for are ignored.
    affine : array, shape (4, 4), mm
        Voxel index to world.
    labels : iterable of str
        Names out of `LABEL_CODES`.

    Returns
    -------
    dict
        Label to volume; 0.0 for a label without voxels.
    """
    voxel_ml = voxel_volume_ml(affine)
    return {label: float(np.count_nonzero(mask == LABEL_CODES[label])) * voxel_ml for label in labels}


def abc_half_ml(mask: np.ndarray, spacing_mm: tuple[float, float, float]) -> float:
    """Estimate a bleed's volume by ABC/2 with slice weighting (Kothari et al., Stroke 1996;27:1304-1305).

    A is the largest diameter on the slice with the largest bleed, B the largest width at right angles to it on the
    same slice, C the weighted number of slices (`SLICE_WEIGHTS`) times the slice thickness.

    Parameters
    ----------
    mask : array of bool, shape (X, Y, Z)
        One label; the third axis runs through the slices.
    spacing_mm : tuple of float
        Voxel size along the three axes.

    Returns
    -------
    float
        Volume in mL; 0.0 for an empty mask.
    """
    mask = np.asarray(mask, dtype=bool)
    areas = mask.sum(axis=(0, 1))
    if not areas.any():
        return 0.0
    largest = int(areas.argmax())
    a_mm, b_mm = _diameters_mm(mask[:, :, largest], spacing_mm[:2])
    share = areas / areas[largest]
    weights = np.zeros(len(share))
    for above, weight in reversed(SLICE_WEIGHTS):
        weights[share > above] = weight
    return a_mm * b_mm * float(weights.sum()) * spacing_mm[2] / 2.0 / 1000.0


def _diameters_mm(area: np.ndarray, spacing_mm: tuple[float, float]) -> tuple[float, float]:
    """Return the largest diameter of a 2D mask and its width at right angles, measured between voxel corners."""
    from scipy.spatial import ConvexHull, QhullError  # 0.2 s that the planning of a run, which asks for labels, saves

    columns, rows = np.nonzero(area)
    corners = [(columns + i, rows + j) for i in (0, 1) for j in (0, 1)]
    points = np.concatenate([np.stack(pair, axis=1) for pair in corners]) * np.asarray(spacing_mm, dtype=float)
    try:
        points = points[ConvexHull(points).vertices]
    except QhullError as error:  # four corners of a voxel are never collinear
        raise ValueError("voxel size must be positive along both axes") from error
    offsets = points[:, None, :] - points[None, :, :]
    distances = np.linalg.norm(offsets, axis=2)
    i, j = np.unravel_index(distances.argmax(), distances.shape)
    along = offsets[i, j] / distances[i, j]
    widths = points @ np.array([-along[1], along[0]])
    return float(distances[i, j]), float(widths.max() - widths.min())
