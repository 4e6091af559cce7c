"""Index a folder of raw DICOM: one row per image file, from headers only, whatever files and folders are called.

The index is private: it holds source paths, patient ids as the center writes them, and dates. It never leaves
``work/``. What is set aside here is told in the status table under ``file-<hash>``.
"""

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from ichor.dicom.header_pool import read_headers
from ichor.dicom.limits import Limits
from ichor.dicom.vocabulary import known_kernel, known_manufacturer
from ichor.progress import track
from ichor.pseudonyms import pseudonym
from ichor.reasons import Reason
from ichor.tables import frame, status_row

CHUNK = 2000  # files per progress step

TEXT_COLUMNS = [
    "source", "kind", "patient_id", "patient", "study", "series", "sop", "sop_class", "modality", "image_type",
    "manufacturer", "kernel", "when", "transfer_syntax", "time_point",
]  # fmt: skip
NUMBER_COLUMNS = [
    "acquisition", "instance", "thickness_mm", "tilt_tag_deg", "rows", "columns", "frames", "samples", "spacing_row_mm",
    "spacing_column_mm", "x_mm", "y_mm", "z_mm", "row_x", "row_y", "row_z", "column_x", "column_y", "column_z",
]  # fmt: skip
FLAG_COLUMNS = ["contrast", "description_is_bone", "other_body_part", "lossy"]
COLUMNS = [*TEXT_COLUMNS, *NUMBER_COLUMNS, *FLAG_COLUMNS]


def empty_index() -> pd.DataFrame:
    """Return an index without rows, with the types that it has with rows."""
    return index_frame([])


def index_frame(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Make an index from rows; what a row does not name is missing."""
    data = pd.DataFrame(rows, columns=COLUMNS)
    for name in TEXT_COLUMNS:
        data[name] = data[name].astype(object).where(data[name].notna(), "").astype(str)
    for name in NUMBER_COLUMNS:
        data[name] = pd.to_numeric(data[name]).astype("float64")
    for name in FLAG_COLUMNS:
        data[name] = data[name].astype(object).where(data[name].notna(), False).astype(bool)
    return data


def find_files(folder: Path) -> Iterator[tuple[Path, str]]:
    """Yield every file below `folder`, sorted, with "" or the word for what is wrong with it.

    Folders behind links are not entered (they may form loops); pipes and devices are not opened (they may block).
    """
    for parent, folders, names in os.walk(folder, followlinks=False):
        folders.sort()
        for name in sorted(names):
            path = Path(parent, name)
            try:
                mode = path.stat().st_mode
            except OSError:
                yield path, "broken link or no permission"
                continue
            yield path, "" if stat.S_ISREG(mode) else "not a regular file"


def file_subject(key: bytes, center: str, folder: Path, path: Path) -> str:
    """Name of a file in public tables: ``file-<hash>`` of its path below the center's folder."""
    return f"file-{pseudonym(key, center, str(path.relative_to(folder)))}"


def index_center(
    center: str, folder: str | Path, *, key: bytes, workers: int = 1, limits: Limits | None = None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Index every file below the center's DICOM folder.

    Parameters
    ----------
    center : str
        Name of the center.
    folder : path
        Any depth, any file names. A folder that does not exist counts as empty.
    key : bytes
        The study's key for pseudonyms.
    workers : int
        Processes that read headers at the same time.
    limits : Limits, optional
        What one file may cost.

    Returns
    -------
    index : DataFrame
        Private. One row per DICOM file: path, ids, geometry (mm, DICOM's LPS axes), kernel, time, see `COLUMNS`.
    status : DataFrame
        Table ``status``: files that are not readable DICOM, or ``empty_folder`` for the center.
    """
    folder, limits = Path(folder), limits or Limits()
    found = list(find_files(folder))
    if not found:
        return empty_index(), frame("status", [status_row(center, "", "index", "set_aside", Reason.EMPTY_FOLDER)])
    rows, status = [], []
    chunks = [found[start : start + CHUNK] for start in range(0, len(found), CHUNK)]
    for chunk in track(chunks, f"index {center}", len(chunks)):
        wrong = {path: _refusal(path, word, limits) for path, word in chunk}
        good = [path for path, _ in chunk if not wrong[path]]
        answers = dict(zip(good, read_headers([str(path) for path in good], limits, workers), strict=True))
        for path, _ in chunk:
            answer = answers.get(path) or {"error": "unreadable_file", "detail": wrong[path]}
            if "error" in answer:
                subject = file_subject(key, center, folder, path)
                reason = Reason(answer["error"])
                status.append(status_row(center, subject, "index", "set_aside", reason, answer["detail"]))
            else:
                rows.append(_row(answer, center, path, key))
    return index_frame(rows), frame("status", status)


def _refusal(path: Path, word: str, limits: Limits) -> str:
    if word:
        return word
    megabytes = path.stat().st_size / 2**20
    return f"{megabytes:.0f} MB, limit {limits.file_mb} MB" if megabytes > limits.file_mb else ""


def _row(answer: dict[str, Any], center: str, path: Path, key: bytes) -> dict[str, Any]:
    row = {name: answer[name] for name in (*TEXT_COLUMNS, *NUMBER_COLUMNS, *FLAG_COLUMNS) if name in answer}
    row |= dict(
        source=str(path.absolute()),
        kind="dicom",
        # files without a patient id are one patient per study: never two people under one empty name
        patient=pseudonym(key, center, answer["patient_id"] or f"study {answer['study_uid']}"),
        study=pseudonym(key, "study", answer["study_uid"]),
        series=pseudonym(key, "series", answer["series_uid"]),
        sop=pseudonym(key, "image", answer["sop_uid"] or str(path)),
        kernel=known_kernel(answer["kernel"]),
        manufacturer=known_manufacturer(answer["manufacturer"]),
    )
    for names, values in (
        (("x_mm", "y_mm", "z_mm"), answer["position"]),
        (("row_x", "row_y", "row_z", "column_x", "column_y", "column_z"), answer["orientation"]),
        (("spacing_row_mm", "spacing_column_mm"), answer["spacing"]),
    ):
        row |= dict(zip(names, values or [None] * len(names), strict=True))
    return row
