"""Explain a network of report texts in one split: sanity gate, words over test patients, and words in their context."""

import copy
import math
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from torch import nn

from ichor import tables
from ichor.cohort.fences import fitting_rows
from ichor.errors import StudyError
from ichor.explain import choose, gate, similarity, vocabulary
from ichor.explain.course_settings import CourseSettings
from ichor.explain.intervals import mean_interval
from ichor.explain.permuted import permute_labels
from ichor.explain.randomise import fresh_network
from ichor.explain.seen_reports import SeenReport, see
from ichor.explain.word_contexts import contexts
from ichor.progress import track
from ichor.seeds import seed_for
from ichor.training import bundle
from ichor.training.fit import fit_model
from ichor.training.rows import model_rows
from ichor.training.text_networks import network_of
from ichor.training.text_predict import TextPredictor

PATIENTS = 500
"""Test patients whose reports are looked at, by lot where there are more; our choice."""
LEAST_PATIENTS = 5
"""Patients who must have a word so for it to be counted: fewer say little of the network, and more of a person."""
DRAWS = 4
"""Networks with random weights in the gate."""


@dataclass(frozen=True)
class ExplainedWords:
    """Tables, named as their schemas."""

    attribution_gate: pd.DataFrame
    word_attributions: pd.DataFrame
    word_contexts: pd.DataFrame


def explain_words(
    cohort: pd.DataFrame,
    reports: pd.DataFrame,
    bundle_dir: str | Path,
    settings: CourseSettings,
    *,
    seed: int,
    device: str = "auto",
    threads: int = 1,
) -> ExplainedWords:
    """Explain the networks of a bundle.

    Parameters
    ----------
    cohort : pandas.DataFrame
        Table ``cohort`` of the split. The gate looks at tune rows (train rows where these are too few), because it
        decides something; all else is of test rows.
    reports : pandas.DataFrame
        Table ``reports``.
    bundle_dir : path
        The model.
    settings : CourseSettings
        See there.
    seed : int
        The study's seed.
    device, threads
        As for `ichor.training.bundle.load`.

    Returns
    -------
    ExplainedWords
        Empty tables where there is no model to explain; no words if the gate withheld the method.

    Raises
    ------
    ichor.errors.StudyError
        If the model is no network that reads reports.
    """
    described = bundle.describe(bundle_dir)
    who = {name: described[name] for name in ("task", "target", "model", "split")}
    if described["family"] != "text":
        raise StudyError(f"{who['task']}/{who['model']} reads no reports")
    if not described["fitted"]:
        return ExplainedWords(*(tables.empty(name) for name in ExplainedWords.__annotations__))
    model = bundle.load(bundle_dir, device=device, threads=threads)
    if not model.networks:
        raise StudyError(f"{who['task']}/{who['model']} is no network; its coefficients say what each word brings")
    own_seed = seed_for(seed, "explain", *who.values())
    rows = model_rows(cohort, described["spec"], described["target"])
    permuted = permuted_text(cohort, reports, described, settings.permuted_epochs, own_seed, device, threads)
    found = words_gate(model, rows, reports, settings, own_seed, permuted)
    words, clauses = [], []
    if gate.passes(found, settings.similarity_limit):
        tested = rows[rows["role"] == "test"]
        lot = choose.drawn(tested["patient"], PATIENTS, own_seed, "reports")
        seen = list(see(model, tested[tested["patient"].isin(lot)], reports))
        each = attributions(model, seen, settings.steps)
        words = word_rows(each, seen)
        clauses = contexts(words, each, seen)
    return ExplainedWords(
        _table("attribution_gate", gate.table_rows(found, settings.similarity_limit, vocabulary.REPORT), who),
        _table("word_attributions", words, who),
        _table("word_contexts", clauses, who),
    )


