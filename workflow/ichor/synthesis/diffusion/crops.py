"""Crops that the diffusion learns: HU in a window and shares of the masks, each between -1 and 1."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ichor.errors import StudyError
from ichor.imaging.intensity import check_window
from ichor.synthesis.diffusion.networks import NO_CLASS
from ichor.synthesis.fences import LeakError
from ichor.training.data import InputSpec, Views, load_views

FEWEST_CROPS = 2


@dataclass(frozen=True)
class CropSpec:
    """Grids and channels of a generator.

    Attributes
    ----------
    learned : ichor.training.data.InputSpec
        What the network learns and draws: the written crop and the margin around it.
    shape : tuple of int
        Voxels of the crop that is written, cut out around the bleed that was drawn.
    window_hu : tuple of float
        Mapped to [-1, 1].
    shift : tuple of int
        Largest shift of a train crop along each axis, voxels.
    flip : bool
        Mirror left and right at random. Never front and back: the head lies on its back in every scan.
    """

    learned: InputSpec
    shape: tuple[int, int, int]
    window_hu: tuple[float, float]
    shift: tuple[int, int, int]
    flip: bool

    @classmethod
    def from_settings(cls, spec: dict) -> "CropSpec":
        """Read the settings ``input`` and ``augment``.

        Raises
        ------
        ichor.errors.StudyError
            On an unknown mask label, one without ``iph``, or a negative margin or shift.
        """
        settings, augment = spec["input"], spec["augment"]
        if "iph" not in settings["mask_labels"]:
            raise StudyError("input.mask_labels: the bleed itself is drawn too; write [iph] or [iph, ivh]")
        if augment["shift_mm"] < 0 or min(settings["margin_mm"]) < 0:
            raise StudyError("input.margin_mm and augment.shift_mm: write lengths from 0 on")
        margin = zip(settings["size_mm"], settings["margin_mm"], strict=True)
        learned = _view(settings, [size + 2 * wide for size, wide in margin])
        shape = _view(settings, settings["size_mm"]).grid.shape
        shift = tuple(int(augment["shift_mm"] // step) for step in learned.grid.spacing_mm)
        return cls(learned, shape, check_window(settings["window_hu"]), shift, augment["flip"])

    @property
    def channels(self) -> int:
        """Window and mask labels."""
        return 1 + len(self.learned.mask_labels)

    def with_room_for_shifts(self) -> InputSpec:
        """View from which a shifted crop can be cut without inventing what lies outside."""
        grid, labels = self.learned.grid, list(self.learned.mask_labels)
        sizes = [(n + 2 * by) * step for n, by, step in zip(grid.shape, self.shift, grid.spacing_mm, strict=True)]
        return _view({"spacing_mm": grid.spacing_mm, "window_hu": self.window_hu, "mask_labels": labels}, sizes)


@dataclass(frozen=True)
class Crops:
    """Train crops with room for shifts, and their class tokens (int64: 0, 1 or 2 = no class)."""

    views: Views
    classes: np.ndarray

    def __len__(self) -> int:
        return len(self.classes)


def assert_train_rows(rows: pd.DataFrame) -> None:
    """Check that rows of a cohort table are train rows of one split.

    Raises
    ------
    ichor.cohort.fences.LeakError
        If one is not. A generator learns from nothing that a model is later chosen or tested on.
    """
    if set(rows["role"]) != {"train"} or rows["split"].nunique() != 1:
        found = sorted({f"{split}/{role}" for split, role in zip(rows["split"], rows["role"], strict=True)})
        raise LeakError(f"a generator learns from the train rows of one split; found {', '.join(found) or 'no row'}")


def load_crops(rows: pd.DataFrame, spec: CropSpec, classes: str) -> tuple[Crops, pd.DataFrame]:
    """Read what a generator learns from.

    Parameters
    ----------
    rows : pandas.DataFrame
        Train rows of one split, with ``label_expansion``, ``image`` and ``mask``.
    spec : CropSpec
        Grid.
    classes : {"he_only", "conditional"}
        Rows with label 1 only, which get no class; or all, those without a label as "no class".

    Returns
    -------
    Crops
        Of the rows that could be read.
    pandas.DataFrame
        Those rows.

    Raises
    ------
    ichor.errors.StudyError
        If fewer than two are left, or a conditional generator has a class without any.
    """
    assert_train_rows(rows)
    if classes not in ("he_only", "conditional"):
        raise StudyError(f"classes: found {classes!r}; write he_only or conditional")
    label = pd.to_numeric(rows["label_expansion"]).astype(float)
    wanted = rows[label == 1] if classes == "he_only" else rows
    views, outcome = load_views(wanted, spec.with_room_for_shifts(), "read crops for the generator")
    used = wanted[outcome["usable"]]
    labels = label[used.index].to_numpy()
    tokens = np.where(np.isnan(labels), NO_CLASS, labels).astype(np.int64)
    lacking = [str(label) for label in (0, 1) if classes == "conditional" and not (tokens == label).any()]
    if len(used) < FEWEST_CROPS or lacking:
        what = f"none with label_expansion {' and '.join(lacking)}" if lacking else f"at least {FEWEST_CROPS} needed"
        raise StudyError(
            f"the generator finds {len(used)} usable crops among {len(wanted)} train rows ({what}); "
            "use a generator that does not learn (kind: transplant), or add patients with follow-up scans"
        )
    if classes == "he_only":
        tokens[:] = NO_CLASS
    return Crops(views, tokens), used


def draw_batch(
    crops: Crops, spec: CropSpec, batch_size: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Draw train crops, mirrored and shifted at random.

    Returns
    -------
    numpy.ndarray
        float32 ``(batch_size, channels, x, y, z)`` in [-1, 1].
    numpy.ndarray
        int64 ``(batch_size,)``, class tokens.
    """
    rows = rng.choice(len(crops), batch_size, replace=batch_size > len(crops))
    flips, starts = rng.random(batch_size) < 0.5, rng.integers(0, [2 * by + 1 for by in spec.shift], (batch_size, 3))
    batch = np.empty((batch_size, spec.channels, *spec.learned.grid.shape), dtype=np.float32)
    for made, row, flip, start in zip(batch, rows, flips & spec.flip, starts, strict=True):
        cut = tuple(slice(at, at + n) for at, n in zip(start, spec.learned.grid.shape, strict=True))
        made[:] = to_channels(crops.views.image_hu[row][cut], crops.views.masks[row][:, *cut], spec.window_hu)
        if flip:
            made[:] = made[:, ::-1].copy()
    return batch, crops.classes[rows]


