"""Explain a tabular model in one split: SHAP values of its test patients."""

from pathlib import Path

import numpy as np
import pandas as pd

from ichor import tables
from ichor.errors import StudyError
from ichor.explain.shap_values import attribute, drawn_background
from ichor.seeds import seed_for
from ichor.training import bundle
from ichor.training.rows import model_rows


def explain_record(cohort: pd.DataFrame, bundle_dir: str | Path, *, background: int, seed: int) -> pd.DataFrame:
    """SHAP values of the test patients that a tabular model can predict.

    Parameters
    ----------
    cohort : pandas.DataFrame
        Table ``cohort`` of the model's split.
    bundle_dir : path
        The model.
    background : int
        Train rows of the background at most, by lot.
    seed : int
        The study's seed.

    Returns
    -------
    pandas.DataFrame
        Table ``shap``, patients in the order of `cohort`; empty where there is no model or no such patient.

    Raises
    ------
    ichor.errors.StudyError
        If the model is a network.
    ichor.cohort.fences.LeakError
        If the background would hold a row that is no train row of the split.
    """
    described = bundle.describe(bundle_dir)
    who = {name: described[name] for name in ("task", "target", "model", "split")}
    if described["family"] != "tabular":
        raise StudyError(f"{who['task']}/{who['model']} is a network; SHAP values are made of tabular models")
    if not described["fitted"]:
        return tables.empty("shap")
    model = bundle.load(bundle_dir).model
    rows = model_rows(cohort, described["spec"], described["target"])
    tested = rows[rows["role"] == "test"]
    tested = tested[model.usable(model.design(tested))]
    if tested.empty:
        return tables.empty("shap")
    seed = seed_for(seed, "shap", *who.values())
    known = drawn_background(rows, model, described["split"], background, seed)
    found = attribute(model, tested, known, seed)
    features = list(found.values)
    patient = np.repeat(np.arange(len(tested)), len(features))
    table = tested[["patient", "center", "role"]].iloc[patient].reset_index(drop=True).assign(**who)
    table["feature"] = features * len(tested)
    table["value"] = [_text(value) for row in tested[features].itertuples(index=False) for value in row]
    table["shap"] = found.values.to_numpy().ravel()
    table = table.assign(expected=found.expected, scale=found.scale, background=len(known))
    return tables.validate("shap", table, f"SHAP values of {who['model']}")


def _text(value: object) -> str | None:
    if pd.isna(value):
        return None
    return value if isinstance(value, str) else f"{float(value):.10g}"