def words_gate(
    model: TextPredictor,
    rows: pd.DataFrame,
    reports: pd.DataFrame,
    settings: CourseSettings,
    seed: int,
    permuted: nn.Module | None,
) -> pd.DataFrame:
    """Similarities of the attributions of the first network to those of networks that learned nothing.

    Compared is the rank correlation, with its signs, of what each word of a report brings.
    """
    fitting = fitting_rows(rows, model.description["split"])
    subjects: list[SeenReport] = []
    for role in ("tune", "train"):
        own = fitting[fitting["role"] == role].set_index("patient", drop=False)
        order = choose.drawn(own["patient"], len(own), seed, "gate")
        for seen in see(model, own.loc[order], reports):
            if len(subjects) < settings.gate_patients and (seen.word_of >= 0).any():
                subjects.append(seen)
    first, others = model.networks[0], model.networks[1:]
    described = model.description
    build = partial(network_of, described["spec"], model.vocabulary.size, model.record, described["encoder_config"])

    def fresh(draw: int) -> nn.Module:
        return fresh_network(build, draw).to(model.device)

    tried = gate.trials(
        first,
        fresh,
        seed,
        steps=settings.cascade_steps,
        draws=DRAWS,
        permuted=permuted,
        other=others[0] if others else None,
    )
    return gate.measure(words_bring(settings.steps), first, tried, subjects, "sanity gate", similarity.of_records)


def words_bring(points: int) -> Callable[[nn.Module, SeenReport], np.ndarray]:
    """Function for the gate: what each word that the network reads brings."""

    def attribute(network: nn.Module, seen: SeenReport) -> np.ndarray:
        made = seen.words_bring(seen.tokens_bring(network, points))
        return made[np.isfinite(made)]

    return attribute


def permuted_text(
    cohort: pd.DataFrame, reports: pd.DataFrame, described: dict, share: float, seed: int, device: str, threads: int
) -> nn.Module | None:
    """A network of the same kind, trained on permuted labels for a share of the epochs; None where none is wanted."""
    if share <= 0:
        return None
    spec, target = copy.deepcopy(described["spec"]), described["target"]
    training = spec["training"]
    training |= {"epochs": max(1, math.ceil(share * training["epochs"])), "seeds": 1}
    training["warmup_epochs"] = min(training["warmup_epochs"], training["epochs"])
    named = {name: described[name] for name in ("task", "target", "model")}
    rows = permute_labels(fitting_rows(cohort, described["split"]), target, seed)
    with tempfile.TemporaryDirectory() as folder:
        options = {"checkpoint_dir": Path(folder, "work"), "bundle_dir": Path(folder, "model"), "seed": seed}
        fit_model(rows, spec=spec, reports=reports, device=device, threads=threads, **named, **options)
        if not bundle.describe(options["bundle_dir"])["fitted"]:
            return None
        return bundle.load(options["bundle_dir"], device=device, threads=threads).networks[0]


def attributions(model: TextPredictor, seen: list[SeenReport], points: int) -> list[np.ndarray]:
    """What each word of each report brings, mean of the networks."""
    found = []
    for one in track(seen, "words of reports"):
        made = [one.words_bring(one.tokens_bring(network, points)) for network in model.networks]
        found.append(np.mean(made, axis=0))
    return found


def word_rows(each: list[np.ndarray], seen: list[SeenReport]) -> pd.DataFrame:
    """Rows of the table ``word_attributions``: means over patients with 95 % intervals, the largest sizes first."""
    rows = [
        (one.patient, word.form, word.language, word.mark, value)
        for one, values in zip(seen, each, strict=True)
        for (_, word), value in zip(one.words, values, strict=True)
        if np.isfinite(value)
    ]
    table = pd.DataFrame(rows, columns=["patient", "word", "language", "mark", "value"])
    sums = table.groupby(["word", "language", "mark", "patient"], sort=False)["value"].sum()
    found = []
    for key, own in sums.groupby(level=["word", "language", "mark"], sort=False):
        if len(own) >= LEAST_PATIENTS:
            made = mean_interval(own.to_numpy())
            row = {"estimate": made.estimate, "low": made.low, "high": made.high, "n": made.n, "of": len(seen)}
            found.append(dict(zip(("word", "language", "mark"), key, strict=True)) | row)
    return pd.DataFrame(sorted(found, key=lambda row: (-abs(row["estimate"]), row["word"], row["mark"])))


def _table(name: str, rows: pd.DataFrame | list, who: dict) -> pd.DataFrame:
    if not len(rows):
        return tables.empty(name)
    frame = pd.DataFrame(rows).assign(**who).reindex(columns=tables.columns(name))
    return tables.validate(name, frame, f"{name} of {who['model']}")
