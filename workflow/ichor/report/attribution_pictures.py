"""Pictures of attribution maps: slices of the scan as they are, and with each map over them."""

import textwrap
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
from scipy import ndimage

from ichor.disk_space import whole_file
from ichor.imaging.brain import brain_mask
from ichor.imaging.geometry import spacing_mm, to_canonical
from ichor.report import slice_view

PARTS = (0.1, 0.37, 0.63, 0.9)
"""Slices are shown below which such parts of the largest piece of the hematoma lie."""
SIDE = 260
"""Pixels of a slice's side."""
WIDEST_MM, NARROWEST_MM = 220.0, 80.0
MARGIN = 1.3
"""The picture shows so many times what the model saw, so that one knows where it is."""
BRIGHTEST = 99.5
"""Percentile of a map's absolute values, over all slices of a patient, at the end of its color bar."""
SIGNED, UNSIGNED = "RdBu_r", "viridis"
OUTLINE = "#ffb000"
OPAQUE = 0.85
INCH = 1.9


@dataclass(frozen=True)
class Layer:
    """One map of a patient.

    Attributes
    ----------
    title, meaning : str
        For the row and its color bar.
    signed : bool
        Whether it has values below 0.
    values : numpy.ndarray
        ``(x, y, z)`` on the scan's grid, canonical; 0 where the model did not look.
    """

    title: str
    meaning: str
    signed: bool
    values: np.ndarray


def read_layer(path: Path, title: str, meaning: str, signed: bool) -> Layer:
    """Read a map of `ichor.explain.scan_maps.write_map`."""
    return Layer(title, meaning, signed, _canonical(path)[0])


def write_picture(path: Path, image: Path, mask: Path | None, layers: list[Layer]) -> None:
    """Write a PNG: a row of plain slices, and a row with each map over them.

    Slices are seen from below (the patient's right is on the left), from the lowest to the highest. The color scale of
    a map is the same on all slices of the patient. What is far from the brain is blacked out.

    Parameters
    ----------
    path : pathlib.Path
        The PNG.
    image, mask : pathlib.Path
        NIfTI of the scan, HU, and of the predicted mask.
    layers : list of Layer
        Maps on the scan's grid; without any the plain slices are drawn.
    """
    data, affine = _canonical(image)
    spacing = spacing_mm(affine)
    bleed = _canonical(mask)[0] == 1 if mask else np.zeros(data.shape, dtype=bool)
    brain = brain_mask(data, spacing)
    looked = np.any([layer.values != 0 for layer in layers], axis=0) if layers else brain
    step_mm = _field_mm(looked, spacing) / SIDE
    places = slice_view.places(slice_view.middle_of(looked), SIDE, step_mm, spacing)
    slices = [
        _slice(data[:, :, level], brain[:, :, level], bleed[:, :, level], places, step_mm, level)
        for level in _levels(_largest_part(bleed & looked), looked)
    ]
    figure = _draw(slices, layers, places)
    with whole_file(path) as part:
        figure.savefig(part, format="png", facecolor="white", metadata={"Software": None})


@dataclass(frozen=True)
class _Slice:
    """One slice as it is drawn: gray values, where anything is shown, share of the hematoma, ``(rows, columns)``."""

    level: int
    gray: np.ndarray
    visible: np.ndarray
    bleed: np.ndarray


def _slice(plane, brain, bleed, places: tuple, step_mm: float, level: int) -> _Slice:
    visible = slice_view.near(slice_view.inside(brain, *places), step_mm)  # what is far from the brain may be a face
    outline = slice_view.sample(bleed.astype(np.float32), *places)
    return _Slice(level, slice_view.gray(plane, *places) * visible, visible, outline * visible)


def _draw(slices: list[_Slice], layers: list[Layer], places: tuple):
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rows, columns, bar = 1 + len(layers), len(slices), 0.06
    width, height = INCH * columns + 1.5, INCH * rows + 0.1
    figure = Figure(figsize=(width, height), dpi=SIDE / INCH / 1.25)
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(rows, columns + 1, width_ratios=[1.0] * columns + [bar], wspace=0.03, hspace=0.03)
    grid.update(left=0.3 / width, right=1 - 0.95 / width, bottom=0.05 / height, top=1 - 0.05 / height)
    axes = [[figure.add_subplot(grid[row, column]) for column in range(columns)] for row in range(rows)]
    for row, own in enumerate(axes):
        for axis, one in zip(own, slices, strict=True):
            axis.set(xticks=[], yticks=[])
            axis.imshow(one.gray, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
            if row and one.bleed.max() > 0.5:
                axis.contour(one.bleed, levels=[0.5], colors=[OUTLINE], linewidths=0.9)
            if not row:
                axis.text(6, SIDE / 2, "R", color="white", fontsize=8, va="center")
    axes[0][0].set_ylabel("Scan", fontsize=9)
    for row, layer in enumerate(layers, start=1):
        axes[row][0].set_ylabel(layer.title, fontsize=9)
        colors = _overlay(axes[row], layer, slices, places)
        scale = figure.colorbar(colors, cax=figure.add_subplot(grid[row, columns]), format="%.2g")
        scale.ax.tick_params(labelsize=7)
        scale.set_label("\n".join(textwrap.wrap(layer.meaning, 30)), fontsize=7)
    return figure


def _overlay(axes: list, layer: Layer, slices: list[_Slice], places: tuple):
    """Lay a map over a row of slices, stronger where its values are; return what the color bar is made of."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    known = np.abs(layer.values[layer.values != 0])
    top = float(np.percentile(known, BRIGHTEST)) if known.size else 1.0
    scale = ScalarMappable(Normalize(-top if layer.signed else 0.0, top), SIGNED if layer.signed else UNSIGNED)
    for axis, one in zip(axes, slices, strict=True):
        plane = slice_view.sample(layer.values[:, :, one.level].astype(np.float32), *places)
        colored = scale.to_rgba(plane)
        colored[..., 3] = OPAQUE * np.clip(np.abs(plane) / top, 0, 1) ** 0.7 * one.visible
        axis.imshow(colored, interpolation="nearest")
    return scale


def _field_mm(looked: np.ndarray, spacing: np.ndarray) -> float:
    """Side of the picture: what the model saw and a margin."""
    seen = [np.flatnonzero(looked.any(axis=(1 - axis, 2))) for axis in (0, 1)]
    extent_mm = [np.ptp(own) * spacing[axis] if own.size else 0.0 for axis, own in enumerate(seen)]
    return float(np.clip(MARGIN * max(extent_mm), NARROWEST_MM, WIDEST_MM))


def _largest_part(mask: np.ndarray) -> np.ndarray:
    parts, n_parts = ndimage.label(mask)
    return parts == np.argmax(np.bincount(parts.ravel())[1:]) + 1 if n_parts else mask


def _levels(bleed: np.ndarray, looked: np.ndarray) -> list[int]:
    """Slices to show, lowest first: spread over the volume of the hematoma, or over what the model saw."""
    for mask in (bleed, looked):
        so_far = np.cumsum(mask.sum(axis=(0, 1)))
        if so_far[-1]:
            return sorted({int(np.searchsorted(so_far, part * so_far[-1])) for part in PARTS})
    return [bleed.shape[2] // 2]


def _canonical(path: Path) -> tuple[np.ndarray, np.ndarray]:
    image = nib.load(path)
    return to_canonical(np.asanyarray(image.dataobj), image.affine)
