"""Plain tables of the page: columns and rows as text, ready for the template."""

from collections.abc import Callable, Mapping

import pandas as pd
import yaml

from ichor.report import names, numbers
from ichor.report.flow import table as exclusions

AGREEMENT_GROUPS = {"size": "reference", "location": "location", "manufacturer": "scanner"}
MEASURES = {
    "Volume of the parenchymal hemorrhage": "iph_ml",
    "Error to expect of that volume": "iph_error_ml",
    "ABC/2, diameter, surface": "abc2_ml",
    "Hounsfield units": "hu_mean",
    "Location and side": "location",
    "Midline shift": "auto_midline_shift_mm",
    "Automatic markers": "auto_blend",
}
"""What the table of available measures names, and the column that stands for it."""
ONE_EMPTY = "In every scan one of the masks is empty."
STEPS = {"merge": "scans and records together", "labelled": "label"}


def flow(frame: pd.DataFrame, split: str | None) -> dict | None:
    """Every exclusion: where, reason code, meaning, unit, count per center and in all.

    Parameters
    ----------
    frame : DataFrame
        The flow table.
    split : str, optional
        The split whose exclusions are listed; those before any split are listed with it.
    """
    wide = exclusions(frame) if len(frame) else frame
    wide = wide[wide["split"].isin(["", split or ""])] if len(wide) else wide
    if wide.empty:
        return None
    centers = [c for c in wide.columns if c not in ("step", "split", "target", "reason", "unit", "all", "")]
    rows = []
    for row in wide.to_dict("records"):
        where = STEPS.get(row["step"], names.STAGES.get(row["step"], row["step"]))
        if row["target"]:
            where = f"label: {names.event(row['target'])}"
        counts = ["" if numbers.missing(row[c]) or not row[c] else numbers.count(row[c]) for c in centers]
        cells = [
            where[0].upper() + where[1:],
            {"text": row["reason"], "small": [], "code": True},
            numbers.short_why(row["reason"]),
            row["unit"],
            *counts,
            numbers.count(row.get("all")),
        ]
        rows.append({"cells": cells})
    head = [
        _head("Where"),
        _head("Reason code"),
        _head("Meaning"),
        _head("Counted"),
        *(_head(c, True) for c in centers),
        _head("All", True),
    ]
    return {"columns": head, "rows": rows}


def table_one(frame: pd.DataFrame) -> dict | None:
    """Table 1: a row per variable and level, a column per center, external against development at the end.

    Parameters
    ----------
    frame : DataFrame
        Tidy: variable, level, unit, center, kind, n, missing, text, standardized_difference.
    """
    if frame.empty:
        return None
    groups = ["development", "external", "all"]
    centers = [c for c in dict.fromkeys(frame["center"]) if c not in groups]
    shown = [*centers, *(g for g in groups if g in set(frame["center"]))]
    rows = []
    frame = frame.assign(level=frame["level"].map(lambda v: "" if numbers.missing(v) else str(v)))
    for (variable, level), part in frame.groupby(["variable", "level"], sort=False):
        by_center = part.set_index("center")
        if variable != "patients" and not (part["n"] > 0).any():
            continue
        cells = [_variable(variable, level, part["unit"].iloc[0], part["kind"].iloc[0])]
        cells += [_described(by_center.loc[c]) if c in by_center.index else "" for c in shown]
        difference = by_center.loc["all", "standardized_difference"] if "all" in by_center.index else None
        cells.append("" if variable == "patients" else numbers.plain(difference))
        rows.append({"cells": cells})
    names_of = {"development": "Development", "external": "External", "all": "All"}
    head = [_head("Variable"), *(_head(names_of.get(c, c), True) for c in shown), _head("SMD", True)]
    return {"columns": head, "rows": rows, "note": TABLE_ONE_NOTE}


TABLE_ONE_NOTE = (
    "SMD: standardized difference, external against development (values beyond 0.1 or 0.2 are often called a relevant "
    "difference). Small print: patients in whom the value is not known. An en dash means that nobody’s value is known, "
    "or that no difference can be computed. Variables that no center recorded are left out."
)


def _variable(variable: str, level: str, unit: object, kind: str) -> str:
    if variable == "patients":
        return "Patients"
    name = names.variable(variable)
    if kind == "category" and level and level not in ("1", "1.0"):
        return f"{name}: {names.words(level.removesuffix('.0')).lower()}"
    return name if numbers.missing(unit) or not unit or kind == "category" else f"{name}, {names.unit(str(unit))}"


def _described(row: pd.Series) -> dict:
    """A cell of Table 1: count or median, below it percent or quartiles and how many values are not known."""
    small = []
    if row["kind"] == "number" and not numbers.missing(row["median"]):
        text = _short(row["median"])
        small.append(f"{_short(row['q1'])} to {_short(row['q3'])}")
    elif not numbers.missing(row["count"]) and (row["kind"] == "count" or row["n"] > 0):
        text = numbers.count(row["count"])
        small += [] if row["kind"] == "count" else [f"{numbers.plain(row['percent'], 1)} %"]
    else:
        return {"text": numbers.DASH, "small": [], "code": False}
    gone = row["missing"]
    small += [] if numbers.missing(gone) or int(gone) == 0 else [f"{numbers.count(gone)} unknown"]
    return {"text": text, "small": small, "code": False}


