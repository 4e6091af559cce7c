"""Tar archives, packed with gzip or not, and single files packed with gzip: members one after the other.

A tar archive has no table of contents and may be packed as a whole, so it is read forwards, once. Nothing is unpacked
to disk. What no honest export has is refused with a code, as in zip archives.
"""

import gzip
import os
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from ichor.dicom.zip_archives import (
    MEMBER_MB,
    MEMBERS,
    NAME_CHARACTERS,
    NAMES_MB,
    RATIO,
    RATIO_FROM_MB,
    ArchiveError,
    is_unsafe,
)

BLOCK = tarfile.BLOCKSIZE
GZIP = b"\x1f\x8b\x08"  # RFC 1952, 2.3.1: magic number, deflate
SINGLE = "unpacked"  # our name for the one file in a file that is packed with gzip
PEEKED = 2 * BLOCK


@dataclass(frozen=True)
class TarMember:
    """One file in an archive.

    Attributes
    ----------
    name : str
        As it stands in the archive; bytes that are no text are written out.
    code, detail : str
        Reason for which it must not be opened, and why in words; empty for one that may.
    stream : file or None
        Its content, until the next member is asked for.
    seekable : bool
        Whether going back in the stream is cheap.
    """

    name: str
    code: str
    detail: str
    stream: BinaryIO | None = None
    seekable: bool = True


def is_tar(begin: bytes) -> bool:
    """Tell whether a file that begins so is a tar archive: what stands first has the checksum of a header."""
    if len(begin) < BLOCK or begin[128:132] == b"DICM":
        return False
    try:
        tarfile.TarInfo.frombuf(begin[:BLOCK], "utf-8", "backslashreplace")
    except (tarfile.HeaderError, ValueError):
        return False
    return True


def packed_kind(stream: BinaryIO) -> str:
    """Tell what a file is that begins as gzip does: ``tar.gz``, ``dicom.gz`` or ``""``; leaves it at its beginning."""
    try:
        with gzip.GzipFile(fileobj=stream) as unpacked:
            begin = unpacked.read(PEEKED)
    except (OSError, EOFError, ValueError, zlib.error):
        begin = b""
    stream.seek(0)
    return "dicom.gz" if begin[128:132] == b"DICM" else "tar.gz" if is_tar(begin) else ""


def walk(stream: BinaryIO, kind: str) -> Iterator[TarMember]:
    """Yield the members of an archive, in its order.

    Parameters
    ----------
    stream : file
        At its beginning; it can be sought in.
    kind : {"tar", "tar.gz", "dicom.gz"}
        What it is.

    Raises
    ------
    ArchiveError
        If it holds no file or too many, is damaged, or unpacks to far more than it has. Members before it are good.
    """
    size = os.fstat(stream.fileno()).st_size
    if kind == "tar":
        yield from _members(stream, None)
        return
    with gzip.GzipFile(fileobj=stream) as unpacked:
        if kind == "tar.gz":
            yield from _members(unpacked, size)
        else:
            yield TarMember(SINGLE, "", "", _Bounded(unpacked, size), seekable=False)


def _members(stream: BinaryIO, packed_bytes: int | None) -> Iterator[TarMember]:
    watched = _Watched(stream)
    seen: set[str] = set()
    count = names = 0
    last = -1
    try:
        with tarfile.open(fileobj=watched, mode="r:", encoding="utf-8", errors="backslashreplace") as archive:
            while (info := archive.next()) is not None:
                archive.members = []  # it keeps every header otherwise
                if info.offset <= last:
                    raise ArchiveError("archive_refused", "damaged: goes backwards")
                last = info.offset
                _check_ratio(info.offset_data + info.size, packed_bytes)
                if info.isdir():
                    continue
                count, names = count + 1, names + len(info.name)
                if count > MEMBERS or names > NAMES_MB << 20:
                    raise ArchiveError("archive_refused", f"over {MEMBERS} files, or {NAMES_MB} MB of names, in it")
                yield _member(archive, info, seen, packed_bytes is None)
                seen.add(info.name)
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ArchiveError("archive_refused", f"damaged: {type(error).__name__}") from None
    if watched.last.strip(b"\0") or 0 < len(watched.last) < BLOCK:  # a broken header ends the archive as its end does
        raise ArchiveError("archive_refused", "damaged: ends with what is no header")
    if not count:
        raise ArchiveError("archive_refused", "no file in it")


def _member(archive: tarfile.TarFile, info: tarfile.TarInfo, seen: set[str], seekable: bool) -> TarMember:
    megabytes = info.size / 2**20
    plain = info.type in (tarfile.REGTYPE, tarfile.AREGTYPE) and not info.issparse()
    rules = [
        (is_unsafe(info.name), "its name leads out of the archive"),
        (len(info.name) > NAME_CHARACTERS, f"a name of over {NAME_CHARACTERS} characters"),
        (info.name in seen, "its name stands in the archive twice"),
        (info.issym() or info.islnk(), "a link"),
        (not plain, "no plain file"),
        (megabytes > MEMBER_MB, f"{megabytes:.0f} MB, limit {MEMBER_MB} MB"),
    ]
    why = next((detail for wrong, detail in rules if wrong), "")
    if why:
        return TarMember(info.name, "archive_refused", why)
    return TarMember(info.name, "", "", archive.extractfile(info), seekable)


def _check_ratio(unpacked_bytes: int, packed_bytes: int | None) -> None:
    """Refuse an archive that unpacks to more than `RATIO` times what it has."""
    ratio = unpacked_bytes / max(1, packed_bytes or unpacked_bytes)
    if ratio > RATIO and unpacked_bytes > RATIO_FROM_MB << 20:
        raise ArchiveError("archive_refused", f"{ratio:.0f} times larger unpacked, limit {RATIO}")


class _Watched:
    """A stream that remembers what was read last: tarfile does not say why it finds no further header."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream, self.last = stream, b""
        self.seek, self.tell, self.seekable = stream.seek, stream.tell, stream.seekable

    def read(self, size: int = -1) -> bytes:
        content = self._stream.read(size)
        self.last = content[:BLOCK] if len(content) <= BLOCK else b""
        return content


class _Bounded:
    """What a file unpacks to, as long as that is no more than an image can be."""

    def __init__(self, stream: BinaryIO, packed_bytes: int) -> None:
        self._stream, self._packed_bytes, self._done = stream, packed_bytes, 0

    def read(self, size: int = -1) -> bytes:
        most = (MEMBER_MB << 20) - self._done + 1
        blocks = []
        while most > 0 and size and (block := self._stream.read(min(most, 1 << 20, size if size > 0 else most))):
            blocks.append(block)
            self._done, most, size = self._done + len(block), most - len(block), size - len(block) if size > 0 else size
            _check_ratio(self._done, self._packed_bytes)
        if self._done > MEMBER_MB << 20:
            raise ArchiveError("archive_refused", f"over {MEMBER_MB} MB unpacked")
        return b"".join(blocks)
