"""Zip archives of DICOM files: which members may be opened, without unpacking anything to disk.

Nothing is ever written under the name of a member. A member whose name, size or packing no honest export has is refused
all the same, with a code, so that it is seen.
"""

import io
import re
import stat
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, NamedTuple

MEMBERS = 200_000  # per archive: more fill the memory of the process that reads them
NAME_CHARACTERS = 4096  # of a member, as of a path on disk
NAMES_MB = 64  # of all members of an archive
MEMBER_MB = 1024  # as large as a plain file may be
RATIO, RATIO_FROM_MB = 200, 64  # a CT packs 2 to 5 times; an empty one, which packs 1000 times, is smaller than this
METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA}
ENCRYPTED = 0x1 | 0x40 | 0x2000  # bits of the flags: APPNOTE.TXT 4.4.4
OTHER_PACKAGES = {"[Content_Types].xml", "mimetype", "META-INF/MANIFEST.MF"}  # office documents, Java programs
BETWEEN = "//"  # archive and member in a source: no path of a file has it


class ArchiveError(Exception):
    """The archive is not read; the message says why.

    Parameters
    ----------
    code : str
        Value of a reason.
    message : str
        In words, without names of members.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Member(NamedTuple):
    """One file in an archive.

    Attributes
    ----------
    name : str
        As it stands in the archive.
    info : ZipInfo
        What the archive says of it.
    code, detail : str
        Reason for which it must not be opened, and why in words; empty for one that may.
    """

    name: str
    info: zipfile.ZipInfo
    code: str
    detail: str


def is_zip(begin: bytes) -> bool:
    """Tell whether a file of which these are the first bytes is a zip archive, and not DICOM."""
    return begin[:4] in (b"PK\x03\x04", b"PK\x05\x06") and begin[128:132] != b"DICM"


def list_members(archive: zipfile.ZipFile) -> list[Member]:
    """List the files of an archive, in its order.

    Raises
    ------
    ArchiveError
        If it holds no file, too many, or is a document and no archive of images.
    """
    found = [info for info in archive.infolist() if not info.is_dir()]
    if not found:
        raise ArchiveError("archive_refused", "no file in it")
    if len(found) > MEMBERS:
        raise ArchiveError("archive_refused", f"{len(found)} files in it, limit {MEMBERS}")
    if sum(len(info.filename) for info in found) > NAMES_MB << 20:
        raise ArchiveError("archive_refused", f"over {NAMES_MB} MB of names")
    if OTHER_PACKAGES & {info.filename for info in found}:
        raise ArchiveError("not_dicom", "a document, not an archive of images")
    seen: set[str] = set()
    members = []
    for info in found:
        members.append(Member(info.filename, info, *_refusal(info, seen)))
        seen.add(info.filename)
    return members


def _refusal(info: zipfile.ZipInfo, seen: set[str]) -> tuple[str, str]:
    """Code and words for a member that must not be opened; two empty texts for one that may."""
    megabytes, ratio = info.file_size / 2**20, info.file_size / max(1, info.compress_size)
    rules = [
        (info.flag_bits & ENCRYPTED, "archive_encrypted", "needs a password"),
        (is_unsafe(info.orig_filename), "archive_refused", "its name leads out of the archive"),
        (len(info.filename) > NAME_CHARACTERS, "archive_refused", f"a name of over {NAME_CHARACTERS} characters"),
        (info.filename in seen, "archive_refused", "its name stands in the archive twice"),
        (stat.S_ISLNK(info.external_attr >> 16), "archive_refused", "a link"),
        (info.compress_type not in METHODS, "archive_refused", f"compression method {info.compress_type}"),
        (megabytes > MEMBER_MB, "archive_refused", f"{megabytes:.0f} MB, limit {MEMBER_MB} MB"),
        (
            ratio > RATIO and megabytes > RATIO_FROM_MB,
            "archive_refused",
            f"{ratio:.0f} times larger unpacked, limit {RATIO}",
        ),
    ]
    return next(((code, detail) for wrong, code, detail in rules if wrong), ("", ""))


def is_unsafe(name: str) -> bool:
    """Tell whether unpacking under this name could write somewhere else (or the name is no text)."""
    parts = re.split(r"[/\\]", name)
    return "\0" in name or name.startswith(("/", "\\")) or ".." in parts or bool(re.match(r"[A-Za-z]:", name))


@contextmanager
def open_member(archive: zipfile.ZipFile, member: Member) -> Iterator[BinaryIO]:
    """Open a member for reading; it can be sought in."""
    with archive.open(member.info) as stream:
        yield io.BufferedReader(stream, 1 << 14)


def join_source(archive: str, member: str) -> str:
    """Source of a member: ``archive//member``."""
    return archive + BETWEEN + member


def split_source(source: str) -> tuple[str, str]:
    """File of a source, and the member in it; the member is empty for a plain file."""
    place = source.find(BETWEEN, 1)
    return (source, "") if place < 0 else (source[:place], source[place + len(BETWEEN) :])
