"""Tables of the trajectory page: columns and rows as text, ready for the template."""

from dataclasses import dataclass

import pandas as pd

from ichor.report import names, numbers, performance, quantities
from ichor.report.course_figures import time_name
from ichor.report.palette import Look
from ichor.report.performance import Group
from ichor.report.plain_table import frame, value

Looks = dict[tuple[str, str], Look]
PAPER = ("auc", "auprc_rare", "balanced_accuracy", "accuracy", "ppv", "sensitivity", "f1", "threshold")
"""What the paper reports, and what its high share of survivors calls for; precision is PPV, recall sensitivity."""
CHANGE = "auc_change"
CALIBRATED = ("brier", "observed_expected", "calibration_intercept", "calibration_slope")
WEIGHTED = ("auc", "auc_ipcw", "brier", "brier_ipcw", "observed_expected", "observed_expected_ipcw")
FURTHER = ("auprc", "specificity", "npv", "reachable_auc", "reachable_share")


@dataclass(frozen=True)
class StepGroup(Group):
    """Test patients at one step; says how many have the event and how many have not."""

    @property
    def size(self) -> str:
        """Patients with and without the event, in words."""
        rows = next((r for q in performance.WHOLE_GROUP if len(r := self.rows[self.rows["quantity"] == q])), self.rows)
        n, events = rows["n"].max(), rows["events"].max()
        target = self.rows["target"].iloc[0]
        if numbers.missing(events):
            return f"{numbers.count(n)} patients"
        return f"{numbers.count(n)} patients, {numbers.count(events)} with {names.event(target)}, {n - events} without"


def step_groups(rows: pd.DataFrame) -> list[StepGroup]:
    """Row groups of one split and target, a group per step in order."""
    out = []
    for (_, step), part in rows.groupby(["position", "step"], sort=True):
        when = time_name(part["time_h"].iloc[0])
        out.append(StepGroup(names.step(step) + (f" ({when})" if when else ""), part["split"].iloc[0], "all", part))
    return out


def by_step(rows: pd.DataFrame, looks: Looks, quantity: str = "auc") -> dict | None:
    """One quantity: a row per model, a column per step."""
    own = rows[rows["quantity"] == quantity]
    steps = list(own.sort_values("position")["step"].drop_duplicates())
    digits = quantities.quantity(quantity).digits
    table = own.drop_duplicates(["model", "step"]).set_index(["model", "step"])
    out = []
    for (_, model), look in looks.items():
        if model not in set(own["model"]):
            continue
        cells = [table.loc[(model, step)] if (model, step) in table.index else None for step in steps]
        texts = [value(row["estimate"], row["low"], row["high"], digits) if row is not None else "" for row in cells]
        out.append([look.label, *texts])
    return frame(["Model", *(names.step(step) for step in steps)], out)


def tables_of(rows: pd.DataFrame, looks: Looks) -> dict[str, dict | None]:
    """All tables of one split and target."""
    groups = step_groups(rows)
    unknown = rows[rows["quantity"].isin(["prevalence", "prevalence_ipcw"])].drop_duplicates(["step", "quantity"])
    wide = unknown.pivot(index="step", columns="quantity", values="n") if len(unknown) else unknown
    lost = wide.shape[1] == 2 and (wide["prevalence_ipcw"] > wide["prevalence"]).any()
    benefit = tuple(name for name in rows["quantity"].drop_duplicates() if name.startswith("net_benefit"))
    return {
        "auc": by_step(rows, looks),
        "change": by_step(rows, looks, CHANGE),
        "reachable": by_step(rows, looks, "reachable_share") if _known(rows, "reachable_share") else None,
        "paper": performance.table(groups, looks, PAPER),
        "calibrated": performance.table(groups, looks, CALIBRATED),
        "weighted": performance.table(groups, looks, WEIGHTED) if lost else None,
        "further": performance.table(groups, looks, (*FURTHER, *benefit)),
    }


def _known(rows: pd.DataFrame, quantity: str) -> bool:
    return rows.loc[rows["quantity"] == quantity, "estimate"].notna().any()


def at_risk(counts: pd.DataFrame) -> dict | None:
    """Who is at risk at each step of one split, and of how many each outcome is known."""
    targets = target_order(counts)
    rows = []
    for (_, step), part in counts.groupby(["position", "step"], sort=True):
        first, known = part.iloc[0], part.set_index("target")
        cells = [names.step(step), time_name(first["time_h"])]
        cells += [numbers.count(first[name]) for name in ("patients", "at_risk", "dead", "lost")]
        for target in targets:
            row = known.loc[target]
            cells.append(f"{numbers.count(row['events'])} of {numbers.count(row['known'])}")
        rows.append(cells)
    heads = ["Step", "Time, median", "With the step", "At risk", "Dead by then", "Lost by then"]
    heads += [f"{_capital(names.event(target))}, of the known" for target in targets]
    return frame(heads, rows, tuple(heads[2:]))


def contradictions(found: pd.DataFrame, looks: Looks) -> dict | None:
    """Answers that contradict each other: a row per model and pair of targets, all steps together."""
    labels = {model: look.label for (_, model), look in looks.items()}
    rows = []
    for model, label in labels.items():
        for (target, implied), part in found[found["model"] == model].groupby(["target", "implied"], sort=False):
            worst = part.loc[part["risks"].idxmax()]
            most = f"{names.step(worst['step'])}: {numbers.count(worst['risks'])}" if worst["risks"] else ""
            cells = [label, f"{_capital(names.event(target))} without {names.event(implied)}"]
            cells += [numbers.count(part["n"].sum()), numbers.count(part["risks"].sum()), most]
            cells += [numbers.plain(part["largest"].max()) if part["risks"].sum() else ""]
            known = part["decisions"].dropna()
            rows.append([*cells, numbers.count(known.sum()) if len(known) else numbers.DASH])
    heads = ["Model", "Contradiction", "Pairs of answers", "Contradicting", "Most at", "By up to", "By class"]
    return frame(heads, rows, ("Pairs of answers", "Contradicting", "By up to", "By class"))


def target_order(rows: pd.DataFrame) -> list[str]:
    """Targets in the order of `ichor.report.names.EVENTS`, unknown ones after them."""
    known = list(names.EVENTS)
    found = rows["target"].drop_duplicates()
    return sorted(found, key=lambda name: (known.index(name) if name in known else len(known), name))


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]
