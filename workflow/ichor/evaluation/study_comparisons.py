"""Paired tests between the arms of a study, and of the chosen arm against the floors."""

import math

import numpy as np
import pandas as pd

from ichor.evaluation.discrimination import auc, delong_paired
from ichor.evaluation.multiple_tests import holm
from ichor.evaluation.printed_expansion import GAIN
from ichor.evaluation.study_arms import StudyModel

FEWEST = 20
"""Patients of either outcome below which two AUCs of one test set are not compared: our choice. With 20 events of 100
patients an AUC of 0.75 has an interval 0.26 wide (Hanley & McNeil, Radiology 1982;143:29-36), more than three times
the larger gain in the paper."""
COLUMNS = (
    "family cohort center model_a model_b auc_a auc_a_low auc_a_high auc_b "
    "difference low high p p_holm n events verdict reason"
).split()
LEVEL = 0.05


def compare_arms(rows: pd.DataFrame, models: list[StudyModel], chosen: str | None) -> pd.DataFrame:
    """Compare AUCs on the patients that both models predicted.

    Parameters
    ----------
    rows : DataFrame
        External rows, one per patient and model: model, center, patient, label, probability.
    models : list of StudyModel
        Arms, networks and floors.
    chosen : str, optional
        The arm that was chosen on tune rows; it is held against networks and floors.

    Returns
    -------
    DataFrame
        Columns `COLUMNS`. ``family``: ``arms`` (each arm, `model_a`, minus the arm without balancing) or ``floors``
        (the chosen arm minus each model that is no arm). ``p_holm`` is adjusted for the tests of a family in a cohort.
        ``verdict``: ``gain`` or ``harm`` (p_holm below 0.05), ``undecided`` (it is not, and the interval holds both 0
        and a gain as large as the paper's smaller one, 0.053), ``none`` (it is not, and a gain of that size is
        excluded), or ``too_few`` (fewer than 20 patients of an outcome, or no interval).
    """
    reference = next((m.name for m in models if m.part == "arm" and m.arm == "none"), None)
    pairs = [("arms", m.name, reference) for m in models if m.part == "arm" and reference not in (None, m.name)]
    pairs += [("floors", chosen, m.name) for m in models if m.part != "arm" and chosen]
    centers = sorted(rows["center"].unique())
    cohorts = [("external", "all", rows)]
    cohorts += [(f"external {i}", name, rows[rows["center"] == name]) for i, name in enumerate(centers, start=1)]
    out = [
        {"family": family, "cohort": cohort, "center": center, "model_a": first, "model_b": second}
        | compare_pair(part, first, second)
        for family in ("arms", "floors")
        for cohort, center, part in cohorts
        for of, first, second in pairs
        if of == family
    ]
    table = pd.DataFrame(out, columns=[c for c in COLUMNS if c not in ("p_holm", "verdict")])
    table["p_holm"] = math.nan
    for _, group in table.groupby(["family", "cohort"], sort=False):
        table.loc[group.index, "p_holm"] = holm(group["p"].to_numpy(dtype=float))
    table["verdict"] = [verdict(row) for row in table.to_dict("records")]
    return table[COLUMNS]


def compare_pair(rows: pd.DataFrame, first: str, second: str) -> dict:
    """DeLong's paired test of two models' AUCs on the patients that both predicted.

    Parameters
    ----------
    rows : DataFrame
        One row per patient and model: model, patient, label, probability.
    first, second : str
        Models.

    Returns
    -------
    dict
        Columns of `COLUMNS` from ``auc_a`` to ``p`` (first minus second), ``n events reason``. Without a test, p NaN,
        below 20 patients of either outcome.
    """
    wide = rows[rows["model"].isin([first, second])].pivot(index="patient", columns="model", values="probability")
    wide = wide.reindex(columns=[first, second]).dropna()
    labels = rows.drop_duplicates("patient").set_index("patient")["label"].reindex(wide.index).to_numpy(dtype=int)
    a, b = wide[first].to_numpy(dtype=float), wide[second].to_numpy(dtype=float)
    n, events = int(labels.size), int(labels.sum())
    test = delong_paired(labels, a, b)
    first = auc(labels, a)
    found = {"auc_a": first.estimate, "auc_a_low": first.low, "auc_a_high": first.high}
    found |= {"auc_b": auc(labels, b).estimate, "n": n, "events": events}
    found |= {"difference": test.difference, "low": test.low, "high": test.high, "p": test.p}
    # fewer patients than DeLong's normal approximation and any reader can work with: no test, and none counted
    if min(events, n - events) < FEWEST:
        found["p"] = math.nan
    return found | {"reason": None if test.reason is None else str(test.reason)}


def verdict(row: dict, gain: float = min(GAIN)) -> str:
    """What a comparison shows, beside a `gain` in AUC that would matter; see `compare_arms`."""
    if min(row["events"], row["n"] - row["events"]) < FEWEST or not np.isfinite([row["low"], row["high"]]).all():
        return "too_few"
    if row["p_holm"] < LEVEL and row["difference"] != 0:
        return "gain" if row["difference"] > 0 else "harm"
    return "undecided" if row["high"] >= gain else "none"
