"""A patient's record beside the train patients' of the split: value, usual range, and how many lie below."""

import numpy as np
import pandas as pd

from ichor.models.tabular import is_numeric
from ichor.report import names, numbers

ENDS = (0.05, 0.95)
"""Parts of the train patients between whose values the strip reaches; values beyond are drawn at its ends."""


def record_rows(patient: pd.Series, train: pd.DataFrame, features: list[str]) -> list[dict]:
    """One line per feature.

    Parameters
    ----------
    patient : pandas.Series
        Row of the cohort table.
    train : pandas.DataFrame
        Train rows of the same split.
    features : list of str
        Columns of both; others are left out.

    Returns
    -------
    list of dict
        ``name value usual below strip``: the value as text (a dash where it is not known), median and quartiles of the
        train patients or the share that has the same level, the share of train patients with a lower value (half of
        equal ones), and places in percent of the strip (None for levels).
    """
    return [_line(name, patient[name], train[name].dropna()) for name in features if name in patient and name in train]


def _line(name: str, value: object, known: pd.Series) -> dict:
    row = {"name": names.variable(name), "column": name, "value": said(value), "below": numbers.DASH, "strip": None}
    if known.empty:
        return row | {"usual": "not known in any train patient"}
    if not is_numeric(known) or set(known.unique()) <= {0, 1}:
        if pd.isna(value):
            return row | {"usual": f"most often {said(known.mode().iloc[0])}"}
        same = known.astype(str) == str(value) if not is_numeric(known) else known == value
        return row | {"usual": f"{numbers.percent(int(same.sum()), len(known))} have the same"}
    values = known.to_numpy(float)
    low, first, median, third, high = np.quantile(values, (ENDS[0], 0.25, 0.5, 0.75, ENDS[1]))
    row["usual"] = f"{short(median)} ({short(first)} to {short(third)})"
    width = high - low
    if width > 0:
        row["strip"] = {"first": _place(first, low, width), "third": _place(third, low, width)}
        row["strip"] |= {"median": _place(median, low, width), "own": None}
    if pd.notna(value):
        own = float(value)
        below = (np.mean(values < own) + np.mean(values <= own)) / 2
        row["below"] = numbers.percent(below, 1.0)
        if row["strip"]:
            row["strip"]["own"] = _place(own, low, width)
    return row


def said(value: object) -> str:
    """A value as it is printed; a dash where it is not known."""
    if value is None or pd.isna(value):
        return numbers.DASH
    return short(float(value)) if isinstance(value, int | float | np.number) else names.words(value).lower()


def short(number: float) -> str:
    """Whole numbers without decimals, others with up to two."""
    return numbers.plain(number, 0 if float(number).is_integer() else 1 if abs(number) >= 10 else 2)


def _place(value: float, low: float, width: float) -> float:
    return round(float(np.clip(100 * (value - low) / width, 0, 100)), 1)
