"""Read one selected DICOM series into a canonical volume, with a record of what was corrected."""

import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ichor.dicom.checks import PAD_HU, CheckRules, check_raw, clip_padding
from ichor.dicom.dcm2niix import ConversionError, convert, dcm2niix_version
from ichor.dicom.limits import Limits
from ichor.dicom.regrid import Slices, WrongExtentError, place, regrid
from ichor.dicom.sources import SourceError, plain_slices
from ichor.dicom.stack import (
    COLUMN,
    GAP_RATIO,
    POSITION,
    ROW,
    SAME_POSITION_MM,
    Stack,
    median,
    off_line_mm,
    read_stack,
    vectors,
)
from ichor.dicom.stored_slices import read_stored
from ichor.dicom.unify import UnifyError, unify
from ichor.imaging.geometry import extent_mm, spacing_mm, to_canonical, voxel_volume_ml
from ichor.reasons import Reason

EXTENT_TOLERANCE_MM = 0.5
VOXEL_TOLERANCE = 0.01
NEEDED = [
    "source", "sop", "series", "frame", "transfer_syntax", "instance", "thickness_mm", "rows", "columns",
    "spacing_row_mm", "spacing_column_mm", "slope", "intercept", "burned_in", *POSITION, *ROW, *COLUMN,
]  # fmt: skip
DISPLACED_MM = 1.0  # positions in headers are rounded to hundredths of a millimetre


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
    converter : str
        What turned the files into voxels: ``ichor`` where they were only copied, else a program or package.
    """

    data: np.ndarray
    affine: np.ndarray
    flags: dict[Reason, str] = field(default_factory=dict)
    tilt_deg: float = float("nan")
    source: dict[str, Any] = field(default_factory=dict)
    converter: str = ""


def read_dicom(files: pd.DataFrame, rules: CheckRules, limits: Limits, work: Path) -> Volume:
    """Convert one DICOM series and check it against the positions in its headers.

    Parameters
    ----------
    files : DataFrame
        Rows of the private selection: the slices of one candidate.
    rules : CheckRules
        Limits of the slices as they were stored.
    limits : Limits
        Time and memory.
    work : Path
        Existing folder for temporary files.

    Raises
    ------
    RefusedError
        With the code that says why the series cannot be used.
    """
    files = files[NEEDED]  # of the selection's many columns: every step below takes time with each of them
    stack = read_stack(files)
    files = files.iloc[stack.order].reset_index(drop=True)
    displaced = off_line_mm(files)
    if displaced > DISPLACED_MM:
        raise RefusedError(
            Reason.SLICES_DISPLACED, f"a slice lies {displaced:.1f} mm beside the others, at most {DISPLACED_MM:g} mm"
        )
    if files["burned_in"].any():
        raise RefusedError(Reason.BURNED_IN_TEXT, f"{int(files['burned_in'].sum())} slices say so in their headers")
    _check_size(files, stack, limits)
    flags: dict[Reason, str] = {}
    try:
        with plain_slices(files, limits, work) as plain:
            stored = None if stack.duplicates else read_stored(plain, stack, limits)
            kept, data, affine = (plain, *stored) if stored else _decode(plain, stack, limits, work, flags)
        if len(kept) < len(files):
            stack = read_stack(kept)
        files = kept
        slices = place(data, affine, files, stack)
    except UnifyError as error:
        raise RefusedError(
            Reason.DUPLICATE_SLICES if error.duplicates else Reason.CONVERSION_FAILED, str(error)
        ) from error
    except (ConversionError, SourceError) as error:
        raise RefusedError(Reason.CONVERSION_FAILED, str(error)) from error
    except WrongExtentError as error:
        raise RefusedError(Reason.WRONG_EXTENT, str(error)) from error
    _flag_headers(files, stack, flags)
    volume = assemble(slices, stack, files, rules, flags)
    volume.converter = "ichor" if stored else f"dcm2niix {dcm2niix_version()}"
    return volume


def _check_size(files: pd.DataFrame, stack: Stack, limits: Limits) -> None:
    """Refuse a stack that would fill the memory, by its headers and before anything is decoded."""
    slices = len(files)
    if stack.uneven:  # it will be interpolated to slices that are about as close as its closest ones
        slices = max(slices, stack.extent_mm / stack.steps_mm.min())
    voxels = float(files["rows"].max() * files["columns"].max() * slices)
    if not voxels <= limits.voxels:
        raise RefusedError(Reason.UNREADABLE_FILE, f"{voxels:.2g} voxels, limit {limits.voxels:.2g}")


def _decode(
    files: pd.DataFrame, stack: Stack, limits: Limits, work: Path, flags: dict[Reason, str]
) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Decode the slices, as one series if need be: rows that were used, voxels and the converter's affine."""
    if not stack.duplicates and files["series"].nunique() == 1:
        try:
            return files, *convert(files["source"].tolist(), stack.slices, limits, work)
        except ConversionError as error:
            if not error.other_shape:
                raise  # else it took the slices for several series or time points: tell it that they are one
    with tempfile.TemporaryDirectory(dir=work, prefix="unify-") as joined:
        files = _unify(files, stack, Path(joined), limits, flags)
        slices = sorted(map(str, Path(joined).iterdir()))
        return files, *convert(slices, len(slices), limits, work)


