"""What is said of an accepted scan: its sidecar, and the columns of table ``scans`` that come from its voxels."""

from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from ichor.dicom.checks import Checked
from ichor.dicom.volumes import Volume, thickness_mm
from ichor.imaging.geometry import extent_mm, spacing_mm
from ichor.imaging.voxels import voxel_sha256


def sidecar(files: pd.DataFrame, volume: Volume, checked: Checked) -> dict[str, Any]:
    """Content of the sidecar of a scan, whose source is `files`, rows of the private selection."""
    first = files.iloc[0]
    dicom = first["kind"] == "dicom"
    return volume.source | dict(
        Modality="CT",
        Source=first["kind"],
        Converter=volume.converter,
        Manufacturer=first["manufacturer"],
        ConvolutionKernel=first["kernel"],
        SliceThickness_mm=thickness_mm(files),
        GantryTilt_deg=round(volume.tilt_deg, 3) if dicom else None,
        Extent_mm=round(extent_mm(volume.data.shape, volume.affine), 3),
        Corrections={str(reason): detail for reason, detail in volume.flags.items()},
        Head=_rounded(checked.head),
        Signal=_rounded(checked.signal),
    )


def _rounded(measures: Any) -> dict[str, Any]:
    return {
        name: (None if np.isnan(value) else round(value, 3)) if isinstance(value, float) else value
        for name, value in asdict(measures).items()
    }


def measured_columns(volume: Volume, checked: Checked) -> dict[str, Any]:
    """Columns of table ``scans`` that come from the volume."""
    size, spacing, head = volume.data.shape, spacing_mm(volume.affine), checked.head
    return dict(
        columns=size[0], rows=size[1], slices=size[2],
        spacing_x_mm=round(float(spacing[0]), 6), spacing_y_mm=round(float(spacing[1]), 6),
        spacing_z_mm=round(float(spacing[2]), 6), extent_mm=round(extent_mm(size, volume.affine), 3),
        tilt_deg=round(volume.tilt_deg, 3), hu_min=head.hu_min, hu_max=head.hu_max,
        voxel_sha256=voxel_sha256(volume.data),
    )  # fmt: skip
