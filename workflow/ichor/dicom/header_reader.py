"""Read DICOM headers, in a process of its own: ``python -m ichor.dicom.header_reader MEMORY_MB``.

Speaks lines of JSON: a path comes in, what the header says goes out, in the same order. Whatever a hostile file
makes the parser do happens here, under a memory limit; the parent kills the process when a file takes too long.
Answers carry the name of an exception but never its text, which may hold values of tags.
"""

import json
import math
import re
import sys
import warnings
from typing import Any

from pydicom import dcmread
from pydicom.errors import InvalidDicomError
from pydicom.uid import (
    CTImageStorage,
    EnhancedCTImageStorage,
    LegacyConvertedEnhancedCTImageStorage,
    SecondaryCaptureImageStorage,
)

SOP_CLASSES = {
    CTImageStorage: "ct",
    EnhancedCTImageStorage: "enhanced_ct",
    LegacyConvertedEnhancedCTImageStorage: "enhanced_ct",
    SecondaryCaptureImageStorage: "secondary_capture",
}
TAGS = [
    "SpecificCharacterSet", "PatientID", "StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID",
    "Modality", "ImageType", "Manufacturer", "SeriesDescription", "ProtocolName", "ConvolutionKernel",
    "ContrastBolusAgent",
    "SliceThickness", "GantryDetectorTilt", "AcquisitionDateTime", "AcquisitionDate", "AcquisitionTime", "SeriesDate",
    "SeriesTime", "ContentDate", "ContentTime", "StudyDate", "StudyTime", "AcquisitionNumber", "InstanceNumber",
    "SeriesNumber", "ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "Rows", "Columns",
    "NumberOfFrames", "SamplesPerPixel", "BitsStored", "PixelRepresentation", "RescaleSlope", "RescaleIntercept",
    "LossyImageCompression", "BodyPartExamined",
]  # fmt: skip
LONGEST_TEXT = 256  # no value representation that is read here may be longer
NOT_OPENED = "not read, "  # begins what is no fault of the file's content and may be gone at the next try
LOSSY_SYNTAXES = {
    "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51", "1.2.840.10008.1.2.4.81", "1.2.840.10008.1.2.4.91",
    "1.2.840.10008.1.2.4.203",
}  # fmt: skip
CONTRAST_WORDS = re.compile(
    r"\b(cta|angio\w*|contrast|post[ -]?c|with c|kontrast|perfusion|venous|arterial|iv)\b|\bc\+|\+c\b", re.I
)
NO_CONTRAST_WORDS = re.compile(r"\b(non?[ -]?c(ontrast)?|without|w/?o|plain|nativ\w*|ncct|unenhanced)\b", re.I)
NO_AGENT = {"", "NONE", "NO", "N", "NO CONTRAST", "WITHOUT", "NULL", "0", "UNKNOWN"}


def _text(header: Any, name: str) -> str:
    value = header.get(name)
    if value is None:
        return ""
    if not isinstance(value, str) and hasattr(value, "__iter__"):
        value = "\\".join(str(part) for part in value)
    text = str(value).strip(" \x00")[:LONGEST_TEXT]
    return text.encode("utf-8", "replace").decode()  # half a surrogate pair is no text that a table can hold


def _numbers(header: Any, name: str, count: int) -> list[float] | None:
    value = header.get(name)
    if value is None or isinstance(value, str):
        return None
    try:
        parts = [float(part) for part in (value if count > 1 else [value])]
    except (TypeError, ValueError):
        return None
    return parts if len(parts) == count and all(math.isfinite(part) for part in parts) else None


def _number(header: Any, name: str) -> float | None:
    parts = _numbers(header, name, 1)
    return parts[0] if parts else None


