"""Named sets of features in models: what no train row has is left out and said; what is named singly is not."""

import json

import numpy as np
import pandas as pd
import pytest

from ichor.cohort.dictionary import refuse_late_predictors
from ichor.cohort.feature_sets import expand
from ichor.errors import StudyError
from ichor.training.fit import fit_model
from ichor.training.predict import predict_model
from ichor.training.recorded import without_unrecorded

SET = expand(["chen_2023"])


@pytest.fixture
def cohort():
    rng = np.random.default_rng(0)
    n = 60
    rows = pd.DataFrame({"patient": [f"p{place}" for place in range(n)], "center": ["a", "b"] * 30})
    rows["role"] = ["train"] * 36 + ["tune"] * 12 + ["test"] * 12
    rows["split"] = "external"
    for name in SET:
        rows[name] = rng.normal(size=n)
    rows["sex"] = rng.choice(["male", "female"], n).astype(object)
    rows["treatment"] = rng.choice(["conservative", "craniotomy"], n).astype(object)
    rows["label_poor_outcome"] = (rows["gcs"] + rng.normal(size=n) > 0).astype(int)
    return rows


def fit(cohort, folder, **spec):
    settings = {"task": "outcome", "target": "poor_outcome", "model": "m", "seed": 3, "spec": spec}
    status = fit_model(cohort, **settings, checkpoint_dir=folder / "state", bundle_dir=folder / "bundle")
    return status, json.loads((folder / "bundle" / "model.json").read_text())


def test_a_member_that_no_train_row_has_is_left_out_flagged_and_never_read(cohort, tmp_path):
    fitting = cohort["role"] != "test"
    gaps = cohort.assign(coma=cohort["coma"].where(cohort["role"] != "train"), alcohol=np.nan)
    status, described = fit(gaps, tmp_path / "a", kind="logistic", features=["chen_2023"])
    assert described["features"] == [name for name in SET if name not in ("coma", "alcohol")]
    (row,) = status.to_dict("records")
    assert (row["outcome"], row["reason"]) == ("flagged", "feature_never_recorded")
    assert "without coma, alcohol" in row["detail"]
    first = predict_model(gaps, tmp_path / "a" / "bundle")[0]
    other = predict_model(gaps.assign(coma=gaps["coma"].where(fitting, 99.0)), tmp_path / "a" / "bundle")[0]
    pd.testing.assert_frame_equal(first, other)
    status, described = fit(cohort, tmp_path / "b", kind="logistic", features=["chen_2023"])
    assert status.empty and described["features"] == SET


def test_a_column_that_the_table_lacks_altogether_is_left_out_of_a_set_too(cohort, tmp_path):
    status, described = fit(
        cohort.drop(columns="coma"), tmp_path, kind="random_forest", features=["chen_2023"], trees=5
    )
    assert "coma" not in described["features"] and len(status) == 1


def test_the_record_of_a_network_is_the_set_without_it_too(cohort):
    spec = {"kind": "vit_record", "record": {"features": ["chen_2023", "iph_ml"], "dropout": 0.2}}
    made, left_out = without_unrecorded(spec, cohort.assign(coma=np.nan), "poor_outcome")
    assert made["record"]["features"] == [*(name for name in SET if name != "coma"), "iph_ml"]
    assert left_out == ["coma"] and spec["record"]["features"] == ["chen_2023", "iph_ml"]
    unlabelled = cohort.assign(label_poor_outcome=cohort["label_poor_outcome"].where(cohort["role"] != "train"))
    assert without_unrecorded(spec, unlabelled, "poor_outcome")[0]["record"]["features"] == ["iph_ml"]


@pytest.mark.parametrize("kind", ["logistic", "random_forest", "tree", "dense_net"])
def test_a_feature_that_is_named_singly_is_no_such_member(cohort, tmp_path, kind):
    with pytest.raises(StudyError, match="coma is missing in every train row"):
        fit(cohort.assign(coma=np.nan), tmp_path, kind=kind, features=["coma", "chen_2023"])


@pytest.mark.parametrize("kind", ["logistic", "xgboost", "tree", "dense_net"])
def test_treatment_needs_permission_and_marks_the_bundle(cohort, tmp_path, kind):
    with pytest.raises(StudyError, match="treatment is known at course.*name it in post_baseline"):
        fit(cohort, tmp_path / "refused", kind=kind, features=["gcs", "treatment"])
    spec = {"kind": kind, "features": ["chen_2023", "treatment"], "post_baseline": ["treatment"]}
    status, described = fit(cohort, tmp_path / "allowed", **spec | ({"epochs": 2} if kind == "dense_net" else {}))
    assert status.empty and described["fitted"] and described["features"] == [*SET, "treatment"]
    assert described["post_baseline"] == ["treatment"]
    assert fit(cohort, tmp_path / "without", kind=kind, features=["gcs"])[1]["post_baseline"] == []


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("gos_discharge", "known at discharge and tells the outcome"),
        ("death_in_hospital", "tells the outcome"),
        ("growth_ml", "what the label is made of"),
        ("label_expansion", "what the label is made of"),
        ("table_iph_ml", "what the label is made of"),
        ("gcs", "known at admission; it needs no permission"),
    ],
)
def test_no_outcome_and_nothing_of_the_label_can_be_permitted(name, said):
    with pytest.raises(StudyError, match=said):
        refuse_late_predictors([name], post_baseline=[name])
    with pytest.raises(StudyError, match="none of the model's features"):
        refuse_late_predictors(["gcs"], post_baseline=["treatment"])
