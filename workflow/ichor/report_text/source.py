"""Reports as a center keeps them: rows of a table, or a folder with a text file for each patient."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from ichor.cohort.records import read_records
from ichor.confined import Confinement
from ichor.errors import StudyError
from ichor.report_text.columns import ReportColumns
from ichor.report_text.encoding import decode

LARGEST_FILE_MB = 4.0  # a report of 50 pages has 0.2 MB


@dataclass(frozen=True)
class SourceReport:
    """A report before anything was done to it; never written anywhere.

    Attributes
    ----------
    where : str
        File and row, for messages: holds no text of a cell; of a folder's files their number alone.
    raw_id : str
        The patient as the center writes it.
    texts : dict
        Section, or ``text`` for a whole report -> text.
    time_h : float
        Hours from onset; NaN when unknown.
    language : str
        What the table says of it.
    known : tuple of str
        Words that are taken out of the text.
    readable : bool
        False when the file is no text.
    """

    where: str
    raw_id: str
    texts: dict[str, str]
    time_h: float = math.nan
    language: str = ""
    known: tuple[str, ...] = field(default=())
    readable: bool = True


def source_reports(source: Path, columns: ReportColumns | None, limits: Confinement | None) -> Iterator[SourceReport]:
    """Reports of one center, in the order of the table or of the files' names.

    Parameters
    ----------
    source : Path
        A table (CSV, TSV, XLSX), or a folder of ``<patient>.txt``.
    columns : ReportColumns or None
        Columns of the table; a folder needs none.
    limits : Confinement or None
        What reading the table may cost.

    Raises
    ------
    StudyError
        If there is no such file or folder, or the table lacks a column that the sheet names.
    """
    if source.is_dir():
        yield from _of_folder(source)
        return
    if columns is None:
        raise StudyError(
            f"{source}: a table of reports needs rows in the report columns sheet (config key reports.columns): field "
            "patient, and text or its sections."
        )
    records = read_records(source, columns.headers(), (), limits)
    if missing := [header for header in columns.headers() if header not in records.columns]:
        raise StudyError(f"{source.name} has no column {missing[0]!r}, which the report columns sheet names.")
    for row, cells in zip(records.index, records.to_dict("records"), strict=True):
        yield SourceReport(
            where=f"{source.name}, row {row}",
            raw_id=_id(cells[columns.patient], columns.digits),
            texts={name: cells[header] for name, header in columns.texts.items()},
            time_h=_hours(cells, columns),
            language=cells[columns.language] if columns.language else "",
            known=tuple(cells[header] for header in (columns.patient, *columns.remove)),
        )


def _id(text: str, digits: int) -> str:
    return text.zfill(digits) if text.isdecimal() else text


def _of_folder(folder: Path) -> Iterator[SourceReport]:
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() == ".txt" and path.is_file())
    for number, path in enumerate(files, start=1):
        small = path.stat().st_size <= LARGEST_FILE_MB * 1e6
        text = decode(path.read_bytes()) if small else None
        where = f"file {number} of {len(files)}, by name"
        yield SourceReport(where, path.stem, {"text": text or ""}, known=(path.stem,), readable=text is not None)


def _hours(cells: dict, columns: ReportColumns) -> float:
    """Hours from onset to the report; NaN for what is no number, or no pair of dates with times."""
    if columns.time_h:
        return float(pd.to_numeric(cells[columns.time_h].replace(",", "."), errors="coerce"))
    if not columns.datetime:
        return math.nan
    report, onset = (
        pd.to_datetime(cells[header], format=written, errors="coerce")
        for header, written in (
            (columns.datetime, columns.datetime_format),
            (columns.onset_datetime, columns.onset_datetime_format),
        )
    )
    return (report - onset).total_seconds() / 3600.0 if pd.notna(report) and pd.notna(onset) else math.nan
