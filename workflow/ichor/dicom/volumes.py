"""Read one selected scan, DICOM series or NIfTI file, into a canonical volume, with a record of what was corrected."""

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd

from ichor.dicom.checks import PAD_HU, clip_padding
from ichor.dicom.dcm2niix import ConversionError, convert
from ichor.dicom.limits import Limits
from ichor.dicom.regrid import WrongExtentError, place, regrid
from ichor.dicom.stack import POSITION, SAME_POSITION_MM, Stack, median, read_stack
from ichor.dicom.unify import UnifyError, unify
from ichor.imaging.geometry import extent_mm, spacing_mm, to_canonical, voxel_volume_ml
from ichor.reasons import Reason

EXTENT_TOLERANCE_MM = 0.5
VOXEL_TOLERANCE = 0.01


class RefusedError(Exception):
    """The scan cannot be used.

    Parameters
    ----------
    reason : Reason
        Its code.
    detail : str
        Measured value and limit. No identifier.
    """

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason, self.detail = reason, detail


@dataclass
class Volume:
    """A scan on its way to the image folder.

    Attributes
    ----------
    data : ndarray
        int16, HU, RAS+.
    affine : ndarray
        Shape (4, 4), voxel to RAS+ mm.
    flags : dict of Reason to str
        What was noticed or corrected, and how, in words.
    tilt_deg : float
        Shear of the source slices; NaN when not known.
    source : dict
        What the sidecar says about the source.
    """

    data: np.ndarray
    affine: np.ndarray
    flags: dict[Reason, str] = field(default_factory=dict)
    tilt_deg: float = float("nan")
    source: dict[str, Any] = field(default_factory=dict)


def read_dicom(files: pd.DataFrame, limits: Limits, work: Path) -> Volume:
    """Convert one DICOM series and check it against the positions in its headers.

    Parameters
    ----------
    files : DataFrame
        Rows of the private selection: the slices of one candidate.
    limits : Limits
        Time and memory.
    work : Path
        Existing folder for temporary files.

    Raises
    ------
    RefusedError
        With the code that says why the series cannot be used.
    """
    stack = read_stack(files)
    files = files.iloc[stack.order].reset_index(drop=True)
    flags: dict[Reason, str] = {}
    try:
        if stack.duplicates or files["series"].nunique() > 1:
            with tempfile.TemporaryDirectory(dir=work, prefix="unify-") as joined:
                files = _unify(files, stack, Path(joined), limits, flags)
                stack = read_stack(files)
                data, affine = convert(sorted(map(str, Path(joined).iterdir())), stack.slices, limits, work)
        else:
            data, affine = convert(files["source"].tolist(), stack.slices, limits, work)
        slices = place(data, affine, files, stack)
    except UnifyError as error:
        raise RefusedError(
            Reason.DUPLICATE_SLICES if error.duplicates else Reason.CONVERSION_FAILED, str(error)
        ) from error
    except ConversionError as error:
        raise RefusedError(Reason.CONVERSION_FAILED, str(error)) from error
    except WrongExtentError as error:
        raise RefusedError(Reason.WRONG_EXTENT, str(error)) from error
    return _assemble(slices, stack, files, flags)


def _unify(files: pd.DataFrame, stack: Stack, out: Path, limits: Limits, flags: dict[Reason, str]) -> pd.DataFrame:
    numbers = np.concatenate([[0], np.cumsum(np.diff(stack.along_mm) > SAME_POSITION_MM)])
    kept = unify(files["source"].tolist(), numbers, out, limits)
    if stack.duplicates:
        flags[Reason.DUPLICATE_SLICES] = f"{stack.duplicates} identical copies left out"
    return files.iloc[kept].reset_index(drop=True)


