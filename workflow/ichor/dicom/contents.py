"""What is in the files of a selection: their SHA-256, read again only where a file may have changed.

A touched, copied or moved archive gives the same contents, so nothing that is made from it has to be made again.
"""

import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
import pyarrow as pa

from ichor.jobs.hashes import file_sha256
from ichor.private_tables import private_folder, read_private, write_private

READERS = 4  # files that are read at the same time: network disks answer late, and SHA-256 is faster than most disks
COLUMNS = ["path", "stamp", "sha256"]
PLACES = ["source", "mask", "bytes", "modified_ns"]  # columns of a selection that say where files are and since when


def file_contents(paths: Iterable[str], cache: Path) -> dict[str, str]:
    """SHA-256 of files by their paths, empty for one that cannot be read.

    Parameters
    ----------
    paths : iterable of str
        Files.
    cache : Path
        Private table of what was read before; written anew for exactly these files. Files of which inode, size and
        times are as they were are not read.
    """
    names = sorted(set(paths))
    before = _known(cache)

    def ask(path: str) -> tuple[str, str, str]:
        try:
            stamp = _stamp(path)
            kept_stamp, kept_sha256 = before.get(path, ("", ""))
            return path, stamp, kept_sha256 if kept_stamp == stamp else file_sha256(path)
        except OSError:
            return path, "", ""

    with ThreadPoolExecutor(READERS) as pool:
        rows = list(pool.map(ask, names))
    private_folder(cache.parent)
    write_private(pd.DataFrame(rows, columns=COLUMNS), cache)
    return {path: sha256 for path, _, sha256 in rows}


def selection_contents(selection: pd.DataFrame, cache: Path) -> pd.DataFrame:
    """Return a selection with the contents of its files (``sha256``) instead of their places and times.

    Two selections that are equal in this are converted to the same scans.
    """
    digests = file_contents(selection["source"], cache)
    return selection.drop(columns=PLACES).assign(sha256=selection["source"].map(digests).astype(object))


def _known(cache: Path) -> dict[str, tuple[str, str]]:
    try:
        table = read_private(cache)[COLUMNS]
    except (OSError, KeyError, pa.ArrowException):  # absent or damaged: everything is read
        return {}
    return {path: (stamp, sha256) for path, stamp, sha256 in table.itertuples(index=False, name=None)}


def _stamp(path: str) -> str:
    about = os.stat(path)
    return f"{about.st_ino}-{about.st_size}-{about.st_mtime_ns}-{about.st_ctime_ns}"
