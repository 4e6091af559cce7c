"""Scans of train patients with what a transplant needs to know of them."""

import zlib
from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
import pandas as pd
from nibabel.filebasedimages import ImageFileError
from scipy import ndimage

from ichor.imaging.brain import TISSUE_HU, HeadMaps, brain_mask, find_head, on_grid
from ichor.imaging.crops import filled_box
from ichor.imaging.head_frame import HeadFrame, find_frame
from ichor.imaging.volume_cache import Volume, read_volume
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
    bleed_box : tuple of slice or None
        Smallest box around all of `mask`; None where it is empty.
    brain_hu : float
        Median of the brain without the bleed; NaN where there is none.
    """

    patient: str
    hu: np.ndarray
    mask: np.ndarray
    spacing_mm: np.ndarray
    brain: np.ndarray
    frame: HeadFrame | None
    noise: Noise
    bleed_box: tuple[slice, slice, slice] | None
    brain_hu: float


@dataclass(frozen=True)
class _Found:
    """What was found in a scan, without its voxels: some ten kB, for a scan that is read again."""

    codes: np.ndarray
    brain: bytes
    frame: HeadFrame | None
    noise: Noise
    bleed_box: tuple[slice, slice, slice] | None
    brain_hu: float

    @classmethod
    def of(cls, scan: Scan) -> "_Found":
        codes = scan.mask[scan.bleed_box].copy() if scan.bleed_box else scan.mask[:0]
        brain = zlib.compress(np.packbits(scan.brain).tobytes(), level=1)
        return cls(codes, brain, scan.frame, scan.noise, scan.bleed_box, scan.brain_hu)

    def again(self, patient: str, image: str) -> Scan:
        """The scan of the patient, read again."""
        volume = _read(image)
        mask = np.zeros(volume.shape, self.codes.dtype)
        if self.bleed_box:
            mask[self.bleed_box] = self.codes
        bits = np.frombuffer(zlib.decompress(self.brain), np.uint8)
        brain = np.unpackbits(bits, count=mask.size).astype(bool).reshape(volume.shape)
        hu, spacing = np.ascontiguousarray(volume[:, :, :], dtype=np.float32), np.asarray(volume.spacing_mm, float)
        return Scan(patient, hu, mask, spacing, brain, self.frame, self.noise, self.bleed_box, self.brain_hu)


class Scans:
    """Scans by pseudonym, the last `KEPT` of them held in memory, and what was found in every one.

    Parameters
    ----------
    rows : pandas.DataFrame
        With columns ``patient``, ``image`` and ``mask``.
    """

    def __init__(self, rows: pd.DataFrame) -> None:
        self._paths = {row.patient: (row.image, row.mask) for row in rows.itertuples()}
        self._held: OrderedDict[str, Scan] = OrderedDict()
        self._found: dict[str, _Found] = {}

    def __getitem__(self, patient: str) -> Scan:
        """The scan of a patient."""
        if patient not in self._held:
            image, mask = self._paths[patient]
            if patient in self._found:
                self._held[patient] = self._found[patient].again(patient, image)
            else:
                self._held[patient] = read_scan(patient, image, mask)
                self._found[patient] = _Found.of(self._held[patient])
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
    volume, labels = _read(image), _read(mask)
    if volume.shape != labels.shape or not np.allclose(volume.affine, labels.affine, atol=1e-2):
        raise UnsuitableError("the mask's grid is not the scan's")
    stored, mask_codes = volume[:, :, :], np.array(labels[:, :, :], order="C")  # a copy, which may be changed
    spacing = np.asarray(volume.spacing_mm, float)
    maps = find_head(stored, spacing)
    frame = find_frame(stored, spacing, maps)
    frame = frame if frame is not None and frame.reaches_top else None
    hu = np.ascontiguousarray(stored, dtype=np.float32)
    brain = _inside(hu, spacing, maps)
    _drop_outside(mask_codes, brain)
    bleed = mask_codes > 0
    box = filled_box(bleed)
    if box is not None:
        brain[box] |= bleed[box]
    healthy = brain & ~bleed
    level = float(np.median(hu[healthy])) if healthy.any() else float("nan")
    return Scan(patient, hu, mask_codes, spacing, brain, frame, measure_noise(hu, healthy, spacing), box, level)


def _read(path: str) -> Volume:
    try:
        return read_volume(path)
    except (OSError, EOFError, zlib.error, ImageFileError) as error:
        raise UnsuitableError("a file that cannot be read") from error


def _drop_outside(mask_codes: np.ndarray, brain: np.ndarray) -> None:
    """Take out of a mask, in place, what lies more than two voxels outside of the brain: muscle, taken for blood."""
    box = filled_box(mask_codes > 0)
    if box is not None:
        around = tuple(slice(max(0, side.start - 2), side.stop + 2) for side in box)
        near = ndimage.binary_dilation(brain[around], iterations=2)
        mask_codes[around] = np.where(near, mask_codes[around], 0)


def _inside(hu: np.ndarray, spacing_mm: np.ndarray, maps: HeadMaps) -> np.ndarray:
    """Brain and CSF inside of the skull.

    `brain_mask` is made for the cerebrum: it leaves out CSF, and much below the tentorium. What the skull encloses and
    is neither bone nor air is added, without the voxels beside the bone.
    """
    brain = brain_mask(hu, spacing_mm, maps)
    open_space = maps.skull & ~ndimage.binary_dilation(maps.bone, np.ones((3, 3, 1), bool))
    full = on_grid(open_space, maps.block, maps.stride, hu.shape)
    box = filled_box(full)
    if box is not None:
        around, own = _with_reach(box, spacing_mm, hu.shape)
        soft = smooth(hu[around], SOFT_MM, spacing_mm)[own]
        brain[box] |= full[box] & (soft > CSF_HU) & (soft < TISSUE_HU[1])
    return brain


def _with_reach(
    box: tuple[slice, slice, slice], spacing_mm: np.ndarray, shape: tuple[int, ...]
) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """A box with as much around as smoothing by `SOFT_MM` looks at, and where the box lies in that."""
    reach = [*(int(np.ceil(3.0 * SOFT_MM / step)) + 1 for step in spacing_mm[:2]), 0]
    around = tuple(
        slice(max(0, side.start - far), min(size, side.stop + far))
        for side, far, size in zip(box, reach, shape, strict=True)
    )
    own = tuple(slice(side.start - wide.start, side.stop - wide.start) for side, wide in zip(box, around, strict=True))
    return around, own
