"""Tables that hold source paths and the centers' own patient ids: for the owner's eyes, below ``work/`` only."""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from ichor.disk_space import whole_file


def private_folder(path: str | Path) -> Path:
    """Make a folder that only its owner can enter (mode 0700), and return it."""
    path = Path(path)
    path.mkdir(parents=True, exist_ok=True)
    os.chmod(path, 0o700)
    return path


@contextmanager
def _private_file(path: str | Path) -> Iterator[Path]:
    """Give a new file of mode 0600 to write to; it takes the place of `path` when all went well."""
    with whole_file(path) as part:
        os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        yield part


def write_private(data: pd.DataFrame, path: str | Path) -> None:
    """Write a table as Parquet that only its owner can read (mode 0600), complete or not at all."""
    with _private_file(path) as part:
        data.to_parquet(part, index=False)


def write_private_table(table: pa.Table, path: str | Path) -> None:
    """Write an Arrow table like `write_private`, with a checksum of each page."""
    with _private_file(path) as part:
        pq.write_table(table, part, compression="zstd", write_page_checksum=True)


def write_private_parts(parts: Iterable[pd.DataFrame], schema: pa.Schema, path: str | Path) -> None:
    """Write a table like `write_private`, part by part, so that it never is in memory as a whole.

    Parameters
    ----------
    parts : iterable of DataFrame
        Each becomes a row group; without any, the table has no rows.
    schema : Schema
        Columns and types of every part.
    path : path
        Of the Parquet file.
    """
    with _private_file(path) as part, pq.ParquetWriter(part, schema, compression="zstd") as writer:
        for data in parts:
            table = pa.Table.from_pandas(data, schema, preserve_index=False)
            writer.write_table(table.replace_schema_metadata())


def read_private(
    path: str | Path, columns: Sequence[str] | None = None, filters: list[tuple] | None = None
) -> pd.DataFrame:
    """Read a table of `write_private` or `write_private_parts`, or some of its columns and rows (as in pandas)."""
    return pd.read_parquet(path, columns=columns, filters=filters)
