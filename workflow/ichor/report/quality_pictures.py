"""Small pictures and numbers of a shard's scans for the quality page of a center."""

import io
import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
from PIL import Image
from scipy import ndimage

from ichor.disk_space import whole_file
from ichor.imaging.brain import brain_mask
from ichor.progress import track

WINDOW_HU = (0.0, 80.0)
HEIGHTS = (0.5, 0.63, 0.76)
"""Where the three slices lie, as parts of the brain's height from below: above the orbits, so that no face is shown."""
SIDE = 148
"""Pixels of a slice's side."""
FIELD_MM = 200.0
RIM_MM = 14.0
"""What lies further from the brain (nose, ears, holder) is blacked out."""
OUTLINE = (255, 176, 0)
HISTOGRAM_HU = (-20, 100)
BINS = 60
FACTS = "facts.json"


def write_pictures(scans: pd.DataFrame, folder: Path, facts: Path) -> None:
    """Write a picture per scan and one JSON file of numbers.

    Parameters
    ----------
    scans : DataFrame
        Table ``scans`` of a shard.
    folder : Path
        Gets ``<patient>_<time point>.webp``.
    facts : Path
        JSON list: patient, time_point, picture, brain_hu (median, HU, or null), brain_ml, histogram (`BINS` counts of
        voxels inside the brain outline between the ends of `HISTOGRAM_HU`).
    """
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for scan in track(list(scans.itertuples()), "quality pictures"):
        image = nib.load(scan.image)
        data = np.asanyarray(image.dataobj)
        spacing_mm = np.array(image.header.get_zooms()[:3], float)
        mask = brain_mask(data, spacing_mm)
        name = f"{scan.patient}_{scan.time_point}.webp"
        with whole_file(folder / name) as part:
            part.write_bytes(picture(data, mask, spacing_mm))
        rows.append(
            dict(patient=scan.patient, time_point=scan.time_point, picture=name) | _numbers(data, mask, spacing_mm)
        )
    with whole_file(facts) as part:
        part.write_text(json.dumps(rows, indent=0) + "\n")


def _numbers(data: np.ndarray, mask: np.ndarray, spacing_mm: np.ndarray) -> dict[str, object]:
    inside = data[mask]
    counts, _ = np.histogram(inside, BINS, HISTOGRAM_HU)
    return dict(
        brain_hu=float(np.median(inside)) if inside.size else None,
        brain_ml=round(float(inside.size * np.prod(spacing_mm) / 1000.0), 1),
        histogram=counts.tolist(),
    )


def picture(data: np.ndarray, mask: np.ndarray, spacing_mm: np.ndarray) -> bytes:
    """Three axial slices side by side with the outline of the brain, seen from below (the patient's right is left).

    Parameters
    ----------
    data : ndarray
        HU, RAS+.
    mask : ndarray of bool
        The brain, on the same grid; without any, the slices are taken from the scan's middle and nothing is shown
        but a dark field, because it could be a face.
    spacing_mm : ndarray
        Voxel size along the three axes.

    Returns
    -------
    bytes
        WebP.
    """
    layers = np.flatnonzero(mask.any(axis=(0, 1)))
    ends = (layers[0], layers[-1]) if layers.size else (0, data.shape[2] - 1)
    places = np.flatnonzero(mask.any(axis=2)) if layers.size else np.array([])
    columns, rows = np.unravel_index(places, data.shape[:2]) if places.size else (np.array([0]), np.array([0]))
    middle = (columns.min() + columns.max()) / 2, (rows.min() + rows.max()) / 2
    strip = Image.new("RGB", (SIDE * len(HEIGHTS), SIDE))
    for number, height in enumerate(HEIGHTS):
        level = round(ends[0] + height * (ends[1] - ends[0]))
        tile = _tile(data[:, :, level], mask[:, :, level], spacing_mm, middle)
        strip.paste(tile, (SIDE * number, 0))
    buffer = io.BytesIO()
    strip.save(buffer, "WEBP", quality=62, method=2)
    return buffer.getvalue()


def _tile(plane: np.ndarray, mask: np.ndarray, spacing_mm: np.ndarray, middle: tuple[float, float]) -> Image.Image:
    step_mm = FIELD_MM / SIDE
    x, y = (middle[axis] + (np.arange(SIDE) - (SIDE - 1) / 2) * step_mm / spacing_mm[axis] for axis in (0, 1))
    x, y = x[::-1], y[::-1]  # patient's right on the left, front on top
    low, high = WINDOW_HU
    shown = _sample(np.clip((plane.astype(np.float32) - low) / (high - low), 0, 1), x, y)
    inside = _sample(mask.astype(np.float32), x, y) > 0.5
    rim = 2 * round(RIM_MM / step_mm) + 1
    near = ndimage.maximum_filter1d(ndimage.maximum_filter1d(inside.view(np.uint8), rim, 0), rim, 1)
    gray = (shown * near * 255).astype(np.uint8)
    colored = np.repeat(gray[:, :, None], 3, axis=2)
    colored[inside & ~ndimage.binary_erosion(inside)] = OUTLINE
    return Image.fromarray(colored)


def _sample(plane: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Linear interpolation at all pairs of places (voxels), rows down: y; 0 outside."""
    first, second = _weights(x, plane.shape[0]), _weights(y, plane.shape[1])
    return (first @ plane @ second.T).T


def _weights(places: np.ndarray, size: int) -> np.ndarray:
    """Weights of linear interpolation along one axis; of neighbouring voxels when the steps are larger than these."""
    step = max(1.0, abs(float(places[1] - places[0])))
    weights = np.clip(1 - np.abs(places[:, None] - np.arange(size)) / step, 0, None).astype(np.float32)
    outside = (places < -0.5) | (places > size - 0.5)
    weights /= np.maximum(weights.sum(axis=1, keepdims=True), 1e-6)
    weights[outside] = 0
    return weights