def _when(header: Any) -> str:
    """Return the acquisition date-time as YYYYMMDDHHMMSS text, from the best tags present, or empty."""
    both = re.sub(r"[^0-9].*$", "", _text(header, "AcquisitionDateTime"))
    if len(both) >= 12:
        return both[:14].ljust(14, "0")
    dates = [_text(header, f"{name}Date") for name in ("Acquisition", "Series", "Content", "Study")]
    times = [_text(header, f"{name}Time") for name in ("Acquisition", "Series", "Content", "Study")]
    date = next((re.sub(r"\D", "", text)[:8] for text in dates if len(re.sub(r"\D", "", text)) >= 8), "")
    time = next((re.sub(r"\D", "", text)[:6] for text in times if len(text) >= 4), "")
    return date + time.ljust(6, "0") if date and time else ""


def _has_contrast(header: Any) -> bool:
    if _text(header, "ContrastBolusAgent").upper() not in NO_AGENT:
        return True
    words = f"{_text(header, 'SeriesDescription')} {_text(header, 'ProtocolName')}".replace("_", " ")
    return bool(CONTRAST_WORDS.search(words)) and not NO_CONTRAST_WORDS.search(words)


def _is_other_body_part(text: str) -> bool:
    """Tell whether a body part is named and it is none that a head CT may carry."""
    return bool(text) and not re.search(r"head|brain|skull|cran|cereb|neuro|face|neck|kopf|unknown", text, re.I)


def describe(path: str) -> dict[str, Any]:
    """Read one header.

    Parameters
    ----------
    path : str
        A regular file.

    Returns
    -------
    dict
        Values that the index needs, JSON-ready; or ``{"error": code, "detail": exception name}`` with code
        ``not_dicom`` or ``unreadable_file``.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            header = dcmread(path, stop_before_pixels=True, specific_tags=TAGS)
            return _describe(header)
    except InvalidDicomError:
        return {"error": "not_dicom", "detail": "no DICOM preamble"}
    except OSError as error:
        return {"error": "unreadable_file", "detail": f"{NOT_OPENED}{type(error).__name__}"}
    except Exception as error:  # any parser error means one thing here: the file cannot be read
        return {"error": "unreadable_file", "detail": type(error).__name__}


def _describe(header: Any) -> dict[str, Any]:
    syntax = str(header.file_meta.get("TransferSyntaxUID", ""))
    lossy = syntax in LOSSY_SYNTAXES or _text(header, "LossyImageCompression") == "01"
    position = _numbers(header, "ImagePositionPatient", 3)
    return {
        "patient_id": _text(header, "PatientID"),
        "study_uid": _text(header, "StudyInstanceUID"),
        "series_uid": _text(header, "SeriesInstanceUID"),
        "sop_uid": _text(header, "SOPInstanceUID"),
        "sop_class": SOP_CLASSES.get(_text(header, "SOPClassUID"), "other" if _text(header, "SOPClassUID") else "none"),
        "modality": _text(header, "Modality"),
        "image_type": _text(header, "ImageType").upper(),
        "manufacturer": _text(header, "Manufacturer"),
        "kernel": _text(header, "ConvolutionKernel"),
        "contrast": _has_contrast(header),
        "description_is_bone": bool(re.search(r"bone|knochen|os\b|hueso", _text(header, "SeriesDescription"), re.I)),
        "other_body_part": _is_other_body_part(_text(header, "BodyPartExamined")),
        "when": _when(header),
        "acquisition": _number(header, "AcquisitionNumber"),
        "instance": _number(header, "InstanceNumber"),
        "thickness_mm": _number(header, "SliceThickness"),
        "tilt_tag_deg": _number(header, "GantryDetectorTilt"),
        "position": position,
        "orientation": _numbers(header, "ImageOrientationPatient", 6),
        "spacing": _numbers(header, "PixelSpacing", 2),
        "rows": _number(header, "Rows"),
        "columns": _number(header, "Columns"),
        "frames": _number(header, "NumberOfFrames") or 1,
        "samples": _number(header, "SamplesPerPixel") or 1,
        "transfer_syntax": syntax,
        "lossy": lossy,
    }


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
    sys.stdout.write('"ready"\n')
    sys.stdout.flush()
    for line in sys.stdin:
        sys.stdout.write(json.dumps(describe(json.loads(line))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
