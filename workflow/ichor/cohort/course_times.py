"""When each row of a table of courses was measured: hours since onset from hours, days, dates or named time points."""

from collections.abc import Collection

import numpy as np
import pandas as pd

from ichor.cohort.course_columns import HOURS, Field, Layout
from ichor.cohort.course_time_points import TimePoint
from ichor.cohort.records import plain
from ichor.cohort.values import number_of

LATEST_H = 88800.0  # ten years: the end of the patients table's follow-up
DECIMALS = 4


def times_of(people: pd.DataFrame, layout: Layout, points: Collection[TimePoint] | None) -> pd.DataFrame:
    """Time of each row.

    Parameters
    ----------
    people : DataFrame
        Rows of the center's table, cells as text, with the column ``pseudonym``.
    layout : Layout
        How the table is written.
    points : collection of TimePoint, or None
        Time points of the config.

    Returns
    -------
    DataFrame
        Index of `people`; ``time_h`` (NaN where it is missing, cannot be read, or lies more than ten years after
        onset; negative before onset), and ``time_point`` (None unless the center names time points).
    """
    cells = people[layout.time.header]
    named = pd.Series(None, index=people.index, dtype=object)
    if layout.time_kind == "time_point":
        known = {point.name: point.middle_h for point in points or ()}
        named = cells.map(lambda text: _name(text, layout.time, known)).astype(object)
        hours = named.map(known).astype(float)
        named = named.where(named.notna(), None)
    elif layout.time_kind == "datetime":
        taken = _dates(cells, layout.time, layout.time_format)
        hours = (taken - _onset(people, layout)).dt.total_seconds() / 3600.0
    else:
        factor = 24.0 if layout.time_kind == "time_day" else HOURS[layout.time.unit]
        texts = {text: _number(text, layout.time) for text in cells.unique()}
        hours = cells.map(texts).astype(float) * factor
    hours = hours.round(DECIMALS).where(hours <= LATEST_H)
    return pd.DataFrame({"time_h": hours, "time_point": named}, index=people.index)


def _name(text: str, time: Field, known: Collection[str]) -> str | None:
    word = plain(text)
    name = time.codes.get(word, word)
    return name if name in known and word not in time.missing else None


def _number(text: str, time: Field) -> float:
    number = None if plain(text) in time.missing else number_of(text)
    return np.nan if number is None else number


def _dates(cells: pd.Series, column: Field, time_format: str | None) -> pd.Series:
    written = cells.where(~cells.map(plain).isin(column.missing))
    return pd.to_datetime(written, format=column.codes.get("format", time_format or "ISO8601"), errors="coerce")


def _onset(people: pd.DataFrame, layout: Layout) -> pd.Series:
    """Onset of each row's patient; a patient with two different ones has none, for nobody knows which is right."""
    dates = _dates(people[layout.onset.header], layout.onset, layout.time_format)
    by_patient = dates.groupby(people["pseudonym"])
    return by_patient.transform("first").where(by_patient.transform("nunique") == 1)
