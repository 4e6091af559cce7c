"""Read DICOM headers, in a process of its own: ``python -m ichor.dicom.header_reader MEMORY_MB``.

Speaks lines of JSON: ``[path, first]`` comes in, what the headers say goes out, in the same order (see `lines`).
Whatever a hostile file makes the parser do happens here, under a memory limit; the parent kills the process when a file
takes too long. Answers carry the name of an exception but never its text, which may hold values of tags.
"""

import io
import json
import re
import sys
import warnings
import zipfile
from collections.abc import Iterator
from typing import Any, BinaryIO

from pydicom.errors import InvalidDicomError
from pydicom.uid import (
    CTImageStorage,
    EnhancedCTImageStorage,
    LegacyConvertedEnhancedCTImageStorage,
    MediaStorageDirectoryStorage,
    SecondaryCaptureImageStorage,
)

from ichor.dicom.archives import archive_kind
from ichor.dicom.dicomdir import read_references
from ichor.dicom.multi_frame import read_frames
from ichor.dicom.raw_header import Header, NotDicomError, Wanted, read_header
from ichor.dicom.syntaxes import LOSSY
from ichor.dicom.tar_archives import TarMember, walk
from ichor.dicom.zip_archives import ArchiveError, list_members, open_member

SOP_CLASSES = {
    CTImageStorage: "ct",
    EnhancedCTImageStorage: "enhanced_ct",
    LegacyConvertedEnhancedCTImageStorage: "enhanced_ct",
    SecondaryCaptureImageStorage: "secondary_capture",
}
WANTED = Wanted([
    "SpecificCharacterSet", "PatientID", "StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID",
    "Modality", "ImageType", "Manufacturer", "SeriesDescription", "ProtocolName", "ConvolutionKernel",
    "ContrastBolusAgent",
    "SliceThickness", "GantryDetectorTilt", "AcquisitionDateTime", "AcquisitionDate", "AcquisitionTime", "SeriesDate",
    "SeriesTime", "ContentDate", "ContentTime", "StudyDate", "StudyTime", "AcquisitionNumber", "InstanceNumber",
    "ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "Rows", "Columns",
    "NumberOfFrames", "SamplesPerPixel", "LossyImageCompression", "BodyPartExamined",
    "RescaleSlope", "RescaleIntercept", "BurnedInAnnotation",
])  # fmt: skip
HEADER_MB = 256  # of a member that can only be read forwards: its header is in here, its pixels need not be
NOT_OPENED = "not read, "  # begins what is no fault of the file's content and may be gone at the next try
CONTRAST_WORDS = re.compile(
    r"\b(cta|angio\w*|contrast|post[ -]?c|with c|kontrast|perfusion|venous|arterial|iv)\b|\bc\+|\+c\b", re.I
)
NO_CONTRAST_WORDS = re.compile(r"\b(non?[ -]?c(ontrast)?|without|w/?o|plain|nativ\w*|ncct|unenhanced)\b", re.I)
BONE_WORDS = re.compile(r"bone|knochen|os\b|hueso", re.I)
HEAD_WORDS = re.compile(r"head|brain|skull|cran|cereb|neuro|face|neck|kopf|unknown", re.I)
NO_AGENT = {"", "NONE", "NO", "N", "NO CONTRAST", "WITHOUT", "NULL", "0", "UNKNOWN"}
Answer = dict[str, Any]


def _when(header: Header) -> str:
    """Return the acquisition date-time as YYYYMMDDHHMMSS text, from the best tags present, or empty."""
    both = re.sub(r"[^0-9].*$", "", header.text("AcquisitionDateTime"))
    if len(both) >= 12:
        return both[:14].ljust(14, "0")
    date = next((found for name in DATES if len(found := _digits(header.text(name))) >= 8), "")
    time = next((_digits(found) for name in TIMES if len(found := header.text(name)) >= 4), "")
    return date[:8] + time[:6].ljust(6, "0") if date and time else ""


