"""Thumbnails of example scans with the outlines of predicted and reference hematoma, as SVG over a small PNG."""

import io
from dataclasses import dataclass

import contourpy
import numpy as np
from PIL import Image

from ichor.report import numbers
from ichor.report.svg import Canvas

WINDOW_HU = (0.0, 80.0)  # the usual brain window: level 40, width 80
PIXELS = 220
COLORS = {"predicted": "#ffb000", "reference": "#5cd0ff"}  # told apart on gray under any color vision


@dataclass(frozen=True)
class Case:
    """One example scan.

    Attributes
    ----------
    title : str
        Why it is shown, for example "Median Dice".
    detail : str
        A line below the picture: center, Dice, volumes.
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
    picture, scale = _fit(case.image[:, :, level], case.spacing_mm)
    height, width = picture.shape
    said = f"{case.title}: {case.detail}. Axial CT slice with outlines of the predicted and the reference hematoma."
    canvas = Canvas(PIXELS + 4, PIXELS + 58, said, simulated=simulated)
    canvas.text(2, 15, case.title, "head")
    canvas.rect(2, 24, PIXELS, PIXELS, style="fill:#000")
    left, top = 2 + (PIXELS - width) / 2, 24 + (PIXELS - height) / 2
    canvas.image(left, top, width, height, png(picture))
    for name, mask in (("reference", case.reference), ("predicted", case.predicted)):
        if mask is not None:
            for outline in outlines(mask[:, :, level]):
                points = [(left + x * scale[0], top + y * scale[1]) for x, y in outline]
                dash = ";stroke-dasharray:4 2.5" if name == "reference" else ""
                canvas.path(points, "", f"fill:none;stroke:{COLORS[name]};stroke-width:1.7{dash}", close=True)
    canvas.letter(8, 24 + PIXELS / 2, "R")
    canvas.text(2, PIXELS + 40, case.detail, "muted small")
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


def png(gray: np.ndarray) -> bytes:
    """PNG bytes of an 8-bit gray image, shape (rows, columns)."""
    buffer = io.BytesIO()
    Image.fromarray(gray, mode="L").quantize(64).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def detail(center: str, dice: float, predicted_ml: float, reference_ml: float) -> str:
    """Line below a picture: center, Dice and both volumes."""
    return (
        f"{center} · Dice {numbers.plain(dice)} · {numbers.plain(predicted_ml, 1)} mL, "
        f"reference {numbers.plain(reference_ml, 1)} mL"
    )


def _display(plane: np.ndarray) -> np.ndarray:
    """From (x to the right, y to the front) to (rows down, columns to the patient's left)."""
    return plane[::-1, ::-1].T


def _fit(plane: np.ndarray, spacing_mm: tuple[float, float]) -> tuple[np.ndarray, tuple[float, float]]:
    """8-bit picture of a slice, at most PIXELS in each direction, and pixels per voxel along columns and rows."""
    low, high = WINDOW_HU
    gray = (np.clip((_display(plane).astype(float) - low) / (high - low), 0, 1) * 255).round().astype(np.uint8)
    rows, columns = gray.shape
    size_mm = columns * spacing_mm[0], rows * spacing_mm[1]
    factor = PIXELS / max(size_mm)
    width, height = max(1, round(size_mm[0] * factor)), max(1, round(size_mm[1] * factor))
    picture = np.asarray(Image.fromarray(gray, mode="L").resize((width, height), Image.Resampling.LANCZOS))
    return picture, (width / columns, height / rows)
