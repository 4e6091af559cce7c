"""Repeated cross-validation by patient of models of time courses: every visit is predicted without its patient."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Protocol

import numpy as np
import pandas as pd

from ichor.cohort.sequences import SequenceSet
from ichor.errors import StudyError
from ichor.evaluation.classification import choose_threshold
from ichor.evaluation.nested_validation import deal
from ichor.progress import track
from ichor.seeds import seed_for

COLUMNS = "model repeat fold patient step position time_h label risk positive".split()


class Predicts(Protocol):
    """A fitted model."""

    def predict(self, sequences: SequenceSet) -> np.ndarray:
        """Probability of label 1, ``(seeds, n, T, K)``."""


Fit = Callable[[SequenceSet, SequenceSet, dict, int], Predicts | None]
"""Train courses, tune courses, settings and seed -> a fitted model, or None where there is nothing to learn."""


def cross_validate(
    sequences: SequenceSet,
    models: Mapping[str, dict],
    fit: Fit,
    *,
    folds: int,
    repeats: int,
    inner_folds: int,
    seed: int,
    threshold: str = "youden",
    target_sensitivity: float = 0.8,
) -> pd.DataFrame:
    """Predict every visit by models that were fitted, tuned and given their threshold without its patient.

    The folds are the same for every model. Of the patients that are not tested one inner fold is the tune rows (epochs
    of a network, rounds of boosting, the threshold); every model is fitted on the other ones.

    Parameters
    ----------
    sequences : SequenceSet
        Courses with one target, label 1 = free of the event.
    models : mapping
        Name -> complete settings.
    fit : callable
        See `Fit`.
    folds, inner_folds : int
        Folds, and parts of the other patients of which one is the tune rows.
    repeats : int
        Times that all is done, with other folds.
    seed : int
        Seed of folds and fits.
    threshold, target_sensitivity
        As in `ichor.evaluation.classification.choose_threshold`, of the risks of the tune rows.

    Returns
    -------
    DataFrame
        Columns `COLUMNS`, a row per model, repeat and visit at risk: ``label`` 1 = event, 0 = none, NaN = unknown;
        ``risk`` of the event, NaN without an answer; ``positive`` 1 or 0 at the threshold, NaN without one.

    Raises
    ------
    StudyError
        If there are fewer patients with or without the event than folds ask for.
    """
    patients = sequences.patients["patient"]
    event = (sequences.labels[:, :, 0] == 0).any(axis=1).astype(int)
    fewest = int(min(event.sum(), len(event) - event.sum()))
    if fewest < folds * inner_folds:
        raise StudyError(
            f"trajectory_study: {fewest} patients with (or without) a visit before the event are too few for {folds} "
            f"folds of {inner_folds} inner folds; {folds * inner_folds} are needed. Use fewer folds."
        )
    parts = []
    jobs = [(repeat, fold) for repeat in range(repeats) for fold in range(folds)]
    dealt = [deal(patients, event, folds, seed_for(seed, "trajectory study", repeat)) for repeat in range(repeats)]
    for repeat, fold in track(jobs, "folds"):
        others = np.flatnonzero(dealt[repeat] != fold)
        inner = deal(
            patients.iloc[others], event[others], inner_folds, seed_for(seed, "trajectory study", repeat, fold)
        )
        train, tune = _as(sequences, others[inner != 0], "train"), _as(sequences, others[inner == 0], "tune")
        test = _as(sequences, np.flatnonzero(dealt[repeat] == fold), "test")
        for name, spec in models.items():
            fitted = fit(train, tune, spec, seed_for(seed, "trajectory study", repeat, fold, name))
            if fitted is None:
                continue
            tuned, tested = visits(tune, _risk(fitted, tune)), visits(test, _risk(fitted, test))
            tuned = tuned.dropna(subset=["label", "risk"])
            limit = choose_threshold(tuned["label"], tuned["risk"], threshold, target_sensitivity).estimate
            positive = (tested["risk"] >= limit).astype(float).where(tested["risk"].notna() & np.isfinite(limit))
            parts.append(tested.assign(model=name, repeat=repeat, fold=fold, positive=positive))
    found = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=COLUMNS)
    return found[COLUMNS]


def visits(sequences: SequenceSet, risk: np.ndarray) -> pd.DataFrame:
    """Table of the visits at risk: a row per patient and step.

    Parameters
    ----------
    sequences : SequenceSet
        Courses with one target.
    risk : array, shape (n, T)
        Risk of the event.

    Returns
    -------
    DataFrame
        Columns ``patient step position time_h label risk``, ``label`` 1 = event.
    """
    who, position = np.nonzero(sequences.at_risk)
    return pd.DataFrame(
        {
            "patient": sequences.patients["patient"].to_numpy()[who],
            "step": sequences.steps[who, position],
            "position": position,
            "time_h": sequences.time_h[who, position].astype(float),
            "label": 1.0 - sequences.labels[who, position, 0].astype(float),
            "risk": risk[who, position],
        }
    )


def _as(sequences: SequenceSet, rows: np.ndarray, role: str) -> SequenceSet:
    taken = sequences.take(rows)
    return replace(taken, patients=taken.patients.assign(role=role))


def _risk(fitted: Predicts, sequences: SequenceSet) -> np.ndarray:
    """Risk of the event by the mean of the seeds' answers, ``(n, T)``; outcomes are not shown to the model."""
    blind = replace(sequences, labels=np.full_like(sequences.labels, np.nan), followup_h=None, death_h=None)
    return 1.0 - fitted.predict(blind)[..., 0].mean(axis=0)
