"""Agreement of predicted with reference masks: per case and label, and over cases.

Two empty masks: the Dice coefficient is undefined (NaN) and such a case is not counted among the Dice values; it is
counted in the volumes, where both are 0.0 mL. One empty mask against one that is not: Dice is 0.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

SUMMARY_COLUMNS = "split center label n n_dice dice_q1 dice_median dice_q3 bias_ml loa_low_ml loa_high_ml ccc".split()


def dice(prediction: np.ndarray, reference: np.ndarray) -> float:
    """Dice coefficient ``2 |P and R| / (|P| + |R|)`` of two masks (Dice, Ecology 1945;26:297-302).

    Parameters
    ----------
    prediction, reference : array of bool, same shape

    Returns
    -------
    float
        In [0, 1]; NaN when both masks are empty.

    Raises
    ------
    ValueError
        If the shapes differ.
    """
    prediction, reference = np.asarray(prediction, dtype=bool), np.asarray(reference, dtype=bool)
    if prediction.shape != reference.shape:
        raise ValueError(f"masks of shape {prediction.shape} and {reference.shape} cannot be compared")
    both = np.count_nonzero(prediction) + np.count_nonzero(reference)
    return 2.0 * np.count_nonzero(prediction & reference) / both if both else float("nan")


def limits_of_agreement(difference: np.ndarray) -> tuple[float, float, float]:
    """Bias and 95 % limits of agreement (Bland and Altman, Lancet 1986;327:307-310).

    Parameters
    ----------
    difference : array, shape (n,)
        Predicted minus reference.

    Returns
    -------
    tuple of float
        Mean, mean - 1.96 SD, mean + 1.96 SD, with the sample SD; NaN without cases, limits NaN with one.
    """
    difference = np.asarray(difference, dtype=float)
    if not len(difference):
        return float("nan"), float("nan"), float("nan")
    bias = float(difference.mean())
    half = 1.96 * float(difference.std(ddof=1)) if len(difference) > 1 else float("nan")
    return bias, bias - half, bias + half


def concordance(x: np.ndarray, y: np.ndarray) -> float:
    """Concordance correlation coefficient (Lin, Biometrics 1989;45:255-268, with its 1/n moments).

    Parameters
    ----------
    x, y : array, shape (n,)

    Returns
    -------
    float
        In [-1, 1]; NaN with fewer than two cases or when both are the same constant.
    """
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    if len(x) < 2:
        return float("nan")
    covariance = float(((x - x.mean()) * (y - y.mean())).mean())
    spread = float(x.var() + y.var() + (x.mean() - y.mean()) ** 2)
    return 2.0 * covariance / spread if spread > 0 else float("nan")


def summarise_agreement(masks: pd.DataFrame, labels: Sequence[str] = ("iph", "ivh")) -> pd.DataFrame:
    """Summarise the masks table by split, center and label; center ``all`` has the rows of every center.

    Parameters
    ----------
    masks : DataFrame
        Masks table; rows without reference or without prediction are left out.
    labels : sequence of str

    Returns
    -------
    DataFrame
        Columns `SUMMARY_COLUMNS`: n cases with both volumes, n_dice those with a defined Dice, quartiles of Dice,
        bias and limits of agreement in mL (predicted minus reference), concordance of the volumes.
    """
    rows = []
    for split, of_split in masks.groupby("split", sort=True):
        groups = [*of_split.groupby("center", sort=True), ("all", of_split)]
        rows += [
            {"split": split, "center": center, "label": label, **_summary(group, label)}
            for center, group in groups
            for label in labels
        ]
    return pd.DataFrame(rows, columns=SUMMARY_COLUMNS)


def _summary(group: pd.DataFrame, label: str) -> dict[str, float]:
    predicted = group[f"{label}_ml"].astype(float)
    reference = group[f"reference_{label}_ml"].astype(float)
    paired = predicted.notna() & reference.notna()
    scores = group.loc[paired, f"dice_{label}"].astype(float).dropna().to_numpy()
    quartiles = np.percentile(scores, [25, 50, 75]) if len(scores) else np.full(3, np.nan)
    predicted, reference = predicted[paired].to_numpy(), reference[paired].to_numpy()
    bias, low, high = limits_of_agreement(predicted - reference)
    return {
        "n": len(predicted),
        "n_dice": len(scores),
        "dice_q1": quartiles[0],
        "dice_median": quartiles[1],
        "dice_q3": quartiles[2],
        "bias_ml": bias,
        "loa_low_ml": low,
        "loa_high_ml": high,
        "ccc": concordance(predicted, reference),
    }
