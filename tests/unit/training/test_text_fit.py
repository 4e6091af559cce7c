"""Models of report texts: learned from train rows, chosen by tune rows, the same again from their bundles."""

import json

import numpy as np
import pandas as pd
import pytest
from scipy.stats import rankdata
from tests.unit.made_reports import made_study

from ichor.errors import StudyError
from ichor.models import registry
from ichor.training import bundle, text_loop
from ichor.training.fit import fit_model
from ichor.training.predict import predict_model
from ichor.training.text_documents import documents_of
from ichor.training.text_fit import learn_vocabulary

FEATURES = ["age_years", "gcs"]
SHORT = {"epochs": 4, "seeds": 1, "checkpoint_every_epochs": 2}
FUSION = {"kind": "report_record", "record": {"features": FEATURES}}


@pytest.fixture(scope="module")
def study():
    return made_study(500, 0)


def fit(study, folder, spec, **changes):
    cohort, reports = study
    settings = {
        "task": "deterioration",
        "target": "deterioration_7d",
        "model": "m",
        "seed": 7,
        "device": "cpu",
    } | changes
    paths = {"checkpoint_dir": folder / "state", "bundle_dir": folder / "bundle"}
    return fit_model(cohort, spec=spec, reports=reports, **paths, **settings)


def predicted(study, folder):
    return predict_model(study[0], folder / "bundle", device="cpu", reports=study[1])


def auc(predictions):
    test = predictions[predictions["role"] == "test"]
    ranks, events = rankdata(test["probability"]), test["label"].to_numpy() == 1
    return (ranks[events].mean() - (events.sum() + 1) / 2) / (~events).sum()


def test_the_report_is_learned_and_fusion_knows_more_than_either(study, tmp_path):
    specs = {
        "text": {"kind": "report_text", "training": {"seeds": 1}},
        "fusion": FUSION | {"training": {"seeds": 1}},
        "record": {"kind": "logistic", "features": FEATURES},
        "tfidf": {"kind": "tfidf_logistic"},
    }
    found = {}
    for name, spec in specs.items():
        assert fit(study, tmp_path / name, spec).empty
        found[name] = auc(predicted(study, tmp_path / name)[0])
    assert found["text"] > 0.75 and found["tfidf"] > 0.65
    assert found["fusion"] > max(found["text"], found["record"])


def test_absent_parts_are_answered_by_the_other_and_nothing_by_none(study, tmp_path):
    cohort, reports = study[0].copy(), study[1]
    nobody, unread, unrecorded = cohort["patient"][[498, 497, 496]]
    reports = reports[~reports["patient"].isin([nobody, unread])]
    cohort.loc[cohort["patient"].isin([nobody, unrecorded]), FEATURES] = None
    fit((cohort, reports), tmp_path, FUSION | {"training": SHORT | {"seeds": 2}, "fusion": "gated"})
    predictions, status, details = predicted((cohort, reports), tmp_path)
    assert len(predictions) == len(cohort) - 1
    assert status[["subject", "outcome", "reason"]].to_numpy().tolist() == [[nobody, "set_aside", "missing_input"]]
    assert "neither report nor record" in status["detail"].iloc[0]
    said = details.pivot(index="patient", columns="quantity", values="value")
    assert said.loc[[unread, unrecorded], "answered_from"].tolist() == [2, 1]
    assert said["answered_from"].value_counts()[0] == len(cohort) - 3
    assert said.loc[[unread, unrecorded], "gate_report_mean"].isna().all()
    mean = said[["probability_seed_0", "probability_seed_1"]].mean(axis=1)
    again = predictions.set_index("patient")["probability"]
    np.testing.assert_allclose(mean[again.index], again, atol=2e-6)
    fit((cohort, reports), tmp_path / "alone", {"kind": "tfidf_logistic"})
    assert set(predicted((cohort, reports), tmp_path / "alone")[1]["subject"]) == {nobody, unread}


@pytest.mark.parametrize("spec", [FUSION | {"training": SHORT | {"patience": 0}}, {"kind": "tfidf_logistic"}])
def test_texts_of_test_rows_reach_neither_vocabulary_nor_weights(study, tmp_path, spec):
    cohort, reports = study
    tested = reports["patient"].isin(cohort.loc[cohort["role"] == "test", "patient"])
    changed = reports.assign(text=reports["text"].mask(tested, "Zyzzyva zyzzyva zyzzyva, 魑魅魍魉"))
    for name, texts in {"a": reports, "b": changed}.items():
        fit((cohort, texts), tmp_path / name, spec)
    (arrays, first), (others, second) = (bundle.read(tmp_path / name / "bundle") for name in "ab")
    assert first["vocabulary"] == second["vocabulary"] and first["reports"] == second["reports"]
    assert all((arrays[name] == others[name]).all() for name in arrays) and set(arrays) == set(others)


