"""Small pictures and numbers of a shard's scans for the quality page of a center."""

import io
import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
from PIL import Image

from ichor.disk_space import whole_file
from ichor.imaging.brain import brain_mask
from ichor.progress import track
from ichor.report import slice_view

HEIGHTS = (0.5, 0.63, 0.76)
"""Where the three slices lie, as parts of the brain's height from below: above the orbits, so that no face is shown."""
SIDE = 148
"""Pixels of a slice's side."""
FIELD_MM = 200.0
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
    middle = slice_view.middle_of(mask)
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
    x, y = slice_view.places(middle, SIDE, step_mm, spacing_mm)
    inside = slice_view.inside(mask, x, y)
    gray = (slice_view.gray(plane, x, y) * slice_view.near(inside, step_mm) * 255).astype(np.uint8)
    colored = np.repeat(gray[:, :, None], 3, axis=2)
    colored[slice_view.edge(inside)] = OUTLINE
    return Image.fromarray(colored)
