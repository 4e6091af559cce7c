from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from tests.unit.made_reports import made_study
from torch import nn

from ichor import tables
from ichor.explain import gate, similarity
from ichor.explain.course_settings import CourseSettings
from ichor.explain.explain_words import LEAST_PATIENTS, explain_words, word_rows, words_gate
from ichor.explain.seen_reports import see, seen_report
from ichor.explain.word_contexts import contexts, shown_words
from ichor.explain.word_gradients import word_gradients
from ichor.models import registry
from ichor.models.report_text import build
from ichor.training import bundle
from ichor.training.fit import fit_model
from ichor.training.rows import model_rows
from ichor.training.text_tokens import Vocabulary

SETTINGS = CourseSettings(0.5, gate_patients=5, patients=5, pictures_per_group=1, cascade_steps=2, steps=16)
TARGET = "deterioration_7d"


@pytest.fixture(scope="module")
def study():
    return made_study(200, 1, of_text=5.0)


@pytest.fixture(scope="module")
def trained(study, tmp_path_factory):
    folder, (cohort, reports) = tmp_path_factory.mktemp("text"), study
    spec = {"kind": "report_text", "training": {"seeds": 1, "epochs": 12}}
    named = {"task": "deterioration", "target": TARGET, "model": "report_text", "spec": spec, "seed": 1}
    options = {"checkpoint_dir": folder / "work", "bundle_dir": folder / "model", "device": "cpu"}
    fit_model(cohort, reports=reports, **named, **options)
    return folder / "model"


@pytest.fixture(scope="module")
def found(study, trained):
    return explain_words(*study, trained, SETTINGS, seed=1, device="cpu")


class Additive(nn.Module):
    """A logit that is a weighted sum of the vectors of the tokens."""

    def __init__(self):
        super().__init__()
        self.vectors, self.weights = nn.Embedding(9, 4), nn.Linear(4, 1)

    def embed(self, tokens):
        return self.vectors(tokens)

    def answer_embedded(self, embedded, inside, record):
        return (self.weights(embedded)[..., 0] * inside).sum(dim=1), {}


def test_of_an_additive_network_each_token_brings_its_own_part_and_marks_bring_nothing():
    torch.manual_seed(1)
    network, tokens = Additive(), np.array([3, 1, 8, 1])
    found = word_gradients(network, tokens, np.array([True, False, False, False]), np.zeros(0, np.float32), 8)
    each = (network.vectors.weight @ network.weights.weight[0]).detach().numpy()
    np.testing.assert_allclose(found, [0, *each[[1, 8, 1]]], atol=1e-6)


def test_all_words_together_give_the_answer_minus_that_of_empty_words():
    torch.manual_seed(2)
    network = build(registry.resolve({"kind": "report_text"}), 40, 0, None).eval()
    tokens = np.arange(3, 20)
    held = np.isin(tokens, [3, 9])
    found = word_gradients(network, tokens, held, np.zeros(0, np.float32), 256)
    numbers = torch.as_tensor(tokens)[None]
    embedded = network.embed(numbers)
    with torch.no_grad():
        whole = network(numbers)
        empty, _ = network.answer_embedded(embedded * torch.as_tensor(held)[None, :, None], numbers >= 0)
    sizes = np.abs(found).sum()
    assert sizes > 1e-3 and found.sum() == pytest.approx(float(whole - empty), abs=0.02 * sizes)
    assert (found[held] == 0).all()


def test_pieces_of_tokens_are_tied_to_their_words_through_several_texts_of_one_section():
    document = [("complaint", "No headache"), ("complaint", "no headache, vomiting"), ("findings", "脑积水 12 mL")]
    settings = {"vocabulary": 60, "least_patients": 1}
    spelled = Vocabulary.fitted([document], settings, 64)
    seen = seen_report("p1", "north", document, spelled.spelled(document), np.zeros(0, np.float32))
    forms = [(number, word.form) for number, word in seen.words]
    assert forms == [(0, "no"), (0, "headache"), (1, "no"), (1, "headache"), (1, "vomiting"), (2, "脑积水"), (2, "ml")]
    assert (
        set(seen.word_of[seen.word_of >= 0]) == set(range(7)) and (np.diff(seen.word_of[seen.word_of >= 0]) >= 0).all()
    )
    assert (seen.word_of == 5).sum() == 3, "three characters, one word"
    assert (seen.word_of[seen.held] == -1).all() and seen.held.sum() == 3
    brought = seen.words_bring(np.ones(len(seen.tokens)))
    assert brought[5] == 3 and np.isfinite(brought).all()
    cut = seen_report("p1", "north", document, spelled.spelled(document)[:3], np.zeros(0, np.float32))
    assert np.isnan(cut.words_bring(np.ones(3))[-1]), "what was cut off brings nothing that is known"


