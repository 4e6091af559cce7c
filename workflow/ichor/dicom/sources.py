"""Turn what the index found into plain single-slice files: members of archives, frames of one object, odd syntaxes.

A converter gets files only that every build of it can read. What has to be unpacked, cut out or decoded is done in a
child process under limits (`ichor.confined`), into a temporary folder, under names of ours.
"""

import contextlib
import hashlib
import io
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import pandas as pd

from ichor.confined import Confinement, UnreadableError, read
from ichor.dicom.archives import open_members
from ichor.dicom.limits import Limits
from ichor.dicom.single_slices import cut_frames, decoded
from ichor.dicom.syntaxes import OF_ANY_CONVERTER
from ichor.dicom.zip_archives import ArchiveError, split_source

ARCHIVE_MB = 1 << 30  # an archive may be as large as a disk: only some members of it are read
BLOCK = 1 << 20


class SourceError(Exception):
    """A slice could not be taken out of its file; the message says why, without text of the file."""


@contextmanager
def plain_slices(files: pd.DataFrame, limits: Limits, work: Path) -> Iterator[pd.DataFrame]:
    """Give every row a plain single-slice file, for as long as the context lasts.

    Parameters
    ----------
    files : DataFrame
        Rows of the private selection, in spatial order.
    limits : Limits
        Memory and time of the child process.
    work : Path
        Existing folder for temporary files.

    Yields
    ------
    DataFrame
        `files`, with another ``source`` where it was no such file.

    Raises
    ------
    SourceError
        If a file cannot be read within its limits.
    """
    tasks = _tasks(files)
    if not tasks:
        yield files
        return
    with tempfile.TemporaryDirectory(dir=work, prefix="plain-") as folder:
        sources = files["source"].tolist()
        for path, wanted in tasks.items():
            _write(path, wanted, folder, limits)
            for task in wanted:
                sources[task["row"]] = str(Path(folder, task["name"]))
        yield files.assign(source=sources)


def _tasks(files: pd.DataFrame) -> dict[str, list[dict[str, Any]]]:
    """What is to be written from which file."""
    tasks: dict[str, list[dict[str, Any]]] = {}
    columns = zip(files["source"], files["frame"], files["transfer_syntax"], strict=True)
    for row, (source, frame, syntax) in enumerate(columns):
        path, member = split_source(source)
        number, decode = 0 if pd.isna(frame) else int(frame), syntax not in OF_ANY_CONVERTER
        if member or number or decode:
            task = dict(row=row, member=member, frame=number, decode=decode, name=f"{row:05d}.dcm")
            tasks.setdefault(path, []).append(task)
    return tasks


def _write(path: str, tasks: list[dict[str, Any]], folder: str, limits: Limits) -> None:
    try:
        answer, _ = read(write_slices, path, _confinement(limits, tasks[0]["member"]), tasks=tasks, folder=folder)
    except UnreadableError as error:
        raise SourceError(f"slices could not be taken out of their file: {error}") from error
    if "refused" in answer:
        raise SourceError(answer["refused"])


def _confinement(limits: Limits, member: str) -> Confinement:
    return replace(limits.conversion, file_mb=ARCHIVE_MB) if member else limits.conversion


def write_slices(path: str, tasks: list[dict[str, Any]], folder: str) -> tuple[dict[str, Any], dict]:
    """Write some slices of one file; runs in the child.

    Parameters
    ----------
    path : str
        A DICOM file or an archive of such files.
    tasks : list of dict
        Of each slice ``member`` (empty: the file itself), ``frame`` (1, 2, ...; 0: the only one), ``decode``, ``row``
        (its place along the stack) and ``name`` of the file to write.
    folder : str
        Where to write.

    Returns
    -------
    dict
        Empty, or with the key ``refused``: why, in words.
    dict
        Empty.
    """
    by_member: dict[str, list[dict[str, Any]]] = {}
    for task in tasks:
        by_member.setdefault(task["member"], []).append(task)
    try:
        for member, content in _contents(path, list(by_member)):
            for name, slice_bytes in _slices(content, by_member[member]):
                Path(folder, name).write_bytes(slice_bytes)
    except (ValueError, KeyError, ArchiveError) as error:  # of our own checks and of decoders: no text of the file
        return {"refused": f"slices could not be decoded: {type(error).__name__}"}, {}
    return {}, {}


def _contents(path: str, members: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    """Bytes of a file, or of some members of an archive."""
    if not any(members):
        yield "", Path(path).read_bytes()
        return
    missing = set(members)
    with open(path, "rb") as stream:
        for name, content in open_members(stream, members):
            yield name, content.read()
            missing.remove(name)
    if missing:
        raise KeyError("members")


def _slices(content: bytes, tasks: list[dict[str, Any]]) -> Iterator[tuple[str, bytes]]:
    """File names and contents of the slices that are wanted from one DICOM file."""
    frames = {task["frame"]: task for task in tasks if task["frame"]}
    if frames:
        wanted = {number: task["row"] + 1 for number, task in frames.items()}
        for number, slice_bytes in cut_frames(io.BytesIO(content), wanted):
            yield frames[number]["name"], slice_bytes
    for task in tasks:
        if not task["frame"]:
            yield task["name"], decoded(io.BytesIO(content)) if task["decode"] else content


def member_digests(path: str, members: Sequence[str], limits: Limits | None = None) -> dict[str, str]:
    """SHA-256 of some members of an archive, empty for one that cannot be read."""
    limits = limits or Limits()
    try:
        digests, _ = read(hash_members, path, _confinement(limits, members[0]), members=list(members))
    except UnreadableError:
        return dict.fromkeys(members, "")
    return digests


def hash_members(path: str, members: list[str]) -> tuple[dict[str, str], dict]:
    """SHA-256 of some members of an archive; runs in the child."""
    digests = dict.fromkeys(members, "")
    with open(path, "rb") as stream, contextlib.suppress(ArchiveError):  # of a damaged one, what came before
        for name, content in open_members(stream, members):
            digests[name] = _sha256(content)
    return digests, {}


def _sha256(stream: BinaryIO) -> str:
    whole = hashlib.sha256()
    try:
        while block := stream.read(BLOCK):
            whole.update(block)
    except Exception:  # zlib, bz2, lzma, zipfile and tarfile raise many kinds; each means a damaged member
        return ""
    return whole.hexdigest()
