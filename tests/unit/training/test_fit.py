import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from ichor import tables
from ichor.cohort.fences import LeakError
from ichor.errors import StudyError
from ichor.models import registry
from ichor.training import bundle
from ichor.training.fit import fit_model
from ichor.training.job import Job, check_fitting
from ichor.training.predict import predict_model
from ichor.training.rows import model_rows

LOGISTIC = {"kind": "logistic", "features": ["age_years", "gcs", "sex"]}
XGBOOST = {"kind": "xgboost", "features": ["age_years", "gcs", "sex"], "rounds": 20}


def fit(cohort, folder, spec, **changes):
    settings = {"task": "expansion", "target": "expansion", "model": "under_test", "seed": 7, "device": "cpu"} | changes
    why = fit_model(cohort, spec=spec, checkpoint_dir=folder / "state", bundle_dir=folder / "bundle", **settings)
    predictions, left_out, _ = predict_model(cohort, folder / "bundle", device="cpu")
    return predictions, why if len(why) else left_out


def auc(predictions, role):
    rows = predictions[predictions["role"] == role]
    positive, negative = (rows.loc[rows["label"] == label, "probability"].to_numpy() for label in (1, 0))
    return np.mean(positive[:, None] > negative[None, :])


@pytest.mark.parametrize("kind", ["vit", "logistic"])
def test_fit_predicts_every_row_in_schema_and_learns(phantoms, tmp_path, small_vit, kind):
    spec = {"vit": small_vit, "logistic": LOGISTIC}[kind]
    if kind == "vit":
        spec["training"] |= {"epochs": 12, "learning_rate": 3e-3}
    predictions, status = fit(phantoms, tmp_path, spec)
    tables.validate("predictions", predictions, "test")
    assert predictions["patient"].tolist() == phantoms["patient"].tolist()
    assert status.empty
    assert predictions["probability"].between(0, 1, inclusive="neither").all()
    assert auc(predictions, "test") > 0.9


def test_densenet_learns_outcome_from_the_whole_head(phantoms, tmp_path):
    spec = {
        "kind": "densenet",
        "input": {"size_mm": [160, 192, 96], "spacing_mm": [5, 5, 3], "windows_hu": [[40, 80]], "mask_labels": []},
        "training": {"epochs": 8, "batch_size": 4, "learning_rate": 5e-3},
    }
    predictions, _ = fit(phantoms, tmp_path, spec, target="poor_outcome", task="outcome")
    assert auc(predictions, "train") > 0.9


def test_two_fits_are_equal_to_the_last_bit(phantoms, tmp_path, small_vit):
    first, _ = fit(phantoms, tmp_path / "a", small_vit)
    second, _ = fit(phantoms, tmp_path / "b", small_vit)
    pd.testing.assert_frame_equal(first, second, check_exact=True)
    weights = [(tmp_path / name / "bundle" / "model.safetensors").read_bytes() for name in "ab"]
    assert weights[0] == weights[1]


def test_another_seed_and_more_seeds_give_other_predictions(phantoms, tmp_path, small_vit):
    one, _ = fit(phantoms, tmp_path / "a", small_vit)
    other, _ = fit(phantoms, tmp_path / "b", small_vit, seed=8)
    small_vit["training"]["seeds"] = 2
    both, _ = fit(phantoms, tmp_path / "c", small_vit)
    assert not np.allclose(one["probability"], other["probability"])
    assert not np.allclose(one["probability"], both["probability"])
    assert (other["seed"] == 8).all()


def test_bundle_predicts_what_the_fit_predicted(phantoms, tmp_path, small_vit):
    for name, spec in {"network": small_vit, "table": LOGISTIC}.items():
        predictions, _ = fit(phantoms, tmp_path / name, spec)
        again = bundle.load(tmp_path / name / "bundle", device="cpu").predict(phantoms)
        np.testing.assert_allclose(again["probability"].round(6), predictions["probability"], rtol=0, atol=0)


