"""The columns sheet: which column of a center's table is which variable, in what unit and codes."""

import difflib
from dataclasses import dataclass, field

import pandas as pd

from ichor.cohort.dictionary import Variable, unit_factor, variables
from ichor.cohort.records import plain
from ichor.errors import StudyError

SHEET = "columns sheet (config key columns)"
ALWAYS_MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", ".", "#n/a"})


@dataclass(frozen=True)
class Column:
    """One row of the columns sheet, checked against the dictionary.

    Attributes
    ----------
    name : str
        Canonical name of the variable, or ``patient``.
    header : str
        The column's header in the center's table.
    where : str
        Sheet and row, for messages.
    unit : str or None
        Unit in the center's table when it differs from ours.
    factor : float
        Turns the center's unit into ours.
    codes : dict
        Center's code, as `plain` text -> our value, as text.
    shown_codes : tuple of str
        The codes as written in the sheet.
    missing : frozenset of str
        Values that mean missing, as `plain` text; a code of the sheet wins over the usual NA words.
    digits : int
        Of ``patient``: whole numbers get leading zeros up to so many digits, as the names of the scans have them.
    """

    name: str
    header: str
    where: str
    unit: str | None = None
    factor: float = 1.0
    codes: dict[str, str] = field(default_factory=dict)
    shown_codes: tuple[str, ...] = ()
    missing: frozenset[str] = ALWAYS_MISSING
    digits: int = 0


def center_columns(center: str, sheet: pd.DataFrame) -> list[Column]:
    """Rows of the columns sheet that are a center's, the row of ``patient`` first.

    Parameters
    ----------
    center : str
        Name of the center.
    sheet : DataFrame
        Columns sheet (``center variable column unit codes missing``), whole or the center's rows. Messages name a row
        by its center and variable, so that they do not depend on other centers' rows.

    Raises
    ------
    StudyError
        If a variable, unit or code is unknown, a variable is mapped twice, or ``patient`` is not mapped.
    """
    mapped: dict[str, Column] = {}
    for _, row in sheet[sheet["center"] == center].iterrows():
        column = _column(f"{SHEET}, row of center {center} and variable {_text(row, 'variable')}", row)
        if column.name in mapped:
            raise StudyError(f"{column.where}: mapped twice, to {mapped[column.name].header!r} and {column.header!r}.")
        mapped[column.name] = column
    if "patient" not in mapped:
        raise StudyError(
            f"{SHEET}: center {center} brings a table, but no row says which column is its patient id. "
            f"Write a row with center {center}, variable patient and the column's header."
        )
    return [mapped.pop("patient"), *mapped.values()]


def _column(where: str, row: pd.Series) -> Column:
    name, header = _text(row, "variable"), _text(row, "column")
    if not header:
        raise StudyError(f"{where}, column column: the header of {name} in the center's table is missing.")
    missing = frozenset(plain(word) for word in _text(row, "missing").split(";")) | ALWAYS_MISSING
    if name == "patient":
        return Column(name, header, where, missing=missing, digits=_digits(where, _text(row, "codes")))
    if name not in variables():
        close = difflib.get_close_matches(name, ["patient", *variables()], n=1)
        hint = f"did you mean {close[0]}?" if close else f"expected patient or one of {', '.join(variables())}."
        raise StudyError(f"{where}, column variable: unknown variable {name!r}; {hint}")
    unit = _text(row, "unit") or None
    try:
        factor = unit_factor(name, unit)
    except StudyError as error:
        raise StudyError(f"{where}, column unit: {error}") from error
    codes = _codes(where, variables()[name], _text(row, "codes"))
    coded = {plain(code): value for code, value in codes.items()}
    return Column(name, header, where, unit, factor, coded, tuple(codes), missing - set(coded))


def _digits(where: str, text: str) -> int:
    name, _, digits = (part.strip() for part in text.partition("="))
    if text and (name != "digits" or not digits.isdigit() or not 1 <= int(digits) <= 20):
        raise StudyError(f"{where}, column codes: found {text!r}, expected nothing or, for ids such as 007, digits=3.")
    return int(digits) if digits else 0


def _codes(where: str, variable: Variable, text: str) -> dict[str, str]:
    codes: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in text.split(";"))):
        code, equals, value = (piece.strip() for piece in part.rpartition("="))
        if not equals or not code or not value:
            raise StudyError(f"{where}, column codes: found {part!r}, expected pairs such as M=male;F=female.")
        allowed = [str(one) for one in variable.values]
        if allowed and value not in allowed:
            raise StudyError(
                f"{where}, column codes: {part!r} gives {variable.name} the value {value!r}; "
                f"expected one of {', '.join(allowed)}."
            )
        if not allowed and not _is_number(value):
            raise StudyError(f"{where}, column codes: {part!r} must give {variable.name} {variable.allowed}.")
        codes[code] = value
    return codes


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _text(row: pd.Series, name: str) -> str:
    value = row.get(name)
    return "" if value is None or pd.isna(value) else str(value).strip()
