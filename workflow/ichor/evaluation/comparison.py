"""Comparisons: every two models on the same patients, and every two centers under the same model."""

from itertools import combinations

import numpy as np
import pandas as pd

from ichor.evaluation.discrimination import DifferenceTest, delong_paired, delong_unpaired

TASK = ["task", "target", "split"]


def compare(rows: pd.DataFrame) -> list[dict]:
    """All comparisons of the AUC; p values are not adjusted for their number.

    Parameters
    ----------
    rows : DataFrame
        Test rows, one per patient and model: task, target, split, model, center, patient, label, probability.

    Returns
    -------
    list of dict
        Rows of the comparisons table. ``delong_paired``: `model_a` minus `model_b` on the patients that both
        predicted, per center and for ``all``. ``delong_unpaired``: one model (`model_a` = `model_b`) in two
        centers, `center` reads ``A vs B`` and the difference is A minus B.
    """
    out = []
    for key, part in rows.groupby(TASK, sort=True):
        names = dict(zip(TASK, key, strict=True))
        groups = [*part.groupby("center", sort=True), ("all", part)]
        out += [{**names, **row} for center, group in groups for row in _between_models(center, group)]
        out += [
            {**names, **row}
            for model, group in part.groupby("model", sort=True)
            for row in _between_centers(model, group)
        ]
    return out


def _between_models(center: str, rows: pd.DataFrame) -> list[dict]:
    wide = rows.pivot(index="patient", columns="model", values="probability").sort_index(axis=1)
    labels = rows.drop_duplicates("patient").set_index("patient")["label"].reindex(wide.index).to_numpy()
    values = {model: wide[model].to_numpy() for model in wide.columns}
    out = []
    for first, second in combinations(values, 2):
        common = np.isfinite(values[first]) & np.isfinite(values[second])
        result = delong_paired(labels[common], values[first][common], values[second][common])
        out.append(_row(center, first, second, "delong_paired", result, labels[common]))
    return out


def _between_centers(model: str, rows: pd.DataFrame) -> list[dict]:
    groups = {
        center: (part["label"].to_numpy(), part["probability"].to_numpy())
        for center, part in rows.groupby("center", sort=True)
    }
    out = []
    for first, second in combinations(groups, 2):
        result = delong_unpaired(*groups[first], *groups[second])
        labels = np.r_[groups[first][0], groups[second][0]]
        out.append(_row(f"{first} vs {second}", model, model, "delong_unpaired", result, labels))
    return out


def _row(center: str, first: str, second: str, test: str, result: DifferenceTest, labels: np.ndarray) -> dict:
    return {
        "center": center,
        "model_a": first,
        "model_b": second,
        "test": test,
        **result._asdict(),
        "n": int(labels.size),
        "events": int(labels.sum()),
    }
