"""Odds ratios of single variables and of several together, as the papers' tables print them."""

import math
import warnings
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from ichor import tables
from ichor.cohort.dictionary import variables
from ichor.errors import StudyError
from ichor.evaluation.association import odds_ratios
from ichor.evaluation.firth import firth
from ichor.evaluation.multiple_tests import holm
from ichor.reasons import Reason
from ichor.scores.components import refuse_own_components, score_of
from ichor.scores.rows import score_columns, score_rows

COLUMNS = ["feature", "level", "per", "n", "events", "missing", "odds_ratio", "low", "high", "p"]
TAIL = ["method", "reason"]
SINGULAR = {"years": "year", "points": "point"}


class Column(NamedTuple):
    """One column of a regression: the feature it is of, its level (None for a number) and what its ratio compares."""

    feature: str
    level: str | None
    per: str


def univariable(cohort: pd.DataFrame, label: str, features: Sequence[str]) -> pd.DataFrame:
    """Odds ratio of each feature alone, on the patients in whom it is recorded.

    Parameters
    ----------
    cohort : DataFrame
        One row per patient: table ``cohort`` (any table with these columns will do).
    label : str
        Column of the outcome, 0, 1 or missing: ``"label_poor_outcome"``, ``"label_death"``.
    features : sequence of str
        Columns of `cohort`, or points of a score: ``"ich_points"``, ``"func_points"`` (names of `ichor.scores.rows`).

    Returns
    -------
    DataFrame
        One row per feature, and per further level of a named category: ``feature``, ``level`` (None for numbers),
        ``per`` (what the ratio compares, for example ``"1 mL"``, ``"yes against no"``, ``"lobar against deep"``),
        ``n``, ``events``, ``missing``, ``odds_ratio``, ``low``, ``high`` (95 %), ``p``, ``p_holm`` (for all rows of
        this table), ``method`` (``wald``, or ``firth`` where the classes are separated) and ``reason`` (code, or None).

    Raises
    ------
    ichor.errors.StudyError
        If a feature or the label is no column of `cohort`.

    Notes
    -----
    ``wald``: maximum likelihood with Wald's interval and test. Where the outcomes are separated, so that a maximum does
    not exist, ``firth``: penalised likelihood with its profile interval and likelihood-ratio test (our choice; see
    `ichor.evaluation.firth`).
    """
    people, labels = _labelled(cohort, label, features)
    parts = [_fitted(people, labels, [name]) for name in dict.fromkeys(features)]
    table = _table(parts)
    table["p_holm"] = holm(table["p"].to_numpy(dtype=float))
    return table[[*COLUMNS, "p_holm", *TAIL]]


def multivariable(cohort: pd.DataFrame, label: str, features: Sequence[str]) -> pd.DataFrame:
    """Odds ratios of all features together, on the patients in whom all are recorded.

    Parameters
    ----------
    cohort, label, features
        As for `univariable`.

    Returns
    -------
    DataFrame
        Columns of `univariable` without ``p_holm``, and ``vif`` (variance inflation factor of the column: how many
        times its variance is that without the others; above 5 to 10 it can hardly be told from them) and
        ``events_per_variable`` (the smaller class divided by the number of columns; below 10 the ratios are unsteady).
        If the classes are separated all ratios are Firth's. Features with one value are listed with a reason and are
        not in the model. ``missing`` counts the patients with a label who are left out because of any feature.

    Raises
    ------
    ichor.errors.StudyError
        If a score stands beside its own components, or two scores with common components; if a feature or the label is
        no column of `cohort`.
    """
    features = list(dict.fromkeys(features))
    refuse_own_components(features)
    if not features:
        raise StudyError("multivariable regression: no feature is given")
    people, labels = _labelled(cohort, label, features)
    table = _table([_fitted(people, labels, features)])
    return table[[*COLUMNS, "vif", "events_per_variable", *TAIL]]


def _labelled(cohort: pd.DataFrame, label: str, features: Sequence[str]) -> tuple[pd.DataFrame, pd.Series]:
    """Rows with a label, with a column of its points for each score among the features."""
    needed = [label, *(name for name in features if name in cohort or not score_of(name))]
    absent = [name for name in needed if name not in cohort]
    if absent:
        raise StudyError(f"the table has no column {', '.join(absent)}; it has {', '.join(map(str, cohort.columns))}")
    labels = pd.to_numeric(cohort[label]).astype(float)
    if not labels.dropna().isin((0, 1)).all():
        raise StudyError(f"column {label}: found values besides 0 and 1; an outcome is 0, 1 or empty")
    people, labels = cohort[labels.notna()], labels[labels.notna()]
    for name in features:
        if name not in cohort:
            score = score_of(name)
            gaps = [column for column in score_columns(score) if column not in cohort]
            if gaps:
                raise StudyError(f"{name} needs the columns {', '.join(gaps)}, which the table does not have")
            people = people.assign(**{name: score_rows(score, people)["points"]})
    return people, labels


