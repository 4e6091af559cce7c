import json

import numpy as np
import pandas as pd
import pytest
from scipy.special import logit

from ichor.cohort.dictionary import refuse_late_predictors
from ichor.errors import StudyError
from ichor.models import registry
from ichor.models.tabular import Preparation


def model(spec):
    resolved = registry.resolve(spec)
    return registry.load(resolved["kind"]).Model(resolved)


def test_preparation_imputes_marks_codes_and_scales_by_the_train_rows():
    train = pd.DataFrame(
        {"gcs": [3.0, 15.0, np.nan, 12.0], "age_years": [50, 60, 70, 80], "sex": ["m", "f", "m", None]}
    )
    made = Preparation.fitted(train)
    assert made.names() == ["gcs", "age_years", "sex=f", "gcs missing", "sex missing"]
    prepared = made.prepared(train)
    np.testing.assert_allclose(prepared.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(prepared.std(axis=0), 1, atol=1e-12)
    gcs = np.array([3, 15, 12, 12])
    np.testing.assert_allclose(prepared[:, 0], (gcs - gcs.mean()) / gcs.std())
    fresh = pd.DataFrame({"gcs": [np.nan], "age_years": [np.nan], "sex": ["unknown level"]})
    expected = [
        (12 - gcs.mean()) / gcs.std(),
        0,
        -0.25 / np.sqrt(3 / 16),
        0.75 / np.sqrt(3 / 16),
        -0.25 / np.sqrt(3 / 16),
    ]
    np.testing.assert_allclose(made.prepared(fresh)[0], expected)


def test_nullable_integers_and_constant_columns_are_fine():
    train = pd.DataFrame({"gcs": pd.array([3, None, 15], dtype="Int64"), "same": [1, 1, 1]})
    prepared = Preparation.fitted(train).prepared(train)
    assert np.isfinite(prepared).all() and (prepared[:, 1] == 0).all()


def test_a_predictor_without_any_value_is_refused():
    with pytest.raises(StudyError, match="gcs is missing in every train row"):
        Preparation.fitted(pd.DataFrame({"gcs": [np.nan, np.nan]}))


def test_logistic_is_scikit_learns_on_standardised_columns():
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(0)
    rows = pd.DataFrame(rng.normal(size=(200, 2)), columns=["age_years", "gcs"])
    labels = (rng.random(200) < 1 / (1 + np.exp(-rows["age_years"] + 0.5 * rows["gcs"]))).astype(int).to_numpy()
    ours = model({"kind": "logistic", "features": ["age_years", "gcs"], "c": 0.5})
    ours.fit(ours.design(rows), labels, 1)
    scaled = ((rows - rows.mean()) / rows.std(ddof=0)).to_numpy()
    theirs = LogisticRegression(C=0.5, tol=1e-10).fit(scaled, labels)
    np.testing.assert_allclose(ours.probability(rows), theirs.predict_proba(scaled)[:, 1], atol=1e-6)
    assert model({"kind": "logistic", "features": ["a"]}).columns() == ["a"]


def test_state_restores_the_model():
    rng = np.random.default_rng(0)
    rows = pd.DataFrame({"age_years": rng.normal(size=50), "sex": rng.choice(["male", "female"], 50)})
    first = model({"kind": "logistic", "features": ["age_years", "sex"]})
    first.fit(first.design(rows), rng.integers(0, 2, 50), 1)
    second = model({"kind": "logistic", "features": ["age_years", "sex"]})
    second.restore(*first.state())
    np.testing.assert_array_equal(first.probability(rows), second.probability(rows))


def test_features_that_are_not_there_are_named():
    with pytest.raises(StudyError, match="no column agee"):
        model({"kind": "logistic", "features": ["agee"]}).design(pd.DataFrame({"age_years": [1]}))
    with pytest.raises(StudyError, match="features is empty"):
        model({"kind": "logistic"}).columns()


def test_volume_is_one_rising_curve_and_needs_the_volume():
    rows = pd.DataFrame({"iph_ml": [1.0, 5.0, 20.0, 40.0, 80.0, 3.0, np.nan]})
    made = model({"kind": "volume"})
    design = made.design(rows)
    np.testing.assert_allclose(design["log1p_iph_ml"][:2], np.log([2, 6]))
    assert made.usable(design).tolist() == [True] * 6 + [False]
    made.fit(design[:6], np.array([0, 0, 1, 1, 1, 1]), 1)
    probability = made.probability(design[:5])
    assert (np.diff(probability) > 0).all()


def test_volume_that_separates_the_classes_stays_finite():
    rows = pd.DataFrame({"iph_ml": [1.0, 2, 3, 50, 60, 70]})
    made = model({"kind": "volume"})
    made.fit(made.design(rows), np.array([0, 0, 0, 1, 1, 1]), 1)
    probability = made.probability(made.design(rows))
    assert ((probability > 0) & (probability < 1)).all()


def test_ich_score_is_its_points_mapped_on_train_rows():
    rows = pd.DataFrame(
        {
            "gcs": [15, 10, 4, 15, pd.NA],
            "iph_ml": [10.0, 10.0, 40.0, 40.0, 10.0],
            "ivh_ml": [0.0, 0.0, 5.0, 0.0, 0.0],
            "location": ["deep", "deep", "infratentorial", "lobar", "deep"],
            "age_years": [60.0, 60.0, 85.0, 60.0, 60.0],
        }
    )
    made = model({"kind": "ich_score"})
    design = made.design(rows)
    assert design["ich_points"].tolist()[:4] == [0, 1, 6, 1]
    assert made.usable(design).tolist() == [True] * 4 + [False]
    made.fit(design[:4], np.array([0, 0, 1, 1]), 1)
    probability = made.probability(design[:4])
    assert probability[0] < probability[1] == probability[3] < probability[2]


EXPANSION_ROWS = pd.DataFrame(
    {
        "iph_ml": [5.0, 15.0, 40.0, 90.0, np.nan],
        "ivh_ml": [0.0, 0.05, 5.0, 3.0, 0.0],
        "prior_ich": [0, 0, 0, 1, 0],
        "anticoagulant": [0, 0, 1, 1, 0],
        "onset_to_ct_h": [9.0, 3.0, 2.0, 1.0, 1.0],
        "nihss": pd.array([4, 12, 12, 12, None], dtype="Int64"),
        "glucose_mmol_l": [5.0, 5.0, 5.0, 9.0, 9.0],
        "auto_blend": pd.array([0, 1, 0, 1, None], dtype="Int64"),
        "auto_hypodensity": pd.array([0, 0, 1, 1, None], dtype="Int64"),
        "spot_sign": pd.array([0, None, None, 1, None], dtype="Int64"),
    }
)


@pytest.mark.parametrize(
    ("kind", "points"),
    [
        ("brain_score", [0, 8, 19, 24]),
        ("nag_score", [0, 1, 2, 3]),
        ("bat_score", [0, 1, 4, 5]),
        ("nine_point_score", [0, 3, 6, 9]),
    ],
)
def test_expansion_scores_are_their_points_mapped_on_train_rows(kind, points):
    made = model({"kind": kind})
    design = made.design(EXPANSION_ROWS)
    assert design.iloc[:4, 0].tolist() == points
    assert made.usable(design).tolist() == [True] * 4 + [False]
    made.fit(design[:4], np.array([0, 1, 0, 1]), 1)
    probability = made.probability(design[:4])
    assert (np.diff(probability) > 0).all()
    again = model({"kind": kind})
    again.restore(*made.state())
    np.testing.assert_array_equal(again.probability(design[:4]), probability)


@pytest.mark.parametrize(
    ("kind", "risks"), [("brain_score", [0.034, 0.163, 0.674, 0.858]), ("nag_score", [0.04, 0.25, 0.6, 1.0])]
)
def test_published_risks_are_taken_as_they_are_whatever_the_train_rows(kind, risks):
    made = model({"kind": kind, "probability": "published"})
    design = made.design(EXPANSION_ROWS)[:4]
    made.fit(design, np.array([1, 1, 0, 0]), 1)
    again = model({"kind": kind, "probability": "published"})
    again.restore(*made.state())
    np.testing.assert_allclose(again.probability(design), risks, atol=0.001)


def test_a_probability_that_is_neither_is_refused():
    made = model({"kind": "nag_score", "probability": "printed"})
    with pytest.raises(StudyError, match="write refitted or published"):
        made.fit(made.design(EXPANSION_ROWS)[:4], np.array([1, 1, 0, 0]), 1)


def test_radiomics_reads_measures_and_needs_half_of_them():
    features = registry.resolve({"kind": "radiomics"})["features"]
    refuse_late_predictors(features)
    rng = np.random.default_rng(2)
    rows = pd.DataFrame(rng.uniform(1, 5, (60, len(features))), columns=features)
    labels = (rows["hu_cov"] + rng.normal(0, 0.5, 60) > 3).to_numpy(dtype=int)
    rows.loc[0, features[:8]] = np.nan
    rows.loc[1, features[:9]] = np.nan
    made = model({"kind": "radiomics"})
    design = made.design(rows)
    assert made.usable(design).tolist() == [True, False] + [True] * 58
    made.fit(design[2:], labels[2:], 1)
    probability = made.probability(design[2:])
    assert probability[labels[2:] == 1].mean() > probability[labels[2:] == 0].mean() + 0.1
    turned = rows.assign(auto_midline_shift_mm=-rows["auto_midline_shift_mm"])
    np.testing.assert_array_equal(made.probability(made.design(turned)[2:]), probability)
    never = design.assign(hu_sd=np.nan)  # no train row has it, some other may
    made.fit(never[2:], labels[2:], 1)
    assert np.isfinite(made.probability(design[2:])).all() and "hu_sd" not in made.preparation.predictors
    wild = rows[2:3].assign(hu_kurtosis=700.0)  # bone in the mask
    assert abs(made.design(wild)["hu_kurtosis"].iloc[0]) < 8


@pytest.fixture(scope="module")
def boosted():
    """A cohort with gaps and a named column, whose outcome follows an interaction; boosted trees on it."""
    rng = np.random.default_rng(3)
    n = 300
    rows = pd.DataFrame(
        {
            "age_years": rng.normal(60, 10, n),
            "anticoagulant": pd.array(rng.integers(0, 2, n), dtype="Int64"),
            "location": rng.choice(["deep", "lobar", None], n),
            "hu_cov": np.full(n, np.nan),
        }
    )
    told = np.where(rows["location"] == "lobar", 2.0, -2.0) * np.where(rows["anticoagulant"] == 1, 1, -0.2)
    labels = (rng.random(n) < 1 / (1 + np.exp(-told))).astype(int)
    rows.loc[rng.random(n) < 0.2, "age_years"] = np.nan
    rows.loc[rng.random(n) < 0.1, "anticoagulant"] = pd.NA
    spec = {"kind": "xgboost", "features": list(rows)}
    made = model(spec)
    made.fit(made.design(rows[:200]), labels[:200], 7)
    return rows, labels, spec, made


def test_boosted_trees_take_gaps_as_they_are_and_learn(boosted):
    rows, labels, _, made = boosted
    design = made.design(rows[200:])
    assert (made.usable(design) == design.notna().any(axis=1)).all()  # one recorded predictor is enough
    probability = made.probability(design)
    positive, negative = (probability[labels[200:] == label] for label in (1, 0))
    assert np.mean(positive[:, None] > negative[None, :]) > 0.75
    nothing = design[:1].assign(age_years=np.nan, anticoagulant=pd.NA, location=None)
    assert not made.usable(nothing).any() and np.isfinite(made.probability(nothing)).all()
    unseen = design[:1].assign(location="elsewhere")
    missing = design[:1].assign(location=None)
    np.testing.assert_array_equal(made.probability(unseen), made.probability(missing))


def test_boosted_trees_are_the_same_again_and_from_their_state(boosted):
    rows, labels, spec, made = boosted
    again = model(spec)
    again.fit(again.design(rows[:200]), labels[:200], 7)
    arrays, facts = made.state()
    assert arrays["booster_ubj"].dtype == np.uint8
    np.testing.assert_array_equal(again.state()[0]["booster_ubj"], arrays["booster_ubj"])
    restored = model(spec)
    restored.restore(arrays, json.loads(json.dumps(facts)))
    np.testing.assert_array_equal(restored.probability(rows), made.probability(rows))


def test_tune_rows_choose_the_number_of_trees(boosted):
    rows, labels, spec, _ = boosted
    spec = spec | {"rounds": 60, "learning_rate": 0.3}
    made = model(spec)
    made.fit(made.design(rows[:200]), labels[:200], 7)

    def loss(trees):
        short = model(spec | {"rounds": trees})
        short.fit(short.design(rows[:200]), labels[:200], 7)
        probability = short.probability(rows[200:])
        return -np.mean(np.log(np.where(labels[200:] == 1, probability, 1 - probability)))

    made.choose(made.design(rows[200:]), labels[200:])
    assert 1 <= made.rounds < 60 and made.booster.num_boosted_rounds() == made.rounds
    assert loss(made.rounds) <= min(loss(trees) for trees in (1, 5, 20, 60)) + 1e-6
    restored = model(spec)
    restored.restore(*made.state())
    np.testing.assert_array_equal(restored.probability(rows), made.probability(rows))
    fixed = model(spec | {"choose_rounds": False})
    fixed.fit(fixed.design(rows[:200]), labels[:200], 7)
    fixed.choose(fixed.design(rows[200:]), labels[200:])
    assert fixed.rounds == 60


def test_contributions_of_boosted_trees_add_up_to_the_logit(boosted):
    rows, _, _, made = boosted
    parts = made.contributions(made.design(rows))
    assert list(parts) == [*rows, "base"]
    np.testing.assert_allclose(parts.sum(axis=1), logit(made.probability(rows)), atol=1e-4)
    assert (parts["hu_cov"] == 0).all()  # never known, so it says nothing
    assert parts["location"].abs().mean() > parts["age_years"].abs().mean()


def test_unknown_scores_are_refused():
    with pytest.raises(StudyError, match="brain"):
        model({"kind": "score", "score": "icg"}).columns()
