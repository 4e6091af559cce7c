"""Cells of a table of courses become numbers in our units, or nothing with a reason.

A unit is read, never guessed: where numbers say that another one was used, for a whole column or from some time of a
patient's course on, what could be meant in either is set aside. Values before that time stay: what is known at a step
does not depend on what is measured later.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from ichor.cohort.column_checks import IN_SHARE, NUMBERS_NEEDED, OUT_SHARE
from ichor.cohort.coma_scale import read_coma_scale
from ichor.cohort.course_columns import Field, Layout
from ichor.cohort.course_dictionary import Conversion, CourseVariable, conversion_of, course_variables
from ichor.cohort.records import plain
from ichor.cohort.values import number_of
from ichor.reasons import Reason

DECIMALS = 6


def convert_courses(long: pd.DataFrame, layout: Layout, gcs_intubated: str = "empty") -> pd.DataFrame:
    """Convert every cell.

    Parameters
    ----------
    long : DataFrame
        ``pseudonym``, ``time_h``, ``variable`` (our name), ``text`` and ``unit_text`` (the row's own unit; empty: the
        sheet's).
    layout : Layout
        How the table is written.
    gcs_intubated : {"empty", "verbal_1"}
        What a GCS becomes whose verbal part could not be tested, see `ichor.cohort.coma_scale`.

    Returns
    -------
    DataFrame
        Index of `long`; ``value`` (NaN where there is none) and ``reason`` (why a written one is missing, or what was
        assumed; None where the cell says missing or was taken as it stands): ``unknown_code`` (no number, or a unit
        that the dictionary does not know), ``out_of_range``, ``unit_suspected`` (most numbers of the variable in this
        unit are possible in another one only: none is used), ``unit_changes`` (the same of a part of a patient's
        course), ``gcs_intubated``.
    """
    parts = [
        _convert(group, course_variables()[name], layout, unit, gcs_intubated)
        for (name, unit), group in long.groupby(["variable", "unit_text"], sort=False)
    ]
    empty = pd.DataFrame({"value": pd.Series(dtype=float), "reason": pd.Series(dtype=object)}, index=long.index[:0])
    return pd.concat(parts).loc[long.index] if parts else empty


def _convert(
    group: pd.DataFrame, variable: CourseVariable, layout: Layout, unit_text: str, gcs_intubated: str
) -> pd.DataFrame:
    """Convert the cells of one variable that are written in one unit."""
    cells = layout.variables[variable.name]
    how = _conversion(variable.name, unit_text, layout)
    out = pd.DataFrame({"value": np.nan, "reason": None}, index=group.index).astype({"reason": object})
    read = {text: _read(text, cells, variable.name, gcs_intubated) for text in group["text"].unique()}
    number = group["text"].map({text: found[0] for text, found in read.items()}).astype(float)
    out["reason"] = group["text"].map({text: found[1] for text, found in read.items()})
    coded = group["text"].map({text: found[2] for text, found in read.items()}).astype(bool)
    if how is None:
        out.loc[number.notna(), "reason"] = Reason.UNKNOWN_CODE
        return out
    value = number.where(coded, (number - how.subtract) * how.factor).round(DECIMALS)
    possible = _possible(value, variable)
    out["value"] = value.where(possible)
    plainly = number.where(~coded)
    elsewhere = _possible_elsewhere(plainly, variable, how)
    suspected = _reasons(group, plainly, possible, elsewhere, value.notna() & ~possible)
    out["reason"] = out["reason"].where(suspected.isna(), suspected)
    out.loc[suspected.notna(), "value"] = np.nan
    return out


def _conversion(name: str, unit_text: str, layout: Layout) -> Conversion | None:
    """How the numbers become ours; a unit in the row goes before the sheet's."""
    if not unit_text:
        return layout.conversions[name]
    codes: Mapping[str, str] = layout.long["unit"].codes if "unit" in layout.long else {}
    return conversion_of(name, codes.get(plain(unit_text), unit_text))


def _read(text: str, cells: Field, name: str, gcs_intubated: str) -> tuple[float, Reason | None, bool]:
    """Number of a cell, why there is none, and whether the number comes from a code of the sheet (in our unit)."""
    word = plain(text)
    if word in cells.missing:
        return np.nan, None, False
    if word in cells.codes:
        return float(cells.codes[word]), None, True
    if name == "gcs" and (scale := read_coma_scale(text)):
        if not scale.intubated:
            return float(scale.total), None, False
        return (float(scale.total) if gcs_intubated == "verbal_1" else np.nan), Reason.GCS_INTUBATED, False
    number = number_of(text)
    return (np.nan, Reason.UNKNOWN_CODE, False) if number is None else (number, None, False)


def _possible(value: pd.Series, variable: CourseVariable) -> pd.Series:
    whole = (value % 1 == 0) if variable.whole else True
    return value.between(variable.minimum, variable.maximum) & whole


def _possible_elsewhere(number: pd.Series, variable: CourseVariable, taken: Conversion) -> pd.Series:
    """Whether a number is possible in a unit that the dictionary knows, other than the one that was taken."""
    found = pd.Series(False, index=number.index)
    for how in {Conversion(), *variable.accepts.values()} - {taken}:
        found |= _possible((number - how.subtract) * how.factor, variable)
    return found


def _reasons(
    group: pd.DataFrame, number: pd.Series, possible: pd.Series, elsewhere: pd.Series, out: pd.Series
) -> pd.Series:
    """Why values are set aside: impossible, or of a column or the rest of a course whose unit is in doubt."""
    reason = pd.Series(None, index=number.index, dtype=object).mask(out, Reason.OUT_OF_RANGE)
    known = number.notna()
    odd = known & ~possible
    enough = known.sum() >= NUMBERS_NEEDED and odd.sum() > OUT_SHARE * known.sum()
    if enough and elsewhere[known].mean() >= IN_SHARE:
        return reason.mask(known, Reason.UNIT_SUSPECTED)
    since_h = group["time_h"].where(odd & elsewhere).groupby(group["pseudonym"]).transform("min")
    return reason.mask((group["time_h"] >= since_h) & known & elsewhere, Reason.UNIT_CHANGES)
