"""From a model's grid back to the scan: the inverse of `ichor.imaging.crops`, and the scan's own axes."""

import nibabel as nib
import numpy as np

from ichor.imaging.crops import Grid, resample_to_grid


def back_to_scan(
    values: np.ndarray, grid: Grid, center: np.ndarray, shape: tuple[int, int, int], spacing_mm: np.ndarray
) -> np.ndarray:
    """Resample what lies on a grid to the scan that the grid was taken from.

    The same resampling with the roles of grid and scan exchanged: linear interpolation where the scan is finer than
    the grid, the area average where it is coarser. So values are kept, not their sum.

    Parameters
    ----------
    values : numpy.ndarray
        ``(x, y, z)`` of ``grid.shape``.
    grid : Grid
        Where the values lie.
    center : array of 3
        Middle of the grid in voxel coordinates of the scan, as it was given to
        `ichor.imaging.crops.resample_to_grid`.
    shape : tuple of int
        Voxels of the scan in closest canonical orientation.
    spacing_mm : array of 3
        Spacing of the scan.

    Returns
    -------
    numpy.ndarray
        float32 ``shape``; 0 outside the grid.
    """
    if tuple(values.shape) != tuple(grid.shape):
        raise ValueError(f"values of shape {values.shape} do not lie on a grid of {grid.shape}")
    steps = np.asarray(spacing_mm, float) / np.array(grid.spacing_mm)
    middle_of_scan = (np.array(grid.shape) - 1) / 2 + ((np.array(shape) - 1) / 2 - np.asarray(center)) * steps
    scan = Grid(tuple(int(n) for n in shape), tuple(float(step) for step in spacing_mm))
    return resample_to_grid(values, np.array(grid.spacing_mm), middle_of_scan, scan)


def in_stored_axes(values: np.ndarray, affine: np.ndarray) -> np.ndarray:
    """Undo `ichor.imaging.geometry.to_canonical`: axes in the order and direction of the scan's file.

    Parameters
    ----------
    values : numpy.ndarray
        ``(x, y, z)``, closest canonical orientation.
    affine : numpy.ndarray
        ``(4, 4)``, of the file, voxel to RAS+ mm.
    """
    stored = nib.orientations.io_orientation(affine)
    canonical = nib.orientations.axcodes2ornt("RAS")
    return nib.orientations.apply_orientation(values, nib.orientations.ornt_transform(canonical, stored))
