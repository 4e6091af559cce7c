"""Midline shift: how far the fluid spaces in the middle of the brain stand from where the skull says they belong.

The ideal midline is the plane of the head's frame, which the walls of the skull give. The true one is where the fluid
of third and lateral ventricles is most like its own mirror image: for each candidate line the product of the fluid
with its mirror image is summed over a window in the middle of the head, and the line with the largest sum is taken.
A reader measures the septum pellucidum at the foramen of Monro by eye; this is a proxy for it, and a ventricle that is
filled with blood or pressed flat can lead it astray.
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from ichor.imaging.head_frame import LENGTH_MM, WIDTH_MM, HeadFrame

FLUID_HU, TISSUE_HU = 8.0, 26.0
"""From here to there the weight of fluid falls from 1 to 0: cerebrospinal fluid and white matter."""
HALF_WINDOW_MM, FARTHEST_MM = 26.0, 16.0
"""Half of the window's width, and the largest shift that is looked for."""
FRONT_MM, BACK_MM, LOW_MM, HIGH_MM = 38.0, -25.0, -76.0, -42.0
"""Window in the frame: to the front of the middle, down from the top; about frontal horns to thalamus."""
STEP_MM = 0.5


@dataclass(frozen=True)
class MidlineShift:
    """Shift of the midline.

    Attributes
    ----------
    shift_mm : float
        To the patient's right, mm (negative: to the left).
    symmetry : float
        Likeness of the fluid to its mirror image about the line found, 0 to 1.
    """

    shift_mm: float
    symmetry: float


def midline_shift(
    hu: np.ndarray, spacing_mm: tuple[float, float, float], frame: HeadFrame, bleed: np.ndarray
) -> MidlineShift | None:
    """Measure the midline shift.

    Parameters
    ----------
    hu : array, shape (X, Y, Z), HU
        Axes to the right, the front and the top.
    spacing_mm : tuple of float
    frame : HeadFrame
        Of the same scan.
    bleed : array of bool, shape (X, Y, Z)
        What is no tissue: left out.

    Returns
    -------
    MidlineShift or None
        None where the window holds no fluid (or lies outside of the scan).
    """
    lines = _fluid_lines(hu, spacing_mm, frame, bleed)
    if lines is None or not lines.any():
        return None
    count = round(FARTHEST_MM / STEP_MM)
    middle, half = lines.shape[1] // 2, round((HALF_WINDOW_MM - FARTHEST_MM) / STEP_MM) + count
    scores = []
    for twice in range(-2 * count, 2 * count + 1):  # the line lies at middle + twice / 2
        reach = half - abs(twice) // 2
        right = lines[:, middle + (twice + 1) // 2 : middle + (twice + 1) // 2 + reach]
        left = lines[:, middle + twice // 2 - reach + 1 : middle + twice // 2 + 1][:, ::-1]
        scores.append(float((right * left).sum()))
    scores = ndimage.gaussian_filter1d(np.asarray(scores), 2.0)
    best = int(scores.argmax())
    at = (best - 2 * count) * STEP_MM / 2
    total = float((lines**2).sum())
    return MidlineShift(at * frame.width_mm / WIDTH_MM, min(1.0, 2 * float(scores[best]) / total))


def _fluid_lines(
    hu: np.ndarray, spacing_mm: tuple[float, float, float], frame: HeadFrame, bleed: np.ndarray
) -> np.ndarray | None:
    """Weights of fluid along lines across the midline, one row per line, resampled every `STEP_MM` of the frame."""
    scale = frame.length_mm / LENGTH_MM
    rows = _indices(frame.middle_mm + BACK_MM * scale, frame.middle_mm + FRONT_MM * scale, spacing_mm[1], hu.shape[1])
    slices = _indices(frame.top_mm + LOW_MM * scale, frame.top_mm + HIGH_MM * scale, spacing_mm[2], hu.shape[2])
    if not len(rows) or not len(slices):
        return None
    y, z = np.meshgrid(rows * spacing_mm[1], slices * spacing_mm[2], indexing="ij")
    ideal = frame.midline[0] + frame.midline[1] * y + frame.midline[2] * z
    count = round(HALF_WINDOW_MM / STEP_MM)
    offsets = np.arange(-count, count + 1) * STEP_MM * frame.width_mm / WIDTH_MM
    x = (ideal[None] + offsets[:, None, None]) / spacing_mm[0]
    box = (slice(None), slice(rows[0], rows[-1] + 1), slice(slices[0], slices[-1] + 1))
    weight = np.clip((TISSUE_HU - hu[box].astype(np.float32)) / (TISSUE_HU - FLUID_HU), 0, 1)
    weight[bleed[box]] = 0
    low = np.clip(np.floor(x).astype(int), 0, hu.shape[0] - 2)
    part = (x - low).astype(np.float32)
    i, j = np.meshgrid(np.arange(len(rows)), np.arange(len(slices)), indexing="ij")
    lines = (1 - part) * weight[low, i[None], j[None]] + part * weight[low + 1, i[None], j[None]]
    return lines.reshape(len(offsets), -1).T


def _indices(low_mm: float, high_mm: float, spacing_mm: float, count: int) -> np.ndarray:
    """Voxels of an axis between two places."""
    first, last = int(np.ceil(low_mm / spacing_mm)), int(np.floor(high_mm / spacing_mm))
    return np.arange(max(first, 0), min(last, count - 1) + 1)
