"""Views and labels of a training in files that are mapped into memory.

The views of 20,000 scans are larger than the memory of many machines. Mapped files take what memory there is, and
several processes of one training share them.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.lib.format import open_memmap

from ichor import disk_space
from ichor.training.data import InputSpec, Views, load_views
from ichor.training.examples import Examples


@contextmanager
def examples_folder(folder: Path) -> Iterator[Path]:
    """An empty folder while the block runs; what a killed job left there is taken away."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def make_examples(
    folder: Path,
    name: str,
    rows: pd.DataFrame,
    spec: InputSpec,
    description: str,
    volumes: str | Path | None = None,
) -> tuple[Examples, pd.Series]:
    """Read the scans of some rows into files of a folder.

    Parameters
    ----------
    folder : pathlib.Path
        See `examples_folder`.
    name : str
        What these examples are called there.
    rows : pandas.DataFrame
        As for `ichor.training.data.load_views`, with column ``label``.
    spec, description, volumes
        As for `ichor.training.data.load_views`.

    Returns
    -------
    examples : ichor.training.loop.Examples
        Of the rows whose scan is usable, in their order.
    usable : pandas.Series
        Of bool, for every row.

    Raises
    ------
    ichor.disk_space.DiskFullError
        If the files will not fit on the disk.
    """
    shapes = dict(zip(("image_hu", "masks"), Views.shapes(len(rows), spec), strict=True))
    kinds = {"image_hu": np.int16, "masks": np.uint8}
    needed = sum(np.prod(shapes[part]) * np.dtype(kinds[part]).itemsize for part in shapes)
    disk_space.require(folder, float(needed), f"{len(rows)} views for training")
    room = Views(**{part: open_memmap(_file(folder, name, part), "w+", kinds[part], shapes[part]) for part in shapes})
    views, outcome = load_views(rows, spec, description, volumes, room)
    labels = rows.loc[outcome["usable"], "label"].to_numpy(dtype=np.float32)
    np.save(_file(folder, name, "labels"), labels)
    return Examples(views, labels), outcome["usable"]


def add_record(folder: Path, name: str, examples: Examples, record: np.ndarray) -> Examples:
    """Put the records of some examples into the folder too.

    Parameters
    ----------
    folder, name
        As for `make_examples`.
    examples : ichor.training.loop.Examples
        What that gave.
    record : numpy.ndarray
        float32 ``(n, columns)``, see `ichor.training.record.Record.matrix`.

    Returns
    -------
    ichor.training.loop.Examples
        With the records.
    """
    np.save(_file(folder, name, "record"), record)
    return replace(examples, views=replace(examples.views, record=record))


def add_targets(folder: Path, name: str, examples: Examples, targets: np.ndarray) -> Examples:
    """Put the targets of further tasks into the folder too, as `add_record` does.

    ``targets`` is float32 ``(n, outputs)``, see `ichor.models.auxiliary_tasks.AuxiliaryTasks.targets`.
    """
    np.save(_file(folder, name, "targets"), targets)
    return replace(examples, targets=targets)


def read_examples(folder: Path, name: str) -> Examples:
    """Examples that `make_examples`, `add_record` and `add_targets` have put into a folder."""
    labels = np.load(_file(folder, name, "labels"))
    added = {part: _file(folder, name, part) for part in ("record", "targets")}
    record, targets = (np.load(file) if file.is_file() else None for file in added.values())
    image_hu, masks = (
        np.load(_file(folder, name, part), mmap_mode="r")[: len(labels)] for part in ("image_hu", "masks")
    )
    return Examples(Views(image_hu, masks, record), labels, targets)


def _file(folder: Path, name: str, part: str) -> Path:
    return folder / f"{name}-{part}.npy"