DATES = ("AcquisitionDate", "SeriesDate", "ContentDate", "StudyDate")
TIMES = ("AcquisitionTime", "SeriesTime", "ContentTime", "StudyTime")


def _digits(text: str) -> str:
    return text if text.isdecimal() else re.sub(r"\D", "", text)


def _has_contrast(header: Header) -> bool:
    if header.text("ContrastBolusAgent").upper() not in NO_AGENT:
        return True
    words = f"{header.text('SeriesDescription')} {header.text('ProtocolName')}".replace("_", " ")
    return bool(CONTRAST_WORDS.search(words)) and not NO_CONTRAST_WORDS.search(words)


def _is_other_body_part(text: str) -> bool:
    """Tell whether a body part is named and it is none that a head CT may carry."""
    return bool(text) and not HEAD_WORDS.search(text)


def _describe(header: Header) -> Answer:
    sop_class = header.text("SOPClassUID")
    return {
        "patient_id": header.text("PatientID"),
        "study_uid": header.text("StudyInstanceUID"),
        "series_uid": header.text("SeriesInstanceUID"),
        "sop_uid": header.text("SOPInstanceUID"),
        "sop_class": SOP_CLASSES.get(sop_class, "other" if sop_class else "none"),
        "modality": header.text("Modality"),
        "image_type": header.text("ImageType").upper(),
        "manufacturer": header.text("Manufacturer"),
        "kernel": header.text("ConvolutionKernel"),
        "contrast": _has_contrast(header),
        "description_is_bone": bool(BONE_WORDS.search(header.text("SeriesDescription"))),
        "other_body_part": _is_other_body_part(header.text("BodyPartExamined")),
        "when": _when(header),
        "acquisition": header.number("AcquisitionNumber"),
        "instance": header.number("InstanceNumber"),
        "thickness_mm": header.number("SliceThickness"),
        "tilt_tag_deg": header.number("GantryDetectorTilt"),
        "position": header.numbers("ImagePositionPatient", 3),
        "orientation": header.numbers("ImageOrientationPatient", 6),
        "spacing": header.numbers("PixelSpacing", 2),
        "rows": header.number("Rows"),
        "columns": header.number("Columns"),
        "frames": header.number("NumberOfFrames") or 1,
        "samples": header.number("SamplesPerPixel") or 1,
        "transfer_syntax": header.syntax,
        "lossy": header.syntax in LOSSY or header.text("LossyImageCompression") == "01",
        "slope": header.number("RescaleSlope"),
        "intercept": header.number("RescaleIntercept"),
        "burned_in": header.text("BurnedInAnnotation").upper() == "YES",
    }


def describe_stream(stream: BinaryIO) -> list[Answer]:
    """Read one DICOM file.

    Parameters
    ----------
    stream : file
        At its beginning; it can be sought in.

    Returns
    -------
    list of dict
        Values that the index needs, JSON-ready: one, or one for each frame of an enhanced CT object. A file that cannot
        be used is ``{"error": code, "detail": words}`` with the value of a reason as its code.
    """
    try:
        header = read_header(stream, WANTED)
        if header.stored_class == MediaStorageDirectoryStorage:
            return [{"error": "dicomdir", "refers_to": json.dumps(read_references(stream))}]
        answer = _describe(header)
        return read_frames(stream, answer) if answer["sop_class"] == "enhanced_ct" else [answer]
    except (NotDicomError, InvalidDicomError):
        return [{"error": "not_dicom", "detail": "no DICOM preamble"}]
    except OSError as error:
        return [{"error": "unreadable_file", "detail": f"{NOT_OPENED}{type(error).__name__}"}]
    except Exception as error:  # any parser error means one thing here: the file cannot be read
        return [{"error": "unreadable_file", "detail": type(error).__name__}]


