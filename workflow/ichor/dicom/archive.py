"""Walk a center's folder: every file below it, with its size and time of change, in an order that does not vary."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ichor.jobs.hashes import SNAKEMAKE_MARK
from ichor.pseudonyms import pseudonym

CHUNK_BYTES = 16 << 30  # some 30,000 slices, be they in few files or many: what is said of them must fit into memory


class Found(NamedTuple):
    """One file below a folder.

    Attributes
    ----------
    path : str
        Relative to the folder.
    bytes : int
        Size; 0 when it is not known.
    modified_ns : int
        Time of the last change, ns since 1970; 0 when it is not known.
    wrong : str
        In words why it must not be opened; empty for a regular file.
    """

    path: str
    bytes: int
    modified_ns: int
    wrong: str


def find_files(folder: Path) -> Iterator[Found]:
    """Yield every file below `folder`: those of a folder by name, then its subfolders by name.

    Folders behind links are not entered (they may form loops); pipes and devices are not opened (they may block).
    A folder that cannot be listed is yielded itself, with what is wrong. One that does not exist is empty.
    """
    if folder.is_dir():
        yield from _below(folder, "")


def _below(folder: Path, place: str) -> Iterator[Found]:
    files, folders = [], []
    try:
        with os.scandir(folder / place) as entries:
            for entry in entries:
                if entry.name == SNAKEMAKE_MARK:
                    continue
                if not _is_folder(entry):
                    files.append(entry.name)
                elif not entry.is_symlink():
                    folders.append(entry.name)
    except OSError as error:
        yield Found(place.rstrip("/") or ".", 0, 0, f"folder cannot be listed: {type(error).__name__}")
        return
    for name in sorted(files):
        yield _look_at(folder, place + name)
    for name in sorted(folders):
        yield from _below(folder, f"{place}{name}/")


def _is_folder(entry: os.DirEntry) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _look_at(folder: Path, path: str) -> Found:
    if not is_utf8(path):
        return Found(path, 0, 0, "name is not UTF-8")  # no table can hold it
    try:
        about = os.stat(f"{folder}/{path}")  # a Path costs four times as much
    except OSError:
        return Found(path, 0, 0, "broken link or no permission")
    return Found(path, about.st_size, about.st_mtime_ns, "" if stat.S_ISREG(about.st_mode) else "not a regular file")


def is_utf8(name: str) -> bool:
    """Tell whether a file name is text that a table can hold."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def count_files(folder: Path) -> int:
    """Number of entries below `folder` that are no folders."""
    return sum(len(names) for _, _, names in os.walk(folder))


def chunks(found: Iterator[Found], size: int, most_bytes: int = CHUNK_BYTES) -> Iterator[list[Found]]:
    """Cut a walk into lists of `size` files; into shorter ones where files are large, as archives are."""
    chunk: list[Found] = []
    weight = 0
    for file in found:
        chunk.append(file)
        weight += file.bytes
        if len(chunk) == size or weight >= most_bytes:
            yield chunk
            chunk, weight = [], 0
    if chunk:
        yield chunk


def file_subject(key: bytes, center: str, path: str) -> str:
    """Name of a file in public tables: ``file-<hash>`` of its path below the center's folder."""
    text = path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return f"file-{pseudonym(key, center, text)}"
