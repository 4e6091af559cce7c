"""Models that no center's data can feed are left out before anything is planned, and why is said.

A hospital without time courses has no trajectory to predict, one without serial scores no deterioration, one without
report texts nothing to read: the default config lists models of all of these, and none of them may get in its way.
"""

from collections.abc import Mapping

import pandas as pd

from ichor.models import registry

TRAJECTORY, DETERIORATION = "trajectory", "deterioration"


def available(models: Mapping[str, Mapping], centers: pd.DataFrame, columns: pd.DataFrame) -> tuple[dict, list[str]]:
    """Models of the config that the centers' data allow.

    Parameters
    ----------
    models : mapping
        Task -> name of the model -> resolved settings.
    centers : DataFrame
        Centers sheet.
    columns : DataFrame
        Columns sheet.

    Returns
    -------
    models : dict
        The same without those that cannot be fitted anywhere; a task of which none is left stays, empty.
    remarks : list of str
        A sentence for each reason that left out any.
    """
    courses, reports = centers["courses"].notna().any(), centers["reports"].notna().any()
    labelled = courses or columns["variable"].astype(str).str.startswith(f"table_{DETERIORATION}").any()
    kept, remarks = {}, []
    for task, named in models.items():
        lacks = {TRAJECTORY: not courses, DETERIORATION: not labelled}.get(task, False)
        kept[task] = {} if lacks else dict(named)
        if lacks and named:
            remarks.append(f"task {task} is left out: no center of the centers sheet names a table of courses.")
        reading = [name for name, spec in kept[task].items() if registry.family(spec["kind"]) == "text"]
        if reading and not reports:
            remarks.append(f"models {', '.join(reading)} are left out: no center of the centers sheet names reports.")
            kept[task] = {name: spec for name, spec in kept[task].items() if name not in reading}
    return kept, remarks
