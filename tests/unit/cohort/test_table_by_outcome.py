"""Table 1 by outcome: each variable has the test that fits its distribution, and scipy's numbers."""

import math
from itertools import product

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from tableone import TableOne

from ichor.cohort.group_tests import compare_numbers, compare_shares
from ichor.cohort.table_by_outcome import COLUMNS, table_by_outcome
from ichor.errors import StudyError
from ichor.evaluation.multiple_tests import holm
from ichor.reasons import Reason

LABEL = "label_death"


def quantiles(distribution, n: int) -> np.ndarray:
    """A sample of exactly this shape: no draw of luck decides which test is chosen."""
    return distribution.ppf((np.arange(n) + 0.5) / n)


def people() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    n = 120
    table = pd.DataFrame({LABEL: np.repeat([0.0, 1.0], [80, 40])})
    table["age_years"] = np.r_[quantiles(stats.norm(58, 10), 80), quantiles(stats.norm(66, 10), 40)]
    table["systolic_mmhg"] = np.r_[quantiles(stats.norm(160, 10), 80), quantiles(stats.norm(170, 30), 40)]
    table["iph_ml"] = np.r_[quantiles(stats.expon(scale=15), 80), quantiles(stats.expon(scale=40), 40)]
    table["gcs"] = pd.array(np.r_[rng.integers(9, 16, 80), rng.integers(3, 13, 40)], dtype="Int64")
    table["sex"] = rng.choice(["male", "female"], n)
    table["location"] = rng.choice(["deep", "lobar", "infratentorial"], n, p=[0.8, 0.16, 0.04])
    table["anticoagulant"] = (np.arange(n) % 40 == 0).astype(float)
    table.loc[0, "age_years"] = np.nan
    return table


@pytest.fixture(scope="module")
def table():
    return table_by_outcome(people(), LABEL)


def first(table: pd.DataFrame, variable: str) -> pd.Series:
    return table[table["variable"] == variable].iloc[0]


def test_each_variable_has_the_test_of_its_distribution_and_says_so(table):
    assert list(table.columns) == COLUMNS
    chosen = {name: first(table, name)["test"] for name in table["variable"].unique()}
    assert chosen == {
        "age_years": "student_t", "systolic_mmhg": "welch_t", "iph_ml": "mann_whitney", "gcs": "mann_whitney",
        "sex": "chi_square", "location": "fisher_freeman_halton", "anticoagulant": "fisher_exact",
    }  # fmt: skip
    assert table.set_index("variable")["chosen_because"].dropna().to_dict() == {
        "age_years": "normally distributed, variances alike",
        "systolic_mmhg": "normally distributed, variances differ",
        "iph_ml": "not normally distributed in both groups",
        "gcs": "a grade: its order alone is compared",
        "sex": first(table, "sex")["chosen_because"],
        "location": first(table, "location")["chosen_because"],
        "anticoagulant": "smallest expected count 1.0, below 5",
    }


def test_p_values_are_scipys_and_their_number_is_told(table):
    rows = people()
    sides = {name: [rows.loc[rows[LABEL] == side, name].dropna() for side in (0, 1)] for name in rows}
    numbers = {
        name: [own.astype(float) for own in both] for name, both in sides.items() if name not in ("sex", "location")
    }
    expected = {
        "age_years": stats.ttest_ind(*numbers["age_years"]).pvalue,
        "systolic_mmhg": stats.ttest_ind(*numbers["systolic_mmhg"], equal_var=False).pvalue,
        "iph_ml": stats.mannwhitneyu(*numbers["iph_ml"]).pvalue,
        "gcs": stats.mannwhitneyu(*numbers["gcs"]).pvalue,
        "sex": stats.chi2_contingency(pd.crosstab(rows["sex"], rows[LABEL]), correction=False).pvalue,
        "anticoagulant": stats.fisher_exact(pd.crosstab(rows["anticoagulant"], rows[LABEL])).pvalue,
    }
    for name, p in expected.items():
        assert first(table, name)["p"] == pytest.approx(p), name
    assert table.attrs["tests"] == table["p"].notna().sum() == 7
    tested = table[table["p"].notna()]
    np.testing.assert_allclose(tested["p_holm"], holm(tested["p"].to_numpy()))
    assert first(table, "age_years")["statistic"] > 0  # older in those with the event


