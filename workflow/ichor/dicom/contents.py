"""What is in the files of a selection: their SHA-256, read again only where a file may have changed.

A touched, copied or moved archive gives the same contents, so nothing that is made from it has to be made again.
"""

import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
import pyarrow as pa

from ichor.dicom.sources import member_digests
from ichor.dicom.zip_archives import join_source, split_source
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
        Files, or members of archives as ``archive//member``.
    cache : Path
        Private table of what was read before; written anew for exactly these files. Files of which inode, size and
        times are as they were are not read.
    """
    names: dict[str, list[str]] = {}
    for source in sorted(set(paths)):
        path, member = split_source(source)
        names.setdefault(path, []).append(member)
    before = _known(cache)

    def ask(item: tuple[str, list[str]]) -> list[tuple[str, str, str]]:
        path, members = item
        sources = {member: join_source(path, member) if member else path for member in members}
        try:
            stamp = _stamp(path)
            known = {member: before.get(source, ("", "")) for member, source in sources.items()}
            digests = {member: sha256 for member, (kept, sha256) in known.items() if kept == stamp}
            fresh = [member for member in members if member not in digests]
            if fresh == [""]:
                digests[""] = file_sha256(path)
            elif fresh:
                digests |= member_digests(path, fresh)
            return [(source, stamp, digests[member]) for member, source in sources.items()]
        except OSError:
            return [(source, "", "") for source in sources.values()]

    with ThreadPoolExecutor(READERS) as pool:
        rows = [row for rows in pool.map(ask, names.items()) for row in rows]
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
