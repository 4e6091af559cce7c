"""SHAP values of every kind of tabular model: they add up, are what closed forms say, and know train rows only."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import logit

from ichor import tables
from ichor.cohort.fences import LeakError
from ichor.errors import StudyError
from ichor.explain.coalitions import shapley_values
from ichor.explain.explain_record import explain_record
from ichor.explain.shap_values import answer, attribute, drawn_background
from ichor.models import registry
from ichor.training.fit import fit_model
from ichor.training.predict import predict_model

RECORD = ["age_years", "gcs", "sex"]
KINDS = {
    "logistic": {"features": RECORD},
    "multivariate": {"kind": "logistic", "features": RECORD, "imputer": "multivariate"},
    "random_forest": {"features": RECORD, "trees": 25},
    "tree": {"features": RECORD, "rows_per_leaf": 4},
    "xgboost": {"features": RECORD, "rounds": 20},
    "dense_net": {"features": RECORD, "epochs": 15},
    "radiomics": {"features": ["iph_ml", "ivh_ml"]},
    "volume": {},
    "ich_score": {},
    "brain_score": {"probability": "published"},
}


@pytest.fixture(scope="module")
def cohort():
    rng = np.random.default_rng(0)
    n = 90
    rows = pd.DataFrame({"patient": [f"p{place}" for place in range(n)], "center": ["a", "b", "c"] * 30})
    rows["role"] = ["train"] * 50 + ["tune"] * 15 + ["test"] * 25
    rows["split"] = "external"
    rows["age_years"] = rng.normal(65, 12, n)
    rows["gcs"] = pd.array(rng.integers(3, 16, n), dtype="Int64")
    rows["sex"] = rng.choice(["male", "female"], n).astype(object)
    rows["location"] = rng.choice(["deep", "lobar", "infratentorial"], n).astype(object)
    rows["iph_ml"], rows["ivh_ml"] = rng.gamma(2, 12, n), rng.gamma(0.3, 10, n)
    rows["onset_to_ct_h"] = rng.uniform(0.5, 8, n)
    for name in ("prior_ich", "anticoagulant"):
        rows[name] = pd.array((rng.random(n) < 0.2).astype(int), dtype="Int64")
    risk = 1 / (1 + np.exp(0.3 * (rows["gcs"].astype(float) - 9) - 0.04 * (rows["iph_ml"] - 20)))
    rows["label_poor_outcome"] = pd.array((rng.random(n) < risk).astype(int), dtype="Int64")
    rows.loc[rng.random(n) < 0.15, "gcs"] = pd.NA
    rows.loc[rng.random(n) < 0.15, "sex"] = None
    return rows


def fitted(cohort, folder, name):
    spec = {"kind": name, **KINDS[name]}
    settings = {"task": "outcome", "target": "poor_outcome", "model": name, "spec": spec, "seed": 3}
    fit_model(cohort, **settings, checkpoint_dir=folder / "state", bundle_dir=folder / "bundle")
    return folder / "bundle"


@pytest.mark.parametrize("name", list(KINDS))
def test_expected_value_and_shap_values_add_up_to_the_prediction(cohort, tmp_path, name):
    folder = fitted(cohort, tmp_path, name)
    predictions = predict_model(cohort, folder)[0]
    explained = explain_record(cohort, folder, background=20, seed=3)
    tables.validate("shap", explained, "test")
    said = predictions[predictions["role"] == "test"].set_index("patient")["probability"]
    each = explained.groupby("patient")
    total = (each["expected"].first() + each["shap"].sum()).reindex(said.index)
    assert set(explained["patient"]) == set(said.index) and len(said) > 10
    log_odds = explained["scale"].iloc[0] == "log_odds"
    assert log_odds == (name not in ("random_forest", "tree", "brain_score"))
    difference = total - logit(said) if log_odds else total - said
    tolerance = 1.1e-6 + (1e-6 / (said * (1 - said)) if log_odds else 0)  # predictions are rounded to 6 decimals
    assert (difference.abs() <= tolerance).all()
    assert explained["shap"].abs().max() > 0.01
    pd.testing.assert_frame_equal(explained, explain_record(cohort, folder, background=20, seed=3))


def test_other_rows_than_train_rows_change_nothing_that_a_patient_is_told(cohort, tmp_path):
    for name in ("tree", "dense_net", "ich_score"):
        folder = fitted(cohort, tmp_path / name, name)
        whole = explain_record(cohort, folder, background=20, seed=3)
        kept = cohort[(cohort["role"] == "train") | (cohort["patient"].isin(["p70", "p80"]))]
        alone = explain_record(kept, folder, background=20, seed=3)
        expected = whole[whole["patient"].isin(alone["patient"])].reset_index(drop=True)
        pd.testing.assert_frame_equal(alone, expected)
        assert len(alone)


def test_the_background_are_train_rows_or_the_run_stops(cohort, tmp_path):
    spec = registry.resolve({"kind": "logistic", "features": RECORD})
    model = registry.load("logistic").Model(spec)
    drawn = drawn_background(cohort, model, "external", 12, seed=1)
    assert len(drawn) == 12 and set(drawn["role"]) == {"train"}
    assert len(drawn_background(cohort, model, "external", 1000, seed=1)) == 50
    with pytest.raises(LeakError):
        drawn_background(cohort.assign(split="cv-1"), model, "external", 12, seed=1)


def usable_part(model, cohort, role):
    rows = cohort[cohort["role"] == role]
    return rows[model.usable(model.design(rows))]


def made(cohort, kind, **settings):
    spec = registry.resolve({"kind": kind, **settings})
    model = registry.load(kind).Model(spec)
    train = usable_part(model, cohort, "train")
    model.fit(model.design(train), train["label_poor_outcome"].to_numpy(dtype=int), 3)
    return model, train, usable_part(model, cohort, "test")


def test_a_regressions_values_are_its_coefficients_times_the_distance_from_the_background(cohort):
    model, train, tested = made(cohort, "logistic", features=["age_years", "iph_ml"])
    found = attribute(model, tested, train.head(30), 1)
    scaled = (tested[["age_years", "iph_ml"]] - train.head(30)[["age_years", "iph_ml"]].mean()) / train[
        ["age_years", "iph_ml"]
    ].std(ddof=0)
    np.testing.assert_allclose(found.values, scaled * model.coefficients, atol=1e-10)


def test_a_scores_item_has_the_regressions_part_of_its_points(cohort):
    model, train, tested = made(cohort, "ich_score")
    found = attribute(model, tested, train.head(15), 1)
    per_point = model.coefficients[0] / model.preparation.scale[0]
    old = (tested["age_years"] >= 80).astype(float) - (train.head(15)["age_years"] >= 80).mean()
    np.testing.assert_allclose(found.values["age_years"], per_point * old, atol=1e-10)
    large = (tested["iph_ml"] >= 30).astype(float) - (train.head(15)["iph_ml"] >= 30).mean()
    np.testing.assert_allclose(found.values["iph_ml"], per_point * large, atol=1e-10)


@pytest.mark.parametrize("kind", ["random_forest", "xgboost"])
def test_trees_values_are_those_of_all_coalitions_gaps_included(cohort, kind):
    """The shap library's way through the trees against the answers of the model itself."""
    numbers = ["age_years", "gcs", "iph_ml"]
    model, train, tested = made(cohort, kind, features=numbers, **({"trees": 15} if kind == "random_forest" else {}))
    known = train.head(12)
    assert known["gcs"].isna().any() and tested["gcs"].isna().any()
    found = attribute(model, tested, known, 1)
    for place in range(len(tested)):
        pool = pd.concat([known, tested.iloc[[place]]])[numbers].astype(float).to_numpy()

        def answers(places, pool=pool):
            return answer(model, pd.DataFrame(pool[places, np.arange(3)[None, :]], columns=numbers))

        values, expected = shapley_values(answers, 3, len(known), 1)
        np.testing.assert_allclose(found.values.iloc[place], values, atol=1e-6)
        assert found.expected == pytest.approx(expected, abs=1e-6)


def test_a_network_has_none_and_a_model_that_was_not_fitted_an_empty_table(cohort, tmp_path):
    one_class = cohort.assign(label_poor_outcome=pd.array([1] * len(cohort), dtype="Int64"))
    assert explain_record(one_class, fitted(one_class, tmp_path, "tree"), background=20, seed=3).empty
    from ichor.training import bundle

    who = {"task": "outcome", "target": "poor_outcome", "model": "m", "split": "external", "kind": "vit"}
    bundle.save(tmp_path / "network", {"w": np.zeros(1)}, {**who, "family": "network", "spec": {}})
    with pytest.raises(StudyError, match="is a network"):
        explain_record(cohort, tmp_path / "network", background=20, seed=3)
