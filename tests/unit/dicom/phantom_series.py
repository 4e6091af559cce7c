"""A small head defined in space, scanned into real DICOM files: what comes out of the ingest can be checked in mm."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

CLOT_CENTER_LPS = np.array([30.0, -10.0, 25.0])  # mm: left, front, up
CLOT_RADIUS_MM = 16.0
CLOT_HU, BRAIN_HU, BONE_HU, AIR_HU = 70.0, 32.0, 900.0, -1000.0


def head_hu(points: np.ndarray) -> np.ndarray:
    """HU at LPS points (..., 3) mm: scalp, skull and brain as ellipsoids, a clot in the left half, a nose in front."""
    x, y, z = points[..., 0], points[..., 1], points[..., 2]
    radius = np.sqrt((x / 70) ** 2 + (y / 90) ** 2 + (z / 85) ** 2)
    hu = np.full(x.shape, AIR_HU)
    hu[radius < 1.17] = 40.0
    hu[radius < 1.10] = BONE_HU
    hu[radius < 1.0] = BRAIN_HU
    hu[np.hypot(x, y + 108) < 8] = 40.0
    hu[np.linalg.norm(points - CLOT_CENTER_LPS, axis=-1) < CLOT_RADIUS_MM] = CLOT_HU
    return hu


@dataclass
class Scan:
    """How the head is scanned; every field is a plain axial head CT unless changed."""

    rows: int = 96
    columns: int = 104
    pixel_mm: float = 2.4
    along_mm: Sequence[float] = field(default_factory=lambda: np.arange(30) * 5.0 - 72.5)
    thickness_mm: float | Sequence[float] = 5.0
    tilt_deg: float = 0.0
    row_direction: Sequence[float] = (1.0, 0.0, 0.0)
    column_direction: Sequence[float] | None = None
    kernel: str = "H31s"
    image_type: Sequence[str] = ("ORIGINAL", "PRIMARY", "AXIAL")
    patient_id: str = "P1"
    patient_name: str = "Nobody^None"
    when: str = "20200101120000"
    noise_hu: float = 3.0
    padding_hu: int | None = None
    intercept: int = -1024
    clip: tuple[int, int] | None = None
    series_uid: str = ""
    study_uid: str = ""
    acquisition: int = 1
    first_instance: int = 1
    hu_offset: float = 0.0
    tags: dict = field(default_factory=dict)


def geometry(scan: Scan) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Row direction, column direction, normal, and corner of each slice (n, 3), LPS mm.

    A tilted gantry turns the slices about x but moves the table along z.
    """
    row = np.array(scan.row_direction, float)
    angle = np.radians(scan.tilt_deg)
    column = np.array(
        scan.column_direction if scan.column_direction is not None else (0, np.cos(angle), np.sin(angle)), float
    )
    normal = np.cross(row, column)
    along = np.asarray(scan.along_mm, float)
    middle = -row * scan.pixel_mm * (scan.columns - 1) / 2 - column * scan.pixel_mm * (scan.rows - 1) / 2
    if scan.tilt_deg:
        centers = along[:, None] / normal[2] * np.array([0.0, 0.0, 1.0])
    else:
        centers = along[:, None] * normal
    return row, column, normal, centers + middle


def slice_hu(scan: Scan, corner: np.ndarray, seed: int) -> np.ndarray:
    """HU of one slice, shape (rows, columns), whole numbers."""
    row, column, _, _ = geometry(scan)
    c, r = np.meshgrid(np.arange(scan.columns), np.arange(scan.rows))
    points = corner + scan.pixel_mm * (c[..., None] * row + r[..., None] * column)
    hu = head_hu(points) + np.random.default_rng(seed).normal(0, scan.noise_hu, c.shape) + scan.hu_offset
    if scan.clip:
        hu = np.clip(hu, *scan.clip)
    hu = np.rint(np.clip(hu, -1024, 3071)).astype(int)
    if scan.padding_hu is not None:
        hu[np.hypot(c - scan.columns / 2, r - scan.rows / 2) > scan.columns / 2] = scan.padding_hu
    return hu


def dataset(scan: Scan, corner: np.ndarray, number: int, thickness: float) -> Dataset:
    """One DICOM CT image."""
    row, column, _, _ = geometry(scan)
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID = CTImageStorage
    ds.SOPClassUID = CTImageStorage
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    ds.StudyInstanceUID, ds.SeriesInstanceUID = scan.study_uid, scan.series_uid
    ds.PatientID, ds.PatientName, ds.Modality = scan.patient_id, scan.patient_name, "CT"
    ds.ImageType, ds.Manufacturer, ds.ConvolutionKernel = list(scan.image_type), "Siemens", scan.kernel
    ds.StudyDate = ds.AcquisitionDate = scan.when[:8]
    ds.StudyTime = ds.AcquisitionTime = scan.when[8:]
    ds.AcquisitionNumber, ds.InstanceNumber, ds.SeriesNumber = scan.acquisition, number, 2
    ds.ImagePositionPatient = [f"{v:.6f}" for v in corner]
    ds.ImageOrientationPatient = [f"{v:.8f}" for v in (*row, *column)]
    ds.PixelSpacing, ds.SliceThickness = [scan.pixel_mm, scan.pixel_mm], thickness
    ds.Rows, ds.Columns, ds.SamplesPerPixel, ds.PhotometricInterpretation = scan.rows, scan.columns, 1, "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 16, 15, 1
    ds.RescaleIntercept, ds.RescaleSlope = scan.intercept, 1
    ds.PixelData = (slice_hu(scan, corner, number) - scan.intercept).astype("<i2").tobytes()
    for name, value in scan.tags.items():
        setattr(ds, name, value)
    return ds


def write_series(
    folder: Path, scan: Scan | None = None, *, skip: Sequence[int] = (), shuffle: bool = True
) -> list[Path]:
    """Write a scan as DICOM files whose names say nothing about their order; return the paths in spatial order.

    Parameters
    ----------
    folder : Path
        Made if need be.
    scan : Scan
        What to write; its UIDs are filled in when empty.
    skip : sequence of int
        Slices that are left out.
    shuffle : bool
        Name the files by a random order.
    """
    scan = scan or Scan()
    scan.series_uid = scan.series_uid or generate_uid()
    scan.study_uid = scan.study_uid or generate_uid()
    folder.mkdir(parents=True, exist_ok=True)
    corners = geometry(scan)[3]
    start = len(list(folder.iterdir()))
    names = np.random.default_rng(0).permutation(len(corners)) if shuffle else np.arange(len(corners))
    thickness = np.broadcast_to(np.asarray(scan.thickness_mm, float), (len(corners),))
    paths = []
    for k, corner in enumerate(corners):
        if k in skip:
            continue
        path = folder / f"IM{start + names[k]:05d}"
        dataset(scan, corner, scan.first_instance + k, float(thickness[k])).save_as(path, enforce_file_format=True)
        paths.append(path)
    return paths
