"""From decoded slices and their header positions to a volume of even, square-on slices, each where it truly was.

An even, unsheared stack keeps its voxels; only its affine is written from the headers. A sheared one (tilted gantry:
the slices lean, the table moves straight) has each slice shifted back in its own plane. An uneven one (two-block
protocols) is interpolated linearly between the slices to even steps.
"""

from dataclasses import dataclass

import nibabel as nib
import numpy as np
import pandas as pd

from ichor.dicom.stack import COLUMN, POSITION, ROW, Stack, vectors

LPS_TO_RAS = np.array([-1.0, -1.0, 1.0])
PLACE_TOLERANCE_MM = 0.1


class WrongExtentError(Exception):
    """The decoded volume does not lie where the headers put its slices; the message says by how much."""


@dataclass(frozen=True)
class Slices:
    """Decoded slices and where they are.

    Attributes
    ----------
    data : ndarray
        Shape (n0, n1, slices), HU.
    first_step, second_step : ndarray
        RAS mm from a voxel to the next along axes 0 and 1, shape (3,).
    origins : ndarray
        RAS mm of voxel (0, 0) of each slice, shape (slices, 3).
    """

    data: np.ndarray
    first_step: np.ndarray
    second_step: np.ndarray
    origins: np.ndarray


def towards_ras(data: np.ndarray, affine: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """View of a volume whose axes run with x, y and z where they ran against them; permuted axes stay permuted.

    Parameters
    ----------
    data : ndarray
        Three axes; others are returned as they are.
    affine : ndarray
        Shape (4, 4), voxel to RAS+ mm.
    """
    orientation = nib.orientations.io_orientation(affine)
    if np.isnan(orientation).any() or data.ndim != 3:
        return data, affine
    flips = np.stack([np.arange(3), orientation[:, 1]], axis=1)
    view = data[tuple(slice(None, None, int(sign)) for sign in orientation[:, 1])]
    return view, affine @ nib.orientations.inv_ornt_aff(flips, data.shape)


def place(data: np.ndarray, affine: np.ndarray, rows: pd.DataFrame, stack: Stack) -> Slices:
    """Give each decoded slice its place from the headers, after checking that the converter saw the same first slice.

    Parameters
    ----------
    data, affine
        Of `ichor.dicom.dcm2niix.convert`.
    rows : DataFrame
        Index rows of the slices, one per position, in spatial order.
    stack : Stack
        Geometry of `rows`.

    Raises
    ------
    WrongExtentError
        If size, directions or the corner of the first slice differ from the headers.
    """
    sizes = vectors(rows, ["columns", "rows", "spacing_column_mm", "spacing_row_mm"])[0]
    shape = (int(sizes[0]), int(sizes[1]), stack.slices)
    if data.shape != shape:
        raise WrongExtentError(f"volume of {data.shape} voxels, headers describe {shape}")
    row = vectors(rows, ROW)[0] * LPS_TO_RAS * sizes[2]
    column = vectors(rows, COLUMN)[0] * LPS_TO_RAS * sizes[3]
    row_sign, column_sign = np.sign(affine[:3, 0] @ row), np.sign(affine[:3, 1] @ column)
    first_step, second_step = row_sign * row, column_sign * column
    difference = np.abs(np.stack([affine[:3, 0] - first_step, affine[:3, 1] - second_step])).max() * max(shape[:2])
    corner = vectors(rows, POSITION) * LPS_TO_RAS
    corner = corner + (row_sign < 0) * row * (shape[0] - 1) + (column_sign < 0) * column * (shape[1] - 1)
    apart = corner[[0, -1]] - affine[:3, 3]
    if stack.sheared:  # the converter's origin may be that of a straight stack: only the place along the normal counts
        apart = (apart @ (stack.normal * LPS_TO_RAS))[:, None]
    ends = np.linalg.norm(apart, axis=1)
    off = max(float(ends.min()), float(difference))
    if off > PLACE_TOLERANCE_MM:
        raise WrongExtentError(f"first slice lies {off:.2f} mm from its header position")
    return Slices(data, first_step, second_step, corner if ends[0] <= ends[1] else corner[::-1])


def regrid(slices: Slices, stack: Stack) -> tuple[np.ndarray, np.ndarray]:
    """Make one volume of even, unsheared slices.

    Parameters
    ----------
    slices : Slices
        Padding already at -1024 HU. Where slices are shifted, what comes in from outside gets the lowest value of all.
    stack : Stack
        Says whether the stack is sheared or uneven.

    Returns
    -------
    data : ndarray
        int16, HU.
    affine : ndarray
        Shape (4, 4), voxel to RAS+ mm, at right angles; its extent along the normal is that of the headers.
    """
    if not (stack.sheared or stack.uneven):
        step = (slices.origins[-1] - slices.origins[0]) / max(1, len(slices.origins) - 1)
        return slices.data, _affine(slices.first_step, slices.second_step, step, slices.origins[0])
    normal = np.cross(slices.first_step, slices.second_step)
    normal /= np.linalg.norm(normal)
    if normal @ (slices.origins[-1] - slices.origins[0]) < 0:
        normal = -normal
    along = (slices.origins - slices.origins[0]) @ normal
    wanted = np.linspace(0.0, along[-1], _slice_count(stack))
    lateral = slices.origins - slices.origins[0] - along[:, None] * normal
    planes, origin = _shift_back(slices, lateral)
    data = _between(planes, along, wanted)
    return data, _affine(slices.first_step, slices.second_step, normal * (wanted[1] - wanted[0]), origin)


def _affine(first: np.ndarray, second: np.ndarray, third: np.ndarray, origin: np.ndarray) -> np.ndarray:
    affine = np.eye(4)
    affine[:3] = np.stack([first, second, third, origin], axis=1)
    return affine


def _slice_count(stack: Stack) -> int:
    """Slices of the even stack: its step is about the smallest that several neighbouring slices share."""
    if not stack.uneven:
        return stack.slices
    steps = np.sort(stack.steps_mm)
    shared = [step for step in steps if np.sum(np.abs(steps - step) < 0.1 * step) >= 3]
    return round(stack.extent_mm / (shared[0] if shared else stack.step_mm)) + 1


def _shift_back(slices: Slices, lateral: np.ndarray) -> tuple[list[np.ndarray], np.ndarray]:
    """Shift each slice in its plane by `lateral` (slices, 3) mm; return the planes on one grid and its origin."""
    shifts = [lateral @ step / (step @ step) for step in (slices.first_step, slices.second_step)]  # in voxels
    lows = [np.floor(shift.min() + 1e-6) for shift in shifts]
    sizes = [
        size + int(np.ceil(shift.max() - low - 1e-6))
        for size, shift, low in zip(slices.data.shape[:2], shifts, lows, strict=True)
    ]
    planes, lowest = [], float(slices.data.min())
    for k in range(slices.data.shape[2]):
        plane = slices.data[:, :, k].astype(np.float32)
        for axis in (0, 1):
            plane = _shift(plane, axis, float(shifts[axis][k] - lows[axis]), sizes[axis], lowest)
        planes.append(plane)
    return planes, slices.origins[0] + lows[0] * slices.first_step + lows[1] * slices.second_step


def _shift(plane: np.ndarray, axis: int, shift: float, size: int, fill: float) -> np.ndarray:
    """Move a plane by `shift` >= 0 voxels along `axis` into `size` voxels, linear, padded with `fill`."""
    whole = int(np.floor(shift + 1e-6))
    part = np.float32(max(0.0, shift - whole))
    if size == plane.shape[axis] and whole == 0 and part < 1e-4:
        return plane
    moved = np.moveaxis(plane, axis, 0)
    out = np.full((size, moved.shape[1]), fill, np.float32)
    count = min(len(moved), size - whole)
    out[whole : whole + count] = moved[:count]
    if part >= 1e-4:
        out[1:] = (1 - part) * out[1:] + part * out[:-1]
    return np.moveaxis(out, 0, axis)


def _between(planes: list[np.ndarray], along: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    data = np.empty((*planes[0].shape, len(wanted)), np.int16, order="F")
    below = np.clip(np.searchsorted(along, wanted + 1e-6, side="right") - 1, 0, len(along) - 2)
    for k, (low, place_mm) in enumerate(zip(below, wanted, strict=True)):
        weight = np.float32((place_mm - along[low]) / (along[low + 1] - along[low]))
        if weight < 1e-4:
            plane = planes[low]
        elif weight > 1 - 1e-4:
            plane = planes[low + 1]
        else:
            plane = (1 - weight) * planes[low] + weight * planes[low + 1]
        data[:, :, k] = np.rint(plane)
    return data
