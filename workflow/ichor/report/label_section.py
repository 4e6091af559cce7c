"""What the report says of the expansion labels: how sure they are, and how much each model's AUC depends on them."""

import pandas as pd

from ichor.cohort.expansion import DEFINITIONS, Definition
from ichor.report import extent_section, names, numbers
from ichor.report.palette import Look

TASK, TARGET = "expansion", "expansion"


def section(table: pd.DataFrame, looks: dict[tuple[str, str], Look], definition: str) -> list[dict]:
    """Sentence and tables of each split, the main one first; empty without a label.

    Parameters
    ----------
    table : DataFrame
        Table ``label_sensitivity``.
    looks : dict
        Of `ichor.report.palette.looks`.
    definition : str
        The configured definition.
    """
    splits = sorted(table["split"].unique(), key=names.split_order)
    found = [_split(split, table[table["split"] == split], looks, definition) for split in splits]
    return [one for one in found if one is not None]


def _split(split: str, rows: pd.DataFrame, looks: dict[tuple[str, str], Look], definition: str) -> dict | None:
    whole = rows[rows["center"] == "all"].set_index(["model", "definition", "quantity"]).sort_index()
    if not (rows["n"] > 0).any():
        return None
    models = [look for (task, name), look in looks.items() if task == TASK and name in set(rows["model"].dropna())]
    return {
        "split": split,
        "name": names.split(split),
        "sentences": [*_uncertain(rows, definition), *_depends(whole, models, definition)],
        "table": _table(rows, whole, models, definition),
        "centers": _centers(rows, definition),
        "extent": extent_section.section(rows, models),
    }


def words(rule: Definition) -> str:
    """A definition's rule: ``6 mL or 33 % or more``, ``more than 33 %``, intraventricular growth with its name."""
    limits = [] if rule.absolute_ml is None else [f"{rule.absolute_ml:g} mL"]
    limits += [] if rule.relative is None else [f"{100 * rule.relative:g} %"]
    parts = [_limit(" or ".join(limits), rule.strict)] if limits else []
    if rule.ivh_ml is not None:
        grown = _limit(f"{rule.ivh_ml:g} mL", rule.ivh_strict) if rule.ivh_ml else "any growth"
        parts.append(f"{grown} in the ventricles")
    return ", or ".join(parts)


def _limit(limit: str, strict: bool) -> str:
    return f"more than {limit}" if strict else f"{limit} or more"


def _pick(rows: pd.DataFrame, *key: str) -> pd.Series | None:
    return rows.loc[key] if key in rows.index else None


def _uncertain(rows: pd.DataFrame, definition: str) -> list[str]:
    own = rows[(rows["quantity"] == "uncertain_share") & (rows["definition"] == definition)]
    own = own[own["center"] == "all"]
    if own.empty:
        return []
    row = own.iloc[0]
    if not row["n"]:
        return [f"How sure the labels are cannot be said. {numbers.why(row['reason'])}"]
    share = numbers.percent(row["events"], row["n"])
    return [
        f"Of {numbers.count(row['n'])} labels by the definition {definition}, {numbers.count(row['events'])} ({share}) "
        "lie within the error of their own volumes: the probability of expansion is between 10 and 90 %."
    ]


def _depends(whole: pd.DataFrame, models: list[Look], definition: str) -> list[str]:
    """One sentence on the first network, or else the first model."""
    if not models:
        return []
    look = next((one for one in models if one.network), models[0])
    plain, drawn = (_pick(whole, look.model, definition, quantity) for quantity in ("auc", "auc_drawn"))
    if plain is None or numbers.missing(plain["estimate"]):
        return []
    said = f"{look.label}: AUC {_estimate(plain)} with the labels as they are"
    if drawn is not None and not numbers.missing(drawn["estimate"]):
        said += f", {_estimate(drawn)} when labels are drawn from their probabilities"
    others = whole.xs(look.model, level="model").xs("auc", level="quantity")["estimate"].dropna()
    return [
        f"{said}, and from {numbers.plain(others.min())} to {numbers.plain(others.max())} over "
        f"{numbers.count(len(others))} definitions of expansion, each of which counts other patients as events."
    ]


def _estimate(row: pd.Series) -> str:
    between = numbers.interval(row["low"], row["high"])
    return numbers.plain(row["estimate"]) + (f" ({between})" if between else "")


def _table(rows: pd.DataFrame, whole: pd.DataFrame, models: list[Look], definition: str) -> dict:
    """A row per definition, the configured one first and again with drawn labels; a column per model."""
    present = set(rows["definition"])
    order = [definition, *(name for name in DEFINITIONS if name != definition)]
    lines = []
    for name in (one for one in order if one in present):
        share = rows[(rows["definition"] == name) & (rows["quantity"] == "uncertain_share") & (rows["center"] == "all")]
        within = numbers.percent(share["events"].iloc[0], share["n"].iloc[0]) if len(share) else numbers.DASH
        head = f"{name} (configured)" if name == definition else name
        label = f"{head}: {words(DEFINITIONS[name])}" if name in DEFINITIONS else head
        lines.append([label, _size(whole, models, name, "auc"), within, *_aucs(whole, models, name, "auc")])
        if name == definition:
            drawn = [_size(whole, models, name, "auc_drawn"), "", *_aucs(whole, models, name, "auc_drawn")]
            lines.append([f"{name}, labels drawn from their probabilities", *drawn])
    head = [("Labels", False), ("Test patients / expansion", True), ("Within their error", True)]
    head += [(look.label, True) for look in models]
    return {"columns": [{"name": text, "num": num} for text, num in head], "rows": [{"cells": one} for one in lines]}


def _size(whole: pd.DataFrame, models: list[Look], definition: str, quantity: str) -> str:
    """Patients and events; models that could not predict some patients have fewer, so the largest is given."""
    found = [_pick(whole, look.model, definition, quantity) for look in models]
    found = [row for row in found if row is not None]
    if not found:
        return numbers.DASH
    row = max(found, key=lambda one: one["n"])
    return f"{numbers.count(row['n'])} / {numbers.count(row['events'])}"


def _aucs(whole: pd.DataFrame, models: list[Look], definition: str, quantity: str) -> list[dict]:
    cells = []
    for look in models:
        row = _pick(whole, look.model, definition, quantity)
        if row is None or numbers.missing(row["estimate"]):
            cells.append(_cell(numbers.DASH, "" if row is None else numbers.short_why(row["reason"])))
        else:
            cells.append(_cell(numbers.plain(row["estimate"]), numbers.interval(row["low"], row["high"])))
    return cells


def _cell(text: str, small: str) -> dict:
    return {"text": text, "small": [small] if small else [], "code": False}


def _centers(rows: pd.DataFrame, definition: str) -> dict | None:
    """How many labels of each center are within their error."""
    own = rows[(rows["quantity"] == "uncertain_share") & (rows["definition"] == definition) & (rows["center"] != "all")]
    if own.empty:
        return None
    lines = []
    for row in own.itertuples():
        between = numbers.interval(100 * row.low, 100 * row.high, 0)
        share = _cell(numbers.percent(row.events, row.n), f"{between} %" if between else "")
        lines.append({"cells": [row.center, numbers.count(row.n), numbers.count(row.events), share]})
    head = [("Center", False), ("Labels", True), ("Within their error", True), ("Share", True)]
    return {"columns": [{"name": text, "num": num} for text, num in head], "rows": lines}
