"""Share of the reachable signal: how much of what the true risk could discriminate the model does discriminate.

Only for simulated patients, whose true risk is known. An outcome is drawn from the risk, so even the risk itself has an
AUC below 1; (AUC - 0.5) / (AUC of the true risk - 0.5), both on the same patients, is 1 for a model as good as the risk
and 0 for chance.

Part of the risk may stand in the record alone. A model that is shown the scan is held against the expectation of the
risk given what the scan shows as well (`image_reachable`).
"""

import numpy as np

from ichor.evaluation.bootstrap import Resamples, percentile_interval, weighted_auc
from ichor.evaluation.discrimination import area, auc
from ichor.evaluation.intervals import Estimate, check_inputs, undefined
from ichor.reasons import Reason

SMALLEST_SIGNAL = 0.05  # AUC of the true risk minus 0.5 below which a share of it says nothing


def reachable(
    labels: np.ndarray, probabilities: np.ndarray, risks: np.ndarray, resamples: Resamples
) -> dict[str, Estimate]:
    """AUC of the true risk, and the model's share of it.

    Parameters
    ----------
    labels, probabilities : array, shape (n,)
        Outcome and prediction.
    risks : array, shape (n,)
        True risk; NaN for patients without one, who are left out of both AUCs.
    resamples : Resamples
        Of the n patients; both AUCs are computed on the same draws.

    Returns
    -------
    dict
        ``reachable_auc`` with DeLong's interval; ``reachable_share`` with a percentile interval. The share is missing
        with `NO_TRUTH`, `ONE_CLASS`, or `REACHABLE_NEAR_CHANCE` (the true risk's AUC is below 0.55); its interval
        is missing for the last reason too when the true risk's AUC reaches 0.5 in more than 2.5 % of the resamples,
        where the ratio would flip its sign.
    """
    labels, probabilities = check_inputs(labels, probabilities)
    known = np.isfinite(np.asarray(risks, dtype=np.float64))
    if not known.any():
        return {"reachable_auc": undefined(Reason.NO_TRUTH), "reachable_share": undefined(Reason.NO_TRUTH)}
    y, p, r = labels[known], probabilities[known], np.asarray(risks, dtype=np.float64)[known]
    counts = {"n": int(y.size), "events": int(y.sum())}
    best = auc(y, r)._replace(**counts)
    if not np.isfinite(best.estimate):
        share = undefined(best.reason)
    elif best.estimate - 0.5 < SMALLEST_SIGNAL:
        share = undefined(Reason.REACHABLE_NEAR_CHANCE)
    else:
        share = _share(y, p, r, known, resamples)
    return {"reachable_auc": best, "reachable_share": share._replace(**counts)}


def image_reachable(
    labels: np.ndarray, probabilities: np.ndarray, image_risks: np.ndarray, resamples: Resamples
) -> dict[str, Estimate]:
    """AUC of the best reader of the scan, and the model's share of it.

    Parameters
    ----------
    labels, probabilities, resamples
        As in `reachable`.
    image_risks : array, shape (n,)
        Expectation of the true risk given all that the baseline scan shows, which is the best score that a function
        of the scan can give; NaN for patients without one.

    Returns
    -------
    dict
        ``reachable_image_auc`` and ``reachable_image_share``, as in `reachable`. The share of a model that reads the
        record too can lie above 1.
    """
    found = reachable(labels, probabilities, image_risks, resamples)
    return {name.replace("reachable", "reachable_image"): value for name, value in found.items()}


def _share(
    labels: np.ndarray, probabilities: np.ndarray, risks: np.ndarray, known: np.ndarray, resamples: Resamples
) -> Estimate:
    value = (area(labels, probabilities) - 0.5) / (area(labels, risks) - 0.5)

    def both(weights: np.ndarray) -> np.ndarray:
        drawn = weights[:, known]
        return np.stack([weighted_auc(labels, scores, drawn) for scores in (probabilities, risks)], axis=1)

    drawn = resamples.values(both).reshape(-1, 2) - 0.5
    drawn = drawn[np.isfinite(drawn).all(axis=1)]
    if len(drawn) and (drawn[:, 1] <= 0).mean() > 0.025:
        return Estimate(value, reason=Reason.REACHABLE_NEAR_CHANCE)
    drawn = drawn[drawn[:, 1] > 0]
    return percentile_interval(value, drawn[:, 0] / drawn[:, 1])
