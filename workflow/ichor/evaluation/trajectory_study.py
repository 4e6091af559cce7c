"""A table of visits without scans: models of time courses under repeated cross-validation by patient.

What is evaluated of a visit is the mean of its risks over the repeats. Visits of one patient are no independent
patients: intervals and tests are by patient (`ichor.evaluation.clustered`, or resamples of patients).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ichor import tables
from ichor.cohort.own_courses import CENTER, SPLIT, OwnCourses
from ichor.errors import StudyError
from ichor.evaluation.course_folds import Fit, cross_validate
from ichor.evaluation.curves import curves
from ichor.evaluation.discrimination import area
from ichor.evaluation.visit_comparisons import compare_models
from ichor.evaluation.visit_measures import TASK, measure_visits
from ichor.models import registry

ALL = "all visits"
FEWEST_AT_STEP = 10
"""Patients of either outcome that a visit needs for a line of its own: our choice."""


@dataclass
class TrajectoryStudy:
    """What was found.

    Attributes
    ----------
    counts : dict
        Of `ichor.cohort.own_courses.OwnCourses`.
    predictions : DataFrame
        Table ``predictions``: every visit with a known outcome, label and probability of being free of the event
        (1 = free, as for every survival target); ``time`` is the visit, ``seed`` the number of the repeat.
    rows : DataFrame
        A row per model and visit: ``model patient step position time_h label risk positive``; `risk` is the mean over
        the repeats, `positive` whether the visit was positive in more than half of them; label 1 = event.
    metrics : DataFrame
        Column ``step`` (`ALL`, ``visit1``, ...) and those of the table ``metrics``, of the risk of the event.
    curves : DataFrame
        Table ``curves``, of all visits.
    comparisons : DataFrame
        Of `ichor.evaluation.visit_comparisons.compare_models`.
    repeats : DataFrame
        Columns ``model repeats auc_mean auc_sd auc_least auc_most``: all visits, single repeats.
    absent : dict
        Model -> visits that it has no answer for.
    """

    counts: dict[str, int]
    predictions: pd.DataFrame
    rows: pd.DataFrame
    metrics: pd.DataFrame
    curves: pd.DataFrame
    comparisons: pd.DataFrame
    repeats: pd.DataFrame
    absent: dict[str, int]


def check_models(models: Mapping[str, Mapping | None], columns: Mapping[str, Mapping]) -> dict[str, dict]:
    """Complete settings of every model; those that are null are left out.

    What a model reads is taken from `columns` where its entry does not say it: all variables of the visits, and all
    columns of the patient. Survival is counted from the visit.

    Raises
    ------
    StudyError
        If a model is of another family, reads what is not described, or counts from the onset.
    """
    found = {}
    for name, entry in models.items():
        if entry is None:
            continue
        where = f"trajectory_study.models.{name}"
        if registry.family(str(entry["kind"])) not in ("sequence", "landmark"):
            raise StudyError(f"{where}.kind: {entry['kind']} is no model of time courses.")
        known = registry.default_spec(entry["kind"])
        defaults = {"variables": None, "record": [n for n, c in columns.items() if c["of"] == "patient"]}
        defaults |= {"horizon_from": "step"} if "horizon_from" in known else {}
        if "score" in known:
            score = entry.get("score", known["score"])
            defaults |= {"variables": [score] if columns.get(score, {}).get("of") == "visit" else [], "record": []}
        spec = registry.resolve({**defaults, **entry}, where)
        if spec.get("horizon_from", "step") != "step":
            raise StudyError(f"{where}.horizon_from: found {spec['horizon_from']!r}; write step.")
        for setting, of in (("variables", "visit"), ("record", "patient")):
            wrong = [c for c in spec[setting] or () if columns.get(c, {}).get("of") != of]
            if wrong:
                raise StudyError(
                    f"{where}.{setting}: {', '.join(wrong)} is not among trajectory_study.columns with of: {of}."
                )
        if "score" in known and not spec["variables"] and spec["score"] in columns:
            raise StudyError(f"{where}.score: {spec['score']} is of the patient; name a column of the visit.")
        found[name] = spec
    if not found:
        raise StudyError("trajectory_study.models: no model is named.")
    return found


def trajectory_study(
    courses: OwnCourses,
    *,
    models: Mapping[str, dict],
    fit: Fit,
    folds: int,
    repeats: int,
    inner_folds: int,
    horizon_h: float,
    seed: int,
    bootstrap: int,
    threshold: str = "youden",
    target_sensitivity: float = 0.8,
) -> TrajectoryStudy:
    """Cross-validate every model on every visit.

    Parameters
    ----------
    courses : OwnCourses
        Of `ichor.cohort.own_courses.read_own_courses`.
    models : mapping
        Of `check_models`.
    fit : callable
        `ichor.training.sequence_fit.fit_sequences` with device and threads; handed in, because the evaluation knows
        no torch.
    horizon_h : float
        Horizon from each visit, hours.
    folds, repeats, inner_folds, threshold, target_sensitivity
        As in `ichor.evaluation.course_folds.cross_validate`.
    seed, bootstrap : int
        Seed, and number of resamples of patients.
    """
    options = {"folds": folds, "repeats": repeats, "inner_folds": inner_folds, "seed": seed}
    options |= {"threshold": threshold, "target_sensitivity": target_sensitivity}
    found = cross_validate(courses.sequences, models, fit, **options)
    target = courses.sequences.targets[0]
    rows = _mean_over_repeats(found)
    answered = rows.dropna(subset="risk")
    known = answered.dropna(subset="label").astype({"label": int})
    steps = [ALL, *_steps(known)]
    parts, measured = [], {"horizon_h": horizon_h, "bootstrap": bootstrap, "seed": seed}
    for step in steps:
        own = answered if step == ALL else answered[answered["step"] == step]
        parts += measure_visits(own, courses.sequences, step, **measured)
    metrics = pd.DataFrame(parts, columns=["step", *tables.columns("metrics")])
    return TrajectoryStudy(
        counts=courses.counts,
        predictions=_predictions(found, target),
        rows=rows,
        metrics=metrics,
        curves=_curves(known, target),
        comparisons=compare_models(known, models, bootstrap=bootstrap, seed=seed),
        repeats=_repeats(found),
        absent={name: int(rows.loc[rows["model"] == name, "risk"].isna().sum()) for name in models}
        | {name: courses.counts["visits"] for name in models if name not in set(rows["model"])},
    )


def _mean_over_repeats(found: pd.DataFrame) -> pd.DataFrame:
    key = ["model", "patient", "step", "position", "time_h"]
    grouped = found.groupby(key, sort=False)
    means = grouped[["label", "risk", "positive"]].mean()  # the label is the same in every repeat
    means["positive"] = (means["positive"] > 0.5).astype(float).where(means["positive"].notna())
    return means.reset_index()


def _predictions(found: pd.DataFrame, target: str) -> pd.DataFrame:
    rows = found.dropna(subset=["label", "risk"])
    named = {"task": TASK, "target": target, "split": SPLIT, "center": CENTER, "role": "test"}
    rows = rows.rename(columns={"repeat": "seed", "step": "time"}).assign(
        **named, label=(1 - rows["label"]).astype(int), probability=np.clip(1.0 - rows["risk"].astype(float), 0.0, 1.0)
    )
    rows = rows.astype({"seed": int})
    return tables.validate("predictions", rows[tables.columns("predictions")], "predictions")


def _steps(known: pd.DataFrame) -> list[str]:
    """Visits of which enough patients had and had not the event, in their order."""
    one = known.drop_duplicates(["patient", "position"])
    counts = one.groupby(["position", "step"])["label"].agg(["sum", "size"]).reset_index()
    enough = np.minimum(counts["sum"], counts["size"] - counts["sum"]) >= FEWEST_AT_STEP
    return list(counts.loc[enough, "step"])


def _curves(known: pd.DataFrame, target: str) -> pd.DataFrame:
    out = []
    for model, rows in known.groupby("model", sort=False):
        named = {"task": TASK, "target": target, "model": model, "split": SPLIT, "center": "all"}
        out += [named | point for point in curves(rows["label"].to_numpy(), rows["risk"].to_numpy(dtype=float))]
    return tables.frame("curves", out) if out else tables.empty("curves")


def _repeats(found: pd.DataFrame) -> pd.DataFrame:
    known = found.dropna(subset=["label", "risk"])
    out = []
    for model, rows in known.groupby("model", sort=False):
        single = np.array(
            [
                area(part["label"].to_numpy(dtype=int), part["risk"].to_numpy(dtype=float))
                for _, part in rows.groupby("repeat")
            ]
        )
        deviation = single.std(ddof=1) if single.size > 1 else math.nan
        out.append((model, single.size, single.mean(), deviation, single.min(), single.max()))
    return pd.DataFrame(out, columns="model repeats auc_mean auc_sd auc_least auc_most".split())