def test_tune_rows_teach_no_words(study, tmp_path):
    cohort, reports = study
    found = {}
    for role in ("tune", "train"):
        theirs = reports["patient"].isin(cohort.loc[cohort["role"] == role, "patient"])
        changed = reports.assign(text=reports["text"].mask(theirs, reports["text"] + " zyzzyva"))
        fit((cohort, changed), tmp_path / role, {"kind": "tfidf_logistic"})
        found[role] = bundle.describe(tmp_path / role / "bundle")["vocabulary"]["tokenizer"]
    assert "zyzzyva" in found["train"] and "zyzzyva" not in found["tune"]


def test_a_killed_training_ends_with_the_same_weights(study, tmp_path, monkeypatch):
    spec = {"kind": "report_text", "training": SHORT}
    fit(study, tmp_path / "whole", spec)
    epochs, true_loss = [], text_loop.tune_loss

    def killed(*args):
        epochs.append(1)
        if len(epochs) == 4:
            raise KeyboardInterrupt
        return true_loss(*args)

    monkeypatch.setattr(text_loop, "tune_loss", killed)
    with pytest.raises(KeyboardInterrupt):
        fit(study, tmp_path / "killed", spec)
    fit(study, tmp_path / "killed", spec)
    assert len(epochs) == 4 + 2  # the last two epochs alone were done again
    whole, killed = (bundle.read(tmp_path / name / "bundle")[0] for name in ("whole", "killed"))
    assert all((whole[name] == killed[name]).all() for name in whole)


def test_a_local_folder_is_the_encoder_and_the_bundle_needs_it_no_more(study, tmp_path):
    from ichor.models.text_encoder import import_transformers

    cohort, reports = study
    transformers, folder = import_transformers(), tmp_path / "encoder"
    spec = registry.resolve({"kind": "report_text"})
    vocabulary = learn_vocabulary(spec, documents_of(reports, cohort, []))
    small = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    config = transformers.BertConfig(vocab_size=vocabulary.size, **small)
    transformers.BertModel(config).save_pretrained(folder)
    vocabulary.tokenizer.save(str(folder / "tokenizer.json"))
    fit(study, tmp_path, {"kind": "report_text", "encoder": str(folder), "training": SHORT | {"epochs": 1}})
    described = json.loads((tmp_path / "bundle" / "model.json").read_text())
    assert described["initial_weights"]["folder"] == "encoder" and described["encoder_config"]["model_type"] == "bert"
    before = predicted(study, tmp_path)[0]
    folder.rename(tmp_path / "elsewhere")
    pd.testing.assert_frame_equal(predicted(study, tmp_path)[0], before)


def test_a_kind_of_texts_wants_reports_and_says_when_there_are_too_few(study, tmp_path):
    cohort, reports = study
    with pytest.raises(StudyError, match="name reports in the centers sheet"):
        fit((cohort, None), tmp_path, {"kind": "tfidf_logistic"})
    status = fit((cohort, reports[:0]), tmp_path, {"kind": "tfidf_logistic"})
    assert status["reason"].tolist() == ["too_few_events"]
    assert predicted((cohort, reports[:0]), tmp_path)[0].empty


def test_weights_of_runs_are_those_of_scikit_learn(study, tmp_path):
    from sklearn.feature_extraction.text import TfidfVectorizer

    cohort, reports = study
    fit(study, tmp_path, {"kind": "tfidf_logistic"})
    predictor = bundle.load(tmp_path / "bundle")
    model, train = predictor.model, documents_of(reports, cohort[cohort["role"] == "train"], [])
    pieces = [predictor.vocabulary.names(tokens) for tokens in predictor.vocabulary.encoded(train.texts)]
    theirs = TfidfVectorizer(analyzer=model._runs_of, min_df=3, sublinear_tf=True).fit_transform(pieces)
    np.testing.assert_allclose(model._weights(pieces), theirs.toarray(), atol=1e-12)
    assert model.c in model.spec["c"] and any(" " in run for run in model.runs)
    assert (model._weights([["zyzzyva"]]) == 0).all()
