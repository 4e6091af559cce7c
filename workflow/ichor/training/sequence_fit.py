"""Fit a model of time courses, network or landmark model, on arrays of courses alone.

Whoever has courses as a :class:`ichor.cohort.sequences.SequenceSet`, from the tables of the study or from a table
without scans, fits and predicts with the two functions here and nothing else.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

import numpy as np

from ichor.cohort.fences import LeakError
from ichor.cohort.sequences import SequenceSet
from ichor.models import registry
from ichor.training.job import MINIMUM_PER_CLASS


class Fitted(Protocol):
    """What :func:`fit_sequences` returns: a model that predicts courses and can be kept.

    Attributes
    ----------
    spec : dict
        Complete settings.
    remarks : list of str
        What the model does without, in words.
    """

    spec: dict
    remarks: list[str]

    def predict(self, sequences: SequenceSet) -> np.ndarray:
        """Probability of label 1, float64 ``(seeds, n, T, K)``; NaN in the padding and where there is no answer."""

    def state(self) -> tuple[dict[str, np.ndarray], dict]:
        """Arrays and plain values from which :func:`restore_sequences` makes it again."""


@dataclass
class FittedLandmarks:
    """A landmark model or a score, as one seed's answer.

    Attributes
    ----------
    spec : dict
        Complete settings.
    model : object
        ``Model`` of the kind's file.
    remarks : list of str
        What the model does without, in words.
    """

    spec: dict
    model: object
    remarks: list[str] = field(default_factory=list)

    def predict(self, sequences: SequenceSet) -> np.ndarray:
        """Probability of label 1, float64 ``(1, n, T, K)``; NaN in the padding and where there is no answer."""
        probability = np.asarray(self.model.predict(sequences), dtype=np.float64)
        probability[sequences.steps == ""] = np.nan
        return probability[None]

    def state(self) -> tuple[dict[str, np.ndarray], dict]:
        """What the model says of itself."""
        return self.model.state()


def fit_sequences(
    train: SequenceSet,
    tune: SequenceSet,
    spec: dict,
    seed: int,
    device: str = "auto",
    threads: int = 1,
    checkpoint_dir: str | Path | None = None,
) -> Fitted | None:
    """Fit a model of the family ``sequence`` or ``landmark``.

    Parameters
    ----------
    train : SequenceSet
        Patients to learn from; everything that is fitted, scaled or counted is taken from them.
    tune : SequenceSet
        Patients to choose the epoch by, possibly none.
    spec : dict
        ``kind`` and settings; what is not given takes its default.
    seed : int
        Of the fit; each network of several derives its own.
    device : {"auto", "cpu", "cuda"}
        Where a network is trained.
    threads : int
        CPU threads.
    checkpoint_dir : path, optional
        Where training can be continued from; without it nothing is kept.

    Returns
    -------
    FittedLandmarks, ichor.training.sequence_networks.FittedSequences or None
        None if no target has `MINIMUM_PER_CLASS` train patients of both answers, or no train row has a value of
        anything that the model could read.

    Raises
    ------
    ichor.cohort.fences.LeakError
        If a patient is of another role, stands in both sets, or stands in one of them twice.
    ichor.errors.StudyError
        On wrong settings.
    """
    spec = registry.resolve(spec)
    refuse_leaks(train, tune)
    train, tune = (replace(part, labels=_at_risk(part)) for part in (train, tune))
    if not learnable(train):
        return None
    if registry.family(spec["kind"]) == "landmark":
        model = registry.load(spec["kind"]).Model(spec)
        model.fit(train, tune, seed)
        return FittedLandmarks(spec, model, list(model.remarks))
    from ichor.training.sequence_networks import fit_networks  # here, because landmark models must not pay for torch

    return fit_networks(train, tune, spec, seed, device, threads, Path(checkpoint_dir) if checkpoint_dir else None)


def restore_sequences(
    spec: dict, arrays: dict[str, np.ndarray], facts: dict, device: str = "auto", threads: int = 1
) -> Fitted:
    """Take up what ``state()`` of a fitted model gave.

    Parameters
    ----------
    spec : dict
        Complete settings of its kind.
    arrays, facts : dict
        What ``state()`` gave.
    device, threads
        See :func:`fit_sequences`.
    """
    if registry.family(spec["kind"]) == "landmark":
        return FittedLandmarks(spec, registry.load(spec["kind"]).Model.from_state(spec, arrays, facts))
    from ichor.training.sequence_networks import FittedSequences

    return FittedSequences.restored(spec, arrays, facts, device, threads)


def refuse_leaks(train: SequenceSet, tune: SequenceSet) -> None:
    """Last look before anything is learned.

    Raises
    ------
    ichor.cohort.fences.LeakError
        If a patient is of another role than its set, or stands in two sets or twice in one.
    """
    for role, courses in (("train", train), ("tune", tune)):
        others = set(courses.patients["role"]) - {role}
        if others:
            raise LeakError(f"time courses of role {', '.join(sorted(others))} would be used as {role} rows")
    patients = [*train.patients["patient"], *tune.patients["patient"]]
    if len(set(patients)) < len(patients):
        raise LeakError("a patient stands twice among the train and tune rows of time courses")


def _at_risk(courses: SequenceSet) -> np.ndarray:
    """Labels where the patient is at risk; nobody is learned from who was dead or lost by then."""
    return np.where(courses.at_risk[..., None], courses.labels, np.nan).astype(np.float32)


def learnable(train: SequenceSet) -> list[str]:
    """Targets of which train rows have enough patients of both answers."""
    return [name for name, counts in answers(train).items() if min(counts) >= MINIMUM_PER_CLASS]


def answers(courses: SequenceSet) -> dict[str, tuple[int, int]]:
    """Patients with label 0 and with label 1 at some step, of each target."""
    return {
        name: tuple(int((courses.labels[..., number] == answer).any(axis=1).sum()) for answer in (0, 1))
        for number, name in enumerate(courses.targets)
    }


def average(probability: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean over the seeds, and the lowest and the highest of them.

    Parameters
    ----------
    probability : numpy.ndarray
        ``(seeds, n, T, K)``.

    Returns
    -------
    mean, low, high : numpy.ndarray
        ``(n, T, K)``; low and high are NaN with one seed, which has no spread.
    """
    mean = probability.mean(axis=0)
    if len(probability) < 2:
        return mean, np.full_like(mean, np.nan), np.full_like(mean, np.nan)
    return mean, probability.min(axis=0), probability.max(axis=0)


def columns_wanted(spec: dict) -> tuple[Sequence[str] | None, list[str]]:
    """Variables of the course (None for all) and columns of the record that a model's settings name."""
    return spec.get("variables"), list(spec.get("record") or [])
