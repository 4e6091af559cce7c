"""What the report says of the extent of expansion: its four classes, and whether predicted risks rise with them."""

import pandas as pd
from scipy import stats

from ichor.cohort.extent import CLASSES
from ichor.evaluation.extent_evaluation import EXTENT, of_class
from ichor.report import numbers
from ichor.report.palette import Look


def section(rows: pd.DataFrame, models: list[Look]) -> dict | None:
    """Sentences and table of one split; None without an extent.

    Parameters
    ----------
    rows : DataFrame
        Rows of the table ``label_sensitivity`` of the split.
    models : list of Look
        Models of the columns.
    """
    whole = rows[rows["center"] == "all"].fillna({"model": ""})
    whole = whole.set_index(["model", "definition", "quantity"]).sort_index()
    shares = [_pick(whole, "", of_class(number), "extent_share") for number in CLASSES]
    if any(share is None or not share["n"] for share in shares):
        return None
    return {
        "sentences": [*_counts(whole, shares), *_concordance(whole, models)],
        "table": _table(whole, shares, models),
    }


def _pick(whole: pd.DataFrame, *key: str) -> pd.Series | None:
    return whole.loc[key] if key in whole.index else None


def _counts(whole: pd.DataFrame, shares: list[pd.Series]) -> list[str]:
    parts = [
        f"{words} {numbers.count(share['events'])} ({numbers.percent(share['events'], share['n'])})"
        for words, share in zip(CLASSES.values(), shares, strict=True)
    ]
    said = [f"By how much the bleed grew in {numbers.count(shares[0]['n'])} patients: {', '.join(parts)}."]
    unsure = _pick(whole, "", EXTENT, "uncertain_share")
    if unsure is not None and unsure["n"]:
        part = numbers.percent(unsure["events"], unsure["n"])
        said.append(
            f"For {numbers.count(unsure['events'])} of {numbers.count(unsure['n'])} ({part}) no class has a "
            "probability of 90 % or more, given the errors of both volumes."
        )
    return said


def _concordance(whole: pd.DataFrame, models: list[Look]) -> list[str]:
    """One sentence on the first network, or else the first model."""
    if not models:
        return []
    look = next((one for one in models if one.network), models[0])
    found = _pick(whole, look.model, EXTENT, "ordinal_c")
    if found is None or numbers.missing(found["estimate"]):
        return []
    between = numbers.interval(found["low"], found["high"])
    return [
        f"{look.label}: of two test patients of different extent, the one whose bleed grew more has the higher risk in "
        f"{numbers.plain(found['estimate'])}{f' ({between})' if between else ''} of all pairs; 0.5 is chance."
    ]


def _table(whole: pd.DataFrame, shares: list[pd.Series], models: list[Look]) -> dict:
    lines = []
    for number, share in zip(CLASSES, shares, strict=True):
        part = _cell(numbers.count(share["events"]), numbers.percent(share["events"], share["n"]))
        risks = [_estimate(_pick(whole, look.model, of_class(number), "mean_risk")) for look in models]
        lines.append([f"Growth: {CLASSES[number]}, mean risk", part, *risks])
    for quantity, words in (("ordinal_c", "Concordance"), ("ordinal_c_drawn", "Concordance, extents drawn")):
        lines.append([words, "", *(_estimate(_pick(whole, look.model, EXTENT, quantity)) for look in models)])
    lines.append(["P of a trend", "", *(_p(_pick(whole, look.model, EXTENT, "trend_z")) for look in models)])
    head = [("Extent", False), ("Patients", True), *((look.label, True) for look in models)]
    return {"columns": [{"name": text, "num": num} for text, num in head], "rows": [{"cells": one} for one in lines]}


def _estimate(row: pd.Series | None) -> dict:
    if row is None or numbers.missing(row["estimate"]):
        return _cell(numbers.DASH, "" if row is None else numbers.short_why(row["reason"]))
    return _cell(numbers.plain(row["estimate"]), numbers.interval(row["low"], row["high"]))


def _p(row: pd.Series | None) -> dict:
    """Two-sided p of a standard normal statistic."""
    if row is None or numbers.missing(row["estimate"]):
        return _estimate(row)
    return _cell(numbers.p_value(2 * stats.norm.sf(abs(row["estimate"]))), "rises" if row["estimate"] > 0 else "falls")


def _cell(text: str, small: str) -> dict:
    return {"text": text, "small": [small] if small else [], "code": False}
