"""One cell of a clinical table becomes a value of the dictionary, or missing with a reason."""

import re
from dataclasses import dataclass

from ichor.cohort.columns import Column
from ichor.cohort.coma_scale import read_coma_scale
from ichor.cohort.dictionary import variables
from ichor.cohort.records import plain
from ichor.reasons import Reason

DECIMAL_COMMA = re.compile(r"[+-]?\d+,(\d{1,2}|\d{4,})$")  # three digits could be thousands: not guessed
BEFORE_ONSET = ("onset_to_outcome_days", "onset_to_death_days", "onset_to_death_h", "onset_to_last_contact_h")
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$")


@dataclass(frozen=True)
class Value:
    """A converted cell.

    Attributes
    ----------
    value : float, int, str or None
        In our unit and codes; None when missing.
    reason : Reason or None
        Why a written value is missing, or what was assumed of one that is not; None when it was converted as it
        stands, or when the cell says missing.
    problem : str
        What was found, in words, and what was expected; never the text or number of the cell, which may be a name, a
        date or a record number in the wrong column.
    """

    value: float | int | str | None
    reason: Reason | None = None
    problem: str = ""


def convert(text: str, column: Column, gcs_intubated: str = "empty") -> Value:
    """Convert the text of a cell into our unit and codes.

    Parameters
    ----------
    text : str
        The cell.
    column : Column
        Its row of the columns sheet, for a variable of the dictionary.
    gcs_intubated : {"empty", "verbal_1"}
        What a GCS becomes whose verbal part could not be tested, see `ichor.cohort.coma_scale`.

    Returns
    -------
    Value
        With reason ``unknown_code`` if the text is neither a code nor, for numbers, a number; with ``out_of_range`` if
        it is a number outside the dictionary's range or no whole number where one is needed, with
        ``outcome_before_onset`` if it is a negative time from onset to outcome or death; with ``gcs_intubated`` for
        such a GCS, whether it is given a number or not. A number is rounded to 6 decimals after its unit was changed.
    """
    variable = variables()[column.name]
    code = plain(text)
    if code in column.missing:
        return Value(None)
    allowed = [str(value) for value in variable.values]
    if code in column.codes:
        written, factor = column.codes[code], 1.0
    elif allowed:
        if column.codes or code not in allowed:
            return Value(
                None, Reason.UNKNOWN_CODE, f"{_found(text)}, expected {', '.join(column.shown_codes or allowed)}"
            )
        written, factor = code, 1.0
    else:
        written, factor = text.strip(), column.factor
    if variable.kind == "string":
        return Value(written)
    if column.name == "gcs" and code not in column.codes and (scale := read_coma_scale(written)):
        if not scale.intubated:
            return Value(scale.total)
        assumed = scale.total if gcs_intubated == "verbal_1" else None
        done = "no number" if assumed is None else "the verbal part counts 1"
        return Value(assumed, Reason.GCS_INTUBATED, f"the verbal part could not be tested: {done}")
    return _number(written, factor, column)


def number_of(text: str) -> float | None:
    """Number that a cell holds, with a decimal point or comma; None if it holds none."""
    written = text.strip()
    if DECIMAL_COMMA.match(written):
        written = written.replace(",", ".")
    return float(written) if NUMBER.match(written) else None


def _number(written: str, factor: float, column: Column) -> Value:
    variable = variables()[column.name]
    number = number_of(written)
    if number is None:
        codes = f" or {', '.join(column.shown_codes)}" if column.shown_codes else ""
        unit = f" in {column.unit}" if column.unit else ""
        return Value(None, Reason.UNKNOWN_CODE, f"{_found(written)}, expected a number{unit}{codes}")
    value = round(number * factor, 6)
    if value < 0 and column.name in BEFORE_ONSET:
        return Value(None, Reason.OUTCOME_BEFORE_ONSET, "found a negative time, the outcomes of the row are not used")
    low = variable.minimum if variable.minimum is not None else float("-inf")
    high = variable.maximum if variable.maximum is not None else float("inf")
    whole = variable.kind != "integer" or value.is_integer()
    if variable.values and value not in variable.values or not low <= value <= high or not whole:
        found = "a smaller number" if value < low else "a larger number" if value > high else "another number"
        return Value(None, Reason.OUT_OF_RANGE, f"found {found}, expected {variable.allowed}")
    return Value(int(value) if variable.kind == "integer" else value)


def _found(text: str) -> str:
    """Say what a cell holds without showing it."""
    text = text.strip()
    kind = "number" if NUMBER.match(text) else "text"
    return f"found a {kind} of {len(text)} character{'s' if len(text) != 1 else ''}"
