"""The clinical record beside the image: prepared on train rows, left out at random, the same from the bundle."""

import copy
import json

import numpy as np
import pandas as pd
import pytest

from ichor.errors import StudyError
from ichor.models import registry
from ichor.training import bundle
from ichor.training.data import InputSpec
from ichor.training.example_files import add_record, examples_folder, make_examples, read_examples
from ichor.training.fit import fit_model
from ichor.training.predict import predict_model
from ichor.training.record import Record, shown, shown_scans
from ichor.training.rows import columns_read, model_rows
from ichor.training.unmeasured import without

FEATURES = ["age_years", "gcs", "sex"]


@pytest.fixture
def fusion(small_vit_settings):
    """Settings of a small fusion model."""
    made = copy.deepcopy(small_vit_settings)
    return made | {"kind": "vit_record", "record": {"features": FEATURES}, "record_width": 8}


def fit(cohort, folder, spec, **changes):
    settings = {"task": "t", "target": "expansion", "model": "m", "seed": 7, "device": "cpu"} | changes
    fit_model(cohort, spec=spec, checkpoint_dir=folder / "state", bundle_dir=folder / "bundle", **settings)
    return bundle.read(folder / "bundle")[0]


def test_matrix_is_prepared_by_the_train_rows_and_marks_who_has_a_record():
    train = pd.DataFrame({"gcs": [3.0, 15.0, np.nan], "sex": ["male", "female", "male"]})
    record = Record.fitted(["gcs", "sex"], train)
    fresh = pd.DataFrame({"sex": ["female", None, None], "gcs": [9.0, np.nan, 15.0], "other": [1, 2, 3]})
    matrix = record.matrix(fresh)
    assert matrix.dtype == np.float32 and matrix.shape == (3, record.width) == (3, 4)
    assert matrix[:, 0].tolist() == [1, 0, 1]
    assert (matrix[1] == 0).all()
    assert matrix[0, 1] == 0  # 9 is the train rows' mean once the gap is filled with their median
    assert (matrix[[0, 2], 3] < 0).all()  # not missing
    again = Record.restored(json.loads(json.dumps(record.facts())))
    np.testing.assert_array_equal(again.matrix(fresh), matrix)
    assert record.matrix(fresh[:0]).shape == (0, 4)


@pytest.mark.parametrize(("features", "said"), [(["growth_ml"], "after the time"), (["gcs"], "no column gcs")])
def test_what_a_record_cannot_be_made_of_is_refused(features, said):
    with pytest.raises(StudyError, match=said):
        Record.fitted(features, pd.DataFrame({"age_years": [1.0], "growth_ml": [1.0]}))


def test_a_share_of_the_records_is_left_out_by_place_and_epoch_alone():
    matrix, places = np.ones((4000, 3), np.float32), np.arange(4000)
    first = shown(matrix, 0.3, 5, 0, places)
    assert set(map(tuple, first)) == {(0, 0, 0), (1, 1, 1)}
    assert first[:, 0].mean() == pytest.approx(0.7, abs=0.03)  # 4 standard errors
    np.testing.assert_array_equal(first[1000:1010], shown(matrix[:10], 0.3, 5, 0, places[1000:1010]))
    assert (first != shown(matrix, 0.3, 5, 1, places)).any()
    assert (shown(matrix, 0.0, 5, 0, places) == 1).all()


def test_a_model_reads_its_record_and_no_other_column(phantoms, fusion):
    spec = registry.resolve(fusion)
    assert columns_read(spec) == ["image", "image_sha256", "mask", "mask_sha256", *FEATURES]
    assert set(model_rows(phantoms, spec, "expansion")) >= set(FEATURES)
    assert not set(model_rows(phantoms, spec, "expansion")) & {"iph_ml", "location"}
    assert without(spec | {"record": {"features": ["iph_ml", "ivh_ml"], "dropout": 0.2}}, ["ivh"])[0]["record"] == {
        "features": ["iph_ml"],
        "dropout": 0.2,
    }


