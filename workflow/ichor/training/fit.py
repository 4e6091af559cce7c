"""Fit any model of the registry on one split's train and tune rows, and save its bundle."""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from ichor import tables
from ichor.cohort.dictionary import refuse_late_predictors
from ichor.cohort.fences import fitting_rows
from ichor.errors import StudyError
from ichor.models import registry
from ichor.reasons import Reason
from ichor.training import bundle, recorded
from ichor.training.job import MINIMUM_PER_CLASS, Job, check_fitting, describe, identity, too_few
from ichor.training.rows import columns_read, model_rows
from ichor.training.synthetic import refuse_foreign_target, shortage, synthetic_rows
from ichor.training.unmeasured import LABEL_OF, remark, unknown_labels, without


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
    volumes_dir: str | Path | None = None,
    processes: int = 1,
    draws: str = "",
    synthetic: pd.DataFrame | None = None,
    trained_on: Iterable[str] | None = None,
    reports: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Fit a model on the train rows of a split, watched on its tune rows, and save it.

    Parameters
    ----------
    cohort : pandas.DataFrame
        Table ``cohort`` of one split; the label is its column ``label_<target>``. Test rows are not looked at.
    task, target, model : str
        As in the predictions table.
    spec : dict
        The model's config entry, ``kind`` and settings.
    seed : int
        The study's seed; each network derives its own from it.
    checkpoint_dir, bundle_dir : path
        Where training can be continued from, and where the bundle goes.
    device, precision, threads, volumes_dir, processes, draws
        See :class:`ichor.training.job.Job`.
    synthetic : pandas.DataFrame, optional
        Table ``synthetic`` of the split, for a model with the arm ``synthetic`` and no other.
    trained_on : iterable of str, optional
        Patients that their generator learned from, if it did.
    reports : pandas.DataFrame, optional
        Table ``reports``, for a kind that reads texts and no other.

    Returns
    -------
    pandas.DataFrame
        Table ``status``: why there is no model, or what it does without (`ichor.training.unmeasured`), or no row.

    Raises
    ------
    ichor.errors.StudyError
        On wrong settings.
    ichor.cohort.fences.LeakError
        If a row that is no train or tune row of this split would be learned from, or a synthetic case that was not
        made from its train rows alone.
    """
    spec = registry.resolve(spec, f"models.{task}.{model}")
    if cohort.empty:
        raise StudyError(f"models.{task}.{model}: the split has no train or tune row")
    split = str(cohort["split"].iloc[0])
    fitting = fitting_rows(cohort, split)
    unknown = unknown_labels(fitting)
    spec, unrecorded = recorded.without_unrecorded(spec, fitting, target)
    spec, left_out = without(spec, unknown)
    rows = model_rows(fitting, spec, target)
    paths = {"checkpoint_dir": Path(checkpoint_dir), "bundle_dir": Path(bundle_dir)}
    paths["volumes_dir"] = Path(volumes_dir) if volumes_dir else None
    job = Job(
        task, target, model, split, spec, seed, device, precision, threads, **paths, processes=processes, draws=draws
    )
    labels = rows.loc[rows["role"] == "train", "label"]
    reason, remarks = _no_training_set(labels), []
    if reason is None:
        if registry.family(spec["kind"]) == "tabular":
            fitted = _fit_tabular(job, rows)
        elif registry.family(spec["kind"]) == "text":
            from ichor.training.text_fit import fit_text

            fitted = fit_text(job, rows, reports)
        else:  # imported here, because a tabular model must not pay for torch
            from ichor.training.networks import fit_network

            refuse_foreign_target(job)
            fitted = fit_network(job, rows, synthetic_rows(job, synthetic, cohort, trained_on))
            remarks = shortage(job, fitted or {}, synthetic, learned=trained_on is not None)
        reason = None if fitted else Reason.TOO_FEW_EVENTS
    if reason is not None:
        needed = [name for name, label in LABEL_OF.items() if label in unknown and name in columns_read(spec)]
        return _without_model(job, labels, reason, needed)
    remarks += [remark(job.name, model, left_out)] if left_out else []
    remarks += [recorded.remark(job.name, model, unrecorded)] if unrecorded else []
    return tables.frame("status", remarks)


def _fit_tabular(job: Job, rows: pd.DataFrame) -> bool:
    model = registry.load(job.spec["kind"]).Model(job.spec)
    refuse_late_predictors(model.columns(), post_baseline=registry.post_baseline(job.spec))
    parts, designs = {}, {}
    for role in ("train", "tune"):
        of_role = rows[rows["role"] == role]
        design = model.design(of_role)
        usable = model.usable(design)
        parts[role], designs[role] = of_role[usable], design[usable]
    labels = {role: part["label"].to_numpy(dtype=int) for role, part in parts.items()}
    if too_few(labels["train"]):
        return False
    check_fitting(job, rows, **parts)
    model.fit(designs["train"], labels["train"], job.seed)
    if len(labels["tune"]):
        model.choose(designs["tune"], labels["tune"])
    arrays, facts = model.state()
    bundle.save(job.bundle_dir, arrays, {**describe(job, rows), "features": model.columns(), "state": facts})
    return True


def _no_training_set(labels: pd.Series) -> Reason | None:
    if labels.nunique() < 2:
        return Reason.ONE_CLASS
    return Reason.TOO_FEW_EVENTS if too_few(labels) else None


def _without_model(job: Job, labels: pd.Series, reason: Reason, unknown: list[str]) -> pd.DataFrame:
    """A status row that says why there is no model, and a bundle that says so too.

    With `unknown` volumes that the model needs, they are why.
    """
    detail = (
        f"{job.name}: not fitted; {int(labels.sum())} of {len(labels)} labelled train rows have the outcome, "
        f"{MINIMUM_PER_CLASS} of each kind with usable input are needed"
    )
    if unknown:
        reason, detail = Reason.LABEL_NOT_SEGMENTED, f"{job.name}: not fitted; it needs {', '.join(unknown)}"
    bundle.save(job.bundle_dir, {}, {**identity(job), "reason": f"{reason}: {detail}"})
    return tables.frame("status", [tables.status_row("", job.model, "model", "set_aside", reason, detail)])
