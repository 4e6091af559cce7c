"""Blood outside the skull is none: pieces of a mask in the muscles of the neck, in the scalp or in the eye.

Muscle has the HU of clot (about 50 to 60), and scans of the head often begin in the neck. Networks that have seen few
scans take it for a hematoma, which then runs out of the scan, so that its volume is unknown. In a random 120 of the 609
scans of the demo, 82 masks reached the scan's edge before these pieces were taken out and 13 after that; the median
Dice of the hematoma in the 94 of them with a reference rose from .82 to .90, and fell in none.
"""

import nibabel as nib
import numpy as np
from scipy import ndimage

from ichor.imaging.measures import LABEL_CODES
from ichor.imaging.shape import TOUCHING
from ichor.imaging.skull_strip import brain_to_bone, without_neck

LEAST_INSIDE = 0.25
"""Share of a piece that lies inside the skull and above the foramen magnum, from which on it stays as it is; our
choice. A real bleed lies inside almost whole (see `ichor.imaging.skull_strip`), muscle not at all."""
JUDGED = ("iph", "ivh", "edema")
"""Labels whose pieces are judged. Thin extra-axial blood lies along the bone, where what is inside is least sure."""


def drop_outside_skull(mask: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Turn pieces of a mask that lie outside the skull or below the foramen magnum into background.

    Parameters
    ----------
    mask : array of uint8, shape (Z, Y, X)
        Codes of `LABEL_CODES`. Voxels of `JUDGED` labels that share a corner are one piece.
    inside : array of bool, shape (Z, Y, X)
        As of :func:`inside_skull`.

    Returns
    -------
    array of uint8
        A copy, or `mask` itself when there is nothing to remove, or no brain is found in the scan.
    """
    judged = np.isin(mask, [LABEL_CODES[label] for label in JUDGED])
    if not judged.any() or not inside.any():
        return mask
    pieces, n_pieces = ndimage.label(judged, TOUCHING)
    sizes = np.bincount(pieces.ravel(), minlength=n_pieces + 1)
    outside = np.bincount(pieces[inside], minlength=n_pieces + 1) < LEAST_INSIDE * sizes
    outside[0] = False
    if not outside.any():
        return mask
    cleaned = mask.copy()
    cleaned[outside[pieces]] = 0
    return cleaned


def inside_skull(hu: np.ndarray, affine: np.ndarray) -> np.ndarray:
    """What the skull holds above the foramen magnum.

    Parameters
    ----------
    hu : array, shape (Z, Y, X)
        The scan.
    affine : array, shape (4, 4), mm
        Index (x, y, z) to world.

    Returns
    -------
    array of bool, shape (Z, Y, X)
        Without any true voxel where no brain is found.
    """
    to_canonical = nib.orientations.io_orientation(affine)
    canonical = nib.orientations.apply_orientation(hu.T, to_canonical)
    spacing_mm = np.linalg.norm(affine[:3, :3], axis=0)[np.argsort(to_canonical[:, 0])]
    brain = brain_to_bone(canonical, spacing_mm)
    back = nib.orientations.ornt_transform(np.array([[0, 1], [1, 1], [2, 1]]), to_canonical)
    return nib.orientations.apply_orientation(without_neck(brain, spacing_mm), back).T
