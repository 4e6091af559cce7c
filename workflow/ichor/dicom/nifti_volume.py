"""Read one NIfTI image of a center into a canonical volume, with a record of what was corrected."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from ichor.confined import UnreadableError, read
from ichor.dicom.checks import CheckRules
from ichor.dicom.limits import Limits
from ichor.dicom.nifti_reader import read_voxels
from ichor.dicom.regrid import Slices
from ichor.dicom.stack import SHEAR_DEG, Stack
from ichor.dicom.volumes import RefusedError, Volume, clip_stored, straighten
from ichor.imaging.geometry import shear_deg, slice_normal, spacing_mm, to_canonical
from ichor.reasons import Reason

SPACING_DIFFERENCE_MM = 0.5  # the slice axis is told by its larger step; less may be rounding of isotropic voxels
FORMS_APART_MM = 1.0
SKEW = 0.01  # cosine of the angle between rows and columns


def read_nifti(row: pd.Series, rules: CheckRules, limits: Limits) -> Volume:
    """Read one NIfTI image into a canonical volume.

    Parameters
    ----------
    row : Series
        Row of the private selection.
    rules : CheckRules
        Limits of the values as they were stored.
    limits : Limits
        Time, memory and size.

    Raises
    ------
    RefusedError
        If it cannot be read, is too large, does not say how it lies in space, or is not axial.
    """
    try:
        header, arrays = read(read_voxels, row["source"], limits.conversion, most_voxels=limits.voxels)
    except UnreadableError as error:
        raise RefusedError(Reason.UNREADABLE_FILE, str(error)) from error
    if not arrays:
        raise RefusedError(Reason.UNREADABLE_FILE, f"{header['voxels']:.2g} voxels, limit {limits.voxels:.2g}")
    values, affine = arrays["data"], arrays["affine"]
    values = values.reshape(values.shape[:3])
    _check_affine(values.shape, arrays)
    data, affine = to_canonical(values, affine)
    if int(np.argmax(spacing_mm(affine))) != 2 and np.ptp(spacing_mm(affine)) > SPACING_DIFFERENCE_MM:
        raise RefusedError(
            Reason.NOT_ORIGINAL_AXIAL, f"slices lie along axis {int(np.argmax(spacing_mm(affine)))} of the RAS+ volume"
        )
    flags: dict[Reason, str] = {}
    data = clip_stored(data, rules, flags)
    tilt = float("nan")
    if shear_deg(affine) > SHEAR_DEG:
        stack = _stack(data.shape[2], affine)
        data, affine = straighten(_slices(data, affine), stack, flags)
        tilt = stack.shear_deg
    return Volume(np.asfortranarray(data), affine, flags, tilt, converter="nibabel")


def _check_affine(shape: tuple[int, ...], arrays: Mapping[str, np.ndarray]) -> None:
    """Refuse an image whose place in space is not given, given twice in different ways, or no stack of slices."""
    affine = arrays["affine"]
    if not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-9:
        raise RefusedError(Reason.WRONG_EXTENT, "affine without a volume")
    if "sform" not in arrays and "qform" not in arrays:
        raise RefusedError(Reason.AFFINE_AMBIGUOUS, "neither sform nor qform is given: left and right are not known")
    if "sform" in arrays and "qform" in arrays:
        sform, qform = arrays["sform"].copy(), arrays["qform"].copy()
        if shear_deg(sform) > SHEAR_DEG:  # a qform cannot be sheared: only the slices themselves can be compared
            sform[:3, 2], qform[:3, 2] = (slice_normal(form) * spacing_mm(form)[2] for form in (sform, qform))
            shape = (*shape[:2], 1)
        apart = _largest_distance(shape, sform, qform)
        if apart > FORMS_APART_MM:
            raise RefusedError(
                Reason.AFFINE_AMBIGUOUS, f"sform and qform lie {apart:.1f} mm apart, at most {FORMS_APART_MM:g} mm"
            )
    columns = affine[:3, :3] / spacing_mm(affine)
    skew = np.abs(columns.T @ columns - np.eye(3))
    if np.sort(skew[np.triu_indices(3, 1)])[:1].max() > SKEW:
        raise RefusedError(Reason.WRONG_EXTENT, "no two axes of the volume are at right angles")


def _largest_distance(shape: tuple[int, ...], first: np.ndarray, second: np.ndarray) -> float:
    """Largest distance between where two affines put a corner voxel, mm."""
    ends = np.array(np.meshgrid(*[(0, size - 1) for size in shape], indexing="ij")).reshape(3, -1)
    difference = first - second
    return float(np.linalg.norm(difference[:3, :3] @ ends + difference[:3, 3:], axis=0).max())


def _slices(data: np.ndarray, affine: np.ndarray) -> Slices:
    origins = affine[:3, 3] + np.arange(data.shape[2])[:, None] * affine[:3, 2]
    return Slices(data, affine[:3, 0], affine[:3, 1], origins)


def _stack(count: int, affine: np.ndarray) -> Stack:
    """Describe an even, sheared stack as `ichor.dicom.stack` does for slices."""
    if abs(affine[:3, 0] @ affine[:3, 1]) > SKEW * np.prod(spacing_mm(affine)[:2]):
        raise RefusedError(Reason.WRONG_EXTENT, "rows and columns of the volume are not at right angles")
    normal = slice_normal(affine)
    step = float(normal @ affine[:3, 2])
    across = affine[:3, 2] - step * normal
    sign = -1.0 if across @ affine[:3, 1] > 0 else 1.0  # as for DICOM, whose columns run to the back of the head
    return Stack(
        order=np.arange(count),
        along_mm=np.arange(count) * step,
        steps_mm=np.full(count - 1, step),
        normal=normal,
        shear_deg=sign * shear_deg(affine),
        gap=False,
        duplicates=0,
    )
