"""What the report says of synthetic cases: how many were made, refused and used, and what they give away."""

from collections.abc import Mapping

import pandas as pd

from ichor.report import names, numbers, synthesis_words

COLUMNS = (
    ("Generator", False),
    ("Split", False),
    ("Made", True),
    ("Refused", True),
    ("Accepted", True),
    ("Nearest patient", True),
    ("Patient to patient", True),
    ("Membership AUC", True),
    ("Radiomic distance", True),
    ("Between halves", True),
)


def section(worth: pd.DataFrame, pages: Mapping[str, str] | None = None) -> dict | None:
    """Table and sentences; None when no model trained on synthetic cases.

    Parameters
    ----------
    worth : DataFrame
        Table ``worth`` of all generators and splits.
    pages : mapping, optional
        ``<generator>/<split>`` -> page with the cases, relative to the report.
    """
    if worth.empty:
        return None
    groups = {key: own for key, own in worth.groupby(["generator", "split"], sort=False)}
    order = sorted(groups, key=lambda key: (key[0], names.split_order(key[1])))
    return {
        "table": {
            "columns": [{"name": name, "num": number} for name, number in COLUMNS],
            "rows": [{"cells": _cells(*key, groups[key])} for key in order],
        },
        "sentence": _sentence(groups),
        "each": [
            {
                "name": f"{generator}, split {split}",
                "sentences": synthesis_words.sentences(groups[generator, split]),
                "page": (pages or {}).get(f"{generator}/{split}", ""),
            }
            for generator, split in order
        ],
    }


def _cells(generator: str, split: str, worth: pd.DataFrame) -> list:
    rows = {row.quantity: row for row in worth.itertuples()}
    counts = [numbers.count(_estimate(rows, name)) for name in ("n_candidates", "n_refused", "n_accepted")]
    wanted = ("nearest_synthetic", "nearest_real", "membership_auc", "radiomic_frechet", "radiomic_frechet_halves")
    return [generator, split, *counts, *(_stated(rows, name) for name in wanted)]


def _estimate(rows: dict, name: str) -> float | None:
    return rows[name].estimate if name in rows else None


def _stated(rows: dict, name: str) -> dict:
    row = rows.get(name)
    if row is None:
        return {"text": numbers.DASH, "small": [], "code": False}
    small = numbers.short_why(row.reason) if numbers.missing(row.estimate) else numbers.interval(row.low, row.high)
    return {"text": numbers.plain(row.estimate), "small": [small] if small else [], "code": False}


def _sentence(groups: dict[tuple[str, str], pd.DataFrame]) -> str:
    """What holds of all of them."""
    leaking = [
        f"{generator} (split {split})" for (generator, split), own in groups.items() if synthesis_words.leaks(own)
    ]
    if leaking:
        return f"Synthetic cases of {', '.join(leaking)} give away which patients their generator was made from."
    return "It is not shown that synthetic cases give away which patients they were made from."
