"""Measures of models of time courses on visits, several of a patient, with intervals by patient."""

import numpy as np
import pandas as pd

from ichor.cohort.own_courses import SPLIT
from ichor.cohort.sequences import SequenceSet
from ichor.evaluation.bootstrap import Resamples
from ichor.evaluation.calibration import brier
from ichor.evaluation.censoring import Course, course_of, survival_aware
from ichor.evaluation.classification import balanced_accuracy, f1
from ichor.evaluation.clustered import clustered_auc, clustered_calibration, resampled_share
from ichor.evaluation.discrimination import auprc
from ichor.evaluation.intervals import Estimate
from ichor.evaluation.measures import metric_row
from ichor.seeds import seed_for

TASK = "trajectory"


def measure_visits(
    answered: pd.DataFrame, sequences: SequenceSet, step: str, *, horizon_h: float, bootstrap: int, seed: int
) -> list[dict]:
    """All quantities of every model on some visits.

    Parameters
    ----------
    answered : DataFrame
        ``model patient position time_h label risk positive`` of the visits that were answered; label 1 = event, NaN
        where follow-up ends before the horizon.
    sequences : SequenceSet
        The courses, for when patients died or were last seen.
    step : str
        What the visits are called.
    horizon_h : float
        Horizon from each visit, hours.
    bootstrap, seed : int
        Number of resamples of patients, and their seed.

    Returns
    -------
    list of dict
        Rows: ``step`` and the columns of the table ``metrics``; n and events count visits with a known label.
    """
    out = []
    drawn = seed_for(seed, "trajectory study", step)
    for model, rows in answered.groupby("model", sort=False):
        rows = rows.sort_values(["patient", "position"], kind="stable")
        if rows["label"].nunique() < 2:
            continue
        known = rows.dropna(subset="label")
        measured = _measured(known, bootstrap, drawn)
        draws = Resamples(np.zeros(len(rows)), bootstrap, drawn, rows["patient"].to_numpy())
        course = _course(rows, sequences, horizon_h)
        weighted = survival_aware(rows["label"].to_numpy(), rows["risk"].to_numpy(), course, draws)
        named = {
            "step": step,
            "task": TASK,
            "target": sequences.targets[0],
            "model": model,
            "split": SPLIT,
            "center": "all",
        }
        sizes = len(known), int(known["label"].sum())
        out += [named | metric_row(name, value, *sizes) for name, value in (measured | weighted).items()]
    return out


def _measured(known: pd.DataFrame, bootstrap: int, seed: int) -> dict[str, Estimate]:
    """Quantities of the visits with a known outcome."""
    labels, risk = known["label"].to_numpy(dtype=int), known["risk"].to_numpy(dtype=float)
    patients = known["patient"].to_numpy()
    draws = Resamples(np.zeros(len(known)), bootstrap, seed, patients)
    ones = np.ones(len(known))
    out = {
        "auc": clustered_auc(labels, risk, patients),
        "auprc": auprc(labels, risk, draws),
        "prevalence": resampled_share(labels, ones, draws),
        "brier": brier(labels, risk, draws),
        "observed_expected": resampled_share(labels, risk, draws),
        **clustered_calibration(labels, risk, patients),
    }
    positive = known["positive"].to_numpy(dtype=float)
    if np.isnan(positive).any():
        return out
    pairs = {
        "sensitivity": (positive * labels, labels),
        "specificity": ((1 - positive) * (1 - labels), 1 - labels),
        "ppv": (positive * labels, positive),
        "npv": ((1 - positive) * (1 - labels), 1 - positive),
        "accuracy": (positive == labels, ones),
    }
    out |= {name: resampled_share(part, whole, draws) for name, (part, whole) in pairs.items()}
    return out | {
        "balanced_accuracy": balanced_accuracy(labels, positive, draws),
        "f1": f1(labels, positive == 1, draws),
    }


def _course(rows: pd.DataFrame, sequences: SequenceSet, horizon_h: float) -> Course:
    """When and how the follow-up after each visit ended, hours from the visit."""
    place = pd.Series(np.arange(len(sequences)), index=sequences.patients["patient"]).loc[rows["patient"]].to_numpy()
    since = rows["time_h"].to_numpy(dtype=float)
    death_h, followup_h = sequences.death_h[place] - since, sequences.followup_h[place] - since
    return course_of(rows["label"].to_numpy(dtype=float), death_h, followup_h, horizon_h)
