"""Rows of the cohort table to arrays: read, resampled to the model's grid, kept in memory, windowed per batch."""

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from nibabel.filebasedimages import ImageFileError

from ichor.errors import StudyError
from ichor.imaging import augment, crops, intensity, stripped
from ichor.imaging.view_cache import ViewCache
from ichor.imaging.volume_cache import OtherContentError, Volume, VolumeCache, read_volume
from ichor.progress import track
from ichor.reasons import Reason
from ichor.training import view_key
from ichor.training.input_spec import MASK_LABELS, InputSpec


@dataclass
class Views:
    """Scans on the grid, kept small: HU as int16, masks as shares of 255.

    Attributes
    ----------
    image_hu : numpy.ndarray
        int16 ``(n, x, y, z)``.
    masks : numpy.ndarray
        uint8 ``(n, labels, x, y, z)``.
    record : numpy.ndarray, optional
        float32 ``(n, columns)`` of `ichor.training.record.Record.matrix`, for networks that read it beside the image.
    seen : numpy.ndarray, optional
        float32 ``(n, 1)``, 0 where there is no image and the record is to be answered from alone; without it all are.
    """

    image_hu: np.ndarray
    masks: np.ndarray
    record: np.ndarray | None = None
    seen: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.image_hu)

    @staticmethod
    def shapes(n: int, spec: InputSpec) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Shapes of the two arrays for n scans."""
        return (n, *spec.grid.shape), (n, len(spec.mask_labels), *spec.grid.shape)


class UnusableScanError(Exception):
    """A scan that cannot become a view; carries the reason code and what was found."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


def load_views(
    rows: pd.DataFrame,
    spec: InputSpec,
    description: str,
    volumes: str | Path | None = None,
    room: Views | None = None,
) -> tuple[Views, pd.DataFrame]:
    """Read the scans of some cohort rows.

    Parameters
    ----------
    rows : pandas.DataFrame
        With columns ``image`` and, if the spec needs a mask, ``mask``: paths relative to the working directory, empty
        where there is none. Scans with an ``image_sha256`` are taken from the cache.
    spec : InputSpec
        View and grid.
    description : str
        What the progress line calls it.
    volumes : path, optional
        Folder of the study's `ichor.imaging.volume_cache.VolumeCache`, in whose folder ``views`` the views are kept too
        (`ichor.imaging.view_cache.ViewCache`); without it every scan is read from its file, which gives the same views.
    room : Views, optional
        Arrays for as many scans as there are rows, to be filled; without, they are made in memory.

    Returns
    -------
    views : Views
        Of the usable rows, in their order.
    outcome : pandas.DataFrame
        One line per row, same index: ``usable`` (bool), ``reason`` and ``detail`` (empty if usable).

    Raises
    ------
    ichor.errors.StudyError
        If the spec names a folder of brain masks that is not there.
    """
    if spec.brain_masks and not spec.brain_masks.is_dir():
        raise StudyError(
            f"input.skull_strip: found {spec.skull_strip!r}, which is no folder; write none, morphology, or a folder "
            "of brain masks"
        )
    of_images, of_masks = Views.shapes(len(rows), spec)
    views = room or Views(np.empty(of_images, np.int16), np.empty(of_masks, np.uint8))
    usable, outcomes = 0, []
    cache = VolumeCache(volumes) if volumes is not None else None
    made = ViewCache(Path(volumes) / "views") if volumes is not None else None
    for row in track(rows.itertuples(), description, total=len(rows)):
        try:
            views.image_hu[usable], views.masks[usable] = _read_view(row, spec, cache, made)
        except UnusableScanError as unusable:
            outcomes.append((False, str(unusable.reason), unusable.detail))
            continue
        usable += 1
        outcomes.append((True, "", ""))
    outcome = pd.DataFrame(outcomes, index=rows.index, columns=["usable", "reason", "detail"])
    return Views(views.image_hu[:usable], views.masks[:usable]), outcome


def view_of(image: Volume, labels: np.ndarray | None, spec: InputSpec) -> tuple[np.ndarray, np.ndarray]:
    """Resample one scan and its mask to the grid.

    Parameters
    ----------
    image : Volume
        In HU; with its brain mask, if `spec` names a folder of them (see `read_scan`).
    labels : numpy.ndarray or None
        Labels of the same shape (1 parenchymal, 2 ventricular blood).
    spec : InputSpec
        View and grid.

    Returns
    -------
    tuple of numpy.ndarray
        int16 HU of the grid's shape; uint8 ``(labels, x, y, z)``, 255 where the label fills the voxel.

    Raises
    ------
    UnusableScanError
        If the crop has no hematoma to be centred on, or the brain cannot be cut out.
    """
    center = center_of(image, labels, spec)
    view = _resampled(image, center, spec)
    masks = np.empty((len(spec.mask_labels), *spec.grid.shape), dtype=np.uint8)
    for index, label in enumerate(spec.mask_labels):
        filled = labels == MASK_LABELS[label]
        box = crops.filled_box(filled) or (slice(0, 0),) * 3
        share = crops.resample_to_grid(filled, image.spacing_mm, center, spec.grid, within=box)
        masks[index] = np.rint(share * 255)
    return np.clip(np.rint(view), -1024, 3071).astype(np.int16), masks


