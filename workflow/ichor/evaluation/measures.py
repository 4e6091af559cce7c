"""Every quantity of one model on one group of patients."""

import math

import numpy as np
import pandas as pd

from ichor.evaluation.bootstrap import Resamples
from ichor.evaluation.calibration import brier, calibration_intercept, calibration_slope, observed_expected
from ichor.evaluation.classification import balanced_accuracy, confusion, f1, proportions
from ichor.evaluation.discrimination import auc, auprc, auprc_rare
from ichor.evaluation.intervals import Estimate, undefined, wilson
from ichor.evaluation.reachable import image_reachable, reachable
from ichor.evaluation.utility import net_benefit
from ichor.reasons import Reason

CLASSIFICATION = ("sensitivity", "specificity", "ppv", "npv", "accuracy", "balanced_accuracy", "f1")


def measure(rows: pd.DataFrame, resamples: Resamples, thresholds: tuple[float, ...]) -> dict[str, Estimate]:
    """All quantities of `rows`.

    Parameters
    ----------
    rows : DataFrame
        One row per patient: label, probability, risk (true risk or NaN), positive (1/0 at the threshold of the
        split, NaN without one), threshold_reason.
    resamples : Resamples
        Of these rows.
    thresholds : tuple of float
        Thresholds of the net benefit.

    Returns
    -------
    dict
        Quantity -> estimate: auc, auprc, brier, calibration_intercept, calibration_slope, observed_expected,
        prevalence, auprc_rare, sensitivity, specificity, ppv, npv, accuracy, balanced_accuracy, f1, net_benefit_<t>,
        reachable_auc, reachable_share; where `rows` have a risk_image (what of the risk the scan shows; NaN without
        one) that is known of somebody, reachable_image_auc and reachable_image_share.
    """
    y, p = rows["label"].to_numpy().astype(bool), rows["probability"].to_numpy(dtype=float)
    out = {
        "auc": auc(y, p),
        "auprc": auprc(y, p, resamples),
        "brier": brier(y, p, resamples),
        "calibration_intercept": calibration_intercept(y, p),
        "calibration_slope": calibration_slope(y, p),
        "observed_expected": observed_expected(y, p),
        "prevalence": wilson(int(y.sum()), int(y.size)),
    }
    out["auprc_rare"] = auprc_rare(y, p, resamples) if 2 * y.sum() > y.size else out["auprc"]
    out |= _classification(rows, y, resamples)
    out |= {f"net_benefit_{t:g}": net_benefit(y, p, t, resamples) for t in thresholds}
    out |= reachable(y, p, rows["risk"].to_numpy(dtype=float), resamples)
    if "risk_image" in rows and rows["risk_image"].notna().any():
        out |= image_reachable(y, p, rows["risk_image"].to_numpy(dtype=float), resamples)
    return out


def _classification(rows: pd.DataFrame, labels: np.ndarray, resamples: Resamples) -> dict[str, Estimate]:
    positive = rows["positive"].to_numpy(dtype=float)
    without = np.isnan(positive)
    if without.any():
        return dict.fromkeys(CLASSIFICATION, undefined(Reason(rows["threshold_reason"].to_numpy()[without][0])))
    called = positive == 1
    out = proportions(confusion(labels, called))
    out["balanced_accuracy"] = balanced_accuracy(labels, called, resamples)
    return out | {"f1": f1(labels, called, resamples)}


def metric_row(quantity: str, value: Estimate, n: int, events: int | None) -> dict:
    """Columns quantity to reason of one row of the metrics table; a missing number is NaN, never 0."""
    finite = [float(number) if math.isfinite(number) else math.nan for number in value[:3]]
    return {
        "quantity": quantity,
        "estimate": finite[0],
        "low": finite[1],
        "high": finite[2],
        "n": n if value.n is None else value.n,
        "events": events if value.events is None else value.events,
        "reason": None if value.reason is None else str(value.reason),
    }