def _fitted(people: pd.DataFrame, labels: pd.Series, features: list[str]) -> list[dict]:
    known = people[features].notna().all(axis=1)
    y, own = labels[known].to_numpy(), people[known]
    counts = {"n": len(y), "events": int(y.sum()), "missing": int((~known).sum())}
    rows, columns, parts = [], [], []
    for name in features:
        coded = _coded(own[name], name)
        for column, values in coded:
            columns.append(column)
            parts.append(values)
        if not coded:
            reason = Reason.CONSTANT_FEATURE if len(y) else Reason.EMPTY_DENOMINATOR
            rows.append({"feature": name, "level": None, "per": "", **counts, "reason": str(reason)})
    if parts:
        design = pd.DataFrame(np.column_stack(parts), columns=range(len(parts)))
        found = _ratios(y, design).assign(vif=_inflation(design))
        found["events_per_variable"] = min(counts["events"], counts["n"] - counts["events"]) / len(parts)
        rows += [
            {**column._asdict(), **counts, **row} for column, row in zip(columns, found.to_dict("records"), strict=True)
        ]
    order = {name: place for place, name in enumerate(features)}
    return sorted(rows, key=lambda row: order[row["feature"]])


def _coded(values: pd.Series, name: str) -> list[tuple[Column, np.ndarray]]:
    """Columns of a feature without gaps; none if everybody has the same value."""
    if values.nunique() < 2:
        return []
    known = variables().get(name)
    if not pd.api.types.is_numeric_dtype(values) and (known is None or known.kind == "string"):
        counts = values.astype(str).value_counts()
        levels = sorted(counts.index, key=lambda level: (-counts[level], level))
        return [
            (Column(name, level, f"{level} against {levels[0]}"), (values.astype(str) == level).to_numpy(dtype=float))
            for level in levels[1:]
        ]
    numbers = pd.to_numeric(values).to_numpy(dtype=float)
    if set(np.unique(numbers)) <= {0.0, 1.0} and score_of(name) is None:
        return [(Column(name, "yes", "yes against no"), numbers)]
    unit = unit_of(name) or "more"
    return [(Column(name, None, f"1 {SINGULAR.get(unit, unit)}"), numbers)]


def unit_of(name: str) -> str | None:
    """Unit of a column of the cohort table; ``point`` for points of a score, None without a unit."""
    if score_of(name):
        return "point"
    known = variables().get(name)
    return known.unit if known else tables.schema("cohort")["properties"].get(name, {}).get("unit")


def _ratios(labels: np.ndarray, design: pd.DataFrame) -> pd.DataFrame:
    names = ["odds_ratio", "low", "high", "p"]
    empty = pd.DataFrame(math.nan, index=design.index[:0], columns=names).reindex(design.columns)
    empty["method"] = None
    if not len(labels) or labels.min() == labels.max():
        return empty.assign(reason=str(Reason.ONE_CLASS))
    full = np.column_stack([np.ones(len(labels)), _standard(design)])
    if np.linalg.matrix_rank(full) < full.shape[1]:
        return empty.assign(reason=str(Reason.COLLINEAR_FEATURES))
    found = odds_ratios(labels, design)
    if found["reason"].isna().all():
        return found[names].assign(method="wald", reason=None)
    fit = firth(labels, design.to_numpy())
    if fit is None:
        return empty.assign(reason=str(Reason.PERFECT_PREDICTION))
    ratios = {"odds_ratio": fit.slope, "low": fit.low, "high": fit.high}
    with np.errstate(over="ignore"):
        found = pd.DataFrame({name: np.exp(values) for name, values in ratios.items()}, index=design.columns)
    return found.assign(p=fit.p, method="firth", reason=None)


def _standard(design: pd.DataFrame) -> np.ndarray:
    values = design.to_numpy(dtype=float)
    return (values - values.mean(axis=0)) / values.std(axis=0)


def _inflation(design: pd.DataFrame) -> list[float]:
    """Variance inflation factor of each column; infinite where the others give it exactly."""
    from statsmodels.stats.outliers_influence import variance_inflation_factor

    if design.shape[1] == 1:
        return [1.0]
    full = np.column_stack([np.ones(len(design)), _standard(design)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a division by zero is the infinity that is meant
        return [float(variance_inflation_factor(full, j)) for j in range(1, full.shape[1])]


def _table(parts: list[list[dict]]) -> pd.DataFrame:
    table = pd.DataFrame([row for part in parts for row in part])
    return table.reindex(columns=[*COLUMNS, "vif", "events_per_variable", *TAIL])
