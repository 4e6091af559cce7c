"""Patients as a network sees them, with what is needed to bring a map back to the scan."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from nibabel.filebasedimages import ImageFileError
from torch import nn

from ichor.explain.gate import Subject
from ichor.explain.networks import OneLogit, WithRecord
from ichor.explain.regions import head_on_grid, shares_of_regions
from ichor.imaging.crops import AIR_HU, resample_to_grid
from ichor.imaging.volume_cache import Volume, VolumeCache, read_volume
from ichor.progress import track
from ichor.training.data import InputSpec, UnusableScanError, center_of, channels_of, read_scan, view_of
from ichor.training.record import Record


@dataclass(frozen=True)
class Seen(Subject):
    """One patient on the model's grid.

    Attributes
    ----------
    row : tuple
        Row of the cohort table.
    channels : numpy.ndarray
        float32 ``(channels, x, y, z)``.
    head : numpy.ndarray
        bool ``(x, y, z)``.
    image : Volume
        The scan, HU, in closest canonical orientation.
    labels : numpy.ndarray or None
        Predicted mask on the scan's grid.
    center : numpy.ndarray
        Middle of the grid in voxel coordinates of the scan.
    spacing_mm : numpy.ndarray
        Of the scan.
    record : numpy.ndarray or None
        ``(columns,)``, where the network reads the record too.
    """

    row: tuple
    image: Volume
    labels: np.ndarray | None
    center: np.ndarray
    spacing_mm: np.ndarray
    record: np.ndarray | None = None

    def reading(self, network: nn.Module, place: int = 0) -> nn.Module:
        """The network as a function of the image to one of its logits, with this patient's record held."""
        own = network if self.record is None else WithRecord(network, torch.from_numpy(self.record))
        return OneLogit(own, place) if place else own

    def regions(self, inputs: InputSpec, rim_mm: float, segmented: Collection[str]) -> dict[str, np.ndarray] | None:
        """`ichor.explain.regions.shares_of_regions`; None without a mask."""
        if self.labels is None:
            return None
        image_hu, spacing = self.image[:, :, :], self.spacing_mm
        head = self.head
        if inputs.strips:  # the network sees no skull, but regions are those of the whole head
            head = head_on_grid(resample_to_grid(image_hu, spacing, self.center, inputs.grid, fill=AIR_HU))
        return shares_of_regions(image_hu, self.labels, spacing, self.center, inputs.grid, head, rim_mm, segmented)


def see(
    rows: pd.DataFrame,
    inputs: InputSpec,
    description: str,
    volumes: Path | None = None,
    record: Record | None = None,
) -> Iterator[Seen]:
    """Read the scans of cohort rows one by one; what the model cannot read is left out.

    Parameters
    ----------
    rows : pandas.DataFrame
        With columns ``image`` and ``mask``; the mask is used for regions also where the network does not read it.
    inputs : InputSpec
        What the network reads.
    description : str
        What the progress line calls it.
    volumes : pathlib.Path, optional
        The study's cache of scans.
    record : ichor.training.record.Record, optional
        For a network that reads the record too.
    """
    records = record.matrix(rows) if record else [None] * len(rows)
    cache = VolumeCache(volumes) if volumes is not None else None
    for row, own in track(zip(rows.itertuples(), records, strict=True), description, total=len(rows)):
        try:
            image, labels = read_scan(row, inputs, cache)
            view_hu, masks = view_of(image, labels, inputs)
        except (UnusableScanError, OSError):
            continue
        yield Seen(
            channels=channels_of(view_hu, masks, inputs),
            head=head_on_grid(view_hu),
            row=row,
            image=image,
            labels=labels if labels is not None else _mask(row),
            center=np.asarray(center_of(image, labels, inputs)),
            spacing_mm=np.asarray(image.spacing_mm),
            record=own,
        )


def _mask(row) -> np.ndarray | None:
    path = getattr(row, "mask", None)
    if not isinstance(path, str) or not path:
        return None
    try:
        return read_volume(path)[:, :, :]
    except (OSError, EOFError, ImageFileError):
        return None
