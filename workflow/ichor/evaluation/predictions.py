"""The predictions table as the evaluation takes it: read, checked, one probability per patient."""

from pathlib import Path

import pandas as pd

from ichor import tables
from ichor.errors import StudyError

FIT = ["task", "target", "model", "split"]
ADVICE = {
    "task": "for example outcome",
    "target": "what is predicted, for example poor_outcome",
    "model": "the model's name",
    "split": "external when all rows are one validation",
    "patient": "an identifier without personal data, unique across centers",
    "center": "where the patient was treated",
    "role": "test for all rows when there are no train and tune rows",
    "time": "baseline",
    "label": "the observed outcome, 0 or 1",
    "probability": "the predicted probability of label 1, from 0 to 1",
    "seed": "0 when there is one fit",
}


def read_predictions(paths: str | Path | list[str | Path]) -> pd.DataFrame:
    """Read one or more predictions tables (TSV, CSV or Parquet, by suffix) and check them together.

    Any model's table will do, also one that was not made here.

    Raises
    ------
    StudyError
        If a file is absent, a column is missing or unknown, a value does not fit the schema, or the rows contradict
        each other (see `check_predictions`).
    """
    paths = [paths] if isinstance(paths, str | Path) else list(paths)
    parts = [_read_one(Path(path)) for path in paths]
    source = str(paths[0]) if len(paths) == 1 else f"{len(paths)} predictions tables"
    parts = [part for part in parts if len(part)] or [tables.empty("predictions")]
    return check_predictions(pd.concat(parts, ignore_index=True), source)


def _read_one(path: Path) -> pd.DataFrame:
    if not path.is_file():
        raise StudyError(f"{path}: no such file; give a predictions table (.tsv, .csv or .parquet).")
    try:
        return tables.read("predictions", path)
    except StudyError as error:
        absent = [name for name in ADVICE if name in str(error).partition("; found")[0].replace(",", "").split()]
        if "missing" not in str(error) or not absent:
            raise
        hints = "; ".join(f"{name}: {ADVICE[name]}" for name in absent)
        raise StudyError(f"{error} Add ({hints}).") from error
    except (OSError, ValueError) as error:
        raise StudyError(f"{path}: could not be read as a table ({error}); give .tsv, .csv or .parquet.") from error


def check_predictions(predictions: pd.DataFrame, source: str) -> pd.DataFrame:
    """Check that the rows of a predictions table agree with each other; return them.

    Raises
    ------
    StudyError
        If a row stands twice (same task, target, model, split, patient, time and seed); if a patient has two roles in
        one split (a leak), belongs to two centers, or has two outcomes for one target and time of a split (another
        split may differ: expansion is measured on masks, and each split has its own).
    """
    predictions = tables.validate("predictions", predictions, source)
    key = [*FIT, "patient", "time", "seed"]
    twice = predictions.duplicated(key)
    if twice.any():
        row = predictions[twice].iloc[0]
        raise StudyError(
            f"{source}, row {int(twice.idxmax()) + 2}: a second row for {_where(row, key)}; "
            "keep one row per patient and seed."
        )
    _one_value(predictions, ["split", "patient"], "role", source, "a leak: a patient has one role in a split")
    _one_value(
        predictions,
        ["patient"],
        "center",
        source,
        "identifiers must be unique across centers: put the center's name before the identifier",
    )
    _one_value(
        predictions,
        ["task", "target", "split", "time", "patient"],
        "label",
        source,
        "a patient has one outcome",
    )
    return predictions


def _one_value(predictions: pd.DataFrame, key: list[str], column: str, source: str, rule: str) -> None:
    pairs = predictions.drop_duplicates([*key, column])
    again = pairs.duplicated(key)
    if not again.any():
        return
    number = int(again.idxmax())
    row = pairs.loc[number]
    values = pairs.loc[(pairs[key] == row[key]).all(axis=1), column]
    raise StudyError(
        f"{source}, row {number + 2}, column {column}: {_where(row, key)} has {column} "
        f"{' and '.join(map(str, values))}; {rule}."
    )


def _where(row: pd.Series, key: list[str]) -> str:
    return ", ".join(f"{name} {row[name]}" for name in key)


def one_per_patient(predictions: pd.DataFrame) -> pd.DataFrame:
    """Average the probabilities of a patient over the seeds of a model, and fold `time` into `target`.

    The model that is evaluated is thus the ensemble of its seeds: one probability per patient, so that n is the number
    of patients. A prediction made later than baseline is another target, named ``<target>@<time>``.

    Returns
    -------
    DataFrame
        Columns task, target, model, split, patient, center, role, label, probability, sorted by patient, so that the
        order of the rows in a file changes no number.
    """
    out = predictions.copy()
    out["label"], out["probability"] = out["label"].astype(int), out["probability"].astype(float)
    late = out["time"] != "baseline"
    out.loc[late, "target"] = out.loc[late, "target"] + "@" + out.loc[late, "time"]
    # Sorted by seed before the mean: a sum of floats depends on its order.
    out = out.sort_values([*FIT, "center", "patient", "seed"], kind="stable")
    key = [*FIT, "center", "patient", "role", "label"]
    return out.groupby(key, as_index=False, sort=True, observed=True)["probability"].mean()
