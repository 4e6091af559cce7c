"""Table 1: the patients of each center, and how far the external centers differ from the development centers.

Counted here, not by the tableone package: that one returns formatted text, rounded, where the report needs numbers.
The tests hold this table to its results.
"""

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd

from ichor.cohort.dictionary import Variable, variables

COLUMNS = "variable level unit center kind n missing median q1 q3 count percent text standardized_difference".split()
MEASURED = {
    "iph_ml": "mL",
    "ivh_ml": "mL",
    "label_expansion": None,
    "label_poor_outcome": None,
    "label_death": None,
    "label_deterioration_7d": None,
}
"""What the cohort tables add to the patients' variables -> unit."""
ALL, GROUPS = "all", ("development", "external")


def table_one(
    patients: pd.DataFrame,
    cohorts: Mapping[str, pd.DataFrame] | None = None,
    measured: Mapping[str, str | None] = MEASURED,
) -> pd.DataFrame:
    """Table 1 in tidy form.

    Parameters
    ----------
    patients : DataFrame
        Table ``patients``.
    cohorts : mapping, optional
        Split -> its table ``cohort``. Volumes and labels of a patient are taken from the first split that holds the
        patient as a test patient, else from the first that holds him at all; the table then describes the patients of
        the cohorts alone, those with an accepted baseline scan.
    measured : mapping, optional
        Columns of the cohorts that are described beside the patients' variables -> unit; names that begin with
        ``label_`` are yes or no.

    Returns
    -------
    DataFrame
        A row per variable (per ``level`` of a category; yes/no variables have level 1 only) and ``center``: each
        center, ``development``, ``external`` and ``all``. ``kind`` is ``number`` (``median q1 q3``, linear
        interpolation) or ``category`` (``count percent`` of those recorded). ``n`` recorded, ``missing`` not recorded,
        ``text`` as printed: ``60 [50-69]`` or ``16 (64.0 %)``. ``standardized_difference``, in the rows ``all`` alone,
        is external against development: difference of means over the root of the mean variance; for categories the
        Mahalanobis distance of the proportions (Yang and Dalton, SAS Global Forum 2012, paper 335), without sign.
        The variable ``patients`` counts the patients.
    """
    people, kinds = _people(patients, cohorts or {}, measured)
    centers = sorted(people["center"].unique())
    groups = {center: people[people["center"] == center] for center in centers}
    groups |= {role: people[people["center_role"] == role] for role in GROUPS} | {ALL: people}
    rows: list[dict] = [
        dict(
            variable="patients", center=center, kind="count", n=len(own), missing=0, count=len(own), text=str(len(own))
        )
        for center, own in groups.items()
    ]
    for name, (levels, unit) in kinds.items():
        difference = _difference(groups, name, levels)
        for level in levels or [None]:
            for center, own in groups.items():
                row = dict(variable=name, level=level, unit=unit, center=center) | _describe(own[name], level)
                rows.append(row | ({"standardized_difference": difference} if center == ALL else {}))
    table = pd.DataFrame(rows).reindex(columns=COLUMNS)
    return table.astype({"n": "Int64", "missing": "Int64", "count": "Int64"})


def _people(
    patients: pd.DataFrame, cohorts: Mapping[str, pd.DataFrame], measured: Mapping[str, str | None]
) -> tuple[pd.DataFrame, dict[str, tuple[list, str | None]]]:
    kinds = {name: (_levels(variable), variable.unit) for name, variable in variables().items()}
    if not cohorts:
        return patients, kinds
    kinds |= {name: ([1] if name.startswith("label_") else [], unit) for name, unit in measured.items()}
    rows = pd.concat([cohort[["patient", "role", *measured]] for cohort in cohorts.values()], ignore_index=True)
    rows["learned_from"] = rows["role"] != "test"
    rows = rows.sort_values("learned_from", kind="stable").drop_duplicates("patient")
    return patients.merge(rows[["patient", *measured]], on="patient", how="inner"), kinds


def _levels(variable: Variable) -> list:
    """Levels that are counted; none for a number."""
    return [1] if variable.values == (0, 1) else list(variable.values)


def _describe(values: pd.Series, level: object | None) -> dict:
    given = values.dropna()
    found = dict(kind="number" if level is None else "category", n=len(given), missing=len(values) - len(given))
    if level is not None:
        count = int((given == level).sum())
        percent = 100.0 * count / len(given) if len(given) else math.nan
        return found | dict(count=count, percent=percent, text=f"{count} ({percent:.1f} %)" if len(given) else "")
    if not len(given):
        return found | dict(text="")
    q1, median, q3 = np.percentile(given.astype(float), [25, 50, 75])
    return found | dict(median=median, q1=q1, q3=q3, text=f"{_short(median)} [{_short(q1)}-{_short(q3)}]")


def _short(value: float) -> str:
    """One decimal, none for a whole number."""
    text = f"{value:.1f}"
    return text.removesuffix(".0")


def _difference(groups: Mapping[str, pd.DataFrame], name: str, levels: list) -> float:
    development, external = (groups[role][name].dropna() for role in GROUPS)
    if len(levels) == 0:
        return standardized_difference(development.astype(float).to_numpy(), external.astype(float).to_numpy())
    if not len(development) or not len(external):
        return math.nan
    seen = [level for level in levels if ((development == level).any() or (external == level).any())]
    counted = seen if len(levels) == 1 else seen[1:]  # the shares sum to 1: one level follows from the others
    if not counted:
        return math.nan
    first, second = (np.array([np.mean(own == level) for level in counted]) for own in (development, external))
    return standardized_distance(first, second)


def standardized_difference(first: np.ndarray, second: np.ndarray) -> float:
    """Difference of two samples' means over the root of their mean variance.

    Parameters
    ----------
    first, second : ndarray, shape (n,)
        At least two values each; NaN is returned for fewer, or without any variance.
    """
    if len(first) < 2 or len(second) < 2:
        return math.nan
    spread = math.sqrt((first.var(ddof=1) + second.var(ddof=1)) / 2)
    return float((second.mean() - first.mean()) / spread) if spread > 0 else math.nan


def standardized_distance(first: np.ndarray, second: np.ndarray) -> float:
    """Mahalanobis distance of two vectors of proportions under multinomial covariance.

    Parameters
    ----------
    first, second : ndarray, shape (levels - 1,)
        Proportions of all levels but one. NaN is returned where the covariance cannot be inverted (a level that
        nobody has).
    """
    covariances = [np.diag(shares) - np.outer(shares, shares) for shares in (first, second)]
    try:
        inverse = np.linalg.inv(sum(covariances) / 2)
    except np.linalg.LinAlgError:
        return math.nan
    gap = second - first
    return float(math.sqrt(max(gap @ inverse @ gap, 0.0)))