def test_labels_of_tune_and_test_rows_do_not_reach_a_tabular_model(phantoms, tmp_path):
    turned = phantoms.copy()
    other = turned["role"] != "train"
    turned.loc[other, "label_expansion"] = 1 - turned.loc[other, "label_expansion"]
    first, _ = fit(phantoms, tmp_path / "a", LOGISTIC)
    second, _ = fit(turned, tmp_path / "b", LOGISTIC)
    np.testing.assert_array_equal(first["probability"], second["probability"])


@pytest.mark.parametrize("kind", ["vit", "logistic", "xgboost"])
def test_test_rows_do_not_reach_a_model(phantoms, tmp_path, small_vit, kind):
    spec = {"vit": small_vit, "logistic": LOGISTIC, "xgboost": XGBOOST}[kind]
    fit(phantoms, tmp_path / "a", spec)
    fit(phantoms[phantoms["role"] != "test"], tmp_path / "b", spec)
    first, without = ((tmp_path / name / "bundle" / "model.safetensors").read_bytes() for name in "ab")
    assert first == without


def test_what_a_model_reads_is_its_columns_and_nothing_else(phantoms, small_vit):
    cohort = phantoms.assign(image_sha256="i", mask_sha256="m")
    who = ["split", "patient", "center", "role"]
    logistic = registry.resolve(LOGISTIC)
    assert list(model_rows(cohort, logistic, "expansion")) == [*who, *LOGISTIC["features"], "label"]
    vit = registry.resolve(small_vit)
    scans = ["image", "image_sha256", "mask", "mask_sha256"]
    assert list(model_rows(cohort, vit, "expansion")) == [*who, *scans, "label"]
    densenet = registry.resolve({"kind": "densenet", "input": {"mask_labels": []}})
    assert list(model_rows(cohort, densenet, "poor_outcome")) == [*who, *scans[:2], "label"]


def test_a_test_row_among_the_fitted_ones_stops_the_run(phantoms, tmp_path):
    job = Job("t", "t", "m", "external", {}, 1, "cpu", "32", 1, tmp_path, tmp_path)
    train, test = (phantoms[phantoms["role"] == role] for role in ("train", "test"))
    with pytest.raises(LeakError):
        check_fitting(job, phantoms, train=pd.concat([train, test.head(1)]))
    with pytest.raises(LeakError):
        check_fitting(job, phantoms, train=phantoms[phantoms["role"] == "tune"])
    renamed = test.assign(role="train")
    with pytest.raises(LeakError):
        check_fitting(job, phantoms, train=renamed)


def test_a_patient_with_two_roles_stops_the_run(phantoms, tmp_path):
    twice = phantoms[phantoms["role"] == "train"].head(1).assign(role="test")
    with pytest.raises(LeakError):
        fit(pd.concat([phantoms, twice]), tmp_path, LOGISTIC)


def test_tune_rows_choose_the_number_of_trees_and_nothing_else(phantoms, tmp_path):
    turned = phantoms.copy()
    tune = turned["role"] == "tune"
    turned.loc[tune, "label_expansion"] = 1 - turned.loc[tune, "label_expansion"]
    for name, cohort in {"as_it_is": phantoms, "turned": turned}.items():
        fit(cohort, tmp_path / name, XGBOOST)
    rounds = {name: bundle.load(tmp_path / name / "bundle").model.rounds for name in ("as_it_is", "turned")}
    assert rounds["turned"] == 1 < rounds["as_it_is"]  # the less of what is wrong of the turned rows, the better
    fit(phantoms, tmp_path / "one", XGBOOST | {"rounds": 1})
    one, chosen = (
        bundle.load(tmp_path / name / "bundle").predict(phantoms)["probability"] for name in ("one", "turned")
    )
    np.testing.assert_array_equal(one, chosen)


def test_late_predictors_are_refused(phantoms, tmp_path):
    cohort = phantoms.assign(growth_ml=1.0)
    with pytest.raises(StudyError, match="growth_ml"):
        fit(cohort, tmp_path, {"kind": "logistic", "features": ["gcs", "growth_ml"]})


