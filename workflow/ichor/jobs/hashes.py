"""Content hashes of files, folders and tables."""

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

SNAKEMAKE_MARK = ".snakemake_timestamp"  # Snakemake writes it into folders that a rule made; it is no content


def file_sha256(path: str | Path) -> str:
    """SHA-256 of a file's content, in hexadecimal."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def files_below(folder: Path) -> Iterator[Path]:
    """Yield every file below a folder, in the order of their names."""
    for parent, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            if name != SNAKEMAKE_MARK:
                yield Path(parent, name)


def content(path: str | Path) -> tuple[str | None, int]:
    """SHA-256 and size in bytes of a file, or of a folder's file names and contents; None if there is neither."""
    path = Path(path)
    if path.is_file():
        return file_sha256(path), path.stat().st_size
    if not path.is_dir():
        return None, 0
    digest, size = hashlib.sha256(), 0
    for file in files_below(path):
        digest.update(f"{file.relative_to(path).as_posix()}\0{file_sha256(file)}\n".encode(errors="surrogateescape"))
        size += file.stat().st_size
    return digest.hexdigest(), size


def value_sha256(value: object) -> str:
    """SHA-256 of a table (column names, types and values) or of a plain value (as JSON)."""
    if isinstance(value, pd.DataFrame):
        text = json.dumps([[name, str(kind)] for name, kind in value.dtypes.items()]) + value.to_csv(index=False)
    else:
        text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()
