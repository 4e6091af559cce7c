"""Fitting models of time courses: signal, seeds, resumption, leaks, and what is said where data are short."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score
from tests.unit.made_patients_with_courses import made_courses

from ichor.cohort.fences import LeakError
from ichor.errors import StudyError
from ichor.models import registry
from ichor.training import sequence_loop
from ichor.training.sequence_fit import average, fit_sequences, restore_sequences

KINDS = [kind for kind, family in registry.kinds().items() if family == "sequence"]
QUICK = {"epochs": 8, "seeds": 2, "batch_size": 16, "checkpoint_every_epochs": 3}


def fit(courses, kind="multistep_transformer", seed=5, checkpoint_dir=None, **settings):
    training = {**QUICK, **settings.pop("training", {})}
    spec = {"kind": kind, "record": ["age_years"], "width": 16, "layers": 1, **settings, "training": training}
    return fit_sequences(courses.of_role("train"), courses.of_role("tune"), spec, seed, "cpu", 1, checkpoint_dir)


@pytest.fixture(scope="module")
def courses():
    return made_courses()


@pytest.fixture(scope="module")
def fitted(courses):
    return fit(courses)


@pytest.mark.parametrize("kind", [*KINDS, "landmark_logistic"])
def test_every_kind_learns_and_its_bundle_answers_alike(kind):
    courses = made_courses(240, seed=3)
    settings = {"record": ["age_years"]}
    if kind in KINDS:
        settings |= {"width": 16, "layers": 1, "training": {"epochs": 12, "seeds": 2}}
    made = fit_sequences(courses.of_role("train"), courses.of_role("tune"), {"kind": kind, **settings}, 5, "cpu", 1)
    test = made_courses(400, seed=4)
    probability = made.predict(test)
    assert probability.shape == (2 if kind in KINDS else 1, *test.steps.shape, 3)
    assert (np.isfinite(probability) == (test.steps != "")[None, ..., None]).all()
    mean, low, high = average(probability)
    known = np.isfinite(test.labels[..., 2])
    assert roc_auc_score(test.labels[..., 2][known], mean[..., 2][known]) > 0.72
    if kind in KINDS:
        assert (probability[..., 1:] <= probability[..., :-1]).sum() == np.isfinite(probability[..., 1:]).sum()
        assert (low <= high)[known].all() and (low < high)[known].any()
    arrays, facts = made.state()
    again = restore_sequences(made.spec, arrays, json.loads(json.dumps(facts)), "cpu", 1)
    np.testing.assert_array_equal(again.predict(test), probability)


def test_the_same_seed_gives_the_same_numbers_and_another_one_does_not(courses, fitted):
    test = courses.of_role("test")
    np.testing.assert_array_equal(fit(courses).predict(test), fitted.predict(test))
    assert not np.array_equal(fit(courses, seed=6).predict(test), fitted.predict(test), equal_nan=True)


def test_a_killed_training_continues_to_the_same_weights(courses, fitted, tmp_path, monkeypatch):
    class Killed(Exception):
        pass

    own, calls = sequence_loop._train_epoch, []

    def dying(*arguments):
        calls.append(arguments)
        if len(calls) == 13:  # the second network's fifth epoch, two after its last checkpoint
            raise Killed
        return own(*arguments)

    monkeypatch.setattr(sequence_loop, "_train_epoch", dying)
    with pytest.raises(Killed):
        fit(courses, checkpoint_dir=tmp_path)
    again = fit(courses, checkpoint_dir=tmp_path)
    assert len(calls) == 13 + 5  # nothing of the first network, five epochs of the second
    for name, array in fitted.state()[0].items():
        np.testing.assert_array_equal(again.state()[0][name], array)
    fit(courses, checkpoint_dir=tmp_path, dropout=0.4)
    assert len(calls) == 13 + 5 + 16  # other settings start over


def test_hidden_outcomes_teach_nothing(courses, fitted):
    """Where a patient is not at risk, a label changes no weight, whatever it says."""
    dead = ~courses.at_risk & (courses.steps != "")
    assert dead.any()
    told = replace(courses, labels=np.where(dead[..., None], 1.0, courses.labels).astype(np.float32))
    again = fit(told)
    for name, array in fitted.state()[0].items():
        np.testing.assert_array_equal(again.state()[0][name], array)
    assert not np.isnan(fitted.predict(courses)[:, courses.steps != ""]).any()


def test_scaling_is_of_train_rows_alone(courses, fitted):
    train = courses.of_role("train")
    values = train.values[..., 0][np.isfinite(train.values[..., 0])]
    assert fitted.preparation.mean[0] == pytest.approx(float(values.astype(np.float64).mean()))
    moved = replace(courses, values=courses.values + (courses.patients["role"] != "train").to_numpy()[:, None, None])
    assert fit(moved).preparation == fitted.preparation


@pytest.mark.parametrize("role", ["test", "tune"])
def test_patients_of_another_role_are_never_learned_from(courses, role):
    with pytest.raises(LeakError, match=role):
        fit_sequences(courses.of_role(role), courses.of_role("tune"), {"kind": "gru"}, 1)


def test_nobody_stands_in_train_and_tune(courses):
    train = courses.of_role("train")
    twice = replace(train, patients=train.patients.assign(role="tune"))
    with pytest.raises(LeakError, match="twice"):
        fit_sequences(train, twice, {"kind": "gru"}, 1)


def test_what_no_train_row_has_is_left_out_and_said(courses):
    values = courses.values.copy()
    values[(courses.patients["role"] == "train").to_numpy(), :, 2] = np.nan
    made = fit(replace(courses, values=values), variables=["gcs", "sodium_mmol_l", "lactate"], training={"epochs": 2})
    assert made.preparation.variables == ["gcs"]
    assert made.remarks == ["fitted without sodium_mmol_l, lactate, of which no train row has a value"]


def test_a_target_without_events_is_not_answered_and_the_others_are(courses):
    labels = courses.labels.copy()
    labels[..., 0] = np.where(np.isfinite(labels[..., 0]), 1.0, np.nan)
    labels[..., 1] = np.where(labels[..., 0] == 1, labels[..., 1], np.nan)
    made = fit(replace(courses, labels=labels), training={"epochs": 2})
    probability = made.predict(courses)[:, courses.steps != ""]
    assert np.isnan(probability[..., 0]).all() and np.isfinite(probability[..., 1:]).all()
    assert any("does not answer survival_30d" in remark for remark in made.remarks)
    nothing = replace(courses, labels=np.full_like(labels, 1.0))
    assert fit(nothing) is None


@pytest.mark.parametrize("kind", ["multistep_transformer", "plain_transformer"])
@pytest.mark.parametrize("settings", [{"record": []}, {"variables": []}])
def test_either_the_course_or_the_record_may_be_left_out_and_tune_rows_may_lack(courses, kind, settings):
    nobody = courses.take([]).of_role("tune")
    spec = {"kind": kind, "record": ["age_years"], "width": 8, "training": {"epochs": 2, "seeds": 1}} | settings
    made = fit_sequences(courses.of_role("train"), nobody, spec, 5, "cpu", 1)
    assert np.isfinite(made.predict(courses)[:, courses.steps != ""]).all()
    assert fit_sequences(nobody, nobody, spec, 5, "cpu", 1) is None
    assert made.predict(nobody).shape == (1, 0, courses.steps.shape[1], 3)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"rarety": 1.0}, "did you mean 'rarity'"),
        ({"rarity": 1.5}, "models.rarity: found 1.5; write 0 to 1"),
        ({"dropout": 1.0}, "models.dropout: found 1.0; write 0 to less than 1"),
        ({"width": 20, "heads": 4}, "models.width: found 20; write a multiple of 8"),
        ({"layers": 0}, "models.layers: found 0; write 1 or more"),
        ({"variables": "gcs"}, "models.variables: found 'gcs'; write a list"),
    ],
)
def test_impossible_settings_are_named(courses, settings, said):
    with pytest.raises(StudyError, match=said):
        fit(courses, **settings)


def test_courses_outside_of_all_that_was_seen_are_answered(courses, fitted):
    """A name of a step that no train row has, more steps, other variables, and a value with a slip of the comma."""
    steps = np.where(courses.steps == "day1", "day5", courses.steps)
    wild = courses.values.copy()
    wild[..., 0] *= 1e6
    wide = [np.concatenate([part, part], axis=1) for part in (courses.time_h, wild, courses.at_risk, courses.labels)]
    wide = dict(zip(("time_h", "values", "at_risk", "labels"), wide, strict=True))
    both = replace(courses, steps=np.concatenate([steps, np.full_like(steps, "")], axis=1), **wide)
    made = fitted.predict(both)
    assert np.isfinite(made[:, both.steps != ""]).all()
    fewer = replace(courses, variables=courses.variables[:1], values=courses.values[..., :1])
    assert np.isfinite(fitted.predict(fewer)[:, courses.steps != ""]).all()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
@pytest.mark.parametrize("kind", KINDS)
def test_a_gpu_answers_as_the_cpu_does(courses, kind):
    spec = {"kind": kind, "width": 16, "training": QUICK}
    made = fit_sequences(courses.of_role("train"), courses.of_role("tune"), spec, 5, "cuda", 1)
    arrays, facts = made.state()
    there, here = (restore_sequences(made.spec, arrays, facts, name).predict(courses) for name in ("cuda", "cpu"))
    np.testing.assert_allclose(there, here, atol=1e-4)
