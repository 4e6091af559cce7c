"""Small pictures of train patients: three slices of the scan with the predicted hematoma outlined."""

import io
from pathlib import Path

import nibabel as nib
import numpy as np
from PIL import Image
from scipy import ndimage

from ichor.disk_space import whole_file
from ichor.imaging.brain import brain_mask
from ichor.imaging.geometry import spacing_mm, to_canonical
from ichor.report import slice_view

PARTS = (0.2, 0.5, 0.8)
"""Slices below which such parts of the largest piece of the hematoma lie."""
HEIGHTS = (0.5, 0.63, 0.76)
"""Without hematoma: parts of the brain's height from below, above the orbits."""
SIDE, FIELD_MM = 148, 200.0
OUTLINE = (255, 176, 0)


def write_slices(path: Path, image: str | Path, mask: str | Path | None) -> None:
    """Write three axial slices side by side, seen from below (the patient's right is on the left).

    What is far from the brain is blacked out, so that no face is shown; without any brain the picture is dark.

    Parameters
    ----------
    path : pathlib.Path
        The WebP.
    image, mask : path
        NIfTI of the scan, HU, and of the predicted mask.
    """
    data, affine = _canonical(image)
    spacing = spacing_mm(affine)
    brain = brain_mask(data, spacing)
    bleed = _canonical(mask)[0] == 1 if mask else np.zeros(data.shape, bool)
    step_mm = FIELD_MM / SIDE
    places = slice_view.places(slice_view.middle_of(brain), SIDE, step_mm, spacing)
    strip = Image.new("RGB", (SIDE * len(PARTS), SIDE))
    for number, level in enumerate(_levels(bleed, brain)):
        near = slice_view.near(slice_view.inside(brain[:, :, level], *places), step_mm)
        gray = (slice_view.gray(data[:, :, level], *places) * near * 255).astype(np.uint8)
        colored = np.repeat(gray[:, :, None], 3, axis=2)
        colored[slice_view.edge(slice_view.inside(bleed[:, :, level], *places)) & near] = OUTLINE
        strip.paste(Image.fromarray(colored), (SIDE * number, 0))
    buffer = io.BytesIO()
    strip.save(buffer, "WEBP", quality=62, method=2)
    with whole_file(path) as part:
        part.write_bytes(buffer.getvalue())


def _levels(bleed: np.ndarray, brain: np.ndarray) -> list[int]:
    so_far = np.cumsum(_largest_piece(bleed).sum(axis=(0, 1)))
    if so_far[-1]:
        return [int(np.searchsorted(so_far, part * so_far[-1])) for part in PARTS]
    layers = np.flatnonzero(brain.any(axis=(0, 1)))
    ends = (layers[0], layers[-1]) if layers.size else (0, brain.shape[2] - 1)
    return [round(ends[0] + height * (ends[1] - ends[0])) for height in HEIGHTS]


def _largest_piece(bleed: np.ndarray) -> np.ndarray:
    pieces, count = ndimage.label(bleed)
    return pieces == np.argmax(np.bincount(pieces.ravel())[1:]) + 1 if count else bleed


def _canonical(path: str | Path) -> tuple[np.ndarray, np.ndarray]:
    found = nib.load(path)
    return to_canonical(np.asanyarray(found.dataobj), found.affine)
