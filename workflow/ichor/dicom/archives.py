"""Archives of DICOM files, of whatever kind: what a file is, and how some of its members are opened."""

import zipfile
from collections.abc import Collection, Iterator
from typing import BinaryIO

from ichor.dicom.tar_archives import GZIP, PEEKED, is_tar, packed_kind, walk
from ichor.dicom.zip_archives import is_zip, list_members


def archive_kind(stream: BinaryIO) -> str:
    """Tell what kind of archive a file is; leaves it at its beginning.

    Returns
    -------
    str
        ``zip``, ``tar``, ``tar.gz``, ``dicom.gz`` (one DICOM file, packed), or ``""`` for anything else.
    """
    begin = stream.read(PEEKED)
    stream.seek(0)
    if begin[128:132] == b"DICM":
        return ""
    if is_zip(begin):
        return "zip"
    if begin.startswith(GZIP):
        return packed_kind(stream)
    return "tar" if is_tar(begin) else ""


def may_be_archive(stream: BinaryIO) -> bool:
    """Tell the same without unpacking anything: whether a file begins as an archive, or as packed data, does."""
    begin = stream.read(PEEKED)
    return begin[128:132] != b"DICM" and (is_zip(begin) or begin.startswith(GZIP) or is_tar(begin))


def open_members(stream: BinaryIO, names: Collection[str]) -> Iterator[tuple[str, BinaryIO]]:
    """Open some members of an archive that may be opened, each until the next is asked for.

    Members come in the order of the archive, so that a packed one is read once.

    Raises
    ------
    ArchiveError
        If the archive is refused or damaged before all were found.
    """
    kind, wanted = archive_kind(stream), set(names)
    if kind == "zip":
        with zipfile.ZipFile(stream) as archive:
            for member in list_members(archive):
                if member.name in wanted and not member.code:
                    with archive.open(member.info) as content:
                        yield member.name, content
    elif kind:
        for member in walk(stream, kind):
            if member.name in wanted and not member.code:
                yield member.name, member.stream
                wanted.remove(member.name)
                if not wanted:
                    return
