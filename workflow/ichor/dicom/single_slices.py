"""Write one slice as a classic, uncompressed CT image: a frame of an enhanced object, or a compressed image decoded."""

import io
from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np
from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import get_frame
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

from ichor.dicom.multi_frame import Frame, frames_of
from ichor.dicom.syntaxes import BIG, UNCOMPRESSED, decode_frame

WHOLE = "SeriesInstanceUID", "StudyInstanceUID", "Manufacturer", "StudyDate", "StudyTime", "FrameOfReferenceUID"
PIXELS = (
    "Rows", "Columns", "SamplesPerPixel", "PhotometricInterpretation", "BitsAllocated", "BitsStored", "HighBit",
    "PixelRepresentation", "PixelPaddingValue",
)  # fmt: skip
OF_FRAME = {
    "ImagePositionPatient": "PlanePositionSequence",
    "ImageOrientationPatient": "PlaneOrientationSequence",
    "PixelSpacing": "PixelMeasuresSequence",
    "SliceThickness": "PixelMeasuresSequence",
    "RescaleSlope": "PixelValueTransformationSequence",
    "RescaleIntercept": "PixelValueTransformationSequence",
    "GantryDetectorTilt": "CTAcquisitionDetailsSequence",
}


def decoded(stream: BinaryIO) -> bytes:
    """Write a single-frame image again, uncompressed; everything but its pixels stays as it is.

    Raises
    ------
    ValueError, KeyError
        If the pixels cannot be decoded, or are not what the header says.
    """
    image = dcmread(stream)
    image.PixelData = _frame_bytes(image, 1)
    image["PixelData"].VR = "OW"
    image["PixelData"].is_undefined_length = False
    image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return _file(image)


def cut_frames(stream: BinaryIO, numbers: dict[int, int]) -> Iterator[tuple[int, bytes]]:
    """Write frames of an enhanced CT object as classic images with what a converter needs.

    Parameters
    ----------
    stream : file
        The object.
    numbers : dict of int to int
        Frames, from 1, and the InstanceNumber that each gets: its place along the stack, by which converters sort.

    Yields
    ------
    number : int
        Of the frame.
    file : bytes
        The classic image.
    """
    whole = dcmread(stream)
    frames = frames_of(whole)
    for number, instance in numbers.items():
        if not 1 <= number <= len(frames):
            raise ValueError("no such frame")
        image = _classic(whole, frames[number - 1], number)
        image.InstanceNumber = instance
        yield number, _file(image)


def _classic(whole: Dataset, frame: Frame, number: int) -> Dataset:
    image = Dataset()
    for keyword in (*WHOLE, *PIXELS):
        if keyword in whole:
            image[keyword] = whole[keyword]
    for keyword, sequence in OF_FRAME.items():
        value = frame.value(sequence, keyword)
        if value is None:
            value = whole.get(keyword)
        if value is not None:
            setattr(image, keyword, value)
    image.Modality, image.ImageType = "CT", ["ORIGINAL", "PRIMARY", "AXIAL"]
    image.SeriesNumber, image.AcquisitionNumber = 1, 1
    image.SOPClassUID = CTImageStorage
    image.SOPInstanceUID = generate_uid(entropy_srcs=[str(whole.get("SOPInstanceUID", "")), str(number)])
    image.PixelData = _frame_bytes(whole, number)
    image["PixelData"].VR = "OW"
    image.file_meta = FileMetaDataset()
    image.file_meta.MediaStorageSOPClassUID = CTImageStorage
    image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID
    image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return image


def _frame_bytes(image: Any, number: int) -> bytes:
    """Stored values of one frame, little endian."""
    syntax, allocated = str(image.file_meta.TransferSyntaxUID), int(image.BitsAllocated)
    if allocated not in (8, 16, 32) or image.get("SamplesPerPixel", 1) != 1:
        raise ValueError("not one whole number of 8, 16 or 32 bits per pixel")
    signed = image.PixelRepresentation == 1
    dtype = np.dtype(f"<{'i' if signed else 'u'}{allocated // 8}")
    shape = (int(image.Rows), int(image.Columns))
    if syntax in UNCOMPRESSED:
        size = shape[0] * shape[1] * dtype.itemsize
        values = image.PixelData[(number - 1) * size : number * size]
        if len(values) != size:
            raise ValueError("pixels are cut off")
        return np.frombuffer(values, dtype.newbyteorder(">")).astype(dtype).tobytes() if syntax == BIG else values
    frames = int(image.get("NumberOfFrames", 1) or 1)
    values = decode_frame(get_frame(image.PixelData, number - 1, number_of_frames=frames), syntax, shape, dtype)
    if signed:
        values = sign_extended(values, int(image.BitsStored))
    return values.tobytes()


def sign_extended(values: np.ndarray, bits: int) -> np.ndarray:
    """Give signed values of `bits` bits their sign, if they have not got it: codestreams may hold the bits alone."""
    spare = 8 * values.dtype.itemsize - bits
    return (values << spare) >> spare if 0 < spare < 8 * values.dtype.itemsize else values


def _file(image: Dataset) -> bytes:
    out = io.BytesIO()
    image.save_as(out, enforce_file_format=True)
    return out.getvalue()