def _short(value: float) -> str:
    """One decimal; none for a whole number, and none from 100 on, where a tenth says nothing."""
    whole = numbers.missing(value) or abs(value) >= 100 or abs(value - round(value)) < 0.05
    return numbers.plain(value, 0 if whole else 1)


def agreement(summary: pd.DataFrame) -> dict:
    """Agreement of one split by label and center, with notes for what is missing."""
    ordered = summary.sort_values("center", key=lambda c: c.map(names.center_order), kind="stable")
    return _agreement(ordered, lambda row: names.center(row.center))


def agreement_groups(summary: pd.DataFrame) -> dict:
    """Agreement of one split by label within sizes, locations and scanners."""
    return _agreement(summary, lambda row: f"{AGREEMENT_GROUPS.get(row.group, row.group)}: {row.level}")


def _agreement(summary: pd.DataFrame, name: Callable) -> dict:
    notes = numbers.Footnotes()
    bodies = []
    for label in summary["label"].drop_duplicates():
        own = summary[summary["label"] == label]
        rows = [{"name": name(row), "cells": _agreement_cells(row, notes)} for row in own.itertuples()]
        bodies.append({"heading": names.LABELS.get(label, label), "rows": rows})
    return {"bodies": bodies, "notes": notes}


def _agreement_cells(row: tuple, notes: numbers.Footnotes) -> list:
    """One row's cells, in the order of the columns of the template's macro ``agreement_table``."""
    none = "no_reference" if not row.n else ""
    empty, few, alike = (
        none or "Both masks are empty.",
        none or ONE_EMPTY,
        none or "Too few scans, or volumes all alike.",
    )
    within = [100 * share for share in (row.within_10_percent, row.within_mdd)]
    # what readers differ by is known for parenchymal hemorrhage alone
    detectable = _estimate(within[1], "", 0, notes, none) if row.label == "iph" else {"kind": "none"}
    return [
        _estimate(row.dice_median, numbers.interval(row.dice_q1, row.dice_q3), 2, notes, empty),
        _estimate(row.nsd_median, "", 2, notes, empty),
        _estimate(row.hd95_median_mm, "", 1, notes, few),
        numbers.count(row.n_dice),
        _estimate(row.bias_ml, numbers.interval(row.loa_low_ml, row.loa_high_ml, 1), 1, notes, none),
        _estimate(row.ccc, "", 2, notes, alike),
        _estimate(row.icc, "", 2, notes, alike),
        _estimate(within[0], "", 0, notes, none),
        detectable,
        numbers.count(row.n),
    ]


def availability(measures: pd.DataFrame) -> dict | None:
    """How many scans of one split have each kind of measure; None without any."""
    if measures.empty:
        return None
    rows = []
    for heading, column in MEASURES.items():
        known = int(measures[column].notna().sum())
        rows.append({"cells": [heading, numbers.count(known), numbers.percent(known, len(measures))]})
    columns = [{"name": "Measure", "num": False}, {"name": "Scans", "num": True}, {"name": "Share", "num": True}]
    return {"columns": columns, "rows": rows}


def _estimate(value: float, between: str, digits: int, notes: numbers.Footnotes, why: str) -> dict:
    if numbers.missing(value):
        return {"kind": "missing", **notes.mark(why)}
    return {"kind": "value", "estimate": numbers.plain(value, digits), "interval": between, "note": None}


def provenance(record: Mapping[str, object] | None) -> dict | None:
    """Provenance as the template shows it: facts, files with hashes, packages, config."""
    if not record:
        return None
    machine = record.get("machine") or {}
    facts = [
        ("Ichor", record.get("ichor")),
        ("Seed", record.get("seed")),
        ("Python", record.get("python")),
        ("Written", record.get("written")),
        *((names.words(key), value) for key, value in machine.items()),
    ]
    files = [
        {"title": title, "rows": [_file(item) for item in record.get(key) or []]}
        for key, title in (("inputs", "What was read"), ("outputs", "What was written"))
    ]
    config = record.get("config")
    return {
        "facts": {
            "columns": [_head("What"), _head("Value")],
            "rows": [{"cells": [k, _text(v)]} for k, v in facts if v is not None],
        },
        "files": [part for part in files if part["rows"]],
        "packages": [f"{name} {version}" for name, version in (record.get("packages") or {}).items()],
        "config": yaml.safe_dump(config, sort_keys=False, allow_unicode=True) if config else "",
    }


def _file(item: Mapping[str, object]) -> dict:
    reason = item.get("reason")
    return {
        "path": item.get("path", ""),
        "bytes": numbers.count(item.get("bytes")),
        "sha256": item.get("sha256") or f"{numbers.DASH} {reason or 'not there'}",
    }


def _head(name: str, num: bool = False) -> dict:
    return {"name": name, "num": num}


def _text(value: object) -> str:
    return numbers.DASH if numbers.missing(value) or str(value).strip() == "" else str(value)
