"""Index a folder of raw DICOM: one row per image file, from headers only, whatever files and folders are called.

The index is private: it holds source paths, patient ids as the center writes them, and dates. It never leaves
``work/``. What is set aside here is told in the status table under ``file-<hash>``.

The archive is worked through in chunks, so memory does not grow with it, and headers that were read once are kept
(`ichor.dicom.header_cache`). The index is the same bytes whether a header was read or kept.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from ichor.dicom import header_reader
from ichor.dicom.archive import Found, chunks, count_files, file_subject, find_files
from ichor.dicom.archives import may_be_archive
from ichor.dicom.dicomdir import what_is_missing
from ichor.dicom.header_cache import HeaderCache, identity
from ichor.dicom.header_pool import HeaderPool
from ichor.dicom.limits import Limits
from ichor.dicom.vocabulary import known_kernel, known_manufacturer
from ichor.dicom.zip_archives import BETWEEN, join_source
from ichor.private_tables import write_private_parts
from ichor.progress import track
from ichor.pseudonyms import pseudonym
from ichor.reasons import Reason
from ichor.reruns import code_digest
from ichor.tables import frame, status_row

CHUNK = 10_000  # files per row group of the index and per part of the cache: what an interrupted run loses at most

TEXT_COLUMNS = [
    "source", "kind", "patient_id", "patient", "study", "series", "sop", "sop_class", "modality", "image_type",
    "manufacturer", "kernel", "when", "transfer_syntax", "time_point",
]  # fmt: skip
NUMBER_COLUMNS = [
    "acquisition", "instance", "thickness_mm", "tilt_tag_deg", "rows", "columns", "frames", "samples", "spacing_row_mm",
    "spacing_column_mm", "x_mm", "y_mm", "z_mm", "row_x", "row_y", "row_z", "column_x", "column_y", "column_z",
    "frame", "slope", "intercept",
]  # fmt: skip
FLAG_COLUMNS = ["contrast", "description_is_bone", "other_body_part", "lossy", "burned_in"]
FILE_COLUMNS = ["bytes", "modified_ns"]  # which state of the file the row is about
COLUMNS = [*TEXT_COLUMNS, *NUMBER_COLUMNS, *FLAG_COLUMNS, *FILE_COLUMNS]
SCHEMA = pa.schema(
    [(name, pa.string()) for name in TEXT_COLUMNS]
    + [(name, pa.float64()) for name in NUMBER_COLUMNS]
    + [(name, pa.bool_()) for name in FLAG_COLUMNS]
    + [(name, pa.int64()) for name in FILE_COLUMNS]
)
ANSWER_TEXTS = [
    "error", "detail", "patient_id", "study_uid", "series_uid", "sop_uid", "sop_class", "modality", "image_type",
    "manufacturer", "kernel", "when", "transfer_syntax", "member", "refers_to",
]  # fmt: skip
ANSWER_SCHEMA = pa.schema(
    [(name, pa.string()) for name in ANSWER_TEXTS]
    + [(name, pa.float64()) for name in NUMBER_COLUMNS]
    + [(name, pa.bool_()) for name in FLAG_COLUMNS]
)
VECTORS = {
    "position": ["x_mm", "y_mm", "z_mm"],
    "orientation": ["row_x", "row_y", "row_z", "column_x", "column_y", "column_z"],
    "spacing": ["spacing_row_mm", "spacing_column_mm"],
}


def empty_index() -> pd.DataFrame:
    """Return an index without rows, with the types that it has with rows."""
    return index_frame([])


def index_frame(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Make an index from rows; what a row does not name is missing."""
    return _typed(pd.DataFrame(rows, columns=COLUMNS), SCHEMA)


def _typed(data: pd.DataFrame, schema: pa.Schema) -> pd.DataFrame:
    """Return the columns of `schema` in its types; missing texts are "", missing flags False, missing sizes 0."""
    out = {}
    for field in schema:
        values = data[field.name].astype(object)
        if field.type == pa.string():
            out[field.name] = values.where(values.notna(), "").astype(str)
        elif field.type == pa.float64():
            out[field.name] = pd.to_numeric(values).astype("float64")
        else:
            out[field.name] = values.where(values.notna(), 0).astype("bool" if field.type == pa.bool_() else "int64")
    return pd.DataFrame(out, columns=schema.names)