def _flag_headers(files: pd.DataFrame, stack: Stack, flags: dict[Reason, str]) -> None:
    """Note what the headers say that a reader of the volume should know."""
    thickness = median(files["thickness_mm"])
    if not stack.uneven and thickness > 0 and stack.step_mm > GAP_RATIO * thickness:
        flags[Reason.GAPS_BETWEEN_SLICES] = f"slices of {thickness:.2f} mm every {stack.step_mm:.2f} mm"
    pairs = files[["slope", "intercept"]]
    values = vectors(files, list(pairs))
    if not np.array_equal(values, np.broadcast_to(values[0], values.shape), equal_nan=True):
        ranges = [f"{name} {pairs[name].min():g} to {pairs[name].max():g}" for name in pairs]
        flags[Reason.PER_SLICE_RESCALE] = f"{', '.join(ranges)}, each slice with its own"


def _unify(files: pd.DataFrame, stack: Stack, out: Path, limits: Limits, flags: dict[Reason, str]) -> pd.DataFrame:
    numbers = np.concatenate([[0], np.cumsum(np.diff(stack.along_mm) > SAME_POSITION_MM)])
    kept = unify(files["source"].tolist(), numbers, out, limits)
    if stack.duplicates:
        flags[Reason.DUPLICATE_SLICES] = f"{stack.duplicates} identical copies left out"
    return files.iloc[kept].reset_index(drop=True)


def clip_stored(data: np.ndarray, rules: CheckRules, flags: dict[Reason, str]) -> np.ndarray:
    """Check voxels as they were stored, then return them as int16 with padding at -1024 HU.

    Raises
    ------
    RefusedError
        If there are values that cannot be, or text.
    """
    reason, detail = check_raw(data, rules)
    if reason is not None:
        raise RefusedError(reason, detail)
    clipped, below = clip_padding(data)
    if below:
        flags[Reason.PADDING_CLIPPED] = f"{below} voxels below {PAD_HU} HU set to {PAD_HU} HU"
    return clipped


def straighten(slices: Slices, stack: Stack, flags: dict[Reason, str]) -> tuple[np.ndarray, np.ndarray]:
    """Make a volume of even, unsheared slices and note what was done to them."""
    data, affine = regrid(slices, stack)
    if stack.sheared:
        flags[Reason.TILT_CORRECTED] = f"{stack.shear_deg:.1f} degrees, each slice shifted back in its plane"
    if stack.uneven:
        steps = f"steps of {stack.steps_mm.min():.2f} to {stack.steps_mm.max():.2f} mm"
        flags[Reason.RESAMPLED_UNEVEN] = f"{steps} interpolated linearly to {spacing_mm(affine)[2]:.2f} mm"
    return data, affine


def assemble(slices: Slices, stack: Stack, files: pd.DataFrame, rules: CheckRules, flags: dict[Reason, str]) -> Volume:
    """From decoded slices in their places to a canonical volume that agrees with the headers.

    Raises
    ------
    RefusedError
        If it does not, or its values cannot be.
    """
    slices = replace(slices, data=clip_stored(slices.data, rules, flags))
    data, affine = straighten(slices, stack, flags)
    _check_geometry(data, affine, stack, files)
    data, affine = to_canonical(data, affine)
    source = dict(
        SourceSteps_mm=[round(float(step), 3) for step in stack.steps_mm],
        SourceImages=[
            dict(Image=image, Position_mm=[round(value, 3) for value in place_mm])
            for image, place_mm in zip(files["sop"], vectors(files, POSITION).tolist(), strict=True)
        ],
    )  # fmt: skip
    return Volume(np.asfortranarray(data), affine, flags, stack.shear_deg, source)


def _check_geometry(data: np.ndarray, affine: np.ndarray, stack: Stack, files: pd.DataFrame) -> None:
    """Compare the volume with the headers: slices, extent along the normal, voxel volume, place of every corner."""
    if not stack.uneven and data.shape[2] != stack.slices:
        raise RefusedError(Reason.WRONG_EXTENT, f"{data.shape[2]} slices, DICOM positions say {stack.slices}")
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
    corners = vectors(files, POSITION) * (-1, -1, 1)
    index = (np.linalg.inv(affine) @ np.c_[corners, np.ones(len(corners))].T)[:3].T
    if (index < -0.6).any() or (index > np.array(data.shape) - 0.4).any():
        raise RefusedError(Reason.WRONG_EXTENT, "a slice's corner lies outside the volume")


def thickness_mm(files: pd.DataFrame) -> float | None:
    """Median slice thickness of the headers, mm; None when not given."""
    value = median(files["thickness_mm"])
    return None if np.isnan(value) else round(value, 4)
