"""Write CT volumes as 16-bit DICOM series, with the habits of different vendors.

`write_ct_series` takes any volume in HU with its NIfTI affine, so real scans can be written the same way.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path

import nibabel as nib
import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filewriter import dcmwrite
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


@dataclass(frozen=True)
class Exam:
    """One visit of one person to the scanner; every name is invented.

    Attributes
    ----------
    key
        What all unique identifiers are derived from: the same key gives the same identifiers.
    patient_id, patient_name, sex, birth_date
        As in the DICOM header; sex is "M", "F" or "".
    acquired
        Acquisition date and time of the first image.
    institution, manufacturer, model, station
        Of the scanner.
    accession, protocol
        Free text of the header.
    """

    key: str
    patient_id: str
    patient_name: str = "SIMULATED^PATIENT"
    sex: str = ""
    birth_date: date | None = None
    acquired: datetime = datetime(2020, 1, 1, 12, 0, 0)
    institution: str = ""
    manufacturer: str = "ICHOR SIMULATED"
    model: str = ""
    station: str = ""
    accession: str = ""
    protocol: str = "HEAD"


@dataclass(frozen=True)
class Series:
    """What one series of an exam says of itself."""

    number: int = 2
    description: str = "HEAD AXIAL"
    image_type: tuple[str, ...] = ("ORIGINAL", "PRIMARY", "AXIAL")
    kernel: str = "STANDARD"
    thickness_mm: float | None = None
    tilt_deg: float = 0.0
    contrast_agent: str = ""
    kvp: float = 120.0
    current_ma: int = 250
    delay_s: float = 0.0
    state_spacing: bool = True


@dataclass(frozen=True)
class Encoding:
    """How a vendor stores HU: stored = (HU - intercept) / slope, in 16 bits.

    `padding_hu` is the value outside the round field of view; None means there is none.
    """

    slope: float = 1.0
    intercept: float = -1024.0
    signed: bool = True
    bits_stored: int = 16
    padding_hu: float | None = None
    file_name: str = "IM{instance:04d}.dcm"
    extra: dict[str, str] = field(default_factory=dict)


def _uid(*parts: object) -> str:
    return generate_uid(entropy_srcs=[str(p) for p in parts])


def _common(exam: Exam, series: Series, encoding: Encoding) -> Dataset:
    """Return the attributes that all images of a series share, patient, study and equipment first."""
    start = exam.acquired + timedelta(seconds=series.delay_s)
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.ImageType = list(series.image_type)
    ds.SOPClassUID = CTImageStorage
    for name in ("StudyDate", "SeriesDate", "AcquisitionDate", "ContentDate"):
        setattr(ds, name, (exam.acquired if name == "StudyDate" else start).strftime("%Y%m%d"))
    for name in ("StudyTime", "SeriesTime"):
        setattr(ds, name, (exam.acquired if name == "StudyTime" else start).strftime("%H%M%S.000"))
    ds.Modality, ds.AccessionNumber = "CT", exam.accession
    ds.Manufacturer, ds.ManufacturerModelName = exam.manufacturer, exam.model
    ds.InstitutionName, ds.StationName = exam.institution, exam.station
    ds.ReferringPhysicianName = "INVENTED^DOCTOR"
    ds.StudyDescription, ds.SeriesDescription = "CT HEAD", series.description
    ds.PatientName, ds.PatientID, ds.PatientSex = exam.patient_name, exam.patient_id, exam.sex
    ds.PatientBirthDate = exam.birth_date.strftime("%Y%m%d") if exam.birth_date else ""
    if exam.birth_date:
        years = (exam.acquired.date() - exam.birth_date).days // 365.25
        ds.PatientAge = f"{int(years):03d}Y"
    ds.BodyPartExamined, ds.ProtocolName, ds.PatientPosition = "HEAD", exam.protocol, "HFS"
    ds.KVP, ds.XRayTubeCurrent, ds.ExposureTime = series.kvp, series.current_ma, 1000
    ds.ConvolutionKernel = series.kernel
    ds.GantryDetectorTilt = round(series.tilt_deg, 3)
    if series.contrast_agent:
        ds.ContrastBolusAgent = series.contrast_agent
    ds.StudyInstanceUID = _uid(exam.key, "study")
    ds.SeriesInstanceUID = _uid(exam.key, "series", series.number)
    ds.FrameOfReferenceUID = _uid(exam.key, "frame")
    ds.StudyID, ds.SeriesNumber, ds.AcquisitionNumber = "1", series.number, 1
    for name, value in encoding.extra.items():
        setattr(ds, name, value)
    return ds


def _add_pixel_module(ds: Dataset, rows: int, columns: int, encoding: Encoding) -> None:
    """Add how pixels are stored and shown."""
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.Rows, ds.Columns = rows, columns
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = 16, encoding.bits_stored, encoding.bits_stored - 1
    ds.PixelRepresentation = int(encoding.signed)
    ds.WindowCenter, ds.WindowWidth = 40, 80
    ds.file_meta = _file_meta()
    ds.RescaleIntercept, ds.RescaleSlope, ds.RescaleType = encoding.intercept, encoding.slope, "HU"
    if encoding.padding_hu is not None:
        stored = round((encoding.padding_hu - encoding.intercept) / encoding.slope)
        ds.add_new(0x00280120, "SS" if encoding.signed else "US", stored)


def stored_values(volume_hu: NDArray, encoding: Encoding) -> NDArray:
    """Return the 16-bit numbers that stand for HU under an encoding, clipped to what its bits can hold."""
    bits = encoding.bits_stored
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if encoding.signed else (0, 2**bits - 1)
    stored = np.rint((volume_hu - encoding.intercept) / encoding.slope)
    return np.clip(stored, low, high).astype("<i2" if encoding.signed else "<u2")


def _reoriented(volume: NDArray, affine: NDArray) -> tuple[NDArray, NDArray]:
    """Return volume and voxel-to-RAS affine with axes flipped and swapped to run left, posterior, superior."""
    now = nib.orientations.io_orientation(affine)
    wanted = nib.orientations.axcodes2ornt(("L", "P", "S"))
    change = nib.orientations.ornt_transform(now, wanted)
    turned = nib.orientations.apply_orientation(volume, change)
    return turned, affine @ nib.orientations.inv_ornt_aff(change, volume.shape)


def write_ct_series(
    volume_hu: NDArray,
    affine: NDArray,
    folder: Path,
    exam: Exam,
    series: Series | None = None,
    encoding: Encoding | None = None,
    *,
    reorient: bool = True,
    slices: list[int] | None = None,
) -> list[Path]:
    """Write a volume as one DICOM CT series, one file a slice, and return the files in slice order.

    Parameters
    ----------
    volume_hu
        HU, (i, j, k) as in NIfTI, slices along the last axis.
    affine
        Voxel to world RAS+ in mm, (4, 4); a sheared one (gantry tilt) is written as it is (PS3.3 C.7.6.2).
    folder
        Where the files go; made when it does not exist.
    exam, series, encoding
        What the header says and how HU are stored.
    reorient
        Flip and swap the axes to the usual axial order (left, posterior, superior) first.
    slices
        Write only these slices (of the reoriented volume), with the instance numbers of the full series.
    """
    series, encoding = series or Series(), encoding or Encoding()
    if reorient:
        volume_hu, affine = _reoriented(volume_hu, affine)
    affine = RAS_TO_LPS @ np.asarray(affine, float)
    stored = np.ascontiguousarray(stored_values(volume_hu, encoding).transpose(2, 1, 0))
    ds = _common(exam, series, encoding)
    _add_plane_module(ds, affine, stored.shape, series)
    _add_pixel_module(ds, stored.shape[1], stored.shape[2], encoding)
    folder.mkdir(parents=True, exist_ok=True)
    chosen = range(len(stored)) if slices is None else slices
    places = {k: affine[:3, 3] + k * affine[:3, 2] for k in chosen}
    return [_write_slice(ds, stored[k], k, at, folder, exam, series, encoding) for k, at in places.items()]


def _add_plane_module(ds: Dataset, affine: NDArray, shape: tuple[int, int, int], series: Series) -> None:
    """Add pixel size, slice thickness and orientation from a voxel-to-LPS affine; shape is (slice, row, column)."""
    along_row, along_column, between = affine[:3, 0], affine[:3, 1], affine[:3, 2]
    row_mm, column_mm = np.linalg.norm(along_row), np.linalg.norm(along_column)
    cosines = np.concatenate([along_row / row_mm, along_column / column_mm])
    step_mm = abs(float(between @ np.cross(cosines[:3], cosines[3:])))
    ds.SliceThickness = _short(series.thickness_mm or step_mm)
    if series.state_spacing:
        ds.SpacingBetweenSlices = _short(step_mm)
    ds.PixelSpacing = [f"{column_mm:.6f}", f"{row_mm:.6f}"]
    ds.ReconstructionDiameter = f"{row_mm * shape[2]:.3f}"
    ds.ImageOrientationPatient = [f"{v:.8f}" for v in cosines]


def _short(value: float) -> str:
    return f"{value:.5f}".rstrip("0").rstrip(".")


def _file_meta() -> FileMetaDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = "1.2.826.0.1.3680043.8.498.1"
    return meta


def _write_slice(
    ds: Dataset,
    stored: NDArray,
    index: int,
    position: NDArray,
    folder: Path,
    exam: Exam,
    series: Series,
    encoding: Encoding,
) -> Path:
    """Write one slice with the shared header `ds`, whose per-slice attributes are overwritten."""
    moment = exam.acquired + timedelta(seconds=series.delay_s + 0.75 * index)
    ds.SOPInstanceUID = _uid(exam.key, "image", series.number, index)
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    ds.AcquisitionTime = ds.ContentTime = moment.strftime("%H%M%S.%f")[:10]
    ds.InstanceNumber = index + 1
    ds.ImagePositionPatient = [f"{v:.6f}" for v in position]
    ds.SliceLocation = f"{position[2]:.4f}"
    ds.add_new(0x7FE00010, "OW", stored.tobytes())
    path = folder / encoding.file_name.format(series=series.number, instance=index + 1)
    dcmwrite(path, ds, enforce_file_format=True)
    return path