def index_center(
    center: str,
    folder: str | Path,
    out: str | Path,
    *,
    key: bytes,
    workers: int = 1,
    limits: Limits | None = None,
    cache: str | Path | None = None,
    chunk: int = CHUNK,
) -> pd.DataFrame:
    """Index every file below the center's DICOM folder.

    Parameters
    ----------
    center : str
        Name of the center.
    folder : path
        Any depth, any file names; zip and tar archives are looked into. A folder that does not exist counts as empty.
    out : path
        Where the private index is written: one row per DICOM image (file, member of an archive, frame) with path,
        size, time of change, ids, geometry (mm, DICOM's LPS axes), kernel, time, see `COLUMNS`. Paths begin with
        `folder` as it is given; ``archive//member`` is a file in an archive, and ``frame`` is 1, 2, ... where one file
        holds several images.
    key : bytes
        The study's key for pseudonyms.
    workers : int
        Processes that read headers at the same time.
    limits : Limits, optional
        What one file may cost.
    cache : path, optional
        Folder of this center alone where headers are kept. A file of which path, size and time of change are known
        there is not opened. What the operating system said of a file (no permission, lost connection) is not kept.
    chunk : int
        Files that are in memory at a time.

    Returns
    -------
    DataFrame
        Table ``status``: files that are not readable DICOM, or ``empty_folder`` for the center.
    """
    folder, limits = Path(folder), limits or Limits()
    status = [frame("status", [])]
    with ExitStack() as stack:
        pool = stack.enter_context(HeaderPool(limits, workers))
        kept = HeaderCache(Path(cache), ANSWER_SCHEMA, _reading(limits)) if cache else None
        total = (kept.entries if kept else 0) or count_files(folder)
        found = chunks(find_files(folder), chunk)
        walk = track(found, f"index {center}, {chunk} files each", -(-total // chunk))

        def parts() -> Iterator[pd.DataFrame]:
            for files in walk:
                answers = _answers(files, folder, limits, pool, kept)
                failed = answers["error"] != ""
                status.append(_set_aside(_with_dicomdirs(answers[failed], answers, folder), center, key))
                yield _rows(answers[~failed], center, folder, key)

        write_private_parts(parts(), SCHEMA, out)
        if kept:
            kept.finish()
    if len(status) == 1:
        status.append(frame("status", [status_row(center, "", "index", "set_aside", Reason.EMPTY_FOLDER)]))
    return pd.concat([part for part in status if len(part)] or status, ignore_index=True)


def _reading(limits: Limits) -> str:
    """Digest of all that decides what is read from a file: code, parser and limits."""
    parts = [code_digest(header_reader.__file__, ("ichor.dicom.header_pool",)), version("pydicom")]
    parts += [limits.header_memory_mb, limits.header_seconds]
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:12]


def _answers(
    found: Sequence[Found], folder: Path, limits: Limits, pool: HeaderPool, kept: HeaderCache | None
) -> pd.DataFrame:
    """Say of each file what its header says, or what is wrong: columns of `identity` and of `ANSWER_SCHEMA`."""
    files = identity(found)
    refused = {
        row: {"error": "unreadable_file", "detail": why}
        for row, why in enumerate(_refusals(found, folder, limits))
        if why
    }
    known = kept.get(files.drop(index=list(refused))) if kept else _answer_frame([], [])
    todo = files.index.difference(known.index).difference(list(refused))
    read = pool.read((_prefix(folder) + files.loc[todo, "path"]).tolist())
    rows = [*refused, *(row for row, answers in zip(todo, read, strict=True) for _ in answers)]
    fresh = _answer_frame([*refused.values(), *(answer for answers in read for answer in answers)], rows)
    answers = files.join(pd.concat([part for part in (known, fresh) if len(part)]).sort_index(kind="stable"))
    if kept:
        lasting = ~answers["detail"].str.startswith(header_reader.NOT_OPENED) & ~answers.index.isin(list(refused))
        kept.put(answers[lasting])
    return answers.reset_index(drop=True)


def _refusals(found: Sequence[Found], folder: Path, limits: Limits) -> Iterator[str]:
    for file in found:
        megabytes = file.bytes / 2**20
        large = megabytes > limits.file_mb and not file.wrong and not _is_archive(folder / file.path)
        yield file.wrong or (f"{megabytes:.0f} MB, limit {limits.file_mb} MB" if large else "")


def _is_archive(path: Path) -> bool:
    """Tell whether a large file is an archive, of which only headers are read."""
    try:
        with path.open("rb") as stream:
            return may_be_archive(stream)
    except OSError:
        return False


def _answer_frame(answers: list[dict[str, Any]], rows: list[int]) -> pd.DataFrame:
    """Typed columns of answers of `ichor.dicom.header_reader`; `rows` are the numbers of their files."""
    columns = {name: [answer.get(name) for answer in answers] for name in ANSWER_SCHEMA.names}
    for name, parts in VECTORS.items():
        values = [answer.get(name) or [None] * len(parts) for answer in answers]
        columns |= dict(zip(parts, map(list, zip(*values, strict=True)), strict=True)) if values else {}
    return _typed(pd.DataFrame(columns, index=rows), ANSWER_SCHEMA)


def _with_dicomdirs(failed: pd.DataFrame, answers: pd.DataFrame, folder: Path) -> pd.DataFrame:
    """Say of each DICOMDIR whether the files that it names are there; it may change while the DICOMDIR does not."""
    found = failed[failed["error"] == Reason.DICOMDIR]
    if found.empty:
        return failed
    failed = failed.copy()
    for row in found.itertuples():
        if row.member:
            members = set(answers["member"][answers["path"] == row.path])
            exists = members.__contains__
        else:
            exists = lambda path: (folder / path).is_file()  # noqa: E731
        place = (row.member or row.path).rpartition("/")
        whole, detail = what_is_missing(json.loads(row.refers_to), place[0] + place[1], exists)
        failed.loc[row.Index, ["error", "detail"]] = [
            str(Reason.DICOMDIR if whole else Reason.DICOMDIR_INCOMPLETE), detail,
        ]  # fmt: skip
    return failed


def _set_aside(answers: pd.DataFrame, center: str, key: bytes) -> pd.DataFrame:
    rows = [
        status_row(
            center,
            file_subject(key, center, join_source(row.path, row.member) if row.member else row.path),
            "index",
            "set_aside",
            Reason(row.error),
            row.detail,
        )
        for row in answers.itertuples()
    ]
    return frame("status", rows)


def _rows(answers: pd.DataFrame, center: str, folder: Path, key: bytes) -> pd.DataFrame:
    """Rows of the index: sources, pseudonyms and public names instead of what the headers say."""
    # files without a patient id are one patient per study: never two people under one empty name
    people = answers["patient_id"].where(answers["patient_id"] != "", "study " + answers["study_uid"])
    places = _places(answers)
    images = answers["sop_uid"].where(answers["sop_uid"] != "", center + "\x1f" + places)
    frames = answers["frame"].map(lambda frame: "" if np.isnan(frame) else f"\x1fframe {frame:.0f}")
    images = images + frames
    named = dict(
        source=_prefix(folder) + places,
        kind="dicom",
        time_point="",
        patient=_each(people, lambda name: pseudonym(key, center, name)),
        study=_each(answers["study_uid"], lambda uid: pseudonym(key, "study", uid)),
        series=_each(answers["series_uid"], lambda uid: pseudonym(key, "series", uid)),
        sop=_each(images, lambda uid: pseudonym(key, "image", uid)),
        kernel=_each(answers["kernel"], known_kernel),
        manufacturer=_each(answers["manufacturer"], known_manufacturer),
    )
    return answers.assign(**named)[COLUMNS]


def _prefix(folder: Path) -> str:
    """What stands before the relative path in the path of a file."""
    return str(folder / "x")[:-1]


def _places(answers: pd.DataFrame) -> pd.Series:
    """Where each image is, relative to the center's folder: a path, or a member of an archive."""
    inside = answers["path"] + BETWEEN + answers["member"]
    return answers["path"].where(answers["member"] == "", inside)


def _each(texts: pd.Series, name: Callable[[str], str]) -> pd.Series:
    """Apply a function to texts of which many are the same."""
    names = {text: name(text) for text in set(texts)}  # not Series.map: it loses texts that hold a zero byte
    return pd.Series([names[text] for text in texts], texts.index, dtype=object)
