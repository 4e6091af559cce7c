"""Metrics arranged for reading: by task, by scheme of validation, by who the test patients are, by model."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ichor.report import names, numbers, quantities
from ichor.report.palette import Look

SCHEMES = {
    "external": (
        "External centers",
        "Trained on the development centers, tested on patients of centers that took no part in development.",
    ),
    "loco": (
        "Leave one center out",
        "Each development center in turn is left out of everything that is learned, and tested on.",
    ),
    "cv": (
        "Cross-validation",
        "Patients of the development centers, in folds: the test patients come from centers the model has seen.",
    ),
}


WHOLE_GROUP = ("auc", "brier", "auprc", "prevalence")  # quantities that are taken over all patients of a group


@dataclass(frozen=True)
class Group:
    """Test patients that share a row group: where they come from, and the rows of the metrics table."""

    heading: str
    split: str
    center: str
    rows: pd.DataFrame

    @property
    def size(self) -> str:
        """Patients and events, or centers, in words."""
        # Some quantities count other patients (PPV those flagged): the AUC counts everyone.
        rows = next((r for q in WHOLE_GROUP if len(r := self.rows[self.rows["quantity"] == q])), self.rows)
        n, events = rows["n"].max(), rows["events"].max()
        if self.center in ("pooled", "next"):
            return f"{numbers.count(n)} centers"
        share = numbers.percent(events, n)
        return f"{numbers.count(n)} patients, {numbers.count(events)} events" + (
            "" if share == numbers.DASH else f", {share}"
        )


def scheme(split: str) -> str:
    """Scheme of validation that a split belongs to."""
    return split.partition("-")[0]


def schemes(frame: pd.DataFrame) -> list[str]:
    """Schemes in a table with a column ``split``, external first."""
    found = {scheme(s) for s in frame["split"].unique()}
    return sorted(found, key=names.split_order)


def describe(name: str) -> tuple[str, str]:
    """Heading and explanation of a scheme."""
    return SCHEMES.get(name, (names.split(name), ""))


def with_threshold(metrics: pd.DataFrame) -> pd.DataFrame:
    """Metrics with the threshold of a split repeated for each of its centers, where it was used too."""
    key = ["task", "target", "model", "split"]
    chosen = metrics[(metrics["quantity"] == "threshold") & (metrics["center"] == "all")]
    places = metrics.loc[~metrics["center"].isin(names.WHOLE), [*key, "center"]].drop_duplicates()
    repeated = places.merge(chosen.drop(columns="center"), on=key)[list(metrics.columns)]
    own = metrics[(metrics["quantity"] != "threshold") | (metrics["center"] == "all")]
    return pd.concat([own, repeated], ignore_index=True) if len(repeated) else own


def questions(metrics: pd.DataFrame) -> list[tuple[str, str]]:
    """(task, target) pairs in the order of the tasks, without those of time courses.

    What is asked again at every step has a section of its own (`ichor.report.trajectory_section`) and a page.
    """
    pairs = list(dict.fromkeys(zip(metrics["task"], metrics["target"], strict=True)))
    pairs = [(task, target) for task, target in pairs if not (task == names.COURSES and "@" in target)]
    order = list(names.TASKS)
    return sorted(pairs, key=lambda pair: (order.index(pair[0]) if pair[0] in order else len(order), *pair))


def groups(metrics: pd.DataFrame, name: str) -> list[Group]:
    """Row groups of one scheme of one task and target.

    A scheme with one split is shown by center. A scheme of several splits is shown by split, all rows of a split
    together; means over its centers come from rows whose split is the scheme itself.
    """
    own = metrics[metrics["split"].map(scheme) == name]
    several = own["split"].nunique() > 1
    out = []
    for split in sorted(own["split"].unique(), key=lambda s: (s == name and several, names.split_order(s))):
        of_split = own[own["split"] == split]
        centers = sorted(of_split["center"].unique(), key=names.center_order)
        if several and split != name:
            centers = [c for c in centers if c == "all"] or centers[:1]
        elif several and name == "loco":  # its single centers are the splits loco-<center>
            centers = [c for c in centers if c in names.WHOLE]
        for center in centers:
            heading = names.split(split) if several and split != name else names.center(center)
            out.append(Group(heading, split, center, of_split[of_split["center"] == center]))
    return out


def cell(rows: pd.DataFrame, quantity: str, notes: numbers.Footnotes) -> dict:
    """One cell of a table: estimate and interval as text, or the reason why there is none."""
    found = rows[rows["quantity"] == quantity]
    if found.empty:
        return {"kind": "absent"}
    row, digits = found.iloc[0], quantities.quantity(quantity).digits
    if numbers.missing(row["estimate"]) and numbers.missing(row["low"]):
        return {"kind": "missing", **notes.mark(row["reason"])}
    out = {
        "kind": "value",
        "estimate": numbers.plain(row["estimate"], digits),
        "interval": numbers.interval(row["low"], row["high"], digits),
        "note": None,
    }
    unexplained = not out["interval"] and quantity != "threshold"
    if numbers.missing(row["estimate"]) or (unexplained and not numbers.missing(row["reason"])):
        out["note"] = notes.mark(row["reason"])
    return out


def table(row_groups: list[Group], looks: dict[tuple[str, str], Look], wanted: tuple[str, ...]) -> dict | None:
    """A table with one row per group and model and one column per quantity; None when it would be empty."""
    present = {q for group in row_groups for q in group.rows["quantity"].unique()}
    columns = [q for q in wanted if q in present]
    if not columns:
        return None
    notes = numbers.Footnotes()
    bodies = []
    for group in row_groups:
        rows = []
        for (task, model), look in looks.items():
            own = group.rows[(group.rows["task"] == task) & (group.rows["model"] == model)]
            if len(own) and own["quantity"].isin(columns).any():
                rows.append({"look": look, "cells": [cell(own, q, notes) for q in columns]})
        if rows:
            bodies.append({"heading": group.heading, "size": group.size, "rows": rows})
    if not bodies:
        return None
    return {"columns": [quantities.quantity(q) for q in columns], "bodies": bodies, "notes": notes}


def further(row_groups: list[Group]) -> tuple[str, ...]:
    """Quantities that the two main tables do not show, in order of appearance."""
    shown = {*quantities.RANKING, *quantities.DECIDING, *quantities.REACHING}
    found = dict.fromkeys(q for group in row_groups for q in group.rows["quantity"] if q not in shown)
    return tuple(found)


def comparisons(frame: pd.DataFrame, looks: dict[tuple[str, str], Look]) -> dict[str, list[dict]]:
    """Comparisons of one task and target as tables, one per scheme.

    Returns
    -------
    dict
        ``models`` (two models on the same patients; a network stands first) and ``centers`` (one model in two
        centers): lists of {scheme, tests, rows, notes, further}. What is asked first stands in the rows of ``models``:
        networks beside the others on all patients of a scheme; ``further`` is a table of the same form with the other
        pairs and single centers, or None.
    """
    repeated = [_repeats(split, center) for split, center in zip(frame["split"], frame["center"], strict=True)]
    frame = frame[~np.array(repeated, dtype=bool)]
    same = frame["model_a"] == frame["model_b"]
    first = ~same & (frame["center"] == "all") & _with_network(frame, looks)
    return {
        "models": _by_scheme(frame[~same], looks, first[~same]),
        "centers": _by_scheme(frame[same], looks, same[same]),
    }


def _with_network(frame: pd.DataFrame, looks: dict[tuple[str, str], Look]) -> pd.Series:
    """Whether one of the two models is a network; true of every pair where no model is one."""
    networks = {key for key, look in looks.items() if look.network}
    a, b = (zip(frame["task"], frame[side], strict=True) for side in ("model_a", "model_b"))
    found = pd.Series([bool({one, other} & networks) for one, other in zip(a, b, strict=True)], frame.index, dtype=bool)
    return found if found.any() else ~found


def _repeats(split: str, center: str) -> bool:
    """Whether a row only repeats what the row of the whole split says, or what a split of one center says."""
    if split == "loco" or split.startswith("cv-"):
        return center != "all" and " vs " not in center
    return split.startswith("loco-") and center != "all"


def _by_scheme(frame: pd.DataFrame, looks: dict[tuple[str, str], Look], first: pd.Series) -> list[dict]:
    out = []
    for name in schemes(frame):
        part = frame[frame["split"].map(scheme) == name]
        leading = part[first[part.index]]
        if leading.empty:
            leading = part
        rest = part.drop(index=leading.index)
        further = _compared(rest, looks) if len(rest) else None
        out.append({"scheme": describe(name)[0], **_compared(leading, looks), "further": further})
    return out


def _compared(frame: pd.DataFrame, looks: dict[tuple[str, str], Look]) -> dict:
    notes = numbers.Footnotes()
    keys = list(zip(frame["split"].map(names.split_order), frame["center"].map(names.center_order), strict=True))
    order = sorted(range(len(frame)), key=lambda i: (*keys[i], i))
    rows = []
    for row in frame.iloc[order].itertuples():
        a, b = (looks.get((row.task, model)) for model in (row.model_a, row.model_b))
        turned = bool(a and b and b.network and not a.network)
        values = [-v for v in (row.difference, row.high, row.low)] if turned else [row.difference, row.low, row.high]
        values = dict(zip(("estimate", "low", "high"), values, strict=True))
        labels = [look.label if look else names.words(m) for look, m in ((a, row.model_a), (b, row.model_b))]
        several = row.split in ("loco", "cv") or row.center != "all"
        where = names.center(row.center) if several else names.split(row.split)
        rows.append(
            {
                "where": where,
                "a": labels[turned],
                "b": labels[not turned],
                "difference": cell(
                    pd.DataFrame([{**values, "reason": row.reason, "quantity": "difference"}]), "difference", notes
                ),
                "p": numbers.p_value(row.p),
                "size": f"{numbers.count(row.n)} / {numbers.count(row.events)}",
            }
        )
    tests = " and ".join(names.TESTS.get(test, names.words(test)) for test in frame["test"].drop_duplicates())
    return {"tests": tests, "rows": rows, "notes": notes}
