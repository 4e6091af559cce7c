from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.special import logit
from tests.unit.explain.made_courses import STEPS, TARGETS, VARIABLES, made_courses, tables_of
from torch import nn

from ichor import tables
from ichor.explain import gate
from ichor.explain.course_gate import course_gate, last_answers, of_answers, permuted_labels, permuted_network
from ichor.explain.course_gradients import course_gradients
from ichor.explain.course_networks import CourseNetworks
from ichor.explain.course_settings import CourseSettings
from ichor.explain.explain_course import attributions, chosen_courses, explain_course, explained, importances
from ichor.models import registry
from ichor.training.sequence_fit import average, fit_sequences
from ichor.training.sequence_inputs import SequencePreparation
from ichor.training.sequence_loss import Heads
from ichor.training.sequence_networks import FittedSequences, build
from ichor.training.sequence_predict import predict_trajectory, risk_rows
from ichor.training.trajectory_fit import fit_trajectory

SETTINGS = CourseSettings(0.5, gate_patients=5, patients=6, pictures_per_group=1, cascade_steps=2, steps=8)
WHO = {"task": "trajectory", "model": "gru", "split": "external"}


@pytest.fixture(scope="module")
def courses():
    return made_courses()


@pytest.fixture(scope="module")
def trained(courses):
    spec = {"kind": "gru", "record": ["age_years"], "training": {"seeds": 2, "epochs": 15}}
    return fit_sequences(courses.of_role("train"), courses.of_role("tune"), spec, 1, "cpu")


def random_model(courses, kind, members=1):
    """A model with random weights in every layer."""
    spec = registry.resolve({"kind": kind, "record": ["age_years"]})
    train = courses.of_role("train")
    preparation = SequencePreparation.fitted(train, VARIABLES, ["age_years"])
    heads = Heads.counted(train.labels, True, 0.5)
    networks = []
    for number in range(members):
        torch.manual_seed(number)
        networks.append(CourseNetworks([], preparation, heads, lambda: build(spec, preparation, 3), "cpu").random())
    return FittedSequences(spec, TARGETS, preparation, heads, [one.eval() for one in networks], torch.device("cpu"), [])


class Weighted(nn.Module):
    """Log odds that are a weighted sum of the values up to each step and of the record."""

    def __init__(self):
        super().__init__()
        self.values, self.record = nn.Linear(len(VARIABLES), 3), nn.Linear(2, 3, bias=False)

    def forward(self, inputs):
        return self.values(inputs.values).cumsum(dim=1) + self.record(inputs.record)[:, None]


def test_of_a_linear_network_each_value_brings_its_weight_times_its_distance_from_the_mean(courses):
    fitted = random_model(courses, "gru")
    torch.manual_seed(5)
    network = Weighted()
    heads = replace(fitted.heads, nested=False)
    networks = CourseNetworks([network], fitted.preparation, heads, Weighted, torch.device("cpu"))
    seen = next(networks.see(courses.of_role("test")))
    found, record = course_gradients(seen.answer(network), seen.values, seen.record, [(1, 0), (3, 2)], 8)
    wanted = seen.values.numpy()[None] * network.values.weight.detach().numpy()[[0, 2], None]
    wanted[0, 2:] = 0  # an answer at the second step knows nothing of the third
    np.testing.assert_allclose(found, wanted, atol=1e-5)
    np.testing.assert_allclose(record, seen.record.numpy() * network.record.weight.detach().numpy()[[0, 2]], atol=1e-5)


@pytest.mark.parametrize("kind", ["multistep_transformer", "lstm", "plain_transformer"])
def test_all_parts_and_the_base_add_up_to_the_answer_and_none_is_of_a_later_step(courses, kind):
    fitted = random_model(courses, kind)
    tested = courses.of_role("test").take([0, 1, 2])
    rows = attributions(CourseNetworks.of(fitted), tested, 64)
    said = risk_rows(tested, *average(fitted.predict(tested)))
    total = rows.groupby(["patient", "target", "answer"]).agg(sum=("attribution", "sum"), base=("base", "first"))
    wanted = said[said["at_risk"] == 1].set_index(["patient", "target", "step"])["probability"]
    assert len(total) == len(wanted) and total["sum"].abs().max() > 0.2
    for key, own in total.iterrows():
        assert own["base"] + own["sum"] == pytest.approx(logit(wanted[key]), abs=0.01)
    measured = rows.dropna(subset="position")
    assert (measured["position"] <= measured["answer_position"]).all()
    assert not rows["attribution"].isna().any() and (measured["value"].astype(float) > -99).all()


def test_the_random_networks_of_the_gate_are_not_those_that_a_training_starts_with(courses):
    """A training starts with heads of zero, with which nothing brings anything, and the gate could not fail."""
    fitted = random_model(courses, "multistep_transformer")
    networks = CourseNetworks.of(fitted)
    seen = next(networks.see(courses.of_role("test")))
    wanted = [(seen.last, 2)]
    sizes = []
    for network in (networks.build().eval(), networks.random().eval()):
        found, _ = course_gradients(seen.answer(network), seen.values, seen.record, wanted, 8)
        sizes.append(np.abs(found).max())
    assert sizes[0] == 0 and sizes[1] > 1e-3


