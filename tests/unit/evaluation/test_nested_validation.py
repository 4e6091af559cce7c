"""Nested cross-validation: nobody is chosen, fitted or cut by his own outcome."""

import numpy as np
import pandas as pd
import pytest

from ichor.errors import StudyError
from ichor.evaluation.discrimination import area
from ichor.evaluation.nested_validation import _one_fold, deal, nested_cross_validation
from ichor.models import registry

LOGISTIC = {"kind": "logistic", "features": ["age_years"]}
CANDIDATES = {"age": LOGISTIC, "pressure": {"kind": "logistic", "features": ["systolic_mmhg"]}}


def people(n: int = 120, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    age = rng.normal(60, 12, n)
    labels = rng.random(n) < 1 / (1 + np.exp(-0.15 * (age - 60)))
    table = pd.DataFrame({"patient": [f"p{i}" for i in range(n)], "age_years": age, "label": labels.astype(int)})
    return table.assign(systolic_mmhg=rng.normal(160, 20, n))


@pytest.fixture(scope="module")
def result():
    return nested_cross_validation(people(), "label", CANDIDATES, folds=3, inner_folds=2, repeats=2, seed=1)


def test_everybody_is_predicted_once_in_each_repeat_and_the_better_candidate_is_chosen(result):
    assert (result.predictions.groupby(["repeat", "patient"]).size() == 1).all() and len(result.predictions) == 240
    assert set(result.predictions["chosen"]) == {"age"}
    assert len(result.choices) == 2 * 3 * 2 and result.choices["chosen"].sum() == 6
    best = result.choices.loc[result.choices.groupby(["repeat", "fold"])["log_loss"].idxmin()]
    assert best["chosen"].all()
    folds = result.predictions[result.predictions["repeat"] == 0].groupby("fold")["label"].sum()
    assert folds.max() - folds.min() <= 1
    first, second = (result.predictions.query("repeat == @i").sort_index()["fold"].to_numpy() for i in (0, 1))
    assert (first != second).any()
    limits = result.predictions.groupby(["repeat", "fold"])["threshold"]
    assert (limits.nunique() == 1).all()
    above = result.predictions["probability"] >= result.predictions["threshold"]
    assert (above == (result.predictions["positive"] == 1)).all()
    means = result.predictions.groupby(level=0).agg({"label": "first", "probability": "mean"})
    whole = people()
    assert area(means["label"], means["probability"]) == pytest.approx(
        area(whole["label"], whole["age_years"]), abs=0.03
    )


def test_outcomes_of_the_tested_fold_are_not_looked_at():
    table, labels = people(90), people(90)["label"].to_numpy()
    outer = deal(table["patient"], labels, 3, 4)
    models = {name: registry.resolve(spec) for name, spec in CANDIDATES.items()}
    first = _one_fold(table, labels, outer, 0, models, 3, 7)
    turned = np.where(outer == 0, 1 - labels, labels)
    second = _one_fold(table, turned, outer, 0, models, 3, 7)
    assert first[:2] == second[:2]
    np.testing.assert_array_equal(first[2], second[2])  # what the threshold is chosen by
    np.testing.assert_array_equal(first[3], second[3])
    learned = _one_fold(table, np.where(outer == 1, 1 - labels, labels), outer, 0, models, 3, 7)
    assert not np.allclose(first[3], learned[3])


def test_visits_of_a_patient_stay_together_and_gaps_are_left_out():
    table = people(60)
    visits = pd.concat([table, table.assign(age_years=table["age_years"] + 1)], ignore_index=True)
    visits.loc[0, "label"] = np.nan
    visits.loc[1, "age_years"] = np.nan
    found = nested_cross_validation(visits, "label", {"age": LOGISTIC}, folds=3, inner_folds=2, seed=2).predictions
    assert len(found) == 118 and not {0, 1} & set(found.index)
    assert (found.groupby("patient")["fold"].nunique() == 1).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"candidates": {}}, "no candidate"),
        ({"candidates": {"vit": {"kind": "vit"}}}, "image network"),
        ({"candidates": {"late": {"kind": "logistic", "features": ["growth_ml"]}}}, "growth_ml is known at course"),
        ({"candidates": {"own": {"kind": "logistic", "features": ["wfns"]}}}, "unknown variable 'wfns'"),
        ({"label": "death"}, "no column death"),
        ({"folds": 1}, "at least 2 folds"),
        ({"folds": 80}, "too few for 80 folds"),
    ],
)
def test_what_cannot_be_done_is_refused(change, message):
    given = {"table": people(), "label": "label", "candidates": CANDIDATES, "seed": 1} | change
    with pytest.raises(StudyError, match=message):
        nested_cross_validation(**given)


def test_a_column_outside_of_the_dictionary_is_used_if_the_caller_vouches_for_it():
    table = people(60).rename(columns={"age_years": "wfns"})
    found = nested_cross_validation(
        table, "label", {"own": {"kind": "logistic", "features": ["wfns"]}}, folds=3, inner_folds=2, seed=1,
        known_at_admission=["wfns"],
    )  # fmt: skip
    assert len(found.predictions) == 60
