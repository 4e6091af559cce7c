"""Evaluation of time courses by step: what changes from step to step, who is at risk, and what censoring hides.

`ichor.evaluation.evaluate` measures every model at every step, as a target ``<target>@<step>``. Here these rows are
put in the order of the steps, and measures are added that need more than predictions: censoring weights (from the table
of steps) and the change since the first step on the same patients.
"""

import re

import pandas as pd

from ichor import tables
from ichor.errors import StudyError
from ichor.evaluation.bootstrap import Resamples
from ichor.evaluation.censoring import course_of, survival_aware
from ichor.evaluation.discrimination import delong_paired
from ichor.evaluation.evaluate import FAMILIES, with_families
from ichor.evaluation.intervals import Estimate
from ichor.evaluation.measures import metric_row
from ichor.evaluation.predictions import check_predictions, one_per_patient
from ichor.seeds import seed_for

TASK = "trajectory"
CHANGE = "auc_change"
HOURS_PER_DAY = 24.0


def horizon_h(target: str) -> float:
    """Hours from onset to the horizon of a target, from its name: ``survival_30d`` looks 720 hours ahead.

    Raises
    ------
    StudyError
        If the name does not end in a number of days.
    """
    found = re.search(r"_(\d+)d$", target)
    if not found:
        raise StudyError(
            f"target {target!r} of task {TASK}: its name must end in its horizon, for example survival_30d."
        )
    return HOURS_PER_DAY * int(found[1])


def parted(targets: pd.Series) -> pd.DataFrame:
    """Columns target and step of names such as ``survival_30d@day3``; without a time the step is ``baseline``."""
    parts = [name.partition("@") for name in targets]  # not `.str`, which has no columns where there is no target
    columns = {"target": [name for name, _, _ in parts], "step": [step or "baseline" for _, _, step in parts]}
    return pd.DataFrame(columns, index=targets.index, dtype=object)


def step_order(steps: pd.DataFrame) -> pd.DataFrame:
    """Steps in the order of their median time.

    A step may come at another time in each patient (removal of a drain); the median of the patients at risk says where
    it stands in tables and figures.

    Returns
    -------
    DataFrame
        Indexed by step; columns position (0, 1, ...) and time_h (median, hours since onset).
    """
    at_risk = steps[steps["at_risk"].astype(bool)]
    time = at_risk.groupby("step")["time_h"].median()
    time = time.reindex(time.index.union(steps["step"].unique())).rename_axis("step").rename("time_h").reset_index()
    time = time.sort_values(["time_h", "step"], kind="stable").set_index("step")
    return time.assign(position=range(len(time)))[["position", "time_h"]]


def by_step(
    predictions: pd.DataFrame, metrics: pd.DataFrame, steps: pd.DataFrame, *, seed: int, bootstrap: int
) -> pd.DataFrame:
    """All quantities of all models at all steps, on all test patients of a split together.

    Parameters
    ----------
    predictions : DataFrame
        Predictions table; rows of other tasks are left out.
    metrics : DataFrame
        Metrics table of the same predictions.
    steps : DataFrame
        Table ``trajectory_steps`` of all splits.
    seed : int
        The study's seed.
    bootstrap : int
        Number of patient resamples.

    Returns
    -------
    DataFrame
        Table ``trajectory_performance``: the rows of `metrics`; ``auc_ipcw``, ``brier_ipcw``,
        ``observed_expected_ipcw`` and ``prevalence_ipcw`` (`ichor.evaluation.censoring`); and ``auc_change``, the AUC
        minus that of the first step, on the patients who were predicted at both (DeLong's paired interval).
    """
    order = step_order(steps)
    own = metrics[(metrics["task"] == TASK) & (metrics["center"] == "all")].drop(columns=["task", "center"])
    own = own.assign(**parted(own["target"]))
    rows = one_per_patient(check_predictions(predictions[predictions["task"] == TASK], "predictions"))
    rows = with_families(rows[rows["role"] == "test"])
    rows = rows.assign(**parted(rows["target"]))
    added = _survival_aware(rows, _tested(steps), seed, bootstrap) + _changes(rows, order)
    out = pd.concat([own, pd.DataFrame(added, columns=own.columns)], ignore_index=True) if added else own
    out = out.assign(
        position=out["step"].map(order["position"]).fillna(len(order)).astype(int),
        time_h=out["step"].map(order["time_h"]),
    )
    out = out.sort_values(["split", "target", "position", "step", "model"], kind="stable")
    return tables.validate("trajectory_performance", out, "performance by step")


