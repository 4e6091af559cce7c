"""Grids of images in space: voxel volume, extent, orientation, comparison and resampling of grids.

An affine is the 4 x 4 matrix of NIfTI, from voxel index (i, j, k) to millimetres in RAS+: x grows towards the
patient's right, y to the front, z to the head. The third axis of an array is the slice axis.
"""

from collections.abc import Sequence

import nibabel as nib
import numpy as np
from scipy import ndimage

MM3_PER_ML = 1000.0


def spacing_mm(affine: np.ndarray) -> np.ndarray:
    """Voxel size along the three axes, shape (3,), mm: lengths of the affine's columns."""
    return np.linalg.norm(np.asarray(affine, float)[:3, :3], axis=0)


def voxel_volume_ml(affine: np.ndarray) -> float:
    """Volume of one voxel, mL: |det| of the affine's 3 x 3 part over 1000, right for sheared grids too."""
    return float(abs(np.linalg.det(np.asarray(affine, float)[:3, :3]))) / MM3_PER_ML


def volume_ml(mask: np.ndarray, affine: np.ndarray) -> float:
    """Volume of the voxels of `mask` that are not zero, mL."""
    return float(np.count_nonzero(mask)) * voxel_volume_ml(affine)


def slice_normal(affine: np.ndarray) -> np.ndarray:
    """Unit vector at right angles to the slices (to axes 0 and 1), shape (3,), pointing with axis 2."""
    matrix = np.asarray(affine, float)[:3, :3]
    normal = np.cross(matrix[:, 0], matrix[:, 1])
    length = np.linalg.norm(normal)
    if length == 0:
        raise ValueError("the first two columns of the affine are parallel: no slice plane")
    normal /= length
    return normal if normal @ matrix[:, 2] >= 0 else -normal


def extent_mm(shape: Sequence[int], affine: np.ndarray) -> float:
    """Distance between the centres of first and last slice along the slice normal, mm."""
    step = abs(float(slice_normal(affine) @ np.asarray(affine, float)[:3, 2]))
    return (int(shape[2]) - 1) * step


def shear_deg(affine: np.ndarray) -> float:
    """Angle between the stacking direction (axis 2) and the slice normal, degrees; 0 for a box of voxels."""
    step = np.asarray(affine, float)[:3, 2]
    cosine = slice_normal(affine) @ step / np.linalg.norm(step)
    return float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))


def to_canonical(data: np.ndarray, affine: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Flip and permute the axes so that they run closest to right, anterior, superior.

    Parameters
    ----------
    data : ndarray
        Three axes.
    affine : ndarray
        Shape (4, 4), voxel to RAS+ mm.

    Returns
    -------
    data, affine : ndarray
        The same voxels at the same places in space; nothing is interpolated.
    """
    orientation = nib.orientations.io_orientation(affine)
    if np.isnan(orientation).any():
        raise ValueError("the affine has a direction of zero length: the image's orientation is unknown")
    moved = nib.orientations.apply_orientation(data, orientation)
    return moved, affine @ nib.orientations.inv_ornt_aff(orientation, data.shape)


def corners_mm(shape: Sequence[int], affine: np.ndarray) -> np.ndarray:
    """Centres of the eight corner voxels, shape (8, 3), mm, sorted so that order does not matter."""
    ends = [(0, int(size) - 1) for size in shape[:3]]
    index = np.array(np.meshgrid(*ends, indexing="ij")).reshape(3, -1)
    return (np.asarray(affine, float)[:3, :3] @ index).T + np.asarray(affine, float)[:3, 3]


def same_grid(
    shape: Sequence[int],
    affine: np.ndarray,
    other_shape: Sequence[int],
    other_affine: np.ndarray,
    tolerance_mm: float = 0.1,
) -> bool:
    """Tell whether two grids have the same shape and every corner voxel within `tolerance_mm` of its twin."""
    if tuple(shape[:3]) != tuple(other_shape[:3]):
        return False
    gap = corners_mm(shape, affine) - corners_mm(other_shape, other_affine)
    return bool(np.linalg.norm(gap, axis=1).max() <= tolerance_mm)


def overlap_fraction(
    shape: Sequence[int], affine: np.ndarray, other_shape: Sequence[int], other_affine: np.ndarray
) -> float:
    """Share of the second grid's bounding box (along the world axes) that the first one's covers, 0 to 1."""
    first, second = corners_mm(shape, affine), corners_mm(other_shape, other_affine)
    low = np.maximum(first.min(axis=0), second.min(axis=0))
    high = np.minimum(first.max(axis=0), second.max(axis=0))
    size = np.maximum(second.max(axis=0) - second.min(axis=0), 1e-6)
    return float(np.prod(np.clip(high - low, 0, None) / size))


def resample_to_grid(
    data: np.ndarray,
    affine: np.ndarray,
    shape: Sequence[int],
    target_affine: np.ndarray,
    order: int = 1,
    fill: float = 0,
) -> np.ndarray:
    """Sample an image at the voxel centres of another grid.

    Parameters
    ----------
    data : ndarray
        Three axes; its type is kept.
    affine, target_affine : ndarray
        Shape (4, 4), voxel to mm, of the image and of the wanted grid.
    shape : sequence of int
        Three sizes of the wanted grid.
    order : {0, 1}
        0 = nearest neighbour (labels), 1 = linear (intensities).
    fill : float
        Value outside the image.

    Returns
    -------
    ndarray
        Of shape `shape`.
    """
    if order not in (0, 1):
        raise ValueError(f"order must be 0 (labels) or 1 (intensities), found {order}")
    # rounded, because an error of 1e-12 voxel would push the samples at the border outside the image
    mapping = np.round(np.linalg.inv(np.asarray(affine, float)) @ np.asarray(target_affine, float), 9)
    offset = mapping[:3, 3]
    source = data if order == 0 else data.astype(np.float32, copy=False)
    out = ndimage.affine_transform(
        source, mapping[:3, :3], offset, tuple(int(n) for n in shape), order=order, mode="constant", cval=fill
    )
    if order == 1 and np.issubdtype(data.dtype, np.integer):
        out = np.rint(out)
    return out.astype(data.dtype, copy=False)