def test_what_was_learned_passes_the_gate_and_the_length_of_words_does_not(study, trained, found):
    cohort, reports = study
    assert set(found.attribution_gate["outcome"]) == {"shown"}
    model = bundle.load(trained, device="cpu")
    rows = model_rows(cohort, model.description["spec"], TARGET)
    subjects = list(see(model, rows[rows["role"] == "tune"].head(5), reports))

    def lengths(_network, seen):
        return np.array([float(len(word.form)) for _, word in seen.words])

    tried = [gate.Trial("all_layers", 1.0, build(model.description["spec"], model.vocabulary.size, 0, None))]
    table = gate.measure(lengths, model.networks[0], tried, subjects, "gate", similarity.of_records)
    assert not gate.passes(table, 0.99)


def test_the_gate_does_not_read_reports_of_test_patients(study, trained):
    cohort, reports = study
    model = bundle.load(trained, device="cpu")
    rows = model_rows(cohort, model.description["spec"], TARGET)

    def gate_without(role):
        hidden = set(rows.loc[rows["role"] == role, "patient"])
        return words_gate(model, rows, reports[~reports["patient"].isin(hidden)], SETTINGS, 1, None)

    own = words_gate(model, rows, reports, SETTINGS, 1, None)
    pd.testing.assert_frame_equal(gate_without("test"), own)
    assert not gate_without("tune").equals(own)


def test_words_are_those_of_test_patients_and_a_cue_takes_back_what_the_finding_says(study, found):
    cohort, reports = study
    words = found.word_attributions.set_index(["word", "mark"])
    finding = words.loc[("unsteady", "affirmed"), "estimate"]
    assert finding > 0.1, "said, the finding raises the answer"
    assert words.loc[("no", "cue"), "estimate"] < 0, "the negation lowers it"
    assert (found.word_attributions["n"] >= LEAST_PATIENTS).all()
    tested = set(cohort.loc[cohort["role"] == "test", "patient"])
    assert set(found.word_contexts["patient"]) <= tested
    assert (found.word_attributions["of"] == reports.loc[reports["patient"].isin(tested), "patient"].nunique()).all()


def test_a_context_is_the_clause_as_it_was_written(study, found):
    _, reports = study
    for key, rows in found.word_contexts.groupby(["word", "mark"], sort=False):
        rows = rows.sort_values("place")
        texts = reports[
            (reports["patient"] == rows["patient"].iloc[0]) & (reports["section"] == rows["section"].iloc[0])
        ]
        assert any("".join(rows["text"]) in text for text in texts["text"])
        assert ((rows["text"].str.lower() == key[0]) & (rows["piece_mark"] == key[1])).any()


def test_the_mean_is_over_patients_and_mentions_of_one_are_added_up():
    settings = {"vocabulary": 60, "least_patients": 1}
    document = [("complaint", "pain, pain and no pain")]
    spelled = Vocabulary.fitted([document], settings, 64).spelled(document)
    seen = [seen_report(f"p{place}", "north", document, spelled, np.zeros(0, np.float32)) for place in range(5)]
    each = [np.array([1.0, 2.0, 0.5, -1.0, 4.0 + place]) for place in range(5)]
    words = word_rows(each, seen).set_index(["word", "mark"])
    assert words.loc[("pain", "affirmed"), "estimate"] == 3.0 and words.loc[("pain", "negated"), "estimate"] == 6.0
    assert (words["n"] == 5).all()
    assert word_rows(each[:4], seen[:4]).empty, "four patients are too few"
    assert [mark for _, word, mark in shown_words(words.reset_index()) if word == "pain"] == ["affirmed", "negated"]
    usual = contexts(words.reset_index(), each, seen)
    chosen = {row["patient"] for row in usual if row["word"] == "pain" and row["mark"] == "negated"}
    assert chosen == {"p2"}, "the median"


def test_nothing_is_shown_of_a_network_that_did_not_pass_and_tables_fit_their_schemas(study, trained, found, tmp_path):
    withheld = explain_words(*study, trained, replace(SETTINGS, similarity_limit=-1.0), seed=1, device="cpu")
    assert withheld.word_attributions.empty and withheld.word_contexts.empty
    assert set(withheld.attribution_gate["outcome"]) == {"withheld"}
    for name in ("attribution_gate", "word_attributions", "word_contexts"):
        tables.write(name, getattr(found, name), tmp_path / f"{name}.tsv")
        assert len(tables.read(name, tmp_path / f"{name}.tsv")) == len(getattr(found, name))
