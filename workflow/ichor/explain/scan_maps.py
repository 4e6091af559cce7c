"""Maps on the scan's own grid, as NIfTI files."""

from pathlib import Path

import nibabel as nib
import numpy as np

from ichor.disk_space import whole_file
from ichor.imaging.back_to_scan import back_to_scan, in_stored_axes
from ichor.imaging.crops import Grid


def write_map(path: Path, values: np.ndarray, grid: Grid, center: np.ndarray, image: str | Path) -> None:
    """Write a map with the shape, axes and affine of the scan that it explains.

    Parameters
    ----------
    path : pathlib.Path
        ``.nii.gz``; float32, because NIfTI has no shorter decimals. Voxels that the model does not read hold 0.
    values : numpy.ndarray
        ``(x, y, z)`` of ``grid.shape``.
    grid, center
        See `ichor.imaging.back_to_scan.back_to_scan`.
    image : path
        NIfTI of the scan.
    """
    scan = nib.load(image)
    orientation = nib.orientations.io_orientation(scan.affine)
    shape = np.empty(3, dtype=int)
    shape[orientation[:, 0].astype(int)] = scan.shape[:3]
    spacing = np.empty(3)
    spacing[orientation[:, 0].astype(int)] = np.linalg.norm(scan.affine[:3, :3], axis=0)
    on_scan = in_stored_axes(back_to_scan(values, grid, center, tuple(shape), spacing), scan.affine)
    made = nib.Nifti1Image(np.ascontiguousarray(on_scan, dtype=np.float32), scan.affine)
    made.header.set_xyzt_units("mm")
    made.header["descrip"] = b"attribution"
    with whole_file(path) as part:
        part.write_bytes(_gzipped(made))


def _gzipped(image: nib.Nifti1Image) -> bytes:
    import gzip

    return gzip.compress(image.to_bytes(), 6, mtime=0)  # the same bytes for the same map
