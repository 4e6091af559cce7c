"""Fit any model of the registry on one split, save its bundle, and predict with what was saved."""

from pathlib import Path

import pandas as pd

from ichor import tables
from ichor.cohort.dictionary import refuse_late_predictors
from ichor.cohort.fences import fitting_rows
from ichor.errors import StudyError
from ichor.models import registry
from ichor.reasons import Reason
from ichor.training import bundle
from ichor.training.job import MINIMUM_PER_CLASS, Job, check_fitting, describe, identity, too_few

PROBABILITY_STEP = 6  # decimals: far below any interval, far above what differs between two builds of a library


def fit_model(
    cohort: pd.DataFrame,
    *,
    task: str,
    target: str,
    model: str,
    spec: dict,
    seed: int,
    checkpoint_dir: str | Path,
    bundle_dir: str | Path,
    device: str = "auto",
    precision: str = "32",
    threads: int = 1,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Fit a model on the train rows of a split and predict all its labelled rows with the saved bundle.

    Parameters
    ----------
    cohort : pandas.DataFrame
        Table ``cohort`` of one split; the label is its column ``label_<target>``.
    task, target, model : str
        As in the predictions table.
    spec : dict
        The model's config entry, ``kind`` and settings.
    seed : int
        The study's seed; each network derives its own from it.
    checkpoint_dir, bundle_dir : path
        Where training can be continued from, and where the bundle goes.
    device, precision, threads
        See :class:`Job`.

    Returns
    -------
    predictions : pandas.DataFrame
        Table ``predictions``; empty if no model could be fitted.
    status : pandas.DataFrame
        Table ``status``: rows that could not be predicted, or why there is no model.

    Raises
    ------
    ichor.errors.StudyError
        On wrong settings.
    ichor.cohort.fences.LeakError
        If a row that is no train or tune row of this split would be learned from.
    """
    split = _only_split(cohort)
    spec = registry.resolve(spec, f"models.{task}.{model}")
    paths = {"checkpoint_dir": Path(checkpoint_dir), "bundle_dir": Path(bundle_dir)}
    job = Job(task, target, model, split, spec, seed, device, precision, threads, **paths)
    rows = _labelled(cohort, target)
    fitting = fitting_rows(rows, split)
    train = fitting[fitting["role"] == "train"]
    reason = _no_training_set(train["label"])
    if reason is not None:
        return _without_model(job, train["label"], reason)
    if registry.family(spec["kind"]) == "tabular":
        predicted = _fit_tabular(job, rows, train)
    else:  # imported here, because a tabular model must not pay for torch
        from ichor.training.networks import fit_network

        predicted = fit_network(job, rows, train, fitting[fitting["role"] == "tune"])
    if predicted is None:
        return _without_model(job, train["label"], Reason.TOO_FEW_EVENTS)
    return _predictions(job, rows, predicted), _left_out(job, rows, predicted)


def _fit_tabular(job: Job, rows: pd.DataFrame, train: pd.DataFrame) -> pd.DataFrame | None:
    model = registry.load(job.spec["kind"]).Model(job.spec)
    refuse_late_predictors(model.columns())
    design = model.design(train)
    usable = model.usable(design)
    if too_few(train["label"][usable]):
        return None
    check_fitting(job, rows, train=train[usable])
    model.fit(design[usable], train["label"][usable].to_numpy(dtype=int), job.seed)
    arrays, facts = model.state()
    description = {**describe(job, rows), "features": model.columns(), "model": facts}
    bundle.save(job.bundle_dir, arrays, description)
    return bundle.load(job.bundle_dir).predict(rows)


def _only_split(cohort: pd.DataFrame) -> str:
    splits = cohort["split"].unique()
    if len(splits) != 1:
        raise StudyError(f"cohort: found {len(splits)} splits ({', '.join(splits)}); a model is fitted on one")
    return str(splits[0])


def _labelled(cohort: pd.DataFrame, target: str) -> pd.DataFrame:
    """Rows with a label, which is copied to the column ``label``."""
    column = f"label_{target}"
    if column not in cohort:
        labels = [name for name in cohort if name.startswith("label_") and not name.endswith(("_reason", "_source"))]
        raise StudyError(f"target {target!r}: the cohort has no column {column}; it has {', '.join(labels)}")
    rows = cohort[cohort[column].notna()]
    return rows.assign(label=rows[column].astype(int))


def _no_training_set(labels: pd.Series) -> Reason | None:
    if labels.nunique() < 2:
        return Reason.ONE_CLASS
    return Reason.TOO_FEW_EVENTS if too_few(labels) else None


def _without_model(job: Job, labels: pd.Series, reason: Reason) -> tuple[pd.DataFrame, pd.DataFrame]:
    """An empty predictions table, a status row that says why, and a bundle that says so too."""
    events = int(labels.sum())
    detail = (
        f"{job.name}: not fitted; {events} of {len(labels)} labelled train rows have the outcome, "
        f"{MINIMUM_PER_CLASS} of each kind with usable input are needed"
    )
    bundle.save(job.bundle_dir, {}, {**identity(job), "reason": f"{reason}: {detail}"})
    row = tables.status_row("", job.model, "model", "set_aside", reason, detail)
    return tables.empty("predictions"), tables.frame("status", [row])


def _predictions(job: Job, rows: pd.DataFrame, predicted: pd.DataFrame) -> pd.DataFrame:
    given = predicted["probability"].notna()
    kept = rows[given]
    least = 10.0**-PROBABILITY_STEP  # 0 and 1 have no logit
    probability = predicted.loc[given, "probability"].astype(float).round(PROBABILITY_STEP).clip(least, 1 - least)
    table = kept[["split", "patient", "center", "role", "label"]].assign(
        task=job.task, target=job.target, model=job.model, time="baseline", probability=probability, seed=job.seed
    )
    return tables.validate("predictions", table, f"predictions of {job.name}")


def _left_out(job: Job, rows: pd.DataFrame, predicted: pd.DataFrame) -> pd.DataFrame:
    left_out = predicted["probability"].isna()
    status = [
        tables.status_row(
            row.center, row.patient, "model", "set_aside", Reason(row.reason), f"{job.name}: {row.detail}"
        )
        for row in rows[left_out].join(predicted.loc[left_out, ["reason", "detail"]]).itertuples()
    ]
    return tables.frame("status", status) if status else tables.empty("status")
