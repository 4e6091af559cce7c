"""What was read from headers, kept between runs, so that a new patient does not re-read a center's whole archive.

An entry is known by path, size and time of change of its file; a file with several images in it has several, which
stand in one part. The cache is a folder of Parquet parts that only its
owner can open; each run writes all parts anew in the order of its walk, so files that left are gone with the old parts.
A run that was interrupted leaves its parts beside the old ones, and the next run finds entries in both. A part that is
damaged, or that other reading code or limits made, counts as absent.
"""

import os
import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from ichor.dicom.archive import Found
from ichor.private_tables import private_folder, write_private_table

IDENTITY = {"path": pa.string(), "bytes": pa.int64(), "modified_ns": pa.int64()}
PART = re.compile(r"(?P<reading>[0-9a-f]+)-(?P<run>\d{6})-(?P<number>\d{6})\.parquet")


def identity(found: Sequence[Found]) -> pd.DataFrame:
    """Frame with path, size and time of change of files."""
    return pd.DataFrame(found, columns=Found._fields).drop(columns="wrong")


def _hashes(frame: pd.DataFrame) -> np.ndarray:
    """64-bit hash of what identifies each row; equal hashes are compared in full before they count."""
    return pd.util.hash_pandas_object(frame[list(IDENTITY)], index=False).to_numpy(np.uint64)


class HeaderCache:
    """Headers that were read before.

    Parameters
    ----------
    folder : Path
        Made, for its owner alone, if need be.
    schema : Schema
        Columns beside those of `IDENTITY`.
    reading : str
        Hexadecimal digest of the reading code and its limits; entries of another one are not used.
    """

    def __init__(self, folder: Path, schema: pa.Schema, reading: str) -> None:
        self._folder, self._reading, self._columns = folder, reading, schema.names
        self._schema = pa.schema([*IDENTITY.items(), *schema, ("hash", pa.uint64())])
        private_folder(folder)
        self._parts: list[Path] = []
        hashes, runs = [], [0]
        for path in sorted(folder.iterdir()):
            name = PART.fullmatch(path.name)
            runs.append(int(name["run"]) if name else 0)
            if name and name["reading"] == reading and (found := self._hashes_of(path)) is not None:
                self._parts.append(path)
                hashes.append(found)
        self._run, self._written = max(runs) + 1, 0
        together = np.concatenate(hashes) if hashes else np.empty(0, np.uint64)
        self._order = np.argsort(together, kind="stable")
        self._sorted = together[self._order]
        self._starts = np.cumsum([0, *(len(part) for part in hashes)])
        self._load = lru_cache(maxsize=4)(self._load_part)

    @property
    def entries(self) -> int:
        """How many there are, those of files that left since included."""
        return len(self._sorted)

    def _hashes_of(self, path: Path) -> np.ndarray | None:
        try:
            if not pq.read_schema(path).equals(self._schema):
                return None
            return pq.read_table(path, columns=["hash"], page_checksum_verification=True)["hash"].to_numpy()
        except (OSError, pa.ArrowException):
            return None

    def _load_part(self, number: int) -> pd.DataFrame | None:
        try:
            return pq.read_table(self._parts[number], page_checksum_verification=True).to_pandas()
        except (OSError, pa.ArrowException):
            return None

    def get(self, files: pd.DataFrame) -> pd.DataFrame:
        """Return what is known of some files.

        Parameters
        ----------
        files : DataFrame
            Of `identity`.

        Returns
        -------
        DataFrame
            The columns of the schema; its index tells which rows of `files` are known. A file has as many rows as it
            had when they were put.
        """
        wanted = _hashes(files)
        starts = np.searchsorted(self._sorted, wanted)
        counts = np.searchsorted(self._sorted, wanted, side="right") - starts
        rows = np.repeat(np.arange(len(files)), counts)
        at = self._order[np.repeat(starts - np.cumsum(counts) + counts, counts) + np.arange(counts.sum())]
        numbers = np.searchsorted(self._starts, at, side="right") - 1
        known, taken = [], np.zeros(len(files), bool)
        for number in np.unique(numbers):
            part = self._load(int(number))
            if part is None:
                continue
            of_part = numbers == number
            entries = part.iloc[at[of_part] - self._starts[number]].set_index(files.index[rows[of_part]])
            same = (entries[list(IDENTITY)] == files.loc[entries.index]).all(axis=1)
            fresh = same.to_numpy() & ~taken[rows[of_part]]  # an interrupted run left what an older one has too
            taken[rows[of_part][fresh]] = True
            known.append(entries.loc[fresh, self._columns])
        return pd.concat(known) if known else pd.DataFrame(columns=self._columns)

    def put(self, entries: pd.DataFrame) -> None:
        """Write one more part: the columns of `identity` and of the schema."""
        table = pa.Table.from_pandas(entries.assign(hash=_hashes(entries)), self._schema, preserve_index=False)
        write_private_table(table.replace_schema_metadata(), self._part(self._written))
        self._written += 1

    def _part(self, number: int) -> Path:
        return self._folder / f"{self._reading}-{self._run:06d}-{number:06d}.parquet"

    def finish(self) -> None:
        """Remove everything that this run did not write."""
        mine = {self._part(number).name for number in range(self._written)}
        for name in set(os.listdir(self._folder)) - mine:
            (self._folder / name).unlink()
