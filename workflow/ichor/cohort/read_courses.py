"""A center's table of courses, long or wide, becomes rows of the table of time courses: our names, units and hours."""

from collections.abc import Collection
from pathlib import Path

import pandas as pd

from ichor import tables
from ichor.cohort.course_columns import Layout, layout_of
from ichor.cohort.course_dictionary import course_variables
from ichor.cohort.course_time_points import TimePoint
from ichor.cohort.course_times import times_of
from ichor.cohort.course_values import convert_courses
from ichor.cohort.records import plain, read_records
from ichor.confined import Confinement
from ichor.errors import StudyError
from ichor.pseudonyms import pseudonym
from ichor.reasons import Reason


def read_courses(
    center: str,
    table: Path | str,
    columns: pd.DataFrame,
    points: Collection[TimePoint] | None,
    key: bytes,
    limits: Confinement | None = None,
    gcs_intubated: str = "empty",
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read one center's time courses.

    Parameters
    ----------
    center : str
        Name of the center.
    table : Path or str
        CSV, TSV or XLSX; long (a row per value) or wide (a row per time, a column per variable).
    columns : DataFrame
        Table ``course_columns``, see `ichor.cohort.course_columns`.
    points : collection of TimePoint, or None
        Time points of the config; a value that a center gives for a named one without a time is put in its middle.
    key : bytes
        Key of the pseudonyms, as for the clinical table.
    limits : Confinement, optional
        What reading the table may cost.
    gcs_intubated : {"empty", "verbal_1"}
        See `ichor.cohort.coma_scale`.

    Returns
    -------
    courses : DataFrame
        Table ``time_courses``, sorted by patient, time and variable; one value per patient, time and variable.
    status : DataFrame
        Table ``status``: ``no_table``, ``no_patient_id``, ``course_time_unknown``, ``measured_before_onset``,
        ``unmapped_variable``, ``unknown_code``, ``out_of_range``, ``unit_suspected``, ``unit_changes``,
        ``gcs_intubated``, ``two_values_at_one_time``, ``times_out_of_order``. A row per patient and reason with
        counts, never the text of a cell; the patient's other values are used.

    Raises
    ------
    StudyError
        If the sheet is wrong, or names a column that the table does not have.
    """
    table, layout = Path(table), layout_of(center, columns, points)
    records = read_records(table, layout.headers, layout.words, limits)
    notes = _Notes(center, table.name)
    if records.empty:
        notes.center(Reason.NO_TABLE, "holds no row")
        return tables.empty("time_courses"), notes.frame()
    _check_headers(table, layout, list(records.columns))
    people = _identify(center, records, layout, key, notes)
    people[["time_h", "time_point"]] = times_of(people, layout, points)
    long = _timed(_long(people, layout, notes), notes)
    converted = convert_courses(long, layout, gcs_intubated)
    for reason in converted["reason"].dropna().unique():
        notes.values(long[converted["reason"] == reason], reason)
    long["value"] = converted["value"]
    long = long[long["value"].notna()]
    _note_order(long, notes)
    courses = one_at_a_time(long, notes)
    courses["center"] = center
    return tables.validate("time_courses", courses, f"courses of {table.name}"), notes.frame()


class _Notes:
    """Collects status rows of one table: per patient and reason, with counts."""

    def __init__(self, center: str, name: str):
        self._center, self._name, self._rows = center, name, []

    def center(self, reason: Reason, detail: str, outcome: str = "flagged") -> None:
        self._rows.append(tables.status_row(self._center, "", "harmonise", outcome, reason, f"{self._name}: {detail}"))

    def values(self, rows: pd.DataFrame, reason: Reason) -> None:
        """A status row per patient for `rows` of a long table (``pseudonym``, ``variable``)."""
        for patient, names in rows.groupby("pseudonym")["variable"]:
            counts = ", ".join(f"{count} of {name}" for name, count in names.value_counts().sort_index().items())
            detail = f"{self._name}: values: {counts}"
            self._rows.append(tables.status_row(self._center, str(patient), "harmonise", "flagged", reason, detail))

    def frame(self) -> pd.DataFrame:
        return tables.frame("status", self._rows)


def _check_headers(table: Path, layout: Layout, headers: list[str]) -> None:
    fields = [layout.patient, layout.time, layout.onset, *layout.long.values()]
    for one in filter(None, fields if layout.long else [*fields, *layout.variables.values()]):
        count = headers.count(one.header)
        if count != 1:  # the table's own headers are not shown: they may be a patient's data
            found = f"{count} columns" if count else f"no column among its {len(headers)}"
            raise StudyError(f"{one.where}, column column: {table} has {found} with the header {one.header!r}.")


def _identify(center: str, records: pd.DataFrame, layout: Layout, key: bytes, notes: _Notes) -> pd.DataFrame:
    """Rows with a patient, with the column ``pseudonym`` added."""
    ids = records[layout.patient.header]
    unnamed = ids.map({text: plain(text) in layout.patient.missing for text in ids.unique()}).astype(bool)
    if unnamed.any():
        rows = ", ".join(map(str, ids.index[unnamed][:5]))
        notes.center(Reason.NO_PATIENT_ID, f"{unnamed.sum()} rows without a patient (row {rows})", "set_aside")
    people = records[~unnamed].copy()
    names = {
        text: pseudonym(key, center, text.zfill(layout.digits) if text.isdecimal() else text)
        for text in ids[~unnamed].unique()
    }
    people["pseudonym"] = ids[~unnamed].map(names)
    return people


def _long(people: pd.DataFrame, layout: Layout, notes: _Notes) -> pd.DataFrame:
    """One row per written cell: ``pseudonym variable text unit_text time_h time_point``, in the order of the file."""
    fixed = people[["pseudonym", "time_h", "time_point"]]
    if layout.long:
        name_of = {plain(one.header): name for name, one in layout.variables.items()}
        words = people[layout.long["variable"].header]
        words = words.map({word: plain(word) for word in words.unique()})
        units = people[layout.long["unit"].header] if "unit" in layout.long else ""
        long = fixed.assign(variable=words.map(name_of), text=people[layout.long["value"].header], unit_text=units)
        unmapped = long["variable"].isna()
        if unmapped.any():
            detail = f"{unmapped.sum()} rows of {words[unmapped].nunique()} variables that the sheet does not name"
            notes.center(Reason.UNMAPPED_VARIABLE, detail)
        long = long[~unmapped]
    else:
        parts = [fixed.assign(variable=name, text=people[one.header]) for name, one in layout.variables.items()]
        long = pd.concat(parts).assign(unit_text="").sort_index(kind="stable")
    missing = {name: one.missing for name, one in layout.variables.items()}
    texts = long[["variable", "text"]].drop_duplicates()
    empty = {(name, text) for name, text in texts.itertuples(index=False) if plain(text) in missing[name]}
    written = [pair not in empty for pair in zip(long["variable"], long["text"], strict=True)]
    return long[written].rename_axis("row").reset_index()


def _timed(long: pd.DataFrame, notes: _Notes) -> pd.DataFrame:
    """Rows at a known time from onset on; status of the others."""
    unknown = long["time_h"].isna()
    notes.values(long[unknown], Reason.COURSE_TIME_UNKNOWN)
    notes.values(long[long["time_h"] < 0], Reason.MEASURED_BEFORE_ONSET)
    return long[long["time_h"] >= 0].reset_index(drop=True)


def _note_order(long: pd.DataFrame, notes: _Notes) -> None:
    """Say that values of one variable do not come in the order of time; they are sorted."""
    back = long["time_h"] < long.groupby(["pseudonym", "variable"])["time_h"].shift()
    if back.any():
        concerned = long.loc[back, "pseudonym"].nunique()
        detail = f"rows of {concerned} of {long['pseudonym'].nunique()} patients are not in the order of time; sorted"
        notes.center(Reason.TIMES_OUT_OF_ORDER, detail)


def one_at_a_time(long: pd.DataFrame, notes: _Notes) -> pd.DataFrame:
    """One value per patient, time and variable: the last, mean or largest, as the dictionary says."""
    keys = ["pseudonym", "time_h", "variable"]
    again = long.duplicated(keys, keep=False)
    several = long[again].groupby(keys)["value"].agg(["nunique"]).reset_index()
    notes.values(several[several["nunique"] > 1], Reason.TWO_VALUES_AT_ONE_TIME)
    rule = long.loc[again, "variable"].map({name: one.at_one_time for name, one in course_variables().items()})
    parts = [long[~again][[*keys, "time_point", "value"]]]
    for how in rule.unique():
        group = long.loc[rule.index[rule == how]].groupby(keys, as_index=False, sort=False)
        parts.append(group.agg(time_point=("time_point", "last"), value=("value", how)))
    courses = pd.concat(parts, ignore_index=True).rename(columns={"pseudonym": "patient"})
    return courses.sort_values(["patient", "time_h", "variable"], ignore_index=True)
