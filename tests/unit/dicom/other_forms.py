"""The same scan in other forms: enhanced (multi-frame) objects and every lossless transfer syntax, by real encoders."""

import io
from collections.abc import Sequence
from pathlib import Path

import imagecodecs
import numpy as np
from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    EnhancedCTImageStorage,
    ExplicitVRLittleEndian,
    LegacyConvertedEnhancedCTImageStorage,
    generate_uid,
)

SYNTAXES = {
    "implicit": "1.2.840.10008.1.2",
    "explicit": "1.2.840.10008.1.2.1",
    "big": "1.2.840.10008.1.2.2",
    "deflated": "1.2.840.10008.1.2.1.99",
    "rle": "1.2.840.10008.1.2.5",
    "jpeg_sv1": "1.2.840.10008.1.2.4.70",
    "jpeg_predictor_6": "1.2.840.10008.1.2.4.57",
    "jpeg_ls": "1.2.840.10008.1.2.4.80",
    "jpeg_2000": "1.2.840.10008.1.2.4.90",
    "htj2k": "1.2.840.10008.1.2.4.201",
}


def encode(values: np.ndarray, syntax: str) -> bytes:
    """Codestream of stored values (rows, columns), without loss."""
    plain = values.view(f"<u{values.dtype.itemsize}")
    if syntax.startswith("jpeg_sv1"):
        return bytes(imagecodecs.jpeg8_encode(plain, lossless=True, predictor=1, bitspersample=16))
    if syntax == "jpeg_predictor_6":
        return bytes(imagecodecs.jpeg8_encode(plain, lossless=True, predictor=6, bitspersample=16))
    if syntax == "jpeg_ls":
        return bytes(imagecodecs.jpegls_encode(plain))
    if syntax == "jpeg_2000":
        return bytes(imagecodecs.jpeg2k_encode(values, codecformat="j2k", reversible=True, level=0))
    return bytes(imagecodecs.htj2k_encode(values, reversible=True))


def recode(paths: Sequence[Path], folder: Path, syntax: str) -> list[Path]:
    """Write images in another transfer syntax; return their paths in the same order."""
    folder.mkdir(parents=True)
    out = []
    for path in paths:
        image = dcmread(path)
        target = folder / path.name
        values = np.frombuffer(image.PixelData, f"<{'iu'[image.PixelRepresentation == 0]}2")
        if syntax == "rle":
            image.compress(SYNTAXES["rle"], generate_instance_uid=False)
            image.save_as(target)
        elif syntax == "big":
            whole = Dataset()
            for element in image:
                whole.add(element)
            whole.PixelData = values.astype(values.dtype.newbyteorder(">")).tobytes()
            whole.file_meta = FileMetaDataset()
            whole.file_meta.update(image.file_meta)
            whole.file_meta.TransferSyntaxUID = SYNTAXES["big"]
            whole.save_as(target, enforce_file_format=True, implicit_vr=False, little_endian=False)
        else:
            image.file_meta.TransferSyntaxUID = SYNTAXES[syntax]
            if syntax not in ("implicit", "explicit", "deflated"):
                image.PixelData = encapsulate([encode(values.reshape(image.Rows, image.Columns), syntax)])
                image["PixelData"].is_undefined_length = True
            image.save_as(target, implicit_vr=syntax == "implicit", enforce_file_format=True)
        out.append(target)
    return out


def enhance(paths: Sequence[Path], target: Path, *, legacy: bool = False, syntax: str = "", **tags: object) -> Path:
    """Write classic images as one enhanced CT object, its frames in the order of the paths."""
    images = [dcmread(path) for path in paths]
    first = images[0]
    whole = Dataset()
    for tag in ("PatientID", "StudyInstanceUID", "Modality", "StudyDate", "StudyTime", "Manufacturer"):
        whole[tag] = first[tag]
    for tag in ("Rows", "Columns", "SamplesPerPixel", "PhotometricInterpretation", "BitsAllocated", "BitsStored"):
        whole[tag] = first[tag]
    whole.HighBit, whole.PixelRepresentation = first.HighBit, first.PixelRepresentation
    whole.SOPClassUID = LegacyConvertedEnhancedCTImageStorage if legacy else EnhancedCTImageStorage
    whole.SOPInstanceUID, whole.SeriesInstanceUID = generate_uid(), generate_uid()
    whole.ImageType = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
    whole.NumberOfFrames = len(images)
    shared = Dataset()
    shared.PlaneOrientationSequence = [_item(first, "ImageOrientationPatient")]
    shared.PixelMeasuresSequence = [_item(first, "PixelSpacing", "SliceThickness")]
    kind = Dataset()
    kind.FrameType = ["ORIGINAL", "PRIMARY", "AXIAL" if legacy else "VOLUME", "NONE"]
    shared.CTImageFrameTypeSequence = [kind]
    shared.add_new(*((0x00209170, "SQ") if legacy else (0x00189314, "SQ")), [_item(first, "ConvolutionKernel")])
    whole.SharedFunctionalGroupsSequence = [shared]
    whole.PerFrameFunctionalGroupsSequence = [_frame(image) for image in images]
    for name, value in tags.items():
        setattr(whole, name, value)
    whole.file_meta = FileMetaDataset()
    whole.file_meta.TransferSyntaxUID = SYNTAXES[syntax] if syntax else ExplicitVRLittleEndian
    whole.file_meta.MediaStorageSOPClassUID = whole.SOPClassUID
    whole.file_meta.MediaStorageSOPInstanceUID = whole.SOPInstanceUID
    pixels = [image.PixelData for image in images]
    if syntax:
        dtype = f"<{'iu'[first.PixelRepresentation == 0]}2"
        frames = [np.frombuffer(values, dtype).reshape(first.Rows, first.Columns) for values in pixels]
        whole.PixelData = encapsulate([encode(frame, syntax) for frame in frames])
        whole["PixelData"].is_undefined_length = True
    else:
        whole.PixelData = b"".join(pixels)
    whole["PixelData"].VR = "OB" if syntax else "OW"
    target.parent.mkdir(parents=True, exist_ok=True)
    whole.save_as(target, enforce_file_format=True)
    return target


def _item(image: Dataset, *keywords: str) -> Dataset:
    item = Dataset()
    for keyword in keywords:
        item[keyword] = image[keyword]
    return item


def _frame(image: Dataset) -> Dataset:
    frame = Dataset()
    frame.PlanePositionSequence = [_item(image, "ImagePositionPatient")]
    frame.PixelValueTransformationSequence = [_item(image, "RescaleIntercept", "RescaleSlope")]
    content = Dataset()
    content.FrameAcquisitionNumber = int(image.AcquisitionNumber)
    content.FrameAcquisitionDateTime = image.AcquisitionDate + image.AcquisitionTime
    frame.FrameContentSequence = [content]
    return frame


def file_bytes(image: Dataset) -> bytes:
    """Content of the file that a data set makes."""
    out = io.BytesIO()
    image.save_as(out, enforce_file_format=True)
    return out.getvalue()
