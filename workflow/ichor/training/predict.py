"""Predict a split's rows with a saved model, whatever its kind."""

from pathlib import Path

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
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Predict all labelled rows of the split that a model was fitted on.

    Parameters
    ----------
    cohort : pandas.DataFrame
        Table ``cohort`` of the model's split.
    bundle_dir : path
        What :func:`ichor.training.fit.fit_model` wrote.
    device, threads, volumes_dir
        See :class:`ichor.training.job.Job`.

    Returns
    -------
    predictions : pandas.DataFrame
        Table ``predictions``; empty if no model could be fitted.
    status : pandas.DataFrame
        Table ``status``: rows that could not be predicted, and why.
    """
    described = bundle.describe(bundle_dir)
    if not described["fitted"]:
        return tables.empty("predictions"), tables.empty("status")
    rows = model_rows(cohort, described["spec"], described["target"])
    predicted = bundle.load(bundle_dir, device=device, threads=threads, volumes=volumes_dir).predict(rows)
    return _predictions(described, rows, predicted), _left_out(described, rows, predicted)


def _predictions(described: dict, rows: pd.DataFrame, predicted: pd.DataFrame) -> pd.DataFrame:
    given = predicted["probability"].notna()
    least = 10.0**-PROBABILITY_STEP  # 0 and 1 have no logit
    probability = predicted.loc[given, "probability"].astype(float).round(PROBABILITY_STEP).clip(least, 1 - least)
    named = {name: described[name] for name in ("task", "target", "model", "seed")}
    columns = ["split", "patient", "center", "role", "label"]
    table = rows.loc[given, columns].assign(**named, time="baseline", probability=probability)
    return tables.validate("predictions", table, f"predictions of {described['model']}")


def _left_out(described: dict, rows: pd.DataFrame, predicted: pd.DataFrame) -> pd.DataFrame:
    left_out = predicted["probability"].isna()
    name = f"{described['task']}/{described['model']}, split {described['split']}"
    status = [
        tables.status_row(row.center, row.patient, "model", "set_aside", Reason(row.reason), f"{name}: {row.detail}")
        for row in rows[left_out].join(predicted.loc[left_out, ["reason", "detail"]]).itertuples()
    ]
    return tables.frame("status", status) if status else tables.empty("status")
