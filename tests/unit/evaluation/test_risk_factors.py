"""Odds ratios as the papers print them: against fourfold tables, statsmodels and a brute-force search."""

import math

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy.optimize import minimize

from ichor.errors import StudyError
from ichor.evaluation.firth import firth
from ichor.evaluation.multiple_tests import holm
from ichor.evaluation.risk_factors import multivariable, univariable
from ichor.reasons import Reason

LABEL = "label_poor_outcome"


def cohort(n: int = 300, seed: int = 3) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "age_years": rng.normal(60, 12, n).round(1).clip(18, 100),
            "gcs": pd.array(rng.integers(3, 16, n), dtype="Int64"),
            "iph_ml": rng.gamma(2, 12, n).round(2),
            "ivh_ml": np.where(rng.random(n) < 0.4, 3.0, 0.0),
            "sex": np.where(rng.random(n) < 0.6, "male", "female"),
            "location": rng.choice(["deep", "lobar", "infratentorial"], n, p=[0.6, 0.3, 0.1]),
            "diabetes": pd.array((rng.random(n) < 0.2).astype(int), dtype="Int64"),
        }
    )
    logit = 0.05 * (table["age_years"] - 60) - 0.2 * (table["gcs"].astype(float) - 10) + 0.02 * table["iph_ml"]
    table[LABEL] = pd.array((rng.random(n) < 1 / (1 + np.exp(-logit))).astype(int), dtype="Int64")
    return table


def test_a_fourfold_table_by_hand():
    counts = {(1, 1): 20, (1, 0): 10, (0, 1): 15, (0, 0): 35}
    rows = [(exposed, label) for (exposed, label), count in counts.items() for _ in range(count)]
    table = pd.DataFrame(rows, columns=["diabetes", LABEL])
    table.loc[len(table)] = (None, 1)
    table.loc[len(table)] = (1, None)
    row = univariable(table, LABEL, ["diabetes"]).iloc[0]
    error = math.sqrt(1 / 20 + 1 / 10 + 1 / 15 + 1 / 35)
    assert row["odds_ratio"] == pytest.approx(20 * 35 / (10 * 15))
    assert row["low"] == pytest.approx(row["odds_ratio"] * math.exp(-1.959963984540054 * error), rel=1e-6)
    assert row[["n", "events", "missing", "per", "method"]].tolist() == [80, 35, 1, "yes against no", "wald"]


def test_separated_classes_have_firths_ratio_which_adds_a_half_to_each_cell():
    table = pd.DataFrame({"diabetes": [1] * 10 + [0] * 50, LABEL: [1] * 10 + [1] * 15 + [0] * 35})
    row = univariable(table, LABEL, ["diabetes"]).iloc[0]
    assert row["method"] == "firth" and row["reason"] is None
    assert row["odds_ratio"] == pytest.approx(10.5 * 35.5 / (0.5 * 15.5), rel=1e-6)
    assert 1 < row["low"] < row["odds_ratio"] < row["high"] < math.inf and row["p"] < 1e-3


def test_firth_is_the_maximum_of_the_penalised_likelihood_and_its_interval_where_that_has_fallen():
    rng = np.random.default_rng(4)
    x = np.column_stack([rng.normal(60, 10, 40), (rng.random(40) < 0.2).astype(float)])
    y = ((x[:, 0] > 62) | (x[:, 1] == 1)).astype(float)
    y[3] = 1 - y[3]

    def height(beta, fixed=None):
        full = np.insert(beta, fixed[0], fixed[1]) if fixed else beta
        design = np.column_stack([np.ones(40), x])
        chance = 1 / (1 + np.exp(-np.clip(design @ full, -700, 700)))
        information = (design * (chance * (1 - chance))[:, None]).T @ design
        terms = np.where(y == 1, chance, 1 - chance)
        return -(np.log(np.maximum(terms, 1e-300)).sum() + 0.5 * np.linalg.slogdet(information)[1])

    fit = firth(y, x)
    slopes = fit.slope
    start = np.r_[-slopes @ x.mean(axis=0), slopes]
    options = {"method": "Nelder-Mead", "options": {"xatol": 1e-9, "fatol": 1e-12, "maxiter": 20000, "maxfev": 20000}}
    best = minimize(height, start, **options)
    np.testing.assert_allclose(best.x[1:], slopes, rtol=1e-4)
    for j, ends in enumerate(zip(fit.low, fit.high, strict=True), start=1):
        for end in ends:
            fallen = minimize(lambda beta, j=j, end=end: height(beta, (j, end)), np.delete(best.x, j), **options)
            assert fallen.fun - best.fun == pytest.approx(3.841458820694124 / 2, abs=1e-4)


