"""Uncertainty of a predicted volume as a standard deviation in mL: columns ``<label>_error_ml`` of ``measures``.

Two parts. What one model misses at that size is seen on the train and tune scans of the split, each segmented by a
model that never saw its patient: ``R``, the root mean square of predicted minus reference volume. How much the models
disagree about this very scan is seen where several segment it: ``s``, the standard deviation (over n) of their
volumes. As the variance of a mixture of the models' predictions (Lakshminarayanan et al., NeurIPS 2017, section 2.4)::

    error^2 = (t(n) R)^2 + s^2        t(n) = 97.5 % point of Student's t with n degrees of freedom / 1.96

``t(n)`` pays for an R that comes from n patients only: for normal errors around 0, volume +- 1.96 error then holds the
reference in 95 of 100 scans however few they were. A train or tune patient is segmented by one model, and s is 0. For
the others R alone would be that of one model; where folds err independently of each other their mean is better than
that and the error too large, at most by a factor of ``sqrt(2 K - 1)`` for K folds that share nothing. Nothing of a test
patient's reference is used.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import stats

from ichor import tables
from ichor.imaging.measures import LABEL_CODES
from ichor.segmentation.agreement import size_class

LEAST_PATIENTS = 5
"""Fewer patients of a size give no error of their own; then that of all sizes is taken. Our choice."""


def fold_spread_ml(voxels: Sequence[Sequence[int]], voxel_ml: float, labels: Sequence[str]) -> dict[str, float]:
    """Standard deviation (over n) of the volumes that several models find in one scan, mL by label.

    Parameters
    ----------
    voxels : sequence of sequences of int, shape (models, 1 + labels)
        Voxels of background and of each label, by each model alone.
    voxel_ml : float
        Volume of a voxel of the grid that they were counted on, mL.
    labels : sequence of str

    Returns
    -------
    dict
        Empty for fewer than two models: one model cannot disagree.
    """
    if len(voxels) < 2:
        return {}
    spread = np.asarray(voxels, dtype=float).std(axis=0) * voxel_ml
    return {label: float(spread[value]) for value, label in enumerate(labels, start=1)}


def few_patients_factor(n: int) -> float:
    """Factor on the root mean square of n normal errors around 0 that makes +- 1.96 of it hold 95 % of new ones.

    A new error over that root mean square follows Student's t with n degrees of freedom.
    """
    return float(stats.t.ppf(0.975, n) / stats.norm.ppf(0.975))


def add_errors(measures: pd.DataFrame, cases: pd.DataFrame, splits: pd.DataFrame, masks: pd.DataFrame) -> pd.DataFrame:
    """Add to each volume its uncertainty, mL: columns ``<label>_error_ml``; see the module.

    Parameters
    ----------
    measures, cases, splits, masks : DataFrame
        Tables ``measures``, ``agreement_cases``, ``splits`` and ``masks`` (its columns ``<label>_fold_sd_ml``).

    Returns
    -------
    DataFrame
        Measures with the columns filled; empty without a volume, and where too few patients can be learned from.
    """
    fitted = splits[splits["role"].isin(["train", "tune"])][["split", "center", "patient"]].drop_duplicates()
    known = cases.merge(fitted, on=["split", "center", "patient"])
    known = known.assign(size=known["predicted_ml"].map(size_class), square=known["difference_ml"] ** 2)
    keys = ["split", "center", "patient", "time_point"]
    spreads = [f"{label}_fold_sd_ml" for label in LABEL_CODES]
    disagreement = measures[keys].merge(masks[[*keys, *spreads]], on=keys, how="left", validate="one_to_one")
    out = measures.copy()
    for label in LABEL_CODES:
        of_label = known[known["label"] == label]
        whole = _single_model_errors(of_label, ["split"])
        by_size = _single_model_errors(of_label, ["split", "size"])
        single = [
            by_size.get((split, size_class(volume)), whole.get((split,), np.nan)) if pd.notna(volume) else np.nan
            for split, volume in zip(measures["split"], measures[f"{label}_ml"], strict=True)
        ]
        out[f"{label}_error_ml"] = np.hypot(single, np.nan_to_num(disagreement[f"{label}_fold_sd_ml"].to_numpy(float)))
    return tables.validate("measures", out, "measures")


def _single_model_errors(cases: pd.DataFrame, by: list[str]) -> dict[tuple, float]:
    """``t(n) R`` of each group with enough patients, mL."""
    found = {}
    for group, part in cases.groupby(by):
        patients = len(part[["center", "patient"]].drop_duplicates())
        if patients >= LEAST_PATIENTS:
            found[group] = few_patients_factor(patients) * float(part["square"].mean()) ** 0.5
    return found
