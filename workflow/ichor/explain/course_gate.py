"""The sanity gate of attributions to time courses: compared with networks that learned nothing."""

import copy
import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
from torch import nn

from ichor.cohort.sequences import SequenceSet
from ichor.explain import choose, gate, similarity
from ichor.explain.course_gradients import course_gradients
from ichor.explain.course_networks import CourseNetworks, SeenCourse
from ichor.explain.course_settings import CourseSettings
from ichor.explain.randomise import fresh_network
from ichor.seeds import seed_for
from ichor.training.sequence_fit import fit_sequences

DRAWS = 8
"""Networks with random weights in the gate. A course has few features, so that one random network can agree with the
trained one by chance; and these networks cost milliseconds."""
LEAST_VALUES = 3
"""Measured values below which there is no order of them to compare."""


def course_gate(
    networks: CourseNetworks, sequences: SequenceSet, settings: CourseSettings, seed: int, permuted: nn.Module | None
) -> pd.DataFrame:
    """Similarities of the attributions of the first network to those of networks that learned nothing.

    Compared is the rank correlation, with its signs, of what each measured value brings to the last answer; the mean
    over the targets. What was not measured has no attribution in any network and is left out.
    """
    chosen = []
    for role in ("tune", "train"):
        own = sequences.of_role(role)
        own = own.take(own.at_risk.any(axis=1))
        names = choose.drawn(own.patients["patient"], settings.gate_patients - len(chosen), seed, "gate")
        chosen += [(role, name) for name in names]
    names = {name for _, name in chosen}
    rows = sequences.take(
        (sequences.patients["patient"].isin(names) & (sequences.patients["role"] != "test")).to_numpy()
    )
    subjects = [
        seen for seen in networks.see(rows) if seen.answered and seen.measured[: seen.last + 1].sum() >= LEAST_VALUES
    ]

    def fresh(draw: int) -> nn.Module:
        return fresh_network(networks.random, draw).to(networks.device)

    first, others = networks.networks[0], networks.networks[1:]
    tried = gate.trials(
        first,
        fresh,
        seed,
        steps=settings.cascade_steps,
        draws=DRAWS,
        permuted=permuted,
        other=others[0] if others else None,
    )
    return gate.measure(last_answers(settings.steps), first, tried, subjects, "sanity gate", of_answers)


def last_answers(points: int) -> Callable[[nn.Module, SeenCourse], np.ndarray]:
    """Function for the gate: parts of a patient's last answers, ``(targets, measured values and record)``."""

    def attribute(network: nn.Module, seen: SeenCourse) -> np.ndarray:
        wanted = [(seen.last, target) for target in seen.answered]
        values, record = course_gradients(seen.answer(network), seen.values, seen.record, wanted, points)
        before = seen.measured & (np.arange(len(seen.measured)) <= seen.last)[:, None]
        return np.concatenate([values[:, before], seen.record_parts(record)], axis=1)

    return attribute


def of_answers(first: np.ndarray, second: np.ndarray, subject: SeenCourse) -> dict[str, float]:
    """Mean over the targets of `ichor.explain.similarity.of_records`."""
    each = [similarity.of_records(own, other, subject)["spearman"] for own, other in zip(first, second, strict=True)]
    return {"spearman": float(np.mean(each))}


def permuted_labels(sequences: SequenceSet, seed: int) -> SequenceSet:
    """Exchange the outcomes among the patients of a set; who is at risk at which step stays.

    Parameters
    ----------
    sequences : SequenceSet
        Courses whose labels are the same at all steps of a patient, where known.
    seed : int
        Of the permutation.
    """
    order = np.random.default_rng(seed).permutation(len(sequences))
    known = np.isfinite(sequences.labels)
    own = np.where(known.any(axis=1), np.where(known, sequences.labels, -1.0).max(axis=1, initial=-1.0), np.nan)
    labels = np.where(sequences.at_risk[:, :, None], own[order][:, None, :], np.nan)
    return replace(sequences, labels=labels.astype(np.float32))


def permuted_network(
    sequences: SequenceSet, spec: dict, share: float, seed: int, device: str, threads: int
) -> nn.Module | None:
    """A network of the same kind, trained on permuted labels for a share of the epochs; None where none is wanted.

    Parameters
    ----------
    sequences : SequenceSet
        Courses of a split; test rows are not looked at.
    spec : dict
        Complete settings of the model.
    share : float
        Part of the model's epochs; 0 = no such network.
    seed : int
        Of permutation and training.
    device, threads
        As for `ichor.training.sequence_fit.fit_sequences`.
    """
    if share <= 0:
        return None
    made = copy.deepcopy(spec)
    training = made["training"]
    training |= {"epochs": max(1, math.ceil(share * training["epochs"])), "seeds": 1}
    training["warmup_epochs"] = min(training["warmup_epochs"], training["epochs"])
    parts = [permuted_labels(sequences.of_role(role), seed_for(seed, "permuted", role)) for role in ("train", "tune")]
    fitted = fit_sequences(*parts, made, seed_for(seed, "permuted labels"), device, threads)
    return fitted.networks[0] if fitted is not None else None
