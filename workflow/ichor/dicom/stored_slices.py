"""Read plain slices as they are stored: uncompressed 16-bit images of one kind, which no converter has to decode.

Most head CT series are such. To copy their voxels costs a fifth of starting a converter, letting it write a volume and
reading that again. Everything else (compressed, big endian, 8 bits, a scale, slices that differ in more than their
place, values beyond the bits that are said to be stored, a header that is not ordinary or no longer what the index saw)
is left to dcm2niix. Tests hold this against dcm2niix voxel by voxel.

A hostile file cannot do more here than in the index: its header is walked by Python code that checks every length, and
the pixels are read into an array of the size that the index was told, in one piece, from a regular file.
"""

import os
import stat
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ichor.dicom.header_values import Header
from ichor.dicom.limits import Limits
from ichor.dicom.raw_header import EXPLICIT, IMPLICIT, LONG, Wanted, read_ordinary
from ichor.dicom.regrid import LPS_TO_RAS, towards_ras
from ichor.dicom.stack import COLUMN, POSITION, ROW, Stack, vectors
from ichor.dicom.syntaxes import EXPLICIT as EXPLICIT_SYNTAX
from ichor.dicom.syntaxes import IMPLICIT as IMPLICIT_SYNTAX

ALIKE = (
    "Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "SamplesPerPixel",
    "PhotometricInterpretation", "NumberOfFrames", "RescaleSlope", "RescaleIntercept", "PixelSpacing",
    "ImageOrientationPatient",
)  # fmt: skip
"""What has to be written with the same bytes in all slices."""
# a scale of its own, which not every reader applies in the same way: never in an ordinary CT slice
OTHER_SCALES = ("ModalityLUTSequence", "RealWorldValueMappingSequence")
WANTED = Wanted([*ALIKE, *OTHER_SCALES, "ImagePositionPatient"])
INDEXED = ("rows", "columns", "slope", "intercept", "spacing_row_mm", "spacing_column_mm", *ROW, *COLUMN)
BITS = 16
INT16 = np.iinfo(np.int16)
PIXEL_TAG = (0x7FE0, 0x0010)


class _NotPlainError(Exception):
    """The slices are not plain."""


def read_stored(files: pd.DataFrame, stack: Stack, limits: Limits) -> tuple[np.ndarray, np.ndarray] | None:
    """Read the slices of one stack.

    Parameters
    ----------
    files : DataFrame
        Rows of the private selection in spatial order, one per position, each a file with one slice.
    stack : Stack
        Geometry of `files`.
    limits : Limits
        Size of a file.

    Returns
    -------
    data : ndarray
        int16, HU, shape (columns, rows, slices), axes flipped towards right, anterior, superior.
    affine : ndarray
        Shape (4, 4), of the first and the last slice, as `ichor.dicom.dcm2niix.convert` gives it.

    Or None, when one of them is not plain or cannot be read.
    """
    try:
        affine = _affine(files, stack)
        shape = int(files["columns"].iloc[0]), int(files["rows"].iloc[0]), len(files)
        data = np.empty(shape, np.int16, order="F")
        as_stored, affine = towards_ras(data, affine)  # flipping there and back is the same
        _fill(as_stored, files, limits)
    except _NotPlainError:
        return None
    return data, affine


def _affine(files: pd.DataFrame, stack: Stack) -> np.ndarray:
    """From columns, rows and slices as they are stored to RAS+ mm."""
    sizes = vectors(files, ["rows", "columns", "spacing_column_mm", "spacing_row_mm"])
    corners = vectors(files, POSITION)
    affine = np.eye(4)
    affine[:3, 0] = vectors(files, ROW)[0] * sizes[0, 2]
    affine[:3, 1] = vectors(files, COLUMN)[0] * sizes[0, 3]
    affine[:3, 2] = (corners[-1] - corners[0]) / max(1, stack.slices - 1)
    affine[:3, 3] = corners[0]
    affine[:3] *= LPS_TO_RAS[:, None]
    plain = np.isfinite(affine).all() and (sizes == sizes[0]).all() and sizes.min() > 0 and stack.extent_mm > 0
    if not plain:
        raise _NotPlainError
    return affine


