"""The true risks of simulated patients, kept apart from everything a model may read."""

from __future__ import annotations

import math
from pathlib import Path

import pandas as pd

from ichor.pseudonyms import pseudonym

TARGETS = (
    ("expansion", "expansion", "risk_expansion", "expansion"),
    ("outcome", "poor_outcome", "risk_poor_outcome", "poor_outcome"),
    ("outcome", "death", "risk_death_30d", "death_30d"),  # those who die in hospital are those who die in 30 days
    ("outcome", "death_30d", "risk_death_30d", "death_30d"),
    ("deterioration", "deterioration_7d", "risk_deterioration", "deterioration_7d"),
)
IMAGE_RISK = {"expansion": "risk_expansion_image"}
"""Targets of which the part of the risk that the scan shows is known -> its column."""
VOLUMES = ("iph_ml", "ivh_ml", "edema_ml", "followup_iph_ml", "followup_ivh_ml", "followup_edema_ml")


def write_truth(rows: pd.DataFrame, path: Path) -> None:
    """Write the truth of one center: patient (raw id) task target risk risk_image event and the true volumes in mL."""
    parts = []
    for task, target, risk, event in TARGETS:
        part = rows[["patient", risk, event, *VOLUMES]].rename(columns={risk: "risk", event: "event"})
        part.insert(1, "task", task)
        part.insert(2, "target", target)
        part.insert(4, "risk_image", rows[IMAGE_RISK[target]] if target in IMAGE_RISK else math.nan)
        parts.append(part)
    table = pd.concat(parts).sort_values(["patient", "task", "target"], kind="stable")
    table.to_csv(path, sep="\t", index=False, float_format="%.6f", lineterminator="\n")


def link(truth_paths: dict[str, Path], key: bytes) -> pd.DataFrame:
    """Return the true risks of all centers under pseudonyms.

    Parameters
    ----------
    truth_paths
        Center to its truth.tsv.
    key
        The study's pseudonym key.

    Returns
    -------
    DataFrame
        patient task target risk risk_image, sorted; risk is the probability in [0, 1] that the event was drawn with,
        risk_image its expectation given what the baseline scan shows (missing where that is not known).
    """
    parts = []
    for center, path in truth_paths.items():
        table = pd.read_csv(path, sep="\t", dtype={"patient": str})
        table["patient"] = [pseudonym(key, center, raw) for raw in table["patient"]]
        parts.append(table[["patient", "task", "target", "risk", "risk_image"]])
    return pd.concat(parts).sort_values(["patient", "task", "target"], ignore_index=True)