def _resampled(image: Volume, center: np.ndarray, spec: InputSpec) -> np.ndarray:
    if not spec.strips:
        return crops.resample_to_grid(image, image.spacing_mm, center, spec.grid, fill=crops.AIR_HU)
    try:
        kept = stripped.kept_voxels(image, strip=spec.skull_strip != "none", cut=spec.cut_below_foramen)
    except stripped.NoBrainError as error:
        raise UnusableScanError(Reason.NO_BRAIN_MASK, str(error)) from error
    return stripped.resample_within(image, kept, center, spec.grid)


def center_of(image: Volume, labels: np.ndarray | None, spec: InputSpec) -> np.ndarray:
    """Middle of a scan's view in its voxel coordinates; parameters and errors as of `view_of`."""
    if spec.view == "head":
        return image.head_center()
    center = crops.hematoma_center(labels == MASK_LABELS["iph"])
    if center is None:
        raise UnusableScanError(Reason.EMPTY_MASK, "the mask holds no parenchymal hemorrhage to centre the crop on")
    return center


def channels_of(
    image_hu: np.ndarray, masks: np.ndarray, spec: InputSpec, change: augment.Change | None = None
) -> np.ndarray:
    """Channels that a network reads, float32 ``(channels, x, y, z)`` in [0, 1]: windows, masks, windows inside.

    ``change``, if given, is applied: its geometry to HU and masks alike, its intensity to the windows only.
    """
    made = np.empty((spec.channels, *spec.grid.shape), dtype=np.float32)
    n_windows, n_masks = len(spec.windows_hu), len(spec.mask_labels)
    windows, shares = made[:n_windows], made[n_windows : n_windows + n_masks]
    if change is None:
        windows[:] = intensity.window_channels(image_hu, spec.windows_hu)
        np.multiply(masks, np.float32(1 / 255), out=shares)
    else:
        spacing = spec.grid.spacing_mm
        moved = augment.change_geometry(image_hu, change, spacing, fill=crops.AIR_HU)
        windows[:] = augment.change_intensity(intensity.window_channels(moved, spec.windows_hu), change)
        for share, mask in zip(shares, masks, strict=True):
            share[:] = augment.change_geometry(mask, change, spacing, fill=0.0) * np.float32(1 / 255)
    if spec.inside:
        np.multiply(windows, shares[0], out=made[n_windows + n_masks :])
    return made


def read_scan(row, spec: InputSpec, cache: VolumeCache | None) -> tuple[Volume, np.ndarray | None]:
    """Scan of a cohort row, and its mask's labels if the spec needs them.

    The scan has its brain mask with it (``brain``), if the spec names a folder of them.

    Raises
    ------
    UnusableScanError
        If a file is absent, cannot be read, or does not hold what the tables name.
    """
    content = getattr(row, "image_sha256", None)
    read_image = partial(cache.volume, content=content) if cache and isinstance(content, str) else read_volume
    with _unusable_if_unreadable():
        image = read_image(_path(row.image, Reason.NO_SCAN, "no accepted baseline scan"))
        if spec.brain_masks:
            image.brain = _brain_mask(row, image, spec.brain_masks)
        if not spec.needs_mask:
            return image, None
        mask = read_volume(_path(row.mask, Reason.SEGMENTATION_FAILED, "no predicted mask"))
        if mask.shape != image.shape or not np.allclose(image.affine, mask.affine, atol=1e-2):
            raise UnusableScanError(Reason.SEGMENTATION_FAILED, "the mask's grid is not the scan's")
        return image, mask[:, :, :]


def _brain_mask(row, image: Volume, folder: Path) -> np.ndarray:
    """Brain mask of a scan that another program made."""
    file = folder / Path(row.image).name
    if not file.is_file():
        raise UnusableScanError(Reason.NO_BRAIN_MASK, f"{folder} has no brain mask {file.name}")
    mask = read_volume(file)
    if mask.shape != image.shape or not np.allclose(image.affine, mask.affine, atol=1e-2):
        raise UnusableScanError(Reason.NO_BRAIN_MASK, f"the grid of the brain mask {file.name} is not the scan's")
    return mask[:, :, :] > 0


def _read_view(
    row, spec: InputSpec, cache: VolumeCache | None, made: ViewCache | None
) -> tuple[np.ndarray, np.ndarray]:
    key = view_key.of_row(row, spec) if made is not None else None
    kept = made.get(key) if key else None
    if kept:
        return kept
    image, labels = read_scan(row, spec, cache)
    with _unusable_if_unreadable():  # voxels are read when they are asked for
        view = view_of(image, labels, spec)
        if key and view_key.mask_is_named(row, spec):
            made.put(key, view)
    return view


def _path(path: object, absent: Reason, message: str) -> str | Path:
    if not isinstance(path, (str, Path)) or not str(path):
        raise UnusableScanError(absent, message)
    return path


@contextmanager
def _unusable_if_unreadable() -> Iterator[None]:
    try:
        yield
    except OtherContentError as error:
        raise UnusableScanError(Reason.UNREADABLE_FILE, str(error)) from error
    except (OSError, EOFError, zlib.error, ImageFileError) as error:
        raise UnusableScanError(Reason.UNREADABLE_FILE, f"NIfTI could not be read: {type(error).__name__}") from error
