"""Thumbnails of example scans with the outlines of predicted and reference hematoma, as SVG over a small PNG."""

import io
from dataclasses import dataclass

import contourpy
import numpy as np
from PIL import Image

from ichor.report.svg import Canvas, wrap

WINDOW_HU = (0.0, 80.0)  # the usual brain window: level 40, width 80
PIXELS = 240  # of the page
STORED = 400  # most pixels of a stored picture in each direction: sharp on dense screens
LARGEST_BYTES = 100_000
COLORS = {"predicted": "#ffb000", "reference": "#5cd0ff"}  # told apart on gray under any color vision


@dataclass(frozen=True)
class Case:
    """One example scan.

    Attributes
    ----------
    title : str
        Why it is shown, for example "Median Dice".
    detail : str
        Words below the picture: center, Dice, volumes.
    image : array, shape (X, Y, Z)
        Hounsfield units, axes to the right, anterior and superior (RAS+).
    predicted : array of bool, shape (X, Y, Z)
        Predicted hematoma, all labels together.
    reference : array of bool, shape (X, Y, Z), or None
        Reference mask.
    spacing_mm : (float, float)
        Voxel size along the first two axes.
    """

    title: str
    detail: str
    image: np.ndarray
    predicted: np.ndarray
    reference: np.ndarray | None
    spacing_mm: tuple[float, float]


def draw(case: Case, *, simulated: bool) -> Canvas:
    """Axial slice with the largest hematoma, seen from below (the patient's right is on the left).

    Raises
    ------
    ValueError
        If image and masks differ in shape.
    """
    for name, mask in (("predicted", case.predicted), ("reference", case.reference)):
        if mask is not None and mask.shape != case.image.shape:
            raise ValueError(f"{case.title}: {name} mask has shape {mask.shape}, the image {case.image.shape}")
    level = largest_slice(case.reference if case.reference is not None and case.reference.any() else case.predicted)
    plane = case.image[:, :, level]
    size_mm = plane.shape[0] * case.spacing_mm[0], plane.shape[1] * case.spacing_mm[1]
    width, height = (PIXELS * side / max(size_mm) for side in size_mm)
    scale = width / plane.shape[0], height / plane.shape[1]  # pixels per voxel
    said = f"{case.title}: {case.detail}. Axial CT slice with outlines of the predicted and the reference hematoma."
    canvas = Canvas(PIXELS + 4, PIXELS + 76, said, simulated=simulated)
    canvas.text(2, 15, case.title, "head")
    canvas.rect(2, 24, PIXELS, PIXELS, style="fill:#000")
    left, top = 2 + (PIXELS - width) / 2, 24 + (PIXELS - height) / 2
    canvas.image(left, top, width, height, picture(plane, case.spacing_mm))
    for name, mask in (("reference", case.reference), ("predicted", case.predicted)):
        if mask is not None:
            for outline in outlines(mask[:, :, level]):
                points = [(left + x * scale[0], top + y * scale[1]) for x, y in outline]
                dash = ";stroke-dasharray:4 2.5" if name == "reference" else ""
                canvas.path(points, "", f"fill:none;stroke:{COLORS[name]};stroke-width:1.5{dash}", close=True)
    canvas.letter(8, 24 + PIXELS / 2, "R")
    for i, line in enumerate(wrap(case.detail, PIXELS, 12)):
        canvas.text(2, PIXELS + 41 + 15 * i, line, "muted")
    return canvas


def largest_slice(mask: np.ndarray) -> int:
    """Index along the third axis of the slice with most of the mask; the middle one when the mask is empty."""
    area = mask.reshape(-1, mask.shape[2]).sum(axis=0)
    return int(area.argmax()) if area.any() else mask.shape[2] // 2


def outlines(mask: np.ndarray) -> list[np.ndarray]:
    """Outlines of a slice's mask, each (n, 2) in display voxels (column, row), at the voxels' edges."""
    shown = np.pad(_display(mask).astype(float), 1)
    lines = contourpy.contour_generator(z=shown).lines(0.5)
    return [line[:-1] - 0.5 for line in lines if len(line) > 3]  # - 1 of the padding, + 0.5 to the voxel's centre


def picture(plane: np.ndarray, spacing_mm: tuple[float, float]) -> bytes:
    """PNG of a slice in the brain window with square pixels, at most `LARGEST_BYTES` large.

    Parameters
    ----------
    plane : array, shape (X, Y)
        Hounsfield units.
    spacing_mm : (float, float)
        Voxel size along both axes.
    """
    low, high = WINDOW_HU
    gray = (np.clip((_display(plane).astype(float) - low) / (high - low), 0, 1) * 255).round().astype(np.uint8)
    rows, columns = gray.shape
    width_mm, height_mm = columns * spacing_mm[0], rows * spacing_mm[1]
    most = min(STORED, max(rows, columns))
    while True:
        factor = most / max(width_mm, height_mm)
        size = max(1, round(width_mm * factor)), max(1, round(height_mm * factor))
        content = _png(Image.fromarray(gray).resize(size, Image.Resampling.LANCZOS))
        if len(content) <= LARGEST_BYTES or most <= 64:
            return content
        most = int(most * 0.85)


def _png(gray: Image.Image) -> bytes:
    buffer = io.BytesIO()
    gray.quantize(64).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _display(plane: np.ndarray) -> np.ndarray:
    """From (x to the right, y to the front) to (rows down, columns to the patient's left)."""
    return plane[::-1, ::-1].T