@pytest.mark.parametrize(("events", "reason"), [(0, "one_class"), (2, "too_few_events")])
def test_a_training_set_without_both_outcomes_gives_no_model_and_goes_on(phantoms, tmp_path, small_vit, events, reason):
    cohort = phantoms.copy()
    train = cohort.index[cohort["role"] == "train"]
    cohort.loc[train, "label_expansion"] = 0
    cohort.loc[train[:events], "label_expansion"] = 1
    predictions, status = fit(cohort, tmp_path, small_vit)
    assert predictions.empty and list(predictions) == tables.columns("predictions")
    assert status["reason"].tolist() == [reason]
    with pytest.raises(StudyError, match=reason):
        bundle.load(tmp_path / "bundle")


def test_unusable_rows_are_left_out_with_their_reason(phantoms, tmp_path, small_vit):
    import nibabel as nib

    cohort = phantoms.copy()
    empty = tmp_path / "empty.nii.gz"
    mask = nib.load(cohort["mask"][0])
    nib.save(nib.Nifti1Image(np.zeros(mask.shape, np.uint8), mask.affine), empty)
    broken = tmp_path / "broken.nii.gz"
    broken.write_bytes(b"no scan")
    cohort.loc[40, "mask"], cohort.loc[41, "mask"] = str(empty), None
    cohort.loc[42, "image"] = str(broken)
    cohort["label_expansion"] = cohort["label_expansion"].mask(cohort.index == 43)
    predictions, status = fit(cohort, tmp_path, small_vit)
    reasons = dict(zip(status["subject"], status["reason"], strict=True))
    assert reasons == {"p40": "empty_mask", "p41": "segmentation_failed", "p42": "unreadable_file"}
    assert not set(predictions["patient"]) & {"p40", "p41", "p42", "p43"}
    assert len(predictions) == len(cohort) - 4


def test_missing_predictors_are_imputed_or_left_out(phantoms, tmp_path):
    cohort = phantoms.copy()
    cohort.loc[[1, 40], "gcs"] = pd.NA
    cohort.loc[41, ["age_years", "gcs", "sex"]] = None
    cohort.loc[42, "iph_ml"] = np.nan
    predictions, status = fit(cohort, tmp_path / "a", LOGISTIC)
    assert status["subject"].tolist() == ["p41"]
    assert len(predictions) == len(cohort) - 1
    cohort = cohort.assign(anticoagulant=0, onset_to_ct_h=2.0, spot_sign=pd.array([None] * len(cohort), dtype="Int64"))
    _, status = fit(cohort, tmp_path / "c", {"kind": "nine_point_score"})
    assert status["detail"].str.endswith("missing: iph_ml").tolist() == [True]  # an unknown spot sign is no gap
    predictions, status = fit(cohort, tmp_path / "b", {"kind": "volume"})
    assert status["subject"].tolist() == ["p42"]
    assert status["reason"].tolist() == ["missing_input"]


def test_tabular_models_import_neither_torch_nor_monai(phantoms, tmp_path):
    phantoms.to_parquet(tmp_path / "cohort.parquet")
    code = f"""
import sys, pandas as pd
from ichor.training.fit import fit_model
from ichor.training.predict import predict_model
cohort = pd.read_parquet({str(tmp_path / "cohort.parquet")!r})
for kind in ({LOGISTIC!r}, {XGBOOST!r}, {{"kind": "volume"}}):
    fit_model(cohort, task="t", target="expansion", model="m", spec=kind, seed=1,
              checkpoint_dir={str(tmp_path)!r}, bundle_dir={str(tmp_path / "bundle")!r})
    assert len(predict_model(cohort, {str(tmp_path / "bundle")!r})[0]) == len(cohort)
assert not {{"torch", "monai", "timm"}} & set(sys.modules), "heavy import"
"""
    from pathlib import Path

    workflow = Path(tables.__file__).parent.parent
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": str(workflow), "PATH": ""})
