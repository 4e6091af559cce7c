"""Two groups of patients compared by the test that fits the variable's distribution; the choice is told in words."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats
from scipy.special import gammaln

from ichor.reasons import Reason

LEVEL = 0.05
"""Level of the checks of normality and of equal variances."""
FEWEST = 3
"""Values of each group that a check of normality needs."""
SHAPIRO_MOST = 5000
"""Values up to which Shapiro-Wilk's p is exact enough (scipy says so)."""
EXPECTED = 5.0
"""Expected patients in a cell below which chi-square is not used (Cochran, Biometrics 1954;10:417-451)."""
TABLES_MOST = 2_000_000
"""Tables that an exact test may have to list."""


class GroupTest(NamedTuple):
    """A test of two groups.

    Attributes
    ----------
    name : str or None
        ``student_t``, ``welch_t``, ``mann_whitney``, ``chi_square``, ``fisher_exact``, ``fisher_freeman_halton``; None
        without a test.
    because : str
        Why this one.
    statistic, p : float
        Two-sided. The statistic is t, U of the second group, chi-square, or the sample odds ratio of a fourfold table;
        NaN for the exact test of a larger one.
    normal : bool
        Whether a mean describes the variable.
    reason : Reason or None
        Why there is no test.
    """

    name: str | None
    because: str
    statistic: float = math.nan
    p: float = math.nan
    normal: bool = False
    reason: Reason | None = None


def compare_numbers(first: pd.Series, second: pd.Series, ordinal: bool = False) -> GroupTest:
    """Compare a number between two groups.

    Shapiro-Wilk in each group (D'Agostino and Pearson's test above 5000 values), both at 0.05; if neither objects,
    Brown and Forsythe's check of the variances (Levene's about the median), then Student's t test or, with unequal
    variances, Welch's. Otherwise, and for grades (`ordinal`), Mann and Whitney's test. Choosing a test by tests of the
    same patients is the papers' habit and makes its level approximate.

    Parameters
    ----------
    first, second : Series
        Values without gaps.
    ordinal : bool
        A grade, such as the GCS.
    """
    a, b = (np.asarray(values, dtype=float) for values in (first, second))
    if not a.size or not b.size:
        return GroupTest(None, "a group has no value", reason=Reason.EMPTY_DENOMINATOR)
    if np.ptp(np.r_[a, b]) == 0:
        return GroupTest(None, "everybody has the same value", reason=Reason.CONSTANT_FEATURE)
    if ordinal:
        return _ranks(a, b, "a grade: its order alone is compared")
    if min(a.size, b.size) < FEWEST:
        return _ranks(a, b, f"fewer than {FEWEST} values in a group")
    if not (_normal(a) and _normal(b)):
        return _ranks(a, b, "not normally distributed in both groups")
    unequal = stats.levene(a, b, center="median").pvalue < LEVEL
    found = stats.ttest_ind(b, a, equal_var=not unequal)
    name = "welch_t" if unequal else "student_t"
    because = f"normally distributed, variances {'differ' if unequal else 'alike'}"
    return GroupTest(name, because, float(found.statistic), float(found.pvalue), normal=True)


def _normal(values: np.ndarray) -> bool:
    if np.ptp(values) == 0:
        return False
    test = stats.shapiro if values.size <= SHAPIRO_MOST else stats.normaltest
    return bool(test(values).pvalue >= LEVEL)


def _ranks(a: np.ndarray, b: np.ndarray, because: str) -> GroupTest:
    found = stats.mannwhitneyu(b, a, alternative="two-sided")
    return GroupTest("mann_whitney", because, float(found.statistic), float(found.pvalue))


def compare_shares(counts: Sequence[Sequence[int]]) -> GroupTest:
    """Compare the shares of the levels of a category between two groups.

    Pearson's chi-square test without correction for continuity, if every cell is expected to hold five patients or
    more; otherwise Fisher's exact test, for more than two levels that of Freeman and Halton (Biometrika
    1951;38:141-149): the sum of the probabilities of all tables with these margins that are no likelier than the one
    seen. Where these are more than two million tables, the chi-square test stands, and says so.

    Parameters
    ----------
    counts : sequence, shape (levels, 2)
        Patients by level and group; levels that nobody has are left out.
    """
    table = np.array([row for row in counts if sum(row)], dtype=int).reshape(-1, 2)
    if not table.size or (table.sum(axis=0) == 0).any():
        return GroupTest(None, "a group has no value", reason=Reason.EMPTY_DENOMINATOR)
    if len(table) < 2:
        return GroupTest(None, "everybody has the same value", reason=Reason.CONSTANT_FEATURE)
    chi = stats.chi2_contingency(table, correction=False)
    least = float(chi.expected_freq.min())
    if least >= EXPECTED:
        return GroupTest("chi_square", f"smallest expected count {least:.1f}", float(chi.statistic), float(chi.pvalue))
    because = f"smallest expected count {least:.1f}, below {EXPECTED:g}"
    if len(table) == 2:
        found = stats.fisher_exact(table)
        return GroupTest("fisher_exact", because, float(found.statistic), float(found.pvalue))
    if math.prod(int(total) + 1 for total in sorted(table.sum(axis=1))[:-1]) > TABLES_MOST:
        because += "; too many tables for the exact test"
        return GroupTest("chi_square", because, float(chi.statistic), float(chi.pvalue))
    return GroupTest("fisher_freeman_halton", because, p=_freeman_halton(table))


def _freeman_halton(table: np.ndarray) -> float:
    """P value of a table of shape (levels, 2), by listing the second column of all tables with its margins."""
    sizes, drawn = np.sort(table.sum(axis=1)), int(table[:, 1].sum())
    left, logs = np.array([drawn]), np.zeros(1)  # patients of the column not yet placed, logarithm of the ways
    for size in sizes[:-1]:
        taken = np.arange(size + 1)
        left = (left[:, None] - taken).ravel()
        logs = (logs[:, None] + _log_choose(size, taken)).ravel()
        logs, left = logs[left >= 0], left[left >= 0]
    possible = left <= sizes[-1]
    logs = logs[possible] + _log_choose(sizes[-1], left[possible])
    logs -= _log_choose(sizes.sum(), drawn)
    seen = sum(_log_choose(size, count) for size, count in zip(table.sum(axis=1), table[:, 1], strict=True))
    seen -= _log_choose(sizes.sum(), drawn)
    return float(min(1.0, np.exp(logs[logs <= seen + 1e-7]).sum()))


def _log_choose(n: int, k: np.ndarray | int) -> np.ndarray:
    return gammaln(n + 1) - gammaln(np.asarray(k) + 1) - gammaln(n - np.asarray(k) + 1)
