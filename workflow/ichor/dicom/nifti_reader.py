"""Read a NIfTI file that a center brings; called in a child process, see `ichor.confined`."""

from typing import Any

import nibabel as nib
import numpy as np


def read_header(path: str) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Read shape and affine.

    Parameters
    ----------
    path : str
        A regular file.

    Returns
    -------
    values : dict
        ``shape``, a list of whole numbers.
    arrays : dict
        ``affine``, shape (4, 4), voxel to RAS+ mm.

    Raises
    ------
    ValueError
        If it is no NIfTI image, or has an axis without voxels.
    """
    image = _load(path)
    return {"shape": [int(size) for size in image.shape]}, {"affine": np.asarray(image.affine, float)}


def read_voxels(path: str, most_voxels: int) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Read the voxels, unless there are too many: that is said by the header, before anything is unpacked.

    Parameters
    ----------
    path : str
        A regular file.
    most_voxels : int
        Limit of the product of all axes.

    Returns
    -------
    values : dict
        ``voxels``, their number as the header gives it.
    arrays : dict
        Empty when there are too many; else ``affine``, shape (4, 4), and ``data``: the stored numbers, or float32 when
        the header scales them. ``sform`` and ``qform``, shape (4, 4), are there if the header gives them.

    Raises
    ------
    ValueError
        If it is no NIfTI image, has an axis without voxels, or its values are no plain numbers.
    """
    image = _load(path)
    voxels = float(np.prod(image.shape, dtype=float))
    if not voxels <= most_voxels:
        return {"voxels": voxels}, {}
    if image.get_data_dtype().kind not in "biuf":
        raise ValueError("no plain numbers")
    if image.dataobj.slope == 1 and image.dataobj.inter == 0:
        data = np.asanyarray(image.dataobj.get_unscaled())
    else:
        data = np.asanyarray(image.dataobj, dtype=np.float32)
    forms = {"sform": image.get_sform(coded=True)[0], "qform": image.get_qform(coded=True)[0]}
    given = {name: np.asarray(form, float) for name, form in forms.items() if form is not None}
    return {"voxels": voxels}, {"data": data, "affine": np.asarray(image.affine, float), **given}


def _load(path: str) -> nib.Nifti1Pair:
    image = nib.load(path)
    if not isinstance(image, nib.Nifti1Pair):  # of which all kinds of NIfTI are
        raise ValueError("no NIfTI")
    if min(image.shape, default=0) < 1:
        raise ValueError("an axis without voxels")
    return image
