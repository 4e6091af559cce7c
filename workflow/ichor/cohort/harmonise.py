"""A center's clinical table becomes rows of the patients table: our names, units, codes; a reason per lost value."""

import difflib
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from ichor import tables
from ichor.cohort.column_checks import doubt, is_empty
from ichor.cohort.columns import Column, center_columns
from ichor.cohort.coma_scale import POLICIES
from ichor.cohort.dictionary import variables
from ichor.cohort.records import plain, read_records
from ichor.cohort.values import Value, convert
from ichor.confined import Confinement
from ichor.errors import StudyError
from ichor.pseudonyms import pseudonym
from ichor.reasons import Reason

NUMBERS_SHOWN = 20


def harmonise_center(
    center: str,
    center_role: str,
    table: Path | str | None,
    columns: pd.DataFrame,
    key: bytes,
    limits: Confinement | None = None,
    gcs_intubated: str = "empty",
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Harmonise one center's clinical table.

    Parameters
    ----------
    center : str
        Name of the center.
    center_role : {"development", "external"}
        Its role in the study.
    table : Path, str or None
        CSV, TSV or XLSX; None when the center brings none.
    columns : DataFrame
        The columns sheet, see `ichor.cohort.columns.center_columns`.
    key : bytes
        Key of the pseudonyms.
    limits : Confinement, optional
        What reading the table may cost.
    gcs_intubated : {"empty", "verbal_1"}
        What a GCS such as ``3T`` or ``E1VTM4`` becomes, see `ichor.cohort.coma_scale`.

    Returns
    -------
    patients : DataFrame
        Table ``patients`` with the center's rows, sorted by pseudonym. A value that could not be used is empty.
    status : DataFrame
        Table ``status``: ``no_table``, ``unmapped_column``, ``unknown_code``, ``out_of_range``, ``no_patient_id``,
        ``followup_before_baseline``, ``duplicate_patient``, ``gcs_intubated``, ``outcome_before_onset``, and of whole
        columns ``unit_suspected``, ``scale_mixed``, ``column_empty``; details name file, row and column, never the
        text of a cell, nor of a header that the columns sheet does not name.

    Raises
    ------
    StudyError
        If the columns sheet is wrong, or names a column that the table does not have.
    """
    if gcs_intubated not in POLICIES:
        raise StudyError(f"config key cohort.gcs_intubated: found {gcs_intubated!r}, expected {' or '.join(POLICIES)}.")
    if table is None:
        return tables.empty("patients"), tables.frame("status", [_status(center, "", "flagged", Reason.NO_TABLE)])
    table = Path(table)
    mapped = center_columns(center, columns)
    records = read_records(table, [c.header for c in mapped], [code for c in mapped for code in c.shown_codes], limits)
    if records.empty:
        empty = _status(center, "", "flagged", Reason.NO_TABLE, f"{table.name} holds no patient")
        return tables.empty("patients"), tables.frame("status", [empty])
    for column in mapped:
        _check_header(table, column, list(records.columns))
    people, status = _identify(center, table, mapped[0], records, key)
    found = {one.name: _convert_column(center, table, one, people, status, gcs_intubated) for one in mapped[1:]}
    values = {name: [value.value for value in column] for name, column in found.items()}
    rows = pd.DataFrame({"patient": people["patient"], **values}, index=people.index, dtype=object)
    _empty_outcomes_before_onset(rows, found)
    rows = _merge_duplicates(center, table, _check_times(center, table, rows, status), status)
    rows["center"], rows["center_role"] = center, center_role
    patients = rows.reindex(columns=tables.columns("patients")).sort_values("patient")
    status += _unmapped(center, table, mapped, list(records.columns))
    return tables.validate("patients", patients, f"harmonised {table.name}"), tables.frame("status", status)


def _status(center: str, subject: str, outcome: str, reason: Reason, detail: str = "") -> dict:
    return tables.status_row(center, subject, "harmonise", outcome, reason, detail)


def _check_header(table: Path, column: Column, headers: list[str]) -> None:
    count = headers.count(column.header)
    if count > 1:
        raise StudyError(f"{table}: {count} columns have the header {column.header!r}; {column.where} needs it once.")
    if count == 0:
        # the headers are not shown: in a table without any, they are the first patient's name and dates
        lower = {header.casefold(): number for number, header in enumerate(headers, start=1)}
        close = difflib.get_close_matches(column.header.casefold(), list(lower), n=1, cutoff=0.5)
        hint = (
            f"did you mean the header of its column {lower[close[0]]}?" if close else f"it has {len(headers)} columns."
        )
        missing = f"{table} has no column {column.header!r} ({column.name})"
        raise StudyError(f"{column.where}, column column: {missing}; {hint}")


def _identify(
    center: str, table: Path, column: Column, records: pd.DataFrame, key: bytes
) -> tuple[pd.DataFrame, list[dict]]:
    """Rows with an id, with the column ``patient`` (pseudonym) added; status of the others."""
    unnamed = records[column.header].map(lambda text: plain(text) in column.missing)
    status = [
        _status(
            center, "", "set_aside", Reason.NO_PATIENT_ID, f"{table.name}, row {row}: column {column.header!r} is empty"
        )
        for row in records.index[unnamed]
    ]
    people = records[~unnamed].copy()
    ids = [text.zfill(column.digits) if text.isdecimal() else text for text in people[column.header]]
    people["patient"] = [pseudonym(key, center, raw_id) for raw_id in ids]
    return people, status


def _convert_column(
    center: str, table: Path, column: Column, people: pd.DataFrame, status: list[dict], gcs_intubated: str
) -> list[Value]:
    texts = list(people[column.header])
    values = [convert(text, column, gcs_intubated) for text in texts]
    where = f"{table.name}, column {column.header!r} ({column.name})"
    if doubted := doubt(column, texts, values):
        reason, why = doubted
        status.append(_status(center, "", "flagged", reason, f"{where}: {why}; none of the column is used"))
        return [Value(None)] * len(values)
    if is_empty(column, values):
        status.append(_status(center, "", "flagged", Reason.COLUMN_EMPTY, f"{where}: no patient has a value"))
    for row, value in zip(people.index, values, strict=True):
        if value.reason:
            detail = f"{table.name}, row {row}, column {column.header!r} ({column.name}): {value.problem}"
            status.append(_status(center, people.at[row, "patient"], "flagged", value.reason, detail))
    return values


def _empty_outcomes_before_onset(rows: pd.DataFrame, found: dict[str, list[Value]]) -> None:
    """Empty all outcomes of a patient whose outcome is dated before the onset: it may be that of another stay."""
    wrong = [
        any(column[place].reason == Reason.OUTCOME_BEFORE_ONSET for column in found.values())
        for place in range(len(rows))
    ]
    late = [name for name in found if variables()[name].known not in ("admission", "course")]
    rows.loc[wrong, late] = None


def _check_times(center: str, table: Path, rows: pd.DataFrame, status: list[dict]) -> pd.DataFrame:
    """Empty the time of a follow-up scan that is not later than the baseline scan: one of the two must be wrong."""
    if not {"onset_to_ct_h", "onset_to_followup_ct_h"} <= set(rows.columns):
        return rows
    first, second = (pd.to_numeric(rows[name]) for name in ("onset_to_ct_h", "onset_to_followup_ct_h"))
    for row in rows.index[second <= first]:
        times = f"follow-up scan {second[row]:g} h after onset, baseline scan {first[row]:g} h"
        detail = f"{table.name}, row {row}: {times}"
        status.append(_status(center, rows.at[row, "patient"], "flagged", Reason.FOLLOWUP_BEFORE_BASELINE, detail))
    rows.loc[second <= first, "onset_to_followup_ct_h"] = None
    return rows


def _merge_duplicates(center: str, table: Path, rows: pd.DataFrame, status: list[dict]) -> pd.DataFrame:
    """One row per patient: rows that agree fill each other's gaps, patients whose rows contradict are set aside."""
    kept = rows[~rows["patient"].duplicated(keep=False)].to_dict("records")
    for patient, group in rows[rows["patient"].duplicated(keep=False)].groupby("patient"):
        where = f"{table.name}, rows {', '.join(map(str, group.index))}"
        different = [name for name in group.columns if group[name].nunique(dropna=True) > 1]
        if different:
            detail = f"{where} differ in {', '.join(different)}"
            status.append(_status(center, str(patient), "set_aside", Reason.DUPLICATE_PATIENT, detail))
        else:
            detail = f"{where} agree; taken as one"
            status.append(_status(center, str(patient), "flagged", Reason.DUPLICATE_PATIENT, detail))
            kept.append({name: next(iter(group[name].dropna()), None) for name in group.columns})
    return pd.DataFrame(kept, columns=rows.columns, dtype=object)


def _unmapped(center: str, table: Path, mapped: list[Column], headers: Iterable[str]) -> list[dict]:
    known = {column.header for column in mapped}
    unused = [str(number) for number, header in enumerate(headers, start=1) if header and header not in known]
    if not unused:
        return []
    more = f" and {len(unused) - NUMBERS_SHOWN} more" if len(unused) > NUMBERS_SHOWN else ""
    detail = f"{table.name}: not in the columns sheet: column {', '.join(unused[:NUMBERS_SHOWN])}{more}"
    return [_status(center, "", "flagged", Reason.UNMAPPED_COLUMN, detail)]
