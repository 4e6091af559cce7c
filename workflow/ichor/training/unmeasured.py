"""Models without what the segmentation does not know: a bundle need not have been taught every label."""

import copy

import pandas as pd

from ichor import tables
from ichor.reasons import Reason

LABEL_OF = {"iph_ml": "iph", "ivh_ml": "ivh"}
"""Measured volumes of the cohort table, and the label of the mask that each is of."""


def unknown_labels(cohort: pd.DataFrame) -> list[str]:
    """Labels whose volume is known of no row, although there are masks: the segmentation does not know them."""
    if "mask" not in cohort or not cohort["mask"].notna().any():
        return []
    return [label for name, label in LABEL_OF.items() if name in cohort and not cohort[name].notna().any()]


def without(spec: dict, labels: list[str]) -> tuple[dict, list[str]]:
    """Settings of a model that do without some labels.

    Parameters
    ----------
    spec : dict
        Complete settings.
    labels : list of str
        Of `unknown_labels`.

    Returns
    -------
    spec : dict
        Without their volumes among ``features`` and without their channels among ``input.mask_labels``. A list that
        nothing would be left of stays: such a model cannot be had, and says so when it is fitted.
    left_out : list of str
        What was taken out.
    """
    spec, left_out = copy.deepcopy(spec), []
    volumes = [name for name, label in LABEL_OF.items() if label in labels]
    read = (spec, "features", volumes), (spec.get("record", {}), "features", volumes)
    for settings, key, unknown in (*read, (spec.get("input", {}), "mask_labels", labels)):
        kept = [name for name in settings.get(key, []) if name not in unknown]
        if kept and len(kept) < len(settings[key]):
            left_out += [name for name in settings[key] if name in unknown]
            settings[key] = kept
    return spec, left_out


def remark(name: str, model: str, left_out: list[str]) -> dict:
    """Status row of a model that does without something."""
    detail = f"{name}: fitted without {', '.join(left_out)}, which the segmentation does not know"
    return tables.status_row("", model, "model", "flagged", Reason.LABEL_NOT_SEGMENTED, detail)