def to_channels(image_hu: np.ndarray, masks: np.ndarray, window_hu: tuple[float, float]) -> np.ndarray:
    """Window and mask shares of one crop, float32 ``(1 + labels, x, y, z)`` in [-1, 1].

    Parameters
    ----------
    image_hu : numpy.ndarray
        ``(x, y, z)``.
    masks : numpy.ndarray
        uint8 ``(labels, x, y, z)``, 255 where the label fills the voxel.
    window_hu : tuple of float
        Clipped to this.
    """
    low, high = window_hu
    window = (np.clip(image_hu, low, high).astype(np.float32) - low) / (high - low)
    return np.concatenate([window[None], masks.astype(np.float32) / 255]) * 2 - 1


def from_channels(channels: np.ndarray, window_hu: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    """HU ``(x, y, z)`` inside of the window and shares ``(labels, x, y, z)`` from 0 to 1, both float32."""
    low, high = window_hu
    unit = (np.clip(channels, -1, 1) + 1) / 2
    return unit[0] * (high - low) + low, unit[1:]


def _view(settings: dict, size_mm: list[float]) -> InputSpec:
    view = {"view": "crop", "size_mm": size_mm, "spacing_mm": settings["spacing_mm"], "inside": False}
    view |= {"windows_hu": [settings["window_hu"]], "mask_labels": settings["mask_labels"]}
    return InputSpec.from_settings(view)
