"""A table without scans, brought by a user: read by its description, with every value checked."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from ichor.errors import StudyError

PATIENT, LABEL = "patient", "label"
MISSING = ("", "NA", "NaN", "nan", "N/A", "null")
"""Text that stands for an unknown value in every column."""


def read_own_table(path: Path, settings: Mapping[str, object]) -> pd.DataFrame:
    """Read the table that the config key ``table_study`` describes.

    Parameters
    ----------
    path : pathlib.Path
        The file: ``.tsv``, ``.csv`` or ``.parquet``.
    settings : mapping
        ``patient outcome events columns scores`` of ``table_study``.

    Returns
    -------
    DataFrame
        ``patient`` (``row 2``, ...: the row's number in the file, so that no identifier goes any further), ``label``
        (0, 1 or missing), and the described columns and scores under their own names: numbers as float, categories as
        text.

    Raises
    ------
    StudyError
        If the file is absent or of another kind, a named column is not in it, a value is no number where a number is
        described, no row or every row has the event, or a patient has a second row.
    """
    where = Path(path).name
    raw = read_fields(Path(path))
    columns: Mapping[str, Mapping] = settings["columns"]
    scores: Mapping[str, str] = settings["scores"]
    outcome, patient = settings["outcome"], settings["patient"]
    if not outcome or not settings["events"]:
        raise StudyError(
            "table_study: outcome and events are needed; write the column and its values that are the event."
        )
    wanted = dict.fromkeys([*([patient] if patient else []), outcome, *columns, *scores])
    absent = [name for name in wanted if name not in raw]
    if absent:
        raise StudyError(f"{where}: found no column {', '.join(absent)}; it has {', '.join(raw)}.")
    reserved = {PATIENT, LABEL} & {*columns, *scores}
    if reserved:
        raise StudyError(
            f"table_study.columns: {', '.join(reserved)} is a name of ours; call the column something else."
        )
    out = pd.DataFrame({PATIENT: _patients(raw, patient, where), LABEL: _labels(raw, settings, where)})
    for name in dict.fromkeys([*columns, *scores]):
        described = columns.get(name, {"type": "number"})
        known = raw[name].where(~raw[name].isin([str(value) for value in described.get("missing", ())]))
        category = described["type"] == "category"
        out[name] = known.astype(object).where(known.notna(), None) if category else numbers_of(known, where)
    return out


def read_fields(path: Path) -> pd.DataFrame:
    """Read a table's fields as text; an unknown one is missing.

    Raises
    ------
    StudyError
        If the file is absent, of another kind or no table.
    """
    kind = path.suffix.lower()
    if kind not in (".tsv", ".csv", ".parquet"):
        raise StudyError(f"{path}: found a file {kind or 'without an ending'}; give .tsv, .csv or .parquet.")
    try:
        if kind == ".parquet":
            raw = pd.read_parquet(path)
            return raw.astype(object).where(raw.notna(), None).map(lambda value: None if value is None else f"{value}")
        text = {"sep": "\t" if kind == ".tsv" else ",", "dtype": str, "encoding": "utf-8-sig"}
        raw = pd.read_csv(path, keep_default_na=False, **text)
    except (OSError, ValueError) as error:  # pandas' own errors of reading are ValueErrors
        raise StudyError(f"{path}: could not be read as a table ({error}).") from error
    stripped = raw.apply(lambda column: column.str.strip())
    return stripped.where(~stripped.isin(MISSING))


def _patients(raw: pd.DataFrame, column: str | None, where: str) -> pd.Series:
    named = pd.Series([f"row {number}" for number in range(2, len(raw) + 2)], index=raw.index)
    if column is None:
        return named
    if raw[column].isna().any():
        row = int(raw[column].isna().to_numpy().argmax()) + 2
        raise StudyError(f"{where}, row {row}: no {column}; every row needs its patient.")
    twice = raw[column].duplicated()
    if twice.any():  # folds are by patient already; what several visits of one patient mean for a test is not settled
        row = int(twice.to_numpy().argmax())
        raise StudyError(
            f"{where}, row {row + 2}: a second row of one patient ({column}, first in row "
            f"{int((raw[column] == raw[column].iloc[row]).to_numpy().argmax()) + 2}); keep one row per patient."
        )
    return named


def _labels(raw: pd.DataFrame, settings: Mapping[str, object], where: str) -> pd.Series:
    outcome, events = settings["outcome"], {str(value) for value in settings["events"]}
    known = raw[outcome]
    label = known.isin(events).astype("Int64").where(known.notna())
    if label.nunique() < 2:
        found = ", ".join(sorted(known.dropna().unique())[:10]) or "nothing"
        raise StudyError(
            f"{where}, column {outcome}: {'no' if not (label == 1).any() else 'every'} row has the event "
            f"({', '.join(sorted(events))}); found {found}. Write its values under table_study.events."
        )
    return label


def numbers_of(values: pd.Series, where: str, described: str = "table_study.columns") -> pd.Series:
    """Text as numbers.

    Parameters
    ----------
    values : Series
        Text, missing where unknown; its name is the column's.
    where : str
        Name of the file.
    described : str
        Config key under which the columns are described.

    Raises
    ------
    StudyError
        On the first that is no number, with its row.
    """
    numbers = pd.to_numeric(values, errors="coerce")
    wrong = numbers.isna() & values.notna()
    if wrong.any():
        row = int(wrong.to_numpy().argmax())
        raise StudyError(
            f"{where}, row {row + 2}, column {values.name}: found {values.iloc[row]!r}, no number; correct it, write "
            f"it under {described}.{values.name}.missing, or describe the column as a category."
        )
    return numbers.astype(float)
