"""Fit a model of time courses on one split's train and tune rows, and save its bundle."""

from pathlib import Path

import pandas as pd

from ichor import tables
from ichor.cohort.dictionary import refuse_late_predictors
from ichor.cohort.feature_sets import expand
from ichor.cohort.fences import assert_fitting, fitting_rows
from ichor.cohort.sequences import SequenceSet, sequences_of
from ichor.cohort.targets import TRAJECTORY
from ichor.errors import StudyError
from ichor.models import registry
from ichor.reasons import Reason
from ichor.training import bundle
from ichor.training.job import MINIMUM_PER_CLASS
from ichor.training.sequence_fit import answers, columns_wanted, fit_sequences

TASK = "trajectory"


def fit_trajectory(
    steps: pd.DataFrame,
    values: pd.DataFrame,
    cohort: pd.DataFrame,
    *,
    model: str,
    spec: dict,
    seed: int,
    checkpoint_dir: str | Path,
    bundle_dir: str | Path,
    device: str = "auto",
    threads: int = 1,
) -> pd.DataFrame:
    """Fit a model on the train rows of a split, watched on its tune rows, and save it.

    Parameters
    ----------
    steps, values : pandas.DataFrame
        Tables ``trajectory_steps`` and ``trajectory_values`` of the split. Test rows are not looked at.
    cohort : pandas.DataFrame
        Table ``cohort`` of the split: who may be learned from, and the record.
    model : str
        Name of the model in the config.
    spec : dict
        The model's config entry, ``kind`` and settings.
    seed : int
        The study's seed.
    checkpoint_dir, bundle_dir : path
        Where training can be continued from, and where the bundle goes.
    device, threads
        See :func:`ichor.training.sequence_fit.fit_sequences`.

    Returns
    -------
    pandas.DataFrame
        Table ``status``: why there is no model, or what it does without, or no row.

    Raises
    ------
    ichor.errors.StudyError
        On wrong settings, or a column of the record that is not known at admission.
    ichor.cohort.fences.LeakError
        If a row that is no train or tune row of this split would be learned from.
    """
    spec = resolved(spec, model)
    split = str(cohort["split"].iloc[0]) if len(cohort) else ""
    courses = fitting_courses(steps, values, cohort, spec)
    train, tune = courses.of_role("train"), courses.of_role("tune")
    for part in (train, tune):
        assert_fitting(part.patients, cohort, split)
    fitted = fit_sequences(train, tune, spec, seed, device, threads, checkpoint_dir)
    known = {"task": TASK, "targets": list(TRAJECTORY), "model": model, "split": split, "kind": spec["kind"]}
    known |= {"family": registry.family(spec["kind"]), "spec": spec, "seed": seed}
    name = f"{TASK}/{model}, split {split}"
    if fitted is None:
        counts = ", ".join(f"{target} {no} and {yes}" for target, (no, yes) in answers(train).items())
        detail = (
            f"{name}: not fitted; train patients with label 0 and with label 1 are {counts}; {MINIMUM_PER_CLASS} of "
            "each are needed for one of them, and a measured value"
        )
        bundle.save(Path(bundle_dir), {}, {**known, "reason": f"{Reason.TOO_FEW_EVENTS}: {detail}"})
        return tables.frame("status", [_status(model, "set_aside", Reason.TOO_FEW_EVENTS, detail)])
    arrays, facts = fitted.state()
    said = {"output": "probability that the label of each target is 1, at each step from that step and those before it"}
    said |= {"variables": list(courses.variables), "fitted_on": _counts(train, tune), "state": facts}
    bundle.save(Path(bundle_dir), arrays, known | said)
    rows = [_status(model, "flagged", _reason(remark), f"{name}: {remark}") for remark in fitted.remarks]
    return tables.frame("status", rows) if rows else tables.empty("status")


def resolved(spec: dict, model: str) -> dict:
    """Complete settings of a model of the task.

    Raises
    ------
    ichor.errors.StudyError
        If its kind reads no time courses, or a column of the record is not known at admission.
    """
    where = f"models.{TASK}.{model}"
    spec = registry.of_task(TASK, spec, where)
    if "record" in spec:
        spec["record"] = expand(spec["record"])
        refuse_late_predictors(spec["record"])
    return spec


def fitting_courses(steps: pd.DataFrame, values: pd.DataFrame, cohort: pd.DataFrame, spec: dict) -> SequenceSet:
    """Courses of the train and tune patients of a split, of the variables that train patients have.

    Parameters
    ----------
    steps, values, cohort : pandas.DataFrame
        As for :func:`fit_trajectory`.
    spec : dict
        Complete settings.
    """
    if cohort.empty:
        raise StudyError("trajectory: the cohort of the split has no row")
    split = str(cohort["split"].iloc[0])
    fitting = fitting_rows(cohort, split)
    own = steps[steps["patient"].isin(set(fitting["patient"]))]
    assert_fitting(own, cohort, split)
    _, record = columns_wanted(spec)
    return sequences_of(own, values, fitting, None, record, TRAJECTORY, nested=True)


def record_rows(cohort: pd.DataFrame, spec: dict) -> pd.DataFrame:
    """What a model of time courses reads of a cohort table: who the rows are, and the columns of its record."""
    wanted = dict.fromkeys(["split", "patient", "center", "role", *expand(columns_wanted(spec)[1])])
    return cohort[[name for name in wanted if name in cohort]]


def _counts(train: SequenceSet, tune: SequenceSet) -> dict:
    """Patients of each center and role, and their labels; no identifier."""
    made: dict[str, dict] = {}
    for role, courses in (("train", train), ("tune", tune)):
        for center in sorted(set(courses.patients["center"])):
            own = courses.take((courses.patients["center"] == center).to_numpy())
            labels = {target: {"0": no, "1": yes} for target, (no, yes) in answers(own).items()}
            made.setdefault(str(center), {})[role] = {"n": len(own), "steps": int((own.steps != "").sum()), **labels}
    return made


def _reason(remark: str) -> Reason:
    return Reason.FEATURE_NEVER_RECORDED if remark.startswith("fitted without") else Reason.TOO_FEW_EVENTS


def _status(model: str, outcome: str, reason: Reason, detail: str) -> dict:
    return tables.status_row("", model, "model", outcome, reason, detail)