def _tested(steps: pd.DataFrame) -> pd.DataFrame:
    """Test rows at risk, with the parts of a scheme put together once more as one split."""
    rows = steps[(steps["role"] == "test") & steps["at_risk"].astype(bool)]
    parts = [rows]
    for family in FAMILIES:
        members = rows[rows["split"].str.startswith(f"{family}-")]
        if members["split"].nunique() > 1 and not members.duplicated(["patient", "step"]).any():
            parts.append(members.assign(split=family))
    return pd.concat(parts, ignore_index=True)


def _survival_aware(rows: pd.DataFrame, steps: pd.DataFrame, seed: int, bootstrap: int) -> list[dict]:
    at_risk = {key: part for key, part in steps.groupby(["split", "step"], sort=False)}
    out = []
    for (target, step, model, split), part in rows.groupby(["target", "step", "model", "split"], sort=True):
        if (split, step) not in at_risk:
            continue
        everybody = at_risk[split, step].sort_values(["center", "patient"], kind="stable")
        label = pd.to_numeric(everybody[f"label_{target}"]).astype(float)
        probability = everybody["patient"].map(part.set_index("patient")["probability"])
        kept = (label.isna() | probability.notna()).to_numpy()  # a patient whom the model could not answer is left out
        everybody, label, probability = everybody[kept], label[kept], probability[kept]
        course = course_of(label, dead_by_h(everybody), everybody["followup_h"], horizon_h(target))
        draws = Resamples(everybody["center"], bootstrap, seed_for(seed, "evaluate_steps", target, step, split))
        found = survival_aware(label.to_numpy(), probability.to_numpy(), course, draws)
        names = {"target": target, "step": step, "model": model, "split": split}
        out += [{**names, **metric_row(name, value, len(label), None)} for name, value in found.items()]
    return out


def dead_by_h(steps: pd.DataFrame) -> pd.Series:
    """Hours from onset to death; where its time is unknown, the first horizon by which it is known to have happened.

    Many tables say who was dead at 30 days and not when. The horizon is the latest time it can have been (our choice).
    """
    found = steps["death_h"].astype(float)
    survival = [name for name in steps.columns if re.fullmatch(r"label_survival_\d+d", name)]
    for name in sorted(survival, key=horizon_h):
        found = found.mask(found.isna() & (pd.to_numeric(steps[name]) == 0).fillna(False), horizon_h(name))
    return found


def _changes(rows: pd.DataFrame, order: pd.DataFrame) -> list[dict]:
    """AUC of each later step minus that of the first one, on the same patients."""
    out = []
    for (target, model, split), part in rows.groupby(["target", "model", "split"], sort=True):
        found = sorted(set(part["step"]) & set(order.index), key=lambda step: order.loc[step, "position"])
        risks = {step: part[part["step"] == step].set_index("patient") for step in found}
        for step in found[1:]:
            both = risks[step].join(risks[found[0]]["probability"], rsuffix="_first", how="inner").sort_index()
            labels = both["label"].to_numpy()
            test = delong_paired(labels, both["probability"].to_numpy(), both["probability_first"].to_numpy())
            value = Estimate(test.difference, test.low, test.high, test.reason)
            row = metric_row(CHANGE, value, len(labels), int(labels.sum()))
            out.append({"target": target, "step": step, "model": model, "split": split, **row})
    return out


def who_is_at_risk(steps: pd.DataFrame, targets: tuple[str, ...]) -> pd.DataFrame:
    """How many test patients are at risk at each step, and of how many the outcome is known.

    Returns
    -------
    DataFrame
        Table ``trajectory_counts``, a row per split, step and target: patients with the step, at risk, dead by then,
        lost by then; of those at risk, with a known label, with label 1, and without a label.
    """
    order, out = step_order(steps), []
    for (split, step), part in steps[steps["role"] == "test"].groupby(["split", "step"], sort=True):
        at_risk = part["at_risk"].astype(bool)
        dead = ~at_risk & (part["death_h"] <= part["time_h"])
        for target in targets:
            label = pd.to_numeric(part.loc[at_risk, f"label_{target}"])
            out.append(
                {
                    "split": split,
                    "target": target,
                    "step": step,
                    "position": int(order.loc[step, "position"]),
                    "time_h": order.loc[step, "time_h"],
                    "patients": len(part),
                    "at_risk": int(at_risk.sum()),
                    "dead": int(dead.sum()),
                    "lost": int((~at_risk & ~dead).sum()),
                    "known": int(label.notna().sum()),
                    "events": int((label == 1).sum()),
                    "unknown": int(label.isna().sum()),
                }
            )
    found = tables.frame("trajectory_counts", out)
    return found.sort_values(["split", "target", "position"], kind="stable").reset_index(drop=True)
