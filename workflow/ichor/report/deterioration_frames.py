"""Tables of the deterioration page: columns and rows as text, ready for the template."""

from collections.abc import Mapping

import pandas as pd

from ichor.evaluation.deterioration_study import EARLY, LATE, WHOLE, DeteriorationStudy
from ichor.report import names, numbers, performance
from ichor.report.deterioration_sentences import READS
from ichor.report.outcome_frames import frame, value
from ichor.report.risk_group_figures import LABELS

RANKED = ("auc", "auprc", "brier", "observed_expected", "calibration_intercept", "calibration_slope", "reachable_share")
DECIDED = ("accuracy", "balanced_accuracy", "sensitivity", "ppv", "f1", "specificity", "npv", "threshold")
"""What the paper reports (accuracy, recall, precision, F1) and what is read beside it."""
PARTS = {WHOLE: "Whole window", EARLY: "Early", LATE: "Late"}


def tables_of(study: DeteriorationStudy, metrics: pd.DataFrame, looks, labels: dict[str, str], rule: Mapping) -> dict:
    """All tables of the page, by name; None where one would be empty."""
    shown = [
        center
        for center in sorted(metrics["center"].unique(), key=names.center_order)
        if center not in ("pooled", "next")
    ]
    groups = [
        performance.Group(names.center(center), study.split, center, metrics[metrics["center"] == center])
        for center in shown
    ]
    return {
        "ranked": performance.table(groups, looks, RANKED),
        "decided": performance.table(groups, looks, DECIDED),
        "arms": _arms(study, labels),
        "parts": _parts(study, labels),
        "groups": _groups(study, rule),
        "ranks": _ranks(study, labels),
        "subgroups": _subgroups(study),
        "scores": _scores(study),
    }


def _arms(study: DeteriorationStudy, labels: dict[str, str]) -> dict | None:
    rows = [
        [
            labels[row.model_a],
            labels[row.model_b],
            READS[row.arm_b].capitalize(),
            value(row.auc_a, row.auc_a_low, row.auc_a_high),
            numbers.plain(row.auc_b),
            value(row.difference, row.low, row.high),
            numbers.p_value(row.p),
            numbers.p_value(row.p_holm),
            f"{numbers.count(row.n)} / {numbers.count(row.events)}",
        ]
        for row in study.comparisons.itertuples()
    ]
    heads = ["Fusion", "Beside", "It reads", "AUC of the fusion", "AUC beside", "Difference", "p", "p, Holm"]
    return frame([*heads, "Patients / events"], rows)


def _parts(study: DeteriorationStudy, labels: dict[str, str]) -> dict | None:
    rows = []
    for model in labels:
        cells = study.parts[study.parts["model"] == model].set_index("target")
        row = [labels[model]]
        for target in PARTS:
            found = cells.loc[target]
            row += [value(found["auc"], found["low"], found["high"]), f"{found['events']} / {found['n']}"]
        rows.append(row)
    heads = [name for part in PARTS.values() for name in (f"{part}: AUC", "Events / patients")]
    return frame(["Model", *heads], rows)


def _groups(study: DeteriorationStudy, rule: Mapping) -> dict | None:
    if not len(study.summary):
        return None
    quantity = {f"risk_{hours:g}": hours for hours in (rule["early_h"], rule["window_h"])}
    rows = []
    for group, own in study.summary.groupby("group", sort=False):
        cells = own.set_index("quantity")
        row = [LABELS[group], f"{cells['n'].iloc[0]} / {cells['events'].iloc[0]}"]
        row += [value(*(100 * cells.loc[name, ["estimate", "low", "high"]]), 0) for name in quantity]
        ratio = cells.loc["hazard_ratio"] if "hazard_ratio" in cells.index else None
        row.append("1, reference" if ratio is None else value(ratio["estimate"], ratio["low"], ratio["high"], 1))
        rows.append(row)
    heads = [f"Deteriorated by {hours:g} h, %" for hours in quantity.values()]
    return frame(["Group", "Patients / events", *heads, "Hazard ratio"], rows)


def _ranks(study: DeteriorationStudy, labels: dict[str, str]) -> dict | None:
    rows = [
        [
            labels[row.model],
            numbers.plain(row.statistic, 1),
            numbers.count(row.df),
            numbers.p_value(row.p) if numbers.missing(row.reason) else numbers.short_why(row.reason),
            f"{numbers.count(row.n)} / {numbers.count(row.events)}",
        ]
        for row in sorted(study.log_rank.itertuples(), key=lambda row: list(labels).index(row.model))
    ]
    return frame(["Model", "Chi-squared", "Degrees of freedom", "p", "Patients / events"], rows)


def _subgroups(study: DeteriorationStudy) -> dict | None:
    rows = []
    for subgroup, halves in study.subgroups.groupby("subgroup", sort=False):
        for place, row in enumerate(halves.itertuples()):
            first = place == 0
            tested = numbers.p_value(row.p) if numbers.missing(row.interaction_reason) else "not tested"
            rows.append(
                [
                    f"{subgroup}: {row.level}",
                    f"{numbers.count(row.n)} / {numbers.count(row.events)}",
                    value(row.auc, row.low, row.high),
                    numbers.p_value(row.difference_p) if first else "",
                    tested if first else "",
                    numbers.p_value(row.p_holm) if first else "",
                ]
            )
    heads = ["Subgroup", "Patients / events", "AUC", "p, AUCs differ", "p, interaction", "p, Holm"]
    return frame(heads, rows)


def _scores(study: DeteriorationStudy) -> dict | None:
    days = study.scores.sort_values("position")["day"].drop_duplicates().tolist() if len(study.scores) else []
    rows = []
    for group, own in study.scores.groupby("group", sort=False):
        cells = own.set_index("day")
        row = [LABELS[group]]
        for day in days:
            if day not in cells.index:
                row.append("")
                continue
            made = value(cells.loc[day, "mean"], cells.loc[day, "low"], cells.loc[day, "high"], 1)
            row.append(made | {"small": [*made["small"], f"{numbers.count(cells.loc[day, 'n'])} patients"]})
        rows.append(row)
    order = {label: place for place, label in enumerate(LABELS.values())}
    return frame(["Group", *days], sorted(rows, key=lambda row: order[row[0]]))
