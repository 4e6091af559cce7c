"""Evaluate predictions: metrics, comparisons and curves, knowing nothing of the models that made them."""

import math

import numpy as np
import pandas as pd

from ichor import tables
from ichor.evaluation.bootstrap import Resamples
from ichor.evaluation.classification import choose_threshold
from ichor.evaluation.comparison import compare
from ichor.evaluation.curves import curves
from ichor.evaluation.heterogeneity import SCALES, pool
from ichor.evaluation.intervals import Estimate, undefined
from ichor.evaluation.measures import measure, metric_row
from ichor.evaluation.predictions import FIT, check_predictions, one_per_patient, read_predictions
from ichor.progress import track
from ichor.reasons import Reason
from ichor.seeds import seed_for

__all__ = ["evaluate", "read_predictions", "with_families"]

FAMILIES = ("loco", "cv")


def evaluate(
    predictions: pd.DataFrame,
    truth: pd.DataFrame | None = None,
    *,
    seed: int,
    bootstrap: int = 1000,
    net_benefit_thresholds: tuple[float, ...] = (0.1, 0.2, 0.3, 0.5),
    roles: tuple[str, ...] = ("test",),
    threshold: str = "youden",
    target_sensitivity: float = 0.8,
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Evaluate every model of every task, target and split on its test rows.

    The probabilities of several seeds are averaged per patient first. The threshold of a model in a split comes from
    its tune rows, once. Besides the splits as they are, the parts of a scheme are put together as splits ``loco`` and
    ``cv`` (each patient under the fit that did not see the patient's center or fold): that is where leave-one-center-
    out is pooled over centers. A scheme in which a patient is tested more than once is not put together.

    Parameters
    ----------
    predictions : DataFrame
        Predictions table.
    truth : DataFrame, optional
        True risks of simulated patients: patient, task, target, risk and, optionally, risk_image.
    seed : int
        The study's seed. Draws depend on it and on task, target, split and center, not on the model: models are
        compared on the same resamples.
    bootstrap : int
        Number of patient resamples (centers keep their size); 0 leaves out the intervals that need them.
    net_benefit_thresholds : tuple of float
        Thresholds, each in [0, 1).
    roles : tuple of str
        Rows that are reported.
    threshold : {"youden", "sensitivity"}
        Rule of `ichor.evaluation.classification.choose_threshold`.
    target_sensitivity : float
        For the rule ``sensitivity``.

    Returns
    -------
    metrics, comparisons, curves : DataFrame
        The tables of these names. A quantity that is undefined is missing and has a reason code.

    Raises
    ------
    StudyError
        If the rows contradict each other (see `ichor.evaluation.predictions.check_predictions`).
    """
    checked = one_per_patient(check_predictions(predictions, "predictions"))
    thresholds = _thresholds(checked, threshold, target_sensitivity)
    rows = with_families(_with_decisions(_with_risk(checked[checked["role"].isin(roles)], truth), thresholds))
    metrics, points = _missing_fits(checked, rows), []
    for key, part in track(list(rows.groupby(FIT, sort=True)), "evaluate"):
        names = dict(zip(FIT, key, strict=True))
        measured, drawn = _one_fit(names, part, seed, bootstrap, tuple(net_benefit_thresholds))
        metrics += measured
        points += drawn
        if key in thresholds:
            metrics.append({**names, "center": "all", **metric_row("threshold", thresholds[key], 0, 0)})
    return (
        tables.frame("metrics", metrics),
        tables.frame("comparisons", compare(rows)),
        tables.frame("curves", points),
    )


def _one_fit(
    names: dict, rows: pd.DataFrame, seed: int, bootstrap: int, thresholds: tuple[float, ...]
) -> tuple[list[dict], list[dict]]:
    """Metrics and curve points of one model in one split: each center, all rows together, and over the centers."""
    cells = {center: group for center, group in rows.groupby("center", sort=True)} | {"all": rows}
    measured, metrics, points = {}, [], []
    for center, group in cells.items():
        draws = Resamples(group["center"].to_numpy(), bootstrap, _seed(seed, names, center))
        measured[center] = measure(group, draws, thresholds)
        metrics += _rows(names, center, measured[center], group)
        points += [{**names, "center": center, **point} for point in _curves(group)]
    return metrics + _pooled(names, [value for center, value in measured.items() if center != "all"]), points


def _seed(seed: int, names: dict, center: str) -> int:
    return seed_for(seed, "evaluate", names["task"], names["target"], names["split"], center)


def _thresholds(rows: pd.DataFrame, rule: str, target_sensitivity: float) -> dict[tuple, Estimate]:
    """Threshold of each fit (task, target, model, split) from its tune rows alone."""
    out = {}
    for key, part in rows.groupby(FIT, sort=True):
        tune = part[part["role"] == "tune"]
        out[key] = choose_threshold(tune["label"], tune["probability"], rule, target_sensitivity)
    return out


def _with_risk(rows: pd.DataFrame, truth: pd.DataFrame | None) -> pd.DataFrame:
    if truth is None or truth.empty:
        return rows.assign(risk=math.nan, risk_image=math.nan)
    truth = truth.reindex(columns=["patient", "task", "target", "risk", "risk_image"])
    truth = truth.drop_duplicates(["patient", "task", "target"])
    return rows.merge(truth, on=["patient", "task", "target"], how="left", validate="many_to_one")


def _with_decisions(rows: pd.DataFrame, thresholds: dict[tuple, Estimate]) -> pd.DataFrame:
    chosen = [thresholds[key] for key in zip(*(rows[name] for name in FIT), strict=True)]
    limits = np.array([value.estimate for value in chosen], dtype=float)
    positive = np.where(np.isnan(limits), math.nan, rows["probability"].to_numpy(dtype=float) >= limits)
    return rows.assign(positive=positive, threshold_reason=[value.reason for value in chosen])


def with_families(rows: pd.DataFrame) -> pd.DataFrame:
    """Add the rows of ``loco-*`` once more as split ``loco``, those of ``cv-*`` as ``cv``."""
    parts = [rows]
    for family in FAMILIES:
        members = rows[rows["split"].str.startswith(f"{family}-")]
        if members["split"].nunique() < 2 or (rows["split"] == family).any():
            continue
        if not members.duplicated(["task", "target", "model", "patient"]).any():
            parts.append(members.assign(split=family))
    return pd.concat(parts, ignore_index=True)


def _missing_fits(checked: pd.DataFrame, rows: pd.DataFrame) -> list[dict]:
    """Rows for fits of which nothing can be reported, so that no model disappears."""
    reported = set(rows[FIT].itertuples(index=False, name=None))
    gone = sorted(set(checked[FIT].itertuples(index=False, name=None)) - reported)
    missing = metric_row("auc", undefined(Reason.NO_TEST_ROWS), 0, 0)
    return [{**dict(zip(FIT, key, strict=True)), "center": "all", **missing} for key in gone]


def _rows(names: dict, center: str, measured: dict[str, Estimate], rows: pd.DataFrame) -> list[dict]:
    n, events = len(rows), int(rows["label"].sum())
    return [{**names, "center": center, **metric_row(name, value, n, events)} for name, value in measured.items()]


def _curves(rows: pd.DataFrame) -> list[dict]:
    return curves(rows["label"].to_numpy(), rows["probability"].to_numpy(dtype=float))


def _pooled(names: dict, centers: list[dict[str, Estimate]]) -> list[dict]:
    """Rows ``pooled`` and ``next`` of the quantities that are pooled over centers, and ``<quantity>_tau2``."""
    out = []
    for quantity in SCALES:
        result = pool(quantity, [center[quantity] for center in centers])
        for where, name, value in (
            ("pooled", quantity, result["pooled"]),
            ("next", quantity, result["next"]),
            ("pooled", f"{quantity}_tau2", result["tau2"]),
        ):
            out.append({**names, "center": where, **metric_row(name, value, 0, None)})
    return out
