"""Subgroups: who belongs to which half, and a test of interaction that finds one and invents none."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from scipy.stats import chi2

from ichor.evaluation.subgroups import SUBGROUPS, Subgroup, interaction, members, subgroup_table

SEX = next(one for one in SUBGROUPS if one.name == "Sex")
AGE = next(one for one in SUBGROUPS if one.name == "Age")


def made(n=600, slope=1.0, seed=1):
    """Patients whose risk means as much in women, or `slope` times it."""
    rng = np.random.default_rng(seed)
    logit, female = rng.normal(-0.3, 1.3, n), rng.integers(0, 2, n).astype(bool)
    label = rng.random(n) < 1 / (1 + np.exp(-np.where(female, slope, 1.0) * logit))
    sex = np.where(female, "female", "male")
    return pd.DataFrame(dict(label=label.astype(int), probability=1 / (1 + np.exp(-logit)), sex=sex, age_years=60.0))


def test_halves_at_the_cut_and_with_an_unknown_value():
    people = pd.DataFrame(dict(age_years=[64.9, 65.0, None], sex=["female", "male", None]))
    assert members(people, AGE).tolist()[:2] == [0, 1] and np.isnan(members(people, AGE)[2])
    assert members(people, SEX).tolist()[:2] == [1, 0] and np.isnan(members(people, SEX)[2])


def test_interaction_agrees_with_nested_models():
    rows = made().assign(logit=lambda data: np.log(data["probability"] / (1 - data["probability"])))
    rows["half"] = (rows["sex"] == "female").astype(int)
    small = smf.logit("label ~ logit + half", rows).fit(disp=0)
    large = smf.logit("label ~ logit * half", rows).fit(disp=0)
    found = interaction(rows["label"].to_numpy(), rows["probability"].to_numpy(), rows["half"].to_numpy(bool))
    expected = large.params["logit:half"], chi2.sf(2 * (large.llf - small.llf), 1)
    assert found == pytest.approx(expected, rel=1e-5)


def test_a_risk_that_means_nothing_in_women_is_found_and_an_equal_one_is_not():
    found = subgroup_table(made(slope=0.0))
    own = found[found["subgroup"] == "Sex"].set_index("level")
    assert own.loc["female", "auc"] < 0.6 < 0.75 < own.loc["male", "auc"]
    assert own["p"].iloc[0] < 1e-4 and own["difference_p"].iloc[0] < 1e-4 and own["interaction"].iloc[0] < -0.6
    ps = [subgroup_table(made(300, seed=seed), (SEX,))["p"].iloc[0] for seed in range(40)]
    assert np.mean(np.array(ps) < 0.05) < 0.2  # 2 of 40 are expected


def test_small_halves_are_not_tested_and_unknown_columns_left_out():
    rows = made(60)
    rows["sex"] = np.where(np.arange(60) < 4, "female", "male")
    found = subgroup_table(rows)
    assert set(found["subgroup"]) == {"Sex", "Age"} and found["p"].isna().all() and found["p_holm"].isna().all()
    assert set(found["interaction_reason"]) == {"too_few_events"}
    assert found.groupby("subgroup")["n"].sum().eq(60).all()


def test_holm_counts_the_tests_that_were_made():
    rows = made().assign(age_years=np.linspace(40, 90, 600))
    two = (SEX, AGE, Subgroup("Empty", "nowhere", "a", "b", cut=1))
    found = subgroup_table(rows, two).drop_duplicates("subgroup")
    assert found["p_holm"].min() == pytest.approx(min(1, 2 * found["p"].min()))