def lines(path: str, first: int = 0) -> Iterator[Any]:
    """Yield what is sent about one file.

    Parameters
    ----------
    path : str
        A regular file.
    first : int
        Member of an archive to begin with: those before it were read by a process that did not come back.

    Yields
    ------
    list or dict
        A plain file: the list of `describe_stream`. A zip archive: ``{"members": names}``, then a list for each of them
        from `first`. A tar archive, of which the names are not known before: ``{"tar": true}``; then for each member
        ``{"member": name}`` and, from `first`, its list; then ``{"end": true}``, before which a list without a
        member's name says what is wrong with the archive.
    """
    try:
        with open(path, "rb") as stream:
            kind = archive_kind(stream)
            if not kind:
                yield describe_stream(stream)
                return
            if kind != "zip":
                yield from _tar_lines(stream, kind, first)
                return
            try:
                with zipfile.ZipFile(stream) as archive:
                    yield from _archive_lines(archive, first)
            except (zipfile.BadZipFile, NotImplementedError, ValueError, EOFError) as error:
                yield [{"error": "archive_refused", "detail": f"damaged: {type(error).__name__}"}]
    except ArchiveError as error:
        yield [{"error": error.code, "detail": str(error)}]
    except OSError as error:
        yield [{"error": "unreadable_file", "detail": f"{NOT_OPENED}{type(error).__name__}"}]
    except Exception as error:  # any parser error means one thing here: the file cannot be read
        yield [{"error": "unreadable_file", "detail": type(error).__name__}]


def _archive_lines(archive: zipfile.ZipFile, first: int) -> Iterator[Any]:
    members = list_members(archive)
    yield {"members": [member.name for member in members]}
    for member in members[first:]:
        if member.code:
            yield [{"error": member.code, "detail": member.detail}]
            continue
        try:
            with open_member(archive, member) as stream:
                yield _describe_member(stream)
        except Exception as error:  # zlib, bz2, lzma and zipfile raise many kinds; each means a damaged member
            yield [{"error": "archive_refused", "detail": f"damaged: {type(error).__name__}"}]


def _tar_lines(stream: BinaryIO, kind: str, first: int) -> Iterator[Any]:
    yield {"tar": True}
    try:
        for number, member in enumerate(walk(stream, kind)):
            yield {"member": member.name}
            if number >= first:
                yield _describe_tar_member(member)
    except ArchiveError as error:
        yield [{"error": error.code, "detail": str(error)}]
    except Exception as error:  # gzip, zlib and tarfile raise many kinds; each means a damaged archive
        yield [{"error": "archive_refused", "detail": f"damaged: {type(error).__name__}"}]
    yield {"end": True}


def _describe_tar_member(member: TarMember) -> list[Answer]:
    if member.code:
        return [{"error": member.code, "detail": member.detail}]
    try:
        if member.seekable:
            return _describe_member(member.stream)
        return _describe_member(io.BytesIO(member.stream.read(HEADER_MB << 20)))
    except ArchiveError as error:
        return [{"error": error.code, "detail": str(error)}]
    except Exception as error:  # the rest of the archive says by itself whether it can be read
        return [{"error": "archive_refused", "detail": f"damaged: {type(error).__name__}"}]


def _describe_member(stream: BinaryIO) -> list[Answer]:
    if archive_kind(stream):
        return [{"error": "archive_refused", "detail": "an archive in an archive"}]
    return describe_stream(stream)


def limit_memory(megabytes: int) -> None:
    """Limit the address space of this process (Unix) and forbid core files."""
    try:
        import resource
    except ImportError:  # not on Windows; the time limit still holds
        return
    resource.setrlimit(resource.RLIMIT_AS, (megabytes << 20, megabytes << 20))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main() -> None:
    """Answer the paths on standard input until it ends."""
    limit_memory(int(sys.argv[1]))
    warnings.simplefilter("ignore")
    out = io.TextIOWrapper(sys.stdout.buffer, encoding="utf-8", write_through=False)
    out.write('"ready"\n')
    out.flush()
    encode = json.JSONEncoder().encode
    for line in sys.stdin.buffer:
        for answer in lines(*json.loads(line)):
            out.write(encode(answer) + "\n")
            out.flush()


if __name__ == "__main__":
    main()