def test_texts_are_those_of_the_tableone_package(table):
    rows = people().astype({"gcs": float})
    oracle = TableOne(
        rows,
        columns=["age_years", "iph_ml", "sex"],
        categorical=["sex"],
        nonnormal=["iph_ml"],
        groupby=LABEL,
        include_null=False,
        decimals=1,
    ).tableone
    for side, name in (("0.0", "without"), ("1.0", "with")):
        column = (f"Grouped by {LABEL}", side)
        assert first(table, "age_years")[name] == oracle.loc[("age_years, mean (SD)", ""), column]
        text = first(table, "iph_ml")[name].replace(" [", ",").replace("-", ",").rstrip("]").split(",")
        printed = oracle.loc[("iph_ml, median [Q1,Q3]", ""), column].replace(" [", ",").rstrip("]").split(",")
        assert [float(part) for part in text] == [float(part) for part in printed]
        assert first(table, "sex")[name].replace(" %", "") == oracle.loc[("sex, n (%)", "male"), column]
    row = first(table, "age_years")
    assert row[["n_without", "n_with", "missing", "unit", "kind"]].tolist() == [79, 40, 1, "years", "normal"]


@pytest.mark.parametrize(
    "counts", [[[3, 9], [6, 1], [0, 4]], [[1, 0], [2, 3], [0, 5], [4, 1]], [[2, 2], [1, 1], [3, 3]]]
)
def test_the_exact_test_of_a_larger_table_lists_them_all(counts):
    table = np.array(counts)
    sizes, drawn = table.sum(axis=1), table[:, 1].sum()

    def chance(column) -> float:
        ways = [math.comb(int(size), int(count)) for size, count in zip(sizes, column, strict=True)]
        return math.prod(ways) / math.comb(int(sizes.sum()), int(drawn))

    seen = chance(table[:, 1])
    others = [chance(column) for column in product(*(range(size + 1) for size in sizes)) if sum(column) == drawn]
    assert sum(others) == pytest.approx(1)
    found = compare_shares(counts)
    assert found.name == "fisher_freeman_halton"
    assert found.p == pytest.approx(sum(p for p in others if p <= seen * (1 + 1e-7)))


def test_a_table_too_large_to_list_keeps_the_approximation_and_says_so():
    found = compare_shares([[300, 299], [250, 250], [200, 200], [100, 100], [1, 0]])
    assert found.name == "chi_square" and found.because.endswith("too many tables for the exact test")


def test_what_cannot_be_compared_says_why():
    assert compare_shares([[5, 7], [0, 0]]).reason == Reason.CONSTANT_FEATURE
    assert compare_shares([[5, 0], [4, 0]]).reason == Reason.EMPTY_DENOMINATOR
    assert compare_numbers(pd.Series([1.0]), pd.Series([], dtype=float)).reason == Reason.EMPTY_DENOMINATOR
    assert compare_numbers(pd.Series([1.0, 1]), pd.Series([1.0, 1])).reason == Reason.CONSTANT_FEATURE
    assert compare_numbers(pd.Series([1.0, 2]), pd.Series([3.0, 4, 5])).name == "mann_whitney"
    found = table_by_outcome(people().assign(hypertension=1.0, spot_sign=np.nan), LABEL, ["hypertension", "spot_sign"])
    assert found["reason"].tolist() == ["constant_feature", "empty_denominator"] and found.attrs["tests"] == 0
    assert found["without"].tolist() == ["80 (100.0 %)", ""]


def test_small_numbers_keep_two_digits():
    rows = people().assign(hu_cov=people()["iph_ml"] / 1000)
    text = first(table_by_outcome(rows, LABEL, ["hu_cov"]), "hu_cov")["with"]
    assert text == "0.028 [0.012-0.055]"


def test_patients_without_an_outcome_are_left_out_and_counted():
    rows = people()
    rows.loc[:9, LABEL] = np.nan
    found = table_by_outcome(rows, LABEL, ["sex"])
    assert found.attrs["left_out"] == 10 and found["n_without"].iloc[0] == 70
    for change, message in ((dict(label="death"), "no column death"), (dict(features=["sx"]), "no column sx")):
        with pytest.raises(StudyError, match=message):
            table_by_outcome(rows, **{"label": LABEL} | change)
    with pytest.raises(StudyError, match="besides 0 and 1"):
        table_by_outcome(rows.assign(**{LABEL: 3}), LABEL)
