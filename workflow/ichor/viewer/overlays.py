"""A small picture of a segmented scan: contours on the slice with the most of the bleed and on slices beside it."""

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ichor.imaging.measures import LABEL_CODES
from ichor.report import slice_view

SIDE = 256
"""Pixels of a slice's side."""
FIELD_MM = 200.0
NEIGHBOUR_MM = 10.0
"""Distance of the slices beside the largest one; at least one slice."""
CAPTION = 34
"""Pixels below the slices, for two lines of words."""
SCALE_MM = 50.0
COLORS = {"iph": "#ff5a1f", "ivh": "#ff9de0", "edema": "#4fd08a", "extraaxial": "#b79bff"}
"""Of predicted labels: told apart on the gray of brain and of blood."""
REFERENCE = "#37b0ff"
BRAIN = "#7d8a94"


def overlay(
    image: np.ndarray,
    brain: np.ndarray,
    predicted: np.ndarray | None,
    reference: np.ndarray | None,
    spacing_mm: np.ndarray,
    caption: Sequence[str],
) -> bytes:
    """Three axial slices side by side, from below to above, seen from below (the patient's right is on the left).

    The middle one has the most of the prediction (of the reference where nothing was predicted; else it lies at 55 % of
    the brain's height). Predicted labels have a line each in the colours of `COLORS`, the reference a dotted blue
    one, the brain a thin gray one. What lies further than 14 mm from the brain and from the masks is blacked out.

    Parameters
    ----------
    image : ndarray, shape (X, Y, Z)
        HU, RAS+.
    brain : ndarray of bool
        Brain, same grid.
    predicted, reference : ndarray of uint8, or None
        Codes of `ichor.imaging.measures.LABEL_CODES` on the same grid; None when there is no mask.
    spacing_mm : ndarray, shape (3,)
        Voxel size.
    caption : sequence of str
        At most two lines below the slices.

    Returns
    -------
    bytes
        WebP.
    """
    levels = slices(predicted, reference, brain, float(spacing_mm[2]))
    seen = _anything(brain, predicted, reference)
    middle = slice_view.middle_of(seen)
    strip = Image.new("RGB", (SIDE * len(levels), SIDE + CAPTION), "#000000")
    for number, level in enumerate(levels):
        masks = [None if mask is None else mask[:, :, level] for mask in (predicted, reference)]
        tile = _tile(image[:, :, level], brain[:, :, level], *masks, spacing_mm, middle)
        height_mm = (level - levels[len(levels) // 2]) * float(spacing_mm[2])
        _mark(tile, f"{height_mm:+.0f} mm" if height_mm else f"slice {level + 1} of {image.shape[2]}")
        strip.paste(tile, (SIDE * number, 0))
    draw, font = ImageDraw.Draw(strip), ImageFont.load_default(11)
    for number, line in enumerate(list(caption)[:2]):
        draw.text((4, SIDE + 3 + 15 * number), plain(line), fill="#e8e8e8", font=font)
    buffer = io.BytesIO()
    strip.save(buffer, "WEBP", quality=80, method=2)
    return buffer.getvalue()


def slices(
    predicted: np.ndarray | None, reference: np.ndarray | None, brain: np.ndarray, thickness_mm: float
) -> list[int]:
    """Indices of the slice to show and of one below and one above it; fewer at the scan's ends."""
    depth = brain.shape[2]
    wanted = next((mask for mask in (predicted, reference) if mask is not None and mask.any()), None)
    if wanted is not None:
        level = int((wanted > 0).sum(axis=(0, 1)).argmax())
    else:
        found = np.flatnonzero(brain.any(axis=(0, 1)))
        ends = (found[0], found[-1]) if found.size else (0, depth - 1)
        level = round(ends[0] + 0.55 * (ends[1] - ends[0]))
    step = max(1, round(NEIGHBOUR_MM / thickness_mm))
    return [at for at in (level - step, level, level + step) if 0 <= at < depth]


def _anything(brain: np.ndarray, *masks: np.ndarray | None) -> np.ndarray:
    seen = brain.copy()
    for mask in masks:
        if mask is not None:
            seen |= mask > 0
    return seen


def _tile(
    plane: np.ndarray,
    brain: np.ndarray,
    predicted: np.ndarray | None,
    reference: np.ndarray | None,
    spacing_mm: np.ndarray,
    middle: tuple[float, float],
) -> Image.Image:
    step_mm = FIELD_MM / SIDE
    x, y = slice_view.places(middle, SIDE, step_mm, spacing_mm)
    outline = slice_view.inside(brain, x, y)
    shown = slice_view.inside(_anything(brain, predicted, reference), x, y)
    gray = slice_view.gray(plane, x, y) * slice_view.near(shown, step_mm)
    colored = np.repeat((gray * 255).astype(np.uint8)[:, :, None], 3, axis=2)
    colored[slice_view.edge(outline)] = _rgb(BRAIN)
    rows, columns = np.indices(outline.shape)
    dots = (rows + columns) % 8 < 4
    for label, code in LABEL_CODES.items():
        if predicted is not None:
            colored[slice_view.edge(slice_view.inside(predicted == code, x, y), 2)] = _rgb(COLORS[label])
        if reference is not None:
            colored[slice_view.edge(slice_view.inside(reference == code, x, y), 2) & dots] = _rgb(REFERENCE)
    return Image.fromarray(colored)


def _mark(tile: Image.Image, words: str) -> None:
    draw, font = ImageDraw.Draw(tile), ImageFont.load_default(11)
    draw.text((4, SIDE // 2 - 6), "R", fill="#ffffff", font=font)
    draw.text((SIDE - 12, SIDE // 2 - 6), "L", fill="#ffffff", font=font)
    draw.text((4, 3), words, fill="#c8c8c8", font=font)
    length = SCALE_MM * SIDE / FIELD_MM
    draw.line([(6, SIDE - 8), (6 + length, SIDE - 8)], fill="#ffffff", width=2)
    draw.text((6, SIDE - 23), f"{SCALE_MM:.0f} mm", fill="#ffffff", font=font)


def plain(words: str) -> str:
    """Words with the letters that Pillow's own font has: no true minus sign, no dash."""
    return words.replace("\u2212", "-").replace("\u2013", "-")


def _rgb(color: str) -> tuple[int, ...]:
    return tuple(bytes.fromhex(color[1:]))
