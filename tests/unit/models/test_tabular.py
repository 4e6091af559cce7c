import numpy as np
import pandas as pd
import pytest

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


def test_unknown_scores_are_refused():
    with pytest.raises(StudyError, match="brain"):
        model({"kind": "score", "score": "icg"}).columns()
