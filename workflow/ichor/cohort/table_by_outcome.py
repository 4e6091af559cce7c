"""Table 1 by outcome: each variable in patients without and with the event, and the test that fits its distribution."""

import math
from collections.abc import Sequence

import pandas as pd

from ichor.cohort.dictionary import Variable, variables
from ichor.cohort.group_tests import GroupTest, compare_numbers, compare_shares
from ichor.cohort.table_one import MEASURED
from ichor.errors import StudyError
from ichor.evaluation.multiple_tests import holm

COLUMNS = (
    "variable level unit kind all without with n_without n_with missing test chosen_because statistic p p_holm reason"
).split()
GROUPS = {"without": 0, "with": 1}


def table_by_outcome(cohort: pd.DataFrame, label: str, features: Sequence[str] | None = None) -> pd.DataFrame:
    """Describe and test each variable by outcome.

    Parameters
    ----------
    cohort : DataFrame
        One row per patient: table ``cohort`` (any table with these columns will do).
    label : str
        Column of the outcome, 0, 1 or missing; patients without it are left out.
    features : sequence of str, optional
        Columns to describe; without them all variables of the data dictionary that are known at admission and
        recorded in somebody, and the measured volumes.

    Returns
    -------
    DataFrame
        One row per number, and per level of a category (yes/no variables have level 1 only). ``variable level unit``;
        ``kind``: ``normal`` (mean (SD)), ``skewed`` (median [Q1-Q3]) or ``category`` (count (percent)); ``all``,
        ``without``, ``with``: text as printed, for everybody, label 0 and label 1; ``n_without n_with``: recorded;
        ``missing``; in a variable's first row alone: ``test`` (``student_t``, ``welch_t``, ``mann_whitney``,
        ``chi_square``, ``fisher_exact`` or ``fisher_freeman_halton``), ``chosen_because`` (in words), ``statistic``,
        ``p``, ``p_holm`` (adjusted for all tests of the table), ``reason`` (why there is no test).
        ``attrs``: ``tests`` (their number), ``left_out`` (patients without an outcome).

    Raises
    ------
    StudyError
        If a column is not there, or the label is neither 0, 1 nor empty.
    """
    for name in [label, *(features or [])]:
        if name not in cohort:
            raise StudyError(f"the table has no column {name}; it has {', '.join(map(str, cohort.columns))}")
    labels = pd.to_numeric(cohort[label]).astype(float)
    if not labels.dropna().isin(GROUPS.values()).all():
        raise StudyError(f"column {label}: found values besides 0 and 1; an outcome is 0, 1 or empty")
    people, labels = cohort[labels.notna()], labels.dropna()
    names = _admission(people) if features is None else list(dict.fromkeys(features))
    rows = [row for name in names for row in _rows(name, people[name], labels)]
    table = pd.DataFrame(rows, columns=COLUMNS)
    table["p_holm"] = holm(table["p"].to_numpy(dtype=float))
    table.attrs |= {"tests": int(table["p"].notna().sum()), "left_out": len(cohort) - len(people)}
    return table


def _admission(people: pd.DataFrame) -> list[str]:
    known = [name for name, variable in variables().items() if variable.known == "admission"]
    known += [name for name in MEASURED if not name.startswith("label_")]
    return [name for name in known if name in people and people[name].notna().any()]


def _rows(name: str, values: pd.Series, labels: pd.Series) -> list[dict]:
    variable = variables().get(name)
    sides = {side: values[labels == label].dropna() for side, label in GROUPS.items()}
    unit = variable.unit if variable else MEASURED.get(name)
    told = {"variable": name, "unit": unit, "missing": int(values.isna().sum())}
    told |= {f"n_{side}": len(own) for side, own in sides.items()}
    groups = {"all": values.dropna(), **sides}
    levels = _levels(variable, values)
    if levels is None:
        test = compare_numbers(sides["without"], sides["with"], ordinal=_ordinal(variable))
        kind = "normal" if test.normal else "skewed"
        texts = {group: _number(own, test.normal) for group, own in groups.items()}
        return [told | {"level": None, "kind": kind} | texts | _tested(test)]
    counts = [[int((own == level).sum()) for own in sides.values()] for level in levels]
    if len(levels) == 1:  # yes or no: the other level follows
        counts.append([len(own) - count for own, count in zip(sides.values(), counts[0], strict=True)])
    test = _tested(compare_shares(counts))
    empty = dict.fromkeys(test)
    return [
        told
        | {"level": level, "kind": "category"}
        | {group: _share(int((own == level).sum()), len(own)) for group, own in groups.items()}
        | (test if level == levels[0] else empty)
        for level in levels
    ]


def _levels(variable: Variable | None, values: pd.Series) -> list | None:
    """Levels that are counted, 1 alone for yes/no; None for a number."""
    given = values.dropna()
    if variable is not None:
        if variable.values == (0, 1):
            return [1]
        return [level for level in variable.values if (given == level).any()] if variable.values else None
    if not pd.api.types.is_numeric_dtype(given):
        return sorted(given.unique(), key=str)
    return [1] if set(given.unique()) <= {0, 1} else None


def _ordinal(variable: Variable | None) -> bool:
    """Whether a number is a grade such as the GCS: its distances mean nothing, so only its order is tested."""
    return variable is not None and variable.kind == "integer" and variable.unit in (None, "points")


def _tested(test: GroupTest) -> dict:
    return {
        "test": test.name,
        "chosen_because": test.because,
        "statistic": test.statistic,
        "p": test.p,
        "reason": None if test.reason is None else str(test.reason),
    }


def _number(values: pd.Series, normal: bool) -> str:
    numbers = values.astype(float)
    if numbers.empty:
        return ""
    largest = float(numbers.abs().quantile(0.75))
    places = max(1, 1 - math.floor(math.log10(largest))) if largest > 0 else 1  # two digits of numbers below 1
    if normal:
        spread = numbers.std(ddof=1) if len(numbers) > 1 else math.nan
        return f"{numbers.mean():.{places}f} ({spread:.{places}f})"
    q1, median, q3 = (_short(value, places) for value in numbers.quantile([0.25, 0.5, 0.75]))
    return f"{median} [{q1}-{q3}]"


def _short(value: float, places: int) -> str:
    """That many decimals, none for a whole number."""
    text = f"{value:.{places}f}"
    return text.rstrip("0").rstrip(".") if float(text) == int(float(text)) else text


def _share(count: int, total: int) -> str:
    return f"{count} ({100.0 * count / total:.1f} %)" if total else ""
