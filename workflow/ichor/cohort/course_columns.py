"""The sheet of the courses' columns: how a center writes patients, times, variables and units, long or wide."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from ichor import tables
from ichor.cohort.columns import ALWAYS_MISSING
from ichor.cohort.course_dictionary import Conversion, closest, conversion_of, course_variables
from ichor.cohort.course_time_points import TimePoint
from ichor.cohort.records import plain
from ichor.errors import StudyError

SHEET = "sheet of the courses' columns (config key course_columns)"
TIMES = ("time_h", "time_day", "time_point", "datetime")
LONG = ("variable", "value")
HOURS = {"": 1.0, "h": 1.0, "min": 1 / 60, "days": 24.0}
"""Units of ``time_h``."""


@dataclass(frozen=True)
class Field:
    """One row of the sheet.

    Attributes
    ----------
    header : str
        Header in the center's table; of a variable in a long table, its word there.
    unit : str
        As written in the sheet.
    codes : dict
        Center's code, as `plain` text -> ours.
    missing : frozenset of str
        Texts that mean missing, as `plain` text.
    where : str
        The row, for messages.
    """

    header: str
    unit: str
    codes: Mapping[str, str]
    missing: frozenset[str]
    where: str


@dataclass(frozen=True)
class Layout:
    """How a center's table of courses is written.

    Attributes
    ----------
    patient, time : Field
        Columns of the patient's id and of the time.
    time_kind : str
        One of `TIMES`.
    onset : Field or None
        With ``datetime``: the column of the onset.
    variables : dict
        Our name -> its column, or its word in a long table.
    conversions : dict
        Our name -> how its values become ours.
    long : dict
        ``variable``, ``value`` and, if there is one, ``unit`` -> their columns; empty for a wide table.
    digits : int
        Whole-number ids get leading zeros up to so many digits.
    time_format : str or None
        Of dates; None: ISO 8601.
    """

    patient: Field
    time: Field
    time_kind: str
    onset: Field | None
    variables: Mapping[str, Field]
    conversions: Mapping[str, Conversion]
    long: Mapping[str, Field] = field(default_factory=dict)
    digits: int = 0
    time_format: str | None = None

    @property
    def headers(self) -> list[str]:
        """Headers that the table must have."""
        fixed = [self.patient, self.time, *([self.onset] if self.onset else []), *self.long.values()]
        return [one.header for one in (fixed if self.long else [*fixed, *self.variables.values()])]

    @property
    def words(self) -> list[str]:
        """Texts that are expected in the cells."""
        named = [one.header for one in self.variables.values()] if self.long else []
        return named + [code for one in (self.time, *self.long.values()) for code in one.codes]


def read_course_columns(path: Path | None, centers: pd.DataFrame, points: Collection[TimePoint] | None) -> pd.DataFrame:
    """Read the sheet and check it for every center that brings courses.

    Parameters
    ----------
    path : Path or None
        The sheet.
    centers : DataFrame
        Centers sheet.
    points : collection of TimePoint, or None
        Time points of the config.

    Returns
    -------
    DataFrame
        Table ``course_columns``; empty fields are None.

    Raises
    ------
    StudyError
        On an unknown center, variable, unit, code or time point, or when a center's rows do not make a layout.
    """
    sheet = tables.empty("course_columns") if path is None else tables.read("course_columns", path)
    sheet = sheet.astype(object).where(sheet.notna(), None)
    for row, center in enumerate(sheet["center"], start=2):
        if center not in centers.index:
            raise StudyError(
                f"{path}, row {row}, column center: unknown center {center!r}; {closest(center, centers.index)}"
            )
    for center in centers.index[centers["courses"].notna()]:
        layout_of(center, sheet, points)
    return sheet


def layout_of(center: str, sheet: pd.DataFrame, points: Collection[TimePoint] | None) -> Layout:
    """Layout of a center's table of courses.

    Parameters
    ----------
    center : str
        Name of the center.
    sheet : DataFrame
        Table ``course_columns``, whole or the center's rows.
    points : collection of TimePoint, or None
        Time points of the config.

    Raises
    ------
    StudyError
        As `read_course_columns`.
    """
    where = f"{SHEET}, center {center}"
    rows = _fields(center, sheet)
    if "patient" not in rows:
        raise StudyError(f"{where}: no row says which column is the patient id; write one with variable patient.")
    times = [name for name in TIMES if name in rows]
    if len(times) != 1:
        found = ", ".join(times) or "none"
        raise StudyError(f"{where}: expected a row for one of {', '.join(TIMES)}, found {found}.")
    kind, time = times[0], rows[times[0]]
    if (kind == "datetime") != ("onset_datetime" in rows):
        raise StudyError(f"{where}: datetime and onset_datetime belong together; found one of them.")
    long = {name: rows[name] for name in (*LONG, "unit") if name in rows}
    if long and not {*LONG} <= long.keys():
        raise StudyError(f"{where}: a long table needs rows for variable and value, found {', '.join(long)}.")
    variables = {name: one for name, one in rows.items() if name in course_variables()}
    if not variables:
        raise StudyError(f"{where}: no row names a variable of the courses, for example gcs.")
    _check_codes(kind, time, points)
    return Layout(
        rows["patient"],
        time,
        kind,
        rows.get("onset_datetime"),
        variables,
        {name: _known_conversion(name, one) for name, one in variables.items()},
        long,
        _digits(rows["patient"]),
        time.codes.get("format"),
    )


def _fields(center: str, sheet: pd.DataFrame) -> dict[str, Field]:
    """Rows of a center by our name."""
    known = ["patient", *TIMES, "onset_datetime", *LONG, "unit", *course_variables()]
    found: dict[str, Field] = {}
    for row in sheet[sheet["center"] == center].itertuples():
        where = f"{SHEET}, row of center {center} and variable {row.variable}"
        if row.variable not in known:
            raise StudyError(f"{where}: unknown variable {row.variable!r}; {closest(row.variable, known)}")
        if row.variable in found:
            raise StudyError(f"{where}: mapped twice, to {found[row.variable].header!r} and {row.column!r}.")
        if not row.column:
            raise StudyError(f"{where}, column column: the header in the center's table is missing.")
        codes = _codes(row.codes or "", f"{where}, column codes")
        missing = frozenset(plain(word) for word in (row.missing or "").split(";")) | ALWAYS_MISSING
        found[row.variable] = Field(row.column.strip(), (row.unit or "").strip(), codes, missing - codes.keys(), where)
    return found


def _codes(text: str, where: str) -> dict[str, str]:
    codes = {}
    for part in filter(None, (part.strip() for part in text.split(";"))):
        code, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals or not code or not value:
            raise StudyError(f"{where}: found {part!r}, expected pairs such as POD1=day1;POD3=day3.")
        codes[plain(code)] = value
    return codes


def _check_codes(kind: str, time: Field, points: Collection[TimePoint] | None) -> None:
    """Check unit and codes of the time."""
    if kind == "time_h" and time.unit not in HOURS:
        raise StudyError(f"{time.where}, column unit: found {time.unit!r}, expected one of h, min, days.")
    if kind != "time_point":
        return
    if points is None:
        raise StudyError(
            f"{time.where}: the center names time points, but trajectory.time_points of the config is null."
        )
    names = [point.name for point in points]
    for word, name in time.codes.items():
        if name not in names:
            raise StudyError(f"{time.where}, column codes: {word}={name}: unknown time point; {closest(name, names)}")


def _known_conversion(name: str, one: Field) -> Conversion:
    found = conversion_of(name, one.unit)
    if found is None:
        variable = course_variables()[name]
        units = ", ".join(filter(None, [variable.unit, *variable.accepts])) or "no unit"
        raise StudyError(f"{one.where}, column unit: unit {one.unit!r} is not known for {name}: expected {units}.")
    for code, value in one.codes.items():
        try:
            float(value)
        except ValueError:
            raise StudyError(f"{one.where}, column codes: {code}={value} must give a number.") from None
    return found


def _digits(patient: Field) -> int:
    if not patient.codes:
        return 0
    digits = patient.codes.get("digits", "")
    if len(patient.codes) != 1 or not digits.isdigit() or not 1 <= int(digits) <= 20:
        raise StudyError(f"{patient.where}, column codes: expected nothing or, for ids such as 007, digits=3.")
    return int(digits)
