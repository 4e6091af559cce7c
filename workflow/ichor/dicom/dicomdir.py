"""DICOMDIR: the table of contents of a medium. Its files are indexed like all others; here it is checked for gaps."""

from collections.abc import Callable
from typing import BinaryIO

from ichor.dicom.raw_header import read_dataset

REFERENCES = 200_000


def read_references(stream: BinaryIO) -> list[str]:
    r"""Files that a DICOMDIR names, relative to it, parts joined by ``/``.

    Parameters
    ----------
    stream : file
        The DICOMDIR, anywhere.
    """
    stream.seek(0)
    dataset = read_dataset(stream, ["DirectoryRecordSequence"])
    found = []
    for record in (dataset.get("DirectoryRecordSequence") or [])[:REFERENCES]:
        name = record.get("ReferencedFileID")
        if name:
            found.append(name if isinstance(name, str) else "/".join(str(part) for part in name))
    return sorted({name.strip().replace("\\", "/") for name in found})


def what_is_missing(references: list[str], place: str, exists: Callable[[str], bool]) -> tuple[bool, str]:
    """Compare the files that a DICOMDIR names with those that are there.

    Parameters
    ----------
    references : list of str
        Of `read_references`.
    place : str
        Folder of the DICOMDIR, relative to the center's folder or archive, with a ``/`` at its end; or empty.
    exists : callable
        Tells whether a file is there, by its path relative to the center's folder or archive.

    Returns
    -------
    whole : bool
        Whether every file is there.
    detail : str
        Numbers, in words.
    """
    outside = [name for name in references if name.startswith("/") or ".." in name.split("/") or ":" in name]
    inside = set(references) - set(outside)
    missing = [name for name in inside if not (exists(place + name) or exists(place + name.lower()))]
    parts = [f"names {len(references)} files"]
    if missing:
        parts.append(f"{len(missing)} missing")
    if outside:
        parts.append(f"{len(outside)} outside of its folder")
    return not missing and not outside, ", ".join(parts)
