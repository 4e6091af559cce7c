"""What moves the models of the record: mean absolute SHAP value of each variable over held-out patients."""

import numpy as np
import pandas as pd

from ichor.report import names, numbers
from ichor.report.outcome_frames import frame

SHOWN = 10
FEWEST = 5  # different values below which no direction is given: our choice


def shap_summary(values: pd.DataFrame, split: str, labels: dict[str, str]) -> dict | None:
    """A row per variable, a column per model, largest first.

    Parameters
    ----------
    values : DataFrame
        Table ``shap``; rows of other roles than test are left out.
    split : str
        Split, or ``loco`` and ``cv`` for all their parts.
    labels : dict
        Model -> name for people; other models are left out.

    Returns
    -------
    dict or None
        Table for the macro ``frame``: mean absolute value, and below it whether the risk rises or falls with the
        variable (sign of Spearman's correlation of value and SHAP value, numbers only). None without values.
    """
    own = values[(values["role"] == "test") & values["model"].isin(list(labels))]
    own = own[(own["split"] == split) | own["split"].str.startswith(f"{split}-")]
    if own.empty:
        return None
    size = own.assign(size=own["shap"].abs()).groupby(["feature", "model"])["size"].mean().unstack()
    models = [name for name in labels if name in size]
    order = (size / size.sum()).mean(axis=1).sort_values(ascending=False, kind="stable").index[:SHOWN]
    scale = own.drop_duplicates("model").set_index("model")["scale"]
    heads = [f"{labels[name]}, {names.words(scale[name]).lower()}" for name in models]
    cells = {key: part for key, part in own.groupby(["feature", "model"])}
    rows = []
    for feature in order:
        row: list = [names.variable(feature)]
        for model in models:
            part = cells.get((feature, model))
            said = "" if part is None else numbers.plain(size.loc[feature, model])
            row.append({"text": said, "small": [] if part is None else _direction(part), "code": False})
        rows.append(row)
    return frame(["Variable", *heads], rows)


def _direction(part: pd.DataFrame) -> list[str]:
    known = pd.to_numeric(part["value"], errors="coerce")
    both = known.notna().to_numpy()
    if known[both].nunique() < FEWEST or part["shap"][both].nunique() < 2:
        return []
    slope = np.sign(known[both].corr(part["shap"][both], method="spearman"))
    return [{1.0: "rises with it", -1.0: "falls with it"}.get(float(slope), "")]
