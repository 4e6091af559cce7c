"""Is a number possible, and is it too good? Checks of reported figures, our own and printed ones."""

import numpy as np
import pandas as pd

from ichor.evaluation.classification import Confusion, proportions

PRINTED = ("sensitivity", "specificity", "ppv", "npv", "accuracy")


def leakage_alarms(metrics: pd.DataFrame, *, alarm: float = 0.85, task: str = "expansion") -> pd.DataFrame:
    """AUCs on test rows that are too high to be believed without a look for leaks.

    Published image models of expansion reach .71 to .81 in hospitals they were not trained on (Yu et al., npj Digit
    Med 2025, table 3; Zhong et al., Stroke Vasc Neurol 2021). Ask for real patients only: in a simulation the
    reachable AUC is known and says more.

    Parameters
    ----------
    metrics : DataFrame
        The metrics table.
    alarm : float
        AUC above which a figure is suspect.
    task : str
        Task that is looked at.

    Returns
    -------
    DataFrame
        The rows of `metrics` with a suspect AUC, highest first.
    """
    suspect = (metrics["quantity"] == "auc") & (metrics["task"] == task) & (metrics["estimate"] > alarm)
    return metrics[suspect & (metrics["center"] != "next")].sort_values("estimate", ascending=False, kind="stable")


def iou_of_dice(dice: float) -> float:
    """Intersection over union of one mask with this Dice coefficient: D / (2 - D)."""
    return dice / (2 - dice)


def dice_and_iou_agree(dice: float, iou: float, tolerance: float = 0.005) -> bool:
    """Whether mean Dice and mean IoU of the same masks can stand together.

    IoU is a convex function of Dice, so the mean IoU lies between D / (2 - D) (all cases alike) and D (every case
    0 or 1). Near the upper end the pair is possible only if hardly any case lies between failure and perfection.
    """
    return iou_of_dice(dice) - tolerance <= iou <= dice + tolerance


def matching_confusions(events: int, others: int, printed: dict[str, float], decimals: int = 3) -> list[Confusion]:
    """All confusion matrices on the given class counts that reproduce printed proportions.

    Parameters
    ----------
    events, others : int
        Patients with label 1 and 0.
    printed : dict
        Any of sensitivity, specificity, ppv, npv, accuracy -> printed value.
    decimals : int
        Decimals that were printed; a value rounded half up or half to even both count as a match.

    Returns
    -------
    list of Confusion
        Empty when no whole-number matrix gives the printed values: then something else was computed.
    """
    unknown = set(printed) - set(PRINTED)
    if unknown:
        raise ValueError(f"unknown proportion(s) {', '.join(sorted(unknown))}; known are {', '.join(PRINTED)}")
    half = 0.5 * 10.0**-decimals + 1e-9
    hits = [np.arange(events + 1), np.arange(others + 1)]
    for axis, (name, total) in enumerate((("sensitivity", events), ("specificity", others))):
        if name in printed:
            hits[axis] = hits[axis][np.abs(hits[axis] / max(total, 1) - printed[name]) <= half]
    cells = [Confusion(int(tp), int(others - tn), int(events - tp), int(tn)) for tp in hits[0] for tn in hits[1]]
    return [cell for cell in cells if _matches(cell, printed, half)]


def _matches(cells: Confusion, printed: dict[str, float], half: float) -> bool:
    found = proportions(cells)
    return all(abs(found[name].estimate - value) <= half for name, value in printed.items())