def test_attributions_of_what_was_learned_pass_the_gate_and_the_bare_values_do_not(courses, trained):
    networks = CourseNetworks.of(trained)
    found = course_gate(networks, courses, SETTINGS, 3, None)
    assert gate.passes(found, SETTINGS.similarity_limit)
    assert found.loc[found["test"] == "other_seed", "estimate"].item() > 0.5, "two networks that learned the same"

    def bare(_network, seen):
        upto = seen.measured & (np.arange(len(seen.measured)) <= seen.last)[:, None]
        return np.repeat(seen.values.numpy()[upto][None], 3, axis=0)

    subjects = list(networks.see(courses.of_role("tune").take(range(5))))
    tried = gate.trials(networks.networks[0], lambda _: networks.random(), 1, steps=2, draws=2)
    table = gate.measure(bare, networks.networks[0], tried, subjects, "gate", of_answers)
    assert not gate.passes(table, 0.99) and gate.said(table, 0.5).startswith("withheld")
    same = gate.Trial("permuted_labels", 1.0, networks.networks[0])
    learned_anyway = gate.measure(last_answers(8), networks.networks[0], [same], subjects, "gate", of_answers)
    assert not gate.passes(learned_anyway, 0.99)


def test_the_gate_does_not_look_at_test_patients(courses, trained):
    def hidden(role):
        values = np.where((courses.patients["role"] == role).to_numpy()[:, None, None], 9.0, courses.values)
        return course_gate(CourseNetworks.of(trained), replace(courses, values=values), SETTINGS, 3, None)

    own = course_gate(CourseNetworks.of(trained), courses, SETTINGS, 3, None)
    pd.testing.assert_frame_equal(hidden("test"), own)
    assert not hidden("tune").equals(own)


def test_permuted_labels_are_exchanged_whole_between_patients(courses):
    train = courses.of_role("train")
    made = permuted_labels(train, 1)
    assert (np.isfinite(made.labels) == np.isfinite(train.labels)).all(), "who is at risk stays"
    first = [tuple(patient[0]) for patient in train.labels], [tuple(patient[0]) for patient in made.labels]
    assert sorted(first[0]) == sorted(first[1]) and first[0] != first[1]
    assert permuted_network(courses, registry.resolve({"kind": "gru"}), 0.0, 1, "cpu", 1) is None


def test_patients_are_chosen_by_their_last_known_answer_and_an_event_is_a_worse_outcome(courses, trained):
    tested = courses.of_role("test")
    risks = risk_rows(tested, *average(trained.predict(tested)))
    chosen = chosen_courses(courses, risks, "good_180d", 1).set_index("group")
    own = risks[(risks["target"] == "good_180d") & risks["label"].notna()]
    last = own.sort_values("position").groupby("patient").tail(1).set_index("patient")
    assert set(chosen.loc[["event_high", "event_low"], "label"]) == {0}
    assert chosen.loc["event_high", "probability"] == last.loc[last["label"] == 0, "probability"].min()
    assert chosen.loc["no_event_low", "probability"] == last.loc[last["label"] == 1, "probability"].max()
    assert (chosen["answer"] == last.loc[chosen["patient"], "step"].to_numpy()).all()


def test_mean_sizes_are_of_those_in_whom_the_value_was_measured(courses):
    rows = pd.DataFrame({"patient": ["a", "b", "a", "b"], "target": "good_180d", "answer": "day1", "feature": "gcs"})
    rows = rows.assign(step=["surgery", "surgery", "day1", None], attribution=[0.4, -0.2, -0.1, 0.3])
    found = importances(rows, courses).set_index(["part", "step"])
    assert found.loc[("step", "surgery"), "estimate"].item() == pytest.approx(0.3)
    assert found.loc[("step", "day1"), "n"].item() == 1
    whole = found.xs("whole", level="part").iloc[0]
    assert whole["estimate"] == pytest.approx((0.3 + 0.1) / 2), "the sum of a patient's parts with their signs"
    assert (found["order"] == STEPS.index("day1")).all()


def test_from_the_tables_of_a_split_to_those_of_the_explanation(courses, tmp_path):
    steps, values = tables_of(courses)
    cohort = courses.patients
    spec = {"kind": "gru", "record": ["age_years"], "training": {"seeds": 1, "epochs": 8}}
    options = {"seed": 1, "checkpoint_dir": tmp_path / "work", "bundle_dir": tmp_path / "model", "device": "cpu"}
    fit_trajectory(steps, values, cohort, model="gru", spec=spec, **options)
    risks = predict_trajectory(steps, values, cohort, tmp_path / "model", device="cpu").trajectory_risks
    settings = replace(SETTINGS, permuted_epochs=0.5)
    found = explain_course(steps, values, cohort, risks, tmp_path / "model", settings, seed=1, device="cpu")
    assert "permuted_labels" in set(found.attribution_gate["test"])
    tested = set(cohort.loc[cohort["role"] == "test", "patient"])
    assert found.explained_courses["patient"].isin(tested).all() and len(found.explained_courses) == 6
    if len(found.course_attributions):
        assert found.course_attributions["patient"].isin(tested).all()
        path = tmp_path / "attributions.parquet"
        tables.write("course_attributions", found.course_attributions, path)
        pd.testing.assert_frame_equal(tables.read("course_attributions", path), found.course_attributions)


def test_a_gate_without_patients_says_so(courses, trained):
    nobody = replace(courses, at_risk=np.zeros_like(courses.at_risk))
    found = gate.table_rows(
        course_gate(CourseNetworks.of(trained), nobody, SETTINGS, 3, None), 0.5, "course_integrated_gradients"
    )
    assert found[["outcome", "n", "detail"]].to_numpy().tolist() == [["withheld", 0, "withheld: nothing was compared"]]


def test_nothing_is_shown_of_a_network_that_did_not_pass(courses, trained):
    tested = courses.of_role("test")
    risks = risk_rows(tested, *average(trained.predict(tested)))
    withheld = explained(
        CourseNetworks.of(trained), courses, risks, replace(SETTINGS, similarity_limit=-1.0), who=WHO, seed=3
    )
    assert withheld.course_attributions.empty and withheld.course_importance.empty
    assert set(withheld.attribution_gate["outcome"]) == {"withheld"} and len(withheld.explained_courses) == 6
