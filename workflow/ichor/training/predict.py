"""Predict a split's rows with a saved model, whatever its kind."""

from pathlib import Path

import numpy as np
import pandas as pd

from ichor import tables
from ichor.reasons import Reason
from ichor.training import bundle
from ichor.training.rows import model_rows

PROBABILITY_STEP = 6  # decimals: far below any interval, far above what differs between two builds of a library


def predict_model(
    cohort: pd.DataFrame,
    bundle_dir: str | Path,
    *,
    device: str = "auto",
    threads: int = 1,
    volumes_dir: str | Path | None = None,
    reports: pd.DataFrame | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Predict all labelled rows of the split that a model was fitted on.

    Parameters
    ----------
    cohort : pandas.DataFrame
        Table ``cohort`` of the model's split.
    bundle_dir : path
        What :func:`ichor.training.fit.fit_model` wrote.
    device, threads, volumes_dir
        See :class:`ichor.training.job.Job`.
    reports : pandas.DataFrame, optional
        Table ``reports``, for a kind that reads texts and no other.

    Returns
    -------
    predictions : pandas.DataFrame
        Table ``predictions``; empty if no model could be fitted.
    status : pandas.DataFrame
        Table ``status``: rows that could not be predicted, and why; rows that were predicted from the record alone,
        because the scan could not be read, are flagged with what was wrong with it.
    details : pandas.DataFrame
        Table ``prediction_details``: what the model says besides the probability; empty for most.
    """
    described = bundle.describe(bundle_dir)
    if not described["fitted"]:
        return tables.empty("predictions"), tables.empty("status"), tables.empty("prediction_details")
    rows = model_rows(cohort, described["spec"], described["target"])
    texts = {"reports": reports} if described["family"] == "text" else {}
    predicted = bundle.load(bundle_dir, device=device, threads=threads, volumes=volumes_dir).predict(rows, **texts)
    return (
        _predictions(described, rows, predicted),
        _remarks(described, rows, predicted),
        _details(described, rows, predicted),
    )


def _predictions(described: dict, rows: pd.DataFrame, predicted: pd.DataFrame) -> pd.DataFrame:
    given = predicted["probability"].notna()
    least = 10.0**-PROBABILITY_STEP  # 0 and 1 have no logit
    probability = predicted.loc[given, "probability"].astype(float).round(PROBABILITY_STEP).clip(least, 1 - least)
    named = {name: described[name] for name in ("task", "target", "model", "seed")}
    columns = ["split", "patient", "center", "role", "label"]
    table = rows.loc[given, columns].assign(**named, time="baseline", probability=probability)
    return tables.validate("predictions", table, f"predictions of {described['model']}")


def _remarks(described: dict, rows: pd.DataFrame, predicted: pd.DataFrame) -> pd.DataFrame:
    name = f"{described['task']}/{described['model']}, split {described['split']}"
    status = []
    for row in rows.join(predicted[predicted["reason"] != ""], how="inner").itertuples():
        given = not np.isnan(row.probability)
        outcome, detail = ("flagged", f"{row.detail}; from the record alone") if given else ("set_aside", row.detail)
        status.append(
            tables.status_row(row.center, row.patient, "model", outcome, Reason(row.reason), f"{name}: {detail}")
        )
    return tables.frame("status", status) if status else tables.empty("status")


def _details(described: dict, rows: pd.DataFrame, predicted: pd.DataFrame) -> pd.DataFrame:
    """A row per patient and quantity that is known of the patient, in the order of the rows."""
    quantities = predicted.drop(columns=["probability", "reason", "detail"])
    if quantities.empty:
        return tables.empty("prediction_details")
    long = quantities.astype(float).round(PROBABILITY_STEP).stack().dropna().rename("value")
    long = long.rename_axis(["row", "quantity"]).reset_index("quantity")
    named = {name: described[name] for name in ("task", "target", "model")}
    table = long.join(rows[["split", "patient", "center", "role"]]).assign(**named)
    return tables.validate("prediction_details", table, f"details of {described['model']}")
