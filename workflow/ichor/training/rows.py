"""What one model reads of a cohort table, and nothing else."""

import pandas as pd

from ichor.cohort.feature_sets import expand
from ichor.errors import StudyError
from ichor.models import registry
from ichor.models.auxiliary_tasks import AuxiliaryTasks
from ichor.training.data import InputSpec

IDENTITY = ["split", "patient", "center", "role"]


def model_rows(cohort: pd.DataFrame, spec: dict, target: str) -> pd.DataFrame:
    """Labelled rows of a split's cohort with the columns that a model reads.

    Parameters
    ----------
    cohort : pandas.DataFrame
        Table ``cohort`` of one split; the label is its column ``label_<target>``.
    spec : dict
        Complete settings of the model.
    target : str
        What is predicted.

    Returns
    -------
    pandas.DataFrame
        Who the rows are, the model's columns (for a network the scan, and the mask if it reads it, each with its
        content hash) and ``label``. What else the cohort holds cannot reach the model, and a change of it does not
        make the model run again.

    Raises
    ------
    ichor.errors.StudyError
        If there is no such label, or the table holds more than one split.
    """
    splits = cohort["split"].unique()
    if len(splits) > 1:
        raise StudyError(f"cohort: found {len(splits)} splits ({', '.join(splits)}); a model is fitted on one")
    column = f"label_{target}"
    if column not in cohort:
        labels = [name for name in cohort if name.startswith("label_") and not name.endswith(("_reason", "_source"))]
        raise StudyError(f"target {target!r}: the cohort has no column {column}; it has {', '.join(labels)}")
    rows = cohort[cohort[column].notna()]
    wanted = dict.fromkeys([*IDENTITY, *columns_read(spec)])
    return rows[[name for name in wanted if name in rows]].assign(label=rows[column].astype(int))


def columns_read(spec: dict) -> list[str]:
    """Columns of the cohort table that a model reads, besides who the rows are and the label."""
    if registry.family(spec["kind"]) == "tabular":
        return registry.load(spec["kind"]).Model(spec).columns()
    if registry.family(spec["kind"]) == "text":
        return expand((spec.get("record") or {}).get("features", []))
    image, mask = ["image", "image_sha256"], ["mask", "mask_sha256"]
    scan = [*image, *mask] if InputSpec.from_settings(spec["input"]).needs_mask else image
    return [*scan, *expand(spec["record"]["features"]), *AuxiliaryTasks.of(spec).columns]
