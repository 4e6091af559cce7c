"""What a center's expansion labels cannot tell: none at all, no case, or follow-up scans of the severe only."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from scipy import stats

from ichor import tables
from ichor.reasons import Reason

LEAST_PATIENTS = 5
"""With fewer patients with, or without, a follow-up scan their severity is not compared. Our choice."""
LEVEL = 0.01
"""Two variables of each center are compared: a stricter level than the usual one. Our choice."""
SEVERITY = {"iph_ml": ("baseline volume", " mL"), "gcs": ("GCS", "")}


def check_labels(cohort: pd.DataFrame) -> list[dict]:
    """Look at the expansion labels of each center of a split.

    Parameters
    ----------
    cohort : DataFrame
        Table ``cohort`` of one split.

    Returns
    -------
    list of dict
        Rows of the status table, for centers: ``no_followup`` (nobody has a follow-up scan, nor a volume or label in
        the table instead), ``one_class`` (all labelled patients have expansion, or none has), ``followup_selective``
        (baseline volume or GCS differ between patients with and without follow-up).
    """
    return [
        tables.status_row(
            str(center), "", "label", "flagged", reason, f"split {own['split'].iloc[0]}, expansion: {text}"
        )
        for center, own in cohort.groupby("center", sort=True)
        for reason, text in _remarks(own)
    ]


def _remarks(rows: pd.DataFrame) -> Iterator[tuple[Reason, str]]:
    followed = (rows["label_expansion_reason"] != str(Reason.NO_FOLLOWUP)).to_numpy()
    if not followed.any():
        yield (
            Reason.NO_FOLLOWUP,
            f"none of {len(rows)} patients has a follow-up scan, nor a volume or label in the table",
        )
        return
    labels = rows["label_expansion"].dropna().astype(int)
    if len(labels) and labels.nunique() == 1:
        yield (
            Reason.ONE_CLASS,
            f"{'only' if labels.iloc[0] else 'no'} expansion among {len(labels)} labelled patients",
        )
    differences = [text for name in SEVERITY for text in _difference(rows, followed, name)]
    if differences:
        share = f"{int(followed.sum())} of {len(rows)} patients have a follow-up"
        yield Reason.FOLLOWUP_SELECTIVE, "; ".join([share, *differences])


def _difference(rows: pd.DataFrame, followed: np.ndarray, name: str) -> list[str]:
    """A variable's medians with and without follow-up in words, where they differ (Mann and Whitney 1947)."""
    values = rows[name].astype(float).to_numpy()
    groups = [values[chosen & ~np.isnan(values)] for chosen in (followed, ~followed)]
    if min(len(group) for group in groups) < LEAST_PATIENTS:
        return []
    p = float(stats.mannwhitneyu(*groups, alternative="two-sided", method="asymptotic").pvalue)
    if not p < LEVEL:
        return []
    word, unit = SEVERITY[name]
    with_scan, without = (f"{np.median(group):.3g}{unit}" for group in groups)
    return [f"median {word} {with_scan} with and {without} without one (p = {p:.1g})"]
