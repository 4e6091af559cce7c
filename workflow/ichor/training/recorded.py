"""Models without what no train row has: not every center writes down all columns of a named set."""

import copy

import pandas as pd

from ichor import tables
from ichor.cohort.feature_sets import expand, only_by_set
from ichor.models.auxiliary_tasks import without_targets
from ichor.reasons import Reason


def without_unrecorded(spec: dict, fitting: pd.DataFrame, target: str) -> tuple[dict, list[str]]:
    """Settings of a model with the columns of its named sets, less those that no train row has.

    Parameters
    ----------
    spec : dict
        Complete settings.
    fitting : pandas.DataFrame
        Train and tune rows of a cohort table; the labelled train rows among them decide.
    target : str
        What is predicted.

    Returns
    -------
    spec : dict
        ``features`` (and ``record.features``) are columns. A column that is named singly stays whatever its values are:
        that it has none is an error, which the fit names. So does a list that nothing would be left of.
    left_out : list of str
        Columns of sets that are left out, and tasks whose targets no train row has.
    """
    train = fitting[(fitting["role"] == "train") & fitting[f"label_{target}"].notna()]
    spec, left_out = copy.deepcopy(spec), []
    for settings in (spec, spec.get("record", {})):
        if "features" not in settings:
            continue
        given = settings["features"]
        unrecorded = [name for name in only_by_set(given) if name not in train or not train[name].notna().any()]
        kept = [name for name in expand(given) if name not in unrecorded]
        settings["features"] = kept or expand(given)
        left_out += unrecorded if kept else []
    if "tasks" in spec:
        spec["tasks"], untaught = without_targets(spec["tasks"], train)
        left_out += [f"the task {name}" for name in untaught]
    return spec, left_out


def remark(name: str, model: str, left_out: list[str]) -> dict:
    """Status row of a model that does without something."""
    detail = f"{name}: fitted without {', '.join(left_out)}, of which no train row has a value"
    return tables.status_row("", model, "model", "flagged", Reason.FEATURE_NEVER_RECORDED, detail)
