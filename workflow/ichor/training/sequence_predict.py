"""Predict every step of every course with a saved model of time courses."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from ichor import tables
from ichor.cohort.sequences import SequenceSet, sequences_of
from ichor.reasons import Reason
from ichor.training import bundle
from ichor.training.predict import PROBABILITY_STEP
from ichor.training.sequence_fit import Fitted, average, columns_wanted, restore_sequences


@dataclass(frozen=True)
class Predicted:
    """Tables of one model in one split, named as their schemas."""

    predictions: pd.DataFrame
    trajectory_risks: pd.DataFrame
    status: pd.DataFrame


def load_sequences(bundle_dir: str | Path, device: str = "auto", threads: int = 1) -> tuple[Fitted, dict]:
    """Take a model of time courses from its bundle.

    Parameters
    ----------
    bundle_dir : path
        What :func:`ichor.training.trajectory_fit.fit_trajectory` wrote.
    device, threads
        See :func:`ichor.training.sequence_fit.fit_sequences`.

    Returns
    -------
    fitted : Fitted
        With ``predict(SequenceSet)``.
    description : dict
        Content of ``model.json``.

    Raises
    ------
    ichor.errors.StudyError
        See :func:`ichor.training.bundle.read`.
    """
    arrays, description = bundle.read(Path(bundle_dir))
    return restore_sequences(description["spec"], arrays, description["state"], device, threads), description


def courses_of(steps: pd.DataFrame, values: pd.DataFrame, cohort: pd.DataFrame, description: dict) -> SequenceSet:
    """All courses of a split as the model of a bundle reads them.

    Parameters
    ----------
    steps, values, cohort : pandas.DataFrame
        Tables ``trajectory_steps``, ``trajectory_values`` and ``cohort`` of the split.
    description : dict
        Content of the bundle's ``model.json``.
    """
    _, record = columns_wanted(description["spec"])
    return sequences_of(steps, values, cohort, description["variables"], record, description["targets"], nested=True)


def predict_trajectory(
    steps: pd.DataFrame,
    values: pd.DataFrame,
    cohort: pd.DataFrame,
    bundle_dir: str | Path,
    *,
    device: str = "auto",
    threads: int = 1,
) -> Predicted:
    """Predict the split that a model was fitted on.

    Parameters
    ----------
    steps, values, cohort : pandas.DataFrame
        Tables ``trajectory_steps``, ``trajectory_values`` and ``cohort`` of the split.
    bundle_dir : path
        What :func:`ichor.training.trajectory_fit.fit_trajectory` wrote.
    device, threads
        See :func:`ichor.training.sequence_fit.fit_sequences`.

    Returns
    -------
    Predicted
        Predictions of the steps at risk with a known label; risks of every step; patients without an answer at some
        step, and why. Without rows if no model could be fitted.
    """
    described = bundle.describe(bundle_dir)
    if not described["fitted"] or steps.empty:
        return Predicted(*(tables.empty(name) for name in ("predictions", "trajectory_risks", "status")))
    fitted, described = load_sequences(bundle_dir, device, threads)
    courses = courses_of(steps, values, cohort, described)
    mean, low, high = average(fitted.predict(courses))
    risks = risk_rows(courses, mean, low, high)
    return Predicted(_predictions(risks, described), risks, _status(courses, mean, described))


def risk_rows(courses: SequenceSet, mean: np.ndarray, low: np.ndarray, high: np.ndarray) -> pd.DataFrame:
    """Table ``trajectory_risks``: a row per patient, step and target that has an answer.

    Parameters
    ----------
    courses : SequenceSet
        n patients, T steps, K targets.
    mean, low, high : numpy.ndarray
        ``(n, T, K)``, see :func:`ichor.training.sequence_fit.average`.
    """
    patient, step, target = np.nonzero(np.isfinite(mean))
    who = courses.patients[["split", "patient", "center", "role"]].iloc[patient].reset_index(drop=True)
    label = courses.labels[patient, step, target]
    table = who.assign(
        step=courses.steps[patient, step],
        position=step,
        time_h=courses.time_h[patient, step].astype(float).round(4),
        target=np.array(courses.targets, dtype=object)[target],
        probability=_rounded(mean[patient, step, target]),
        low=_rounded(low[patient, step, target]),
        high=_rounded(high[patient, step, target]),
        at_risk=courses.at_risk[patient, step].astype(int),
        label=pd.Series(label).astype("Int64"),
    )
    return tables.validate("trajectory_risks", table, "risks of a time course")


def _rounded(probability: np.ndarray) -> np.ndarray:
    least = 10.0**-PROBABILITY_STEP  # 0 and 1 have no logit
    return np.clip(probability.round(PROBABILITY_STEP), least, 1 - least)


def _predictions(risks: pd.DataFrame, described: dict) -> pd.DataFrame:
    scored = risks[(risks["at_risk"] == 1) & risks["label"].notna()]
    named = {name: described[name] for name in ("task", "model", "seed")}
    columns = ["target", "split", "patient", "center", "role", "label", "probability"]
    table = scored[columns].assign(**named, time=scored["step"])
    return tables.validate("predictions", table, f"predictions of {described['model']}")


def _status(courses: SequenceSet, mean: np.ndarray, described: dict) -> pd.DataFrame:
    """A row per patient who lacks an answer at some step that others have."""
    answered = np.isfinite(mean).any(axis=(0, 1))
    lacking = courses.at_risk & np.isnan(mean[..., answered]).any(axis=-1)
    name = f"{described['task']}/{described['model']}, split {described['split']}"
    rows = []
    for number in np.flatnonzero(lacking.any(axis=1)):
        who = courses.patients.iloc[number]
        detail = f"{name}: no answer at {', '.join(courses.steps[number, lacking[number]])}"
        rows.append(
            tables.status_row(who["center"], who["patient"], "model", "set_aside", Reason.MISSING_INPUT, detail)
        )
    return tables.frame("status", rows) if rows else tables.empty("status")