def test_bundle_predicts_with_record_without_one_and_with_gaps(phantoms, tmp_path, fusion):
    cohort = phantoms.copy()
    cohort.loc[[2, 40], "gcs"] = pd.NA  # a train row and a test row
    cohort.loc[41, FEATURES] = None
    fit(cohort, tmp_path, fusion)
    predictions, status, _ = predict_model(cohort, tmp_path / "bundle", device="cpu")
    assert status.empty and len(predictions) == len(cohort)
    assert predictions["probability"].between(0, 1, inclusive="neither").all()
    described = json.loads((tmp_path / "bundle" / "model.json").read_text())
    columns = ["1 = there is a record", "age_years", "gcs", "sex=female", "gcs missing"]
    assert described["record"]["columns"] == columns
    predictor = bundle.load(tmp_path / "bundle", device="cpu")
    older = predictor.predict(cohort.assign(age_years=cohort["age_years"] + 30))["probability"]
    assert (older.round(6).to_numpy() != predictions["probability"].to_numpy())[[5, 44]].all()
    one = predictor.predict(cohort.loc[[41]].assign(age_years=70.0))["probability"]  # age alone is a record too
    assert one.round(6)[41] != predictions["probability"][41] == older.round(6)[41]
    alone = predictor.predict(cohort.assign(**{name: None for name in FEATURES}))["probability"]
    assert alone.round(6)[41] == predictions["probability"][41]


def test_the_record_is_learned_from(phantoms, tmp_path, fusion):
    import nibabel as nib

    image = nib.load(phantoms["image"][0])
    same, mask = tmp_path / "same.nii.gz", phantoms["mask"][0]
    nib.save(image, same)
    cohort = phantoms.assign(image=str(same), mask=mask)  # one scan for all: what is told apart is the record
    fusion["training"] |= {"epochs": 25, "learning_rate": 0.01}
    fit(cohort, tmp_path, fusion)
    rows = predict_model(cohort, tmp_path / "bundle", device="cpu")[0]
    rows = rows[rows["role"] == "test"]
    positive, negative = (rows.loc[rows["label"] == label, "probability"].to_numpy() for label in (1, 0))
    assert np.mean(positive[:, None] > negative[None, :]) > 0.8


def test_records_of_tune_and_test_rows_do_not_reach_the_preparation(phantoms, tmp_path, fusion):
    changed = phantoms.copy()
    changed.loc[changed["role"] != "train", "age_years"] += 40
    for name, cohort in {"a": phantoms, "b": changed}.items():
        fit(cohort, tmp_path / name, fusion | {"training": fusion["training"] | {"keep": "last"}})
    described = [json.loads((tmp_path / name / "bundle" / "model.json").read_text()) for name in "ab"]
    assert described[0]["record"] == described[1]["record"]


def test_another_record_is_another_training_and_a_continued_one_ends_alike(phantoms, tmp_path, fusion, capsys):
    from ichor.training import loop

    fusion["training"] |= {"checkpoint_every_epochs": 1, "epochs": 5}
    whole = fit(phantoms, tmp_path / "whole", fusion)
    real, calls = loop._train_epoch, []

    def dies(*arguments):
        calls.append(arguments)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return real(*arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "_train_epoch", dies)
        with pytest.raises(KeyboardInterrupt):
            fit(phantoms, tmp_path / "killed", fusion)
    capsys.readouterr()
    continued = fit(phantoms, tmp_path / "killed", fusion)
    assert "continues after epoch 3" in capsys.readouterr().out
    assert whole.keys() == continued.keys()
    assert all(np.array_equal(whole[name], continued[name]) for name in whole)
    fit(phantoms.assign(age_years=phantoms["age_years"] + 0.5 * phantoms["gcs"]), tmp_path / "killed", fusion)
    assert "continues" not in capsys.readouterr().out