def _fill(volume: np.ndarray, files: pd.DataFrame, limits: Limits) -> None:
    """Read every slice into its place in `volume`, (columns, rows, slices) as they are stored, int16 HU."""
    pixels = np.empty(volume.shape[1::-1], np.int16)  # of one slice: what is done to it stays in the cache
    stored, kind = None, b""
    for number, (source, *place_mm) in enumerate(files[["source", *POSITION]].itertuples(index=False, name=None)):
        try:
            header = _read_slice(source, pixels, limits)
        except OSError as error:
            raise _NotPlainError from error
        found = b"|".join(header.value(name) for name in ALIKE)
        if stored is None:
            stored, kind = _stored(header, files.iloc[0].to_dict()), found
        if found != kind or header.numbers("ImagePositionPatient", 3) != place_mm:
            raise _NotPlainError
        values = pixels if stored.signed else pixels.view(np.uint16)
        if values.min() < stored.lowest or values.max() > stored.highest:
            raise _NotPlainError
        np.add(pixels, stored.intercept, out=volume[:, :, number].T)  # what fits at the end may wrap on the way


@dataclass(frozen=True)
class _Stored:
    """How values are stored: sign, what is added to them, and the range in which both are beyond doubt."""

    signed: bool
    intercept: np.int16
    lowest: int
    highest: int


def _stored(header: Header, row: dict[str, Any]) -> _Stored:
    """Judge one header; it has to agree with its row of the index."""
    said = {name: header.number(name) for name in ("Rows", "Columns", "RescaleSlope", "RescaleIntercept")}
    spacing, axes = header.numbers("PixelSpacing", 2), header.numbers("ImageOrientationPatient", 6)
    bits, sign = header.number("BitsStored"), header.number("PixelRepresentation")
    plain = (
        [*said.values(), *(spacing or []), *(axes or [])] == [row[name] for name in INDEXED]
        and header.number("BitsAllocated") == BITS
        and bits is not None
        and 1 < bits <= BITS
        and header.number("HighBit") == bits - 1
        and sign in (0, 1)
        and header.number("SamplesPerPixel") == 1
        and header.number("NumberOfFrames") in (None, 1)
        and header.text("PhotometricInterpretation") == "MONOCHROME2"
        and said["RescaleSlope"] == 1
        and float(said["RescaleIntercept"]).is_integer()
        and abs(said["RescaleIntercept"]) <= INT16.max
    )
    if not plain:
        raise _NotPlainError
    low, high = (-(2 ** int(bits - 1)), 2 ** int(bits - 1) - 1) if sign else (0, 2 ** int(bits) - 1)
    intercept = int(said["RescaleIntercept"])
    return _Stored(sign == 1, np.int16(intercept), max(low, INT16.min - intercept), min(high, INT16.max - intercept))


def _read_slice(path: str, pixels: np.ndarray, limits: Limits) -> Header:
    """Read one file: its pixels into an array of their size, and its header."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # so that a pipe in a file's place is not waited for
    with open(descriptor, "rb", buffering=0) as stream:
        about = os.fstat(descriptor)
        if not stat.S_ISREG(about.st_mode) or about.st_size > limits.file_mb << 20:
            raise _NotPlainError
        found = read_ordinary(stream, WANTED)
        if found is None:
            raise _NotPlainError
        header, place = found
        start, length = _pixel_data(os.pread(descriptor, 12, place), place, header.syntax)
        if length != pixels.nbytes or any(header.value(name) for name in OTHER_SCALES):
            raise _NotPlainError
        if os.preadv(descriptor, [pixels], start) != length:
            raise _NotPlainError
    return header


def _pixel_data(element: bytes, place: int, syntax: str) -> tuple[int, int]:
    """First byte and length of the pixels, from the beginning of their element."""
    if len(element) == 12 and syntax == EXPLICIT_SYNTAX:
        group, number, vr, _ = EXPLICIT.unpack_from(element)
        if (group, number) == PIXEL_TAG and vr == b"OW":
            return place + 12, LONG.unpack_from(element, 8)[0]
    elif len(element) == 12 and syntax == IMPLICIT_SYNTAX:
        group, number, length = IMPLICIT.unpack_from(element)
        if (group, number) == PIXEL_TAG:
            return place + 8, length
    raise _NotPlainError