def _assemble(slices: Any, stack: Stack, files: pd.DataFrame, flags: dict[Reason, str]) -> Volume:
    clipped, below = clip_padding(slices.data)
    if below:
        flags[Reason.PADDING_CLIPPED] = f"{below} voxels below {PAD_HU} HU set to {PAD_HU} HU"
    data, affine = regrid(type(slices)(clipped, slices.first_step, slices.second_step, slices.origins), stack)
    _check_geometry(data, affine, stack, files)
    if stack.sheared:
        flags[Reason.TILT_CORRECTED] = f"{stack.shear_deg:.1f} degrees, each slice shifted back in its plane"
    if stack.uneven:
        steps = f"steps of {stack.steps_mm.min():.2f} to {stack.steps_mm.max():.2f} mm"
        flags[Reason.RESAMPLED_UNEVEN] = f"{steps} interpolated linearly to {spacing_mm(affine)[2]:.2f} mm"
    data, affine = to_canonical(data, affine)
    source = dict(
        SourceSteps_mm=[round(float(step), 3) for step in stack.steps_mm],
        SourceImages=[
            dict(Image=row.sop, Position_mm=[round(float(value), 3) for value in (row.x_mm, row.y_mm, row.z_mm)])
            for row in files.itertuples()
        ],
    )  # fmt: skip
    return Volume(np.asfortranarray(data), affine, flags, stack.shear_deg, source)


def _check_geometry(data: np.ndarray, affine: np.ndarray, stack: Stack, files: pd.DataFrame) -> None:
    """Compare the volume with the headers: extent along the normal, voxel volume, place of every slice's corner."""
    extent = extent_mm(data.shape, affine)
    if abs(extent - stack.extent_mm) > EXTENT_TOLERANCE_MM:
        raise RefusedError(Reason.WRONG_EXTENT, f"{extent:.1f} mm, DICOM positions say {stack.extent_mm:.1f} mm")
    first = files.iloc[0]
    step = stack.extent_mm / (data.shape[2] - 1)
    wanted = first["spacing_row_mm"] * first["spacing_column_mm"] * step / 1000
    if abs(voxel_volume_ml(affine) - wanted) > VOXEL_TOLERANCE * wanted:
        raise RefusedError(
            Reason.WRONG_EXTENT, f"voxel of {voxel_volume_ml(affine):.5f} mL, headers say {wanted:.5f} mL"
        )
    corners = files[POSITION].to_numpy(float) * (-1, -1, 1)
    index = (np.linalg.inv(affine) @ np.c_[corners, np.ones(len(corners))].T)[:3].T
    if (index < -0.6).any() or (index > np.array(data.shape) - 0.4).any():
        raise RefusedError(Reason.WRONG_EXTENT, "a slice's corner lies outside the volume")


def read_nifti(row: pd.Series, limits: Limits) -> Volume:
    """Read one NIfTI image into a canonical volume.

    Raises
    ------
    RefusedError
        If it cannot be read or is too large.
    """
    try:
        image = nib.load(row["source"])
        if np.prod(image.shape, dtype=float) > limits.voxels:
            raise RefusedError(
                Reason.UNREADABLE_FILE, f"{np.prod(image.shape, dtype=float):.2g} voxels, limit {limits.voxels:.2g}"
            )
        if image.dataobj.slope == 1 and image.dataobj.inter == 0:
            values = np.asanyarray(image.dataobj.get_unscaled())
        else:
            values = np.asanyarray(image.dataobj, dtype=np.float32)
        affine = np.asarray(image.affine, float)
        values = values.reshape(values.shape[:3])
    except RefusedError:
        raise
    except Exception as error:  # nibabel and zlib raise many kinds; each means the file cannot be read
        raise RefusedError(Reason.UNREADABLE_FILE, type(error).__name__) from error
    data, affine = to_canonical(values, affine)
    flags: dict[Reason, str] = {}
    clipped, below = clip_padding(data)
    if below:
        flags[Reason.PADDING_CLIPPED] = f"{below} voxels below {PAD_HU} HU set to {PAD_HU} HU"
    if int(np.argmax(spacing_mm(affine))) != 2 and np.ptp(spacing_mm(affine)) > 0.5:
        raise RefusedError(
            Reason.NOT_ORIGINAL_AXIAL, f"slices lie along axis {int(np.argmax(spacing_mm(affine)))} of the RAS+ volume"
        )
    return Volume(np.asfortranarray(clipped), affine, flags)


def thickness_mm(files: pd.DataFrame) -> float | None:
    """Median slice thickness of the headers, mm; None when not given."""
    value = median(files["thickness_mm"])
    return None if np.isnan(value) else round(value, 4)
