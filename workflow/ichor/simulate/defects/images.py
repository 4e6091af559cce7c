"""Change the images of a series: copies, Hounsfield units, places."""

from __future__ import annotations

from copy import deepcopy

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

Images = list[Dataset]
INTERCEPT = -1024  # of the series that pixel defects write: HU + 1024 in 16 bits without sign


def copied(images: Images) -> Images:
    """Return copies that can be changed, of one new series."""
    series = generate_uid()
    out = [deepcopy(image) for image in images]
    for image in out:
        image.SeriesInstanceUID = series
        new_image(image)
    return out


def hu_of(image: Dataset) -> NDArray[np.int32]:
    """HU of an image as its header says, shape (rows, columns)."""
    kind = "<i2" if image.PixelRepresentation else "<u2"
    stored = np.frombuffer(image.PixelData, kind).reshape(image.Rows, image.Columns)
    return np.rint(stored * float(image.RescaleSlope) + float(image.RescaleIntercept)).astype(np.int32)


def set_stored(image: Dataset, stored: NDArray, *, signed: bool, intercept: float, slope: float = 1.0) -> None:
    """Write numbers into an image as 16 bits, as they are, and say what they mean."""
    image.BitsAllocated, image.BitsStored, image.HighBit, image.PixelRepresentation = 16, 16, 15, int(signed)
    image.RescaleIntercept, image.RescaleSlope = f"{intercept:g}", f"{slope:g}"
    image.add_new(0x7FE00010, "OW", np.asarray(stored).astype(np.int64).astype("<u2").tobytes())
    if "PixelPaddingValue" in image:
        del image.PixelPaddingValue


def set_hu(image: Dataset, hu: NDArray) -> None:
    """Write HU into an image, in the plainest encoding."""
    set_stored(image, np.clip(np.rint(hu), -1024, 3071) + 1024, signed=False, intercept=INTERCEPT)


def new_image(image: Dataset) -> None:
    """Give an image an identifier of its own."""
    image.SOPInstanceUID = image.file_meta.MediaStorageSOPInstanceUID = generate_uid()


def position(image: Dataset) -> NDArray:
    """Corner of an image, mm, in the patient's axes (LPS)."""
    return np.array([float(value) for value in image.ImagePositionPatient])


def move(image: Dataset, by_mm: NDArray) -> None:
    """Say that an image lies elsewhere, its pixels staying as they are."""
    image.ImagePositionPatient = [f"{value:.6f}" for value in position(image) + by_mm]


def directions(image: Dataset) -> tuple[NDArray, NDArray, NDArray]:
    """Direction cosines of rows and columns, and their normal."""
    values = np.array([float(value) for value in image.ImageOrientationPatient])
    return values[:3], values[3:], np.cross(values[:3], values[3:])


def set_directions(image: Dataset, row: NDArray, column: NDArray) -> None:
    """Write direction cosines of rows and columns."""
    image.ImageOrientationPatient = [f"{value:.8f}" for value in (*row, *column)]
