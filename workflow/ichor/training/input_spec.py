"""What a network reads of a scan: its ``input`` settings, checked."""

from dataclasses import dataclass
from pathlib import Path

from ichor.errors import StudyError
from ichor.imaging import crops, intensity

MASK_LABELS = {"iph": 1, "ivh": 2}
"""Labels of predicted masks that can be channels."""


@dataclass(frozen=True)
class InputSpec:
    """What a network reads of a scan: view, grid, windows and mask channels.

    Attributes
    ----------
    view : str
        ``"crop"``, centred on the largest part of the hematoma, or ``"head"``, centred on the head.
    grid : ichor.imaging.crops.Grid
        Voxels and spacing.
    windows_hu : tuple of tuple of float
        One image channel per window.
    mask_labels : tuple of str
        One channel per label of the predicted mask.
    inside : bool
        One more channel per window: the window inside the first mask label, 0 elsewhere, so that the texture of a
        bleed need not be found among that of the brain first.
    skull_strip : str
        ``"none"``, ``"morphology"`` (`ichor.imaging.skull_strip.brain_to_bone`), or a folder of brain masks that
        another program made, each called like its scan's file. What is no brain becomes air.
    cut_below_foramen : bool
        The slices from the foramen magnum down become air (`ichor.imaging.skull_strip.foramen_slice`).
    """

    view: str
    grid: crops.Grid
    windows_hu: tuple[tuple[float, float], ...]
    mask_labels: tuple[str, ...]
    inside: bool = False
    skull_strip: str = "none"
    cut_below_foramen: bool = False

    @classmethod
    def from_settings(cls, settings: dict) -> "InputSpec":
        """Read the ``input`` settings of a network.

        Raises
        ------
        ichor.errors.StudyError
            On an unknown view or mask label, or no channel at all.
        """
        view, labels = settings["view"], tuple(settings["mask_labels"])
        if view not in ("crop", "head"):
            raise StudyError(f"input.view: found {view!r}; write crop or head")
        unknown = [label for label in labels if label not in MASK_LABELS]
        if unknown:
            raise StudyError(f"input.mask_labels: unknown {', '.join(unknown)}; there are {', '.join(MASK_LABELS)}")
        windows = tuple(intensity.check_window(window) for window in settings["windows_hu"])
        if not windows and not labels:
            raise StudyError("input: neither windows_hu nor mask_labels name a channel; write at least one window")
        if settings["inside"] and not labels:
            raise StudyError("input.inside: needs a mask; write mask_labels: [iph], or inside: false")
        grid = crops.Grid.from_size(settings["size_mm"], settings["spacing_mm"])
        strip, cut = settings.get("skull_strip", "none"), settings.get("cut_below_foramen", False)
        if not strip:
            raise StudyError("input.skull_strip: found nothing; write none, morphology or a folder of brain masks")
        return cls(view, grid, windows, labels, settings["inside"], strip, cut)

    @property
    def channels(self) -> int:
        """Number of channels of the network's input."""
        return len(self.windows_hu) * (2 if self.inside else 1) + len(self.mask_labels)

    @property
    def brain_masks(self) -> Path | None:
        """Folder of brain masks that another program made, if the skull is stripped with them."""
        return None if self.skull_strip in ("none", "morphology") else Path(self.skull_strip)

    @property
    def strips(self) -> bool:
        """Whether parts of the scan become air."""
        return self.skull_strip != "none" or self.cut_below_foramen

    @property
    def needs_mask(self) -> bool:
        """Whether a scan without mask cannot be read."""
        return self.view == "crop" or bool(self.mask_labels)
