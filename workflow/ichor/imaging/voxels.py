"""Content of images: hashes that are the same for the same voxels, whatever file they are in."""

import hashlib
from collections.abc import Iterable

import numpy as np


def voxel_sha256(data: np.ndarray) -> str:
    """SHA-256 of shape and int16 voxels, the same for the same scan whatever its file."""
    digest = hashlib.sha256(repr(tuple(data.shape)).encode())
    digest.update(np.ascontiguousarray(np.transpose(data), dtype="<i2"))  # Fortran order, without a copy
    return digest.hexdigest()


def image_sha256(voxels: str, spacing_mm: Iterable[float]) -> str:
    """SHA-256 of what a model sees of a scan: its voxels and their spacing (all scans have one orientation).

    Parameters
    ----------
    voxels : str
        `voxel_sha256` of the scan.
    spacing_mm : iterable of float
        Along the three axes; counted to 6 decimals, as the scans table gives it.
    """
    seen = [voxels, *(round(float(step), 6) for step in spacing_mm)]
    return hashlib.sha256(repr(seen).encode()).hexdigest()
