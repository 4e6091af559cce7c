"""Reading a center's clinical table as it comes: CSV, TSV or XLSX, in whatever encoding, every cell as text.

A table is opened in a child process under limits, see `ichor.confined`. No message holds text of a cell or header.
"""

import csv
import io
import re
from collections.abc import Collection
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ichor.confined import Confinement, UnreadableError, read
from ichor.errors import StudyError

FALLBACK_ENCODINGS = ("gb18030", "latin-1")
DELIMITERS = (",", ";", "\t", "|")
SUFFIXES = (".csv", ".tsv", ".txt", ".xlsx", ".xlsm")
LIMITS = Confinement(memory_mb=4096, seconds=300.0, file_mb=256, answer_mb=256)
"""A table of 100,000 patients with 200 columns has about 100 MB."""


def read_records(
    table: Path, expected: Collection[str], words: Collection[str] = (), limits: Confinement | None = None
) -> pd.DataFrame:
    """Read a clinical table; cells are stripped text, an empty cell is ``""``.

    What is not written in a CSV file, its encoding and delimiter, is told by what the columns sheet expects in it:
    the reading that finds more of the expected headers and codes is taken.

    Parameters
    ----------
    table : Path
        ``.csv``, ``.tsv``, ``.txt`` or ``.xlsx``. UTF-8 and UTF-16 are recognised; else GB18030 or Latin-1.
    expected : collection of str
        Headers that the columns sheet names.
    words : collection of str
        Codes that the columns sheet names.
    limits : Confinement, optional
        What reading it may cost.

    Returns
    -------
    DataFrame
        Columns as in the table's first row; the index is the row number in the file (the header is row 1). Rows
        without any content are left out.

    Raises
    ------
    StudyError
        If the file does not exist, has another format, cannot be read within its limits, or a row has more cells than
        the header.
    """
    table = Path(table)
    if not table.is_file():
        raise StudyError(f"{table}: no such file; it is named as a center's table in the centers sheet.")
    if table.suffix.lower() not in SUFFIXES:
        raise StudyError(f"{table}: expected a table in CSV, TSV or XLSX format, found the suffix {table.suffix!r}.")
    try:
        values, _ = read(rows_of_file, table, limits or LIMITS, expected=list(expected), words=list(words))
    except UnreadableError as error:
        raise StudyError(f"{table}: cannot be read as a table ({error}). Save it again as CSV in UTF-8.") from None
    return _frame(table, values["rows"])


def rows_of_file(
    path: str, expected: Collection[str], words: Collection[str]
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Read all rows that hold anything; called in a child process.

    Parameters
    ----------
    path : str
        The table.
    expected, words : collection of str
        As in `read_records`.

    Returns
    -------
    values : dict
        ``rows``: for each, its number in the file and its cells, stripped.
    arrays : dict
        Empty.
    """
    table = Path(path)
    if table.suffix.lower() in (".xlsx", ".xlsm"):
        rows = _excel_rows(table, expected)
    else:
        text = _decode(table.read_bytes(), [*expected, *words])
        rows = _text_rows(text, table.suffix.lower() == ".tsv", expected)
    return {"rows": [(number, row) for number, row in enumerate(rows, start=1) if any(row)]}, {}


def _decode(content: bytes, words: Collection[str]) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        readings = []
    for encoding in FALLBACK_ENCODINGS:
        try:
            readings.append(content.decode(encoding))
        except UnicodeDecodeError:
            continue
    foreign = [word for word in words if not word.isascii()]
    # Latin-1 decodes any bytes, and GB18030 most: only the expected words tell them apart
    return max(readings, key=lambda text: sum(word in text for word in foreign))


def _text_rows(text: str, is_tsv: bool, expected: Collection[str]) -> list[list[str]]:
    head = next((line for line in text.splitlines() if line.strip()), "")
    delimiters = ("\t",) if is_tsv else DELIMITERS

    def fit(delimiter: str) -> tuple[int, int]:
        header = [cell.strip() for cell in next(csv.reader([head], delimiter=delimiter), [])]
        return sum(name in header for name in expected), len(header)

    delimiter = max(delimiters, key=fit)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    return [[cell.strip() for cell in row] for row in rows]


def _excel_rows(table: Path, expected: Collection[str]) -> list[list[str]]:
    import openpyxl  # only some centers bring a workbook

    book = openpyxl.load_workbook(table, read_only=True, data_only=True)  # formulas: the values that were stored
    try:
        sheets = [[[_cell(v) for v in row] for row in sheet.iter_rows(values_only=True)] for sheet in book.worksheets]
    finally:
        book.close()
    return max(sheets, key=lambda rows: sum(name in (rows[0] if rows else []) for name in expected), default=[])


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    return value.isoformat(sep=" ") if isinstance(value, datetime) else str(value).strip()


def _frame(table: Path, numbered: list[tuple[int, list[str]]]) -> pd.DataFrame:
    if not numbered:
        return pd.DataFrame(dtype=object)
    (first, header), *body = numbered
    while header and not header[-1]:
        header.pop()
    cells = []
    for number, row in body:
        if any(row[len(header) :]):
            raise StudyError(
                f"{table}, row {number}: found {len(row)} cells, the header (row {first}) has {len(header)}. "
                "A value that holds the delimiter must stand in quotation marks."
            )
        cells.append((row + [""] * len(header))[: len(header)])
    return pd.DataFrame(cells, columns=header, index=[number for number, _ in body], dtype=object)


def plain(text: str) -> str:
    """Text as codes are compared: stripped, without case, and ``1.0`` (a spreadsheet's 1) as ``1``."""
    text = text.strip().casefold()
    return re.sub(r"^([+-]?\d+)\.0+$", r"\1", text)