def test_categories_are_compared_with_their_most_frequent_level():
    found = univariable(cohort(), LABEL, ["location", "sex", "gcs", "iph_ml"])
    assert found["per"].tolist() == [
        "lobar against deep", "infratentorial against deep", "female against male", "1 point", "1 mL"
    ]  # fmt: skip
    np.testing.assert_allclose(found["p_holm"], holm(found["p"].to_numpy()))


def test_points_of_a_score_are_a_variable():
    people = cohort()
    found = univariable(people, LABEL, ["ich_points"]).iloc[0]
    assert (found["per"], found["missing"]) == ("1 point", 0) and found["odds_ratio"] > 1
    with pytest.raises(StudyError, match="max_ich_points needs the columns nihss, anticoagulant"):
        univariable(people, LABEL, ["max_ich_points"])
    with pytest.raises(StudyError, match="no column ages"):
        univariable(people, LABEL, ["ages"])


def test_several_together_are_statsmodels_logit_on_complete_rows():
    people = cohort()
    people.loc[:20, "iph_ml"] = np.nan
    found = multivariable(people, LABEL, ["age_years", "gcs", "iph_ml", "sex"])
    whole = people.dropna(subset=["iph_ml"])
    design = whole[["age_years", "gcs", "iph_ml"]].astype(float).assign(sex=(whole["sex"] == "female").astype(float))
    fit = sm.Logit(whole[LABEL].astype(float), sm.add_constant(design)).fit(disp=0)
    np.testing.assert_allclose(np.log(found["odds_ratio"]), fit.params.iloc[1:], rtol=1e-5)
    np.testing.assert_allclose(found["p"], fit.pvalues.iloc[1:], rtol=1e-4)
    np.testing.assert_allclose(np.log(found[["low", "high"]]), fit.conf_int().iloc[1:], rtol=1e-4)
    assert set(found["n"]) == {279} and set(found["missing"]) == {21}
    events = int(whole[LABEL].sum())
    np.testing.assert_allclose(found["events_per_variable"], min(events, 279 - events) / 4)


def test_variance_inflation_of_two_variables_follows_from_their_correlation():
    rng = np.random.default_rng(5)
    x = rng.normal(size=200)
    table = pd.DataFrame({"a": x, "b": x + rng.normal(size=200), LABEL: rng.integers(0, 2, 200)})
    found = multivariable(table, LABEL, ["a", "b"])
    r = np.corrcoef(table["a"], table["b"])[0, 1]
    np.testing.assert_allclose(found["vif"], 1 / (1 - r**2))
    twins = multivariable(table.assign(c=2 * x + 1), LABEL, ["a", "b", "c"])
    assert (twins["reason"] == Reason.COLLINEAR_FEATURES).all() and twins["odds_ratio"].isna().all()
    assert (twins["vif"].iloc[[0, 2]] > 1e6).all()


def test_one_separated_variable_makes_all_ratios_firths():
    people = cohort(80)
    people["diabetes"] = (people[LABEL] == 1) & (np.arange(80) % 3 == 0)
    found = multivariable(people.astype({"diabetes": int}), LABEL, ["age_years", "diabetes"])
    assert (found["method"] == "firth").all() and np.isfinite(found["odds_ratio"]).all()


def test_a_score_beside_its_components_is_refused():
    with pytest.raises(StudyError, match="ich_points stands beside its own components gcs: its odds ratio at fixed"):
        multivariable(cohort(), LABEL, ["ich_points", "gcs", "diabetes"])
    assert len(multivariable(cohort(), LABEL, ["ich_points", "diabetes"])) == 2


def test_what_cannot_be_estimated_says_why_and_hides_nobody_else():
    people = cohort().assign(hypertension=1)
    found = multivariable(people, LABEL, ["hypertension", "age_years"]).set_index("feature")
    assert found.loc["hypertension", "reason"] == Reason.CONSTANT_FEATURE
    assert np.isfinite(found.loc["age_years", "odds_ratio"])
    one = univariable(people.assign(**{LABEL: 1}), LABEL, ["age_years"]).iloc[0]
    assert one["reason"] == Reason.ONE_CLASS and math.isnan(one["odds_ratio"]) and math.isnan(one["p_holm"])
    nobody = univariable(people.assign(age_years=np.nan), LABEL, ["age_years"]).iloc[0]
    assert nobody["reason"] == Reason.EMPTY_DENOMINATOR and nobody["missing"] == 300
    with pytest.raises(StudyError, match="besides 0 and 1"):
        univariable(people.assign(**{LABEL: 2}), LABEL, ["age_years"])
