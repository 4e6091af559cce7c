"""Read scans and masks of a study, and write masks on a scan's grid."""

from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np

from ichor.disk_space import whole_file

GEOMETRY_TOLERANCE_MM = 1e-2
"""Largest difference of two affines' entries at which two images still count as one grid (NIfTI stores float32)."""


class GridMismatch(ValueError):
    """Two images that should lie on one grid do not."""


@dataclass(frozen=True)
class Scan:
    """A CT image.

    Attributes
    ----------
    hu : array, shape (Z, Y, X), Hounsfield units
        Slice first, the axis order of nnU-Net.
    affine : array, shape (4, 4), mm
        Index (x, y, z) to world.
    spacing_mm : tuple of float
        Voxel size along (z, y, x).
    """

    hu: np.ndarray
    affine: np.ndarray
    spacing_mm: tuple[float, float, float]


def read_scan(path: str | Path) -> Scan:
    """Read a NIfTI image.

    Raises
    ------
    ValueError
        If it is not 3D or holds values that are not finite.
    """
    image = nib.load(path)
    if len(image.shape) != 3:
        raise ValueError(f"{path}: expected a 3D image, found shape {image.shape}")
    hu = np.asarray(image.dataobj, dtype=np.float32).T
    if not np.isfinite(hu).all():
        raise ValueError(f"{path}: voxels that are not finite")
    x_mm, y_mm, z_mm = (float(size) for size in image.header.get_zooms()[:3])
    return Scan(hu, np.asarray(image.affine), (z_mm, y_mm, x_mm))


def read_mask(path: str | Path, scan: Scan) -> np.ndarray:
    """Read a mask that lies on the grid of `scan`.

    Returns
    -------
    array of uint8, shape (Z, Y, X)

    Raises
    ------
    GridMismatch
        If shape or affine differ from the scan's.
    """
    image = nib.load(path)
    shape = scan.hu.T.shape
    if image.shape != shape:
        raise GridMismatch(f"{path}: mask of {image.shape} voxels on a scan of {shape}")
    apart = float(np.abs(image.affine - scan.affine).max())
    if apart > GEOMETRY_TOLERANCE_MM:
        raise GridMismatch(f"{path}: the mask's affine differs from the scan's by up to {apart:.3f} mm")
    return np.asarray(image.dataobj).round().astype(np.uint8).T


def write_mask(path: Path, mask: np.ndarray, scan: Scan) -> None:
    """Write `mask` (shape (Z, Y, X)) as NIfTI on the grid of `scan`, complete or not at all.

    Raises
    ------
    ichor.disk_space.DiskFullError
        If the disk is full.
    """
    image = nib.Nifti1Image(mask.T.astype(np.uint8, copy=False), scan.affine)  # in the order that NIfTI wants
    image.header.set_xyzt_units("mm")
    with whole_file(path) as part:
        image.to_filename(part)
