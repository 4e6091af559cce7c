"""Scans of train patients with what a transplant needs to know of them."""

import zlib
from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
import pandas as pd
from nibabel.filebasedimages import ImageFileError
from scipy import ndimage

from ichor.imaging.brain import TISSUE_HU, brain_mask, find_head
from ichor.imaging.head_frame import HeadFrame, find_frame
from ichor.imaging.volume_cache import read_volume
from ichor.synthesis.transplant.noise import Noise, measure_noise, smooth

KEPT = 8
"""Scans that are held at once; of 512 x 512 x 32 voxels each takes 60 MB."""
CSF_HU = -10.0
"""What is darker inside of the skull, smoothed, is air."""
SOFT_MM = 1.0


class UnsuitableError(Exception):
    """A scan cannot be a donor or recipient, or a bleed has no place in it; another one is tried."""


@dataclass(frozen=True)
class Scan:
    """One scan in closest canonical orientation.

    Attributes
    ----------
    patient : str
        Pseudonym.
    hu : numpy.ndarray
        float32 ``(x, y, z)``.
    mask : numpy.ndarray
        Label codes, same shape; none outside of the brain.
    spacing_mm : numpy.ndarray
        ``(3,)``.
    brain : numpy.ndarray
        bool, same shape; the bleed counts as brain.
    frame : ichor.imaging.head_frame.HeadFrame or None
        None where it cannot be found, or the scan ends below the top of the head.
    noise : ichor.synthesis.transplant.noise.Noise
        Of the brain.
    """

    patient: str
    hu: np.ndarray
    mask: np.ndarray
    spacing_mm: np.ndarray
    brain: np.ndarray
    frame: HeadFrame | None
    noise: Noise


class Scans:
    """Scans by pseudonym, the last `KEPT` of them held in memory.

    Parameters
    ----------
    rows : pandas.DataFrame
        With columns ``patient``, ``image`` and ``mask``.
    """

    def __init__(self, rows: pd.DataFrame) -> None:
        self._paths = {row.patient: (row.image, row.mask) for row in rows.itertuples()}
        self._held: OrderedDict[str, Scan] = OrderedDict()

    def __getitem__(self, patient: str) -> Scan:
        """The scan of a patient."""
        if patient not in self._held:
            self._held[patient] = read_scan(patient, *self._paths[patient])
            if len(self._held) > KEPT:
                self._held.popitem(last=False)
        self._held.move_to_end(patient)
        return self._held[patient]


def read_scan(patient: str, image: str, mask: str) -> Scan:
    """Read one scan and its mask, and find brain, frame and noise.

    Raises
    ------
    UnsuitableError
        If a file cannot be read, or the two do not lie on one grid.
    """
    try:
        volume, labels = read_volume(image), read_volume(mask)
    except (OSError, EOFError, zlib.error, ImageFileError) as error:
        raise UnsuitableError("a file that cannot be read") from error
    if volume.shape != labels.shape or not np.allclose(volume.affine, labels.affine, atol=1e-2):
        raise UnsuitableError("the mask's grid is not the scan's")
    stored, mask_codes = np.ascontiguousarray(volume[:, :, :]), np.ascontiguousarray(labels[:, :, :])
    spacing = np.asarray(volume.spacing_mm, float)
    frame = find_frame(stored, spacing)
    frame = frame if frame is not None and frame.reaches_top else None
    hu = stored.astype(np.float32)
    brain = _inside(stored, hu, spacing)
    mask_codes = np.where(ndimage.binary_dilation(brain, iterations=2), mask_codes, 0)  # else muscle, taken for blood
    brain |= mask_codes > 0
    return Scan(patient, hu, mask_codes, spacing, brain, frame, measure_noise(hu, brain & (mask_codes == 0), spacing))


def _inside(stored: np.ndarray, hu: np.ndarray, spacing_mm: np.ndarray) -> np.ndarray:
    """Brain and CSF inside of the skull.

    `brain_mask` is made for the cerebrum: it leaves out CSF, and much below the tentorium. What the skull encloses and
    is neither bone nor air is added, without the voxels beside the bone.
    """
    maps = find_head(stored, spacing_mm)
    open_space = maps.skull & ~ndimage.binary_dilation(maps.bone, np.ones((3, 3, 1), bool))
    full = open_space.repeat(maps.block, axis=0).repeat(maps.block, axis=1).repeat(maps.stride, axis=2)
    rest = [(0, have - got) for have, got in zip(stored.shape, full[:, :, : stored.shape[2]].shape, strict=True)]
    full = np.pad(full[:, :, : stored.shape[2]], rest, mode="edge")
    soft = smooth(hu, SOFT_MM, spacing_mm)
    return brain_mask(stored, spacing_mm) | (full & (soft > CSF_HU) & (soft < TISSUE_HU[1]))