def test_other_processes_find_the_record_in_the_files(phantoms, tmp_path, small_vit):
    inputs = InputSpec.from_settings(registry.resolve(small_vit)["input"])
    rows = phantoms[:6].assign(label=0)
    with examples_folder(tmp_path / "examples") as folder:
        made, _ = make_examples(folder, "train", rows, inputs, "read")
        assert read_examples(folder, "train").views.record is None
        matrix = Record.fitted(FEATURES, rows).matrix(rows)
        assert add_record(folder, "train", made, matrix).views.record is matrix
        found = read_examples(folder, "train").views
        np.testing.assert_array_equal(found.record, matrix)
        np.testing.assert_array_equal(found.image_hu, made.views.image_hu)


def test_scans_are_left_out_of_other_patients_than_records():
    matrix, places = np.ones((4000, 3), np.float32), np.arange(4000)
    matrix[:100] = 0  # no record
    scans = shown_scans(matrix, 0.3, 5, 0, places)
    records = shown(matrix, 0.5, 5, 0, places)[:, 0]
    assert scans.shape == (4000, 1) and set(scans[:, 0]) == {0, 1}
    assert (scans[:100] == 1).all()
    assert scans[100:].mean() == pytest.approx(0.7, abs=0.03)  # 4 standard errors
    assert (scans[100:, 0] + records[100:] >= 1).all()
    assert (shown_scans(matrix, 0.0, 5, 0, places) == 1).all()


def test_without_a_scan_the_record_answers_and_the_tables_say_so(phantoms, tmp_path, fusion):
    fusion["record"] |= {"scan_dropout": 0.3}
    fusion["training"] |= {"epochs": 20, "learning_rate": 0.01}
    fit(phantoms, tmp_path, fusion)
    blind = phantoms["role"] == "test"
    cohort = phantoms.copy()
    cohort.loc[40, FEATURES] = None  # a record is missing, then both are
    seen = predict_model(cohort, tmp_path / "bundle", device="cpu")
    cohort.loc[blind, "mask"] = None
    predictions, status, details = predict_model(cohort, tmp_path / "bundle", device="cpu")
    own = predictions[predictions["role"] == "test"]
    assert set(phantoms.loc[blind, "patient"]) - set(own["patient"]) == {"p40"}
    found = status.set_index("subject")[["outcome", "reason"]]
    assert (found["reason"] == "segmentation_failed").all() and len(found) == 12
    assert found["outcome"].value_counts().to_dict() == {"flagged": 11, "set_aside": 1}
    assert found.at["p40", "outcome"] == "set_aside"
    flagged = status.loc[status["outcome"] == "flagged", "detail"]
    assert flagged.str.endswith("no predicted mask; from the record alone").all()
    positive, negative = (own.loc[own["label"] == label, "probability"].to_numpy() for label in (1, 0))
    assert np.mean(positive[:, None] > negative[None, :]) > 0.8
    wide = details.pivot(index="patient", columns="quantity", values="value")
    assert wide["answered_from"].value_counts().to_dict() == {0: 36, 2: 11}
    assert (wide["gate_image_mean"].notna() == (wide["answered_from"] == 0)).all()
    assert wide["gate_image_mean"].dropna().between(0, 1, inclusive="neither").all()
    before = seen[2].pivot(index="patient", columns="quantity", values="value")["answered_from"]
    assert before["p40"] == 1 and (before.drop("p40") == 0).all()
    merged = own.merge(seen[0], on="patient")  # the scan that is there is looked at
    assert (merged["probability_x"] != merged["probability_y"]).all()


def test_a_network_that_never_missed_a_scan_does_not_answer_without(phantoms, tmp_path, fusion):
    fit(phantoms, tmp_path, fusion | {"training": fusion["training"] | {"epochs": 1}})
    cohort = phantoms.assign(mask=phantoms["mask"].where(phantoms["patient"] != "p40"))
    predictions, status, details = predict_model(cohort, tmp_path / "bundle", device="cpu")
    assert "p40" not in set(predictions["patient"]) | set(details["patient"])
    assert status[["subject", "outcome"]].to_numpy().tolist() == [["p40", "set_aside"]]
