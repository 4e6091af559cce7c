"""Measures of rows of which several are of one patient, such as visits: the patient is what was sampled.

AUC after Obuchowski, Biometrics 1997;53:567-578: the placements of a patient's rows are summed and the patients are the
units of the variance, so that visits of one patient may be as alike as they want. With one row per patient it is
DeLong's variance, but for the factor I/(I - 1) of all patients in the place of those of each outcome.
"""

import math
import warnings

import numpy as np
import statsmodels.api as sm
from scipy import stats

from ichor.evaluation.bootstrap import Resamples
from ichor.evaluation.discrimination import DifferenceTest, placements
from ichor.evaluation.intervals import CONFIDENCE, Estimate, Z, check_inputs, undefined, wald
from ichor.reasons import Reason


def clustered_auc(labels: np.ndarray, values: np.ndarray, patients: np.ndarray) -> Estimate:
    """AUC over all rows with an interval by patient, cut at 0 and 1.

    Parameters
    ----------
    labels, values : array, shape (n,)
        Outcome and prediction of each row.
    patients : array, shape (n,)
        Patient of each row; one may have rows of both outcomes.

    Returns
    -------
    Estimate
        Missing with `ONE_CLASS`; without an interval (`TOO_FEW_EVENTS`) where a class is of a single patient.
    """
    labels, values = check_inputs(labels, values)
    if labels.all() or not labels.any():
        return undefined(Reason.ONE_CLASS)
    if np.ptp(values) == 0:
        return Estimate(0.5, reason=Reason.CONSTANT_PREDICTION)
    above, below = placements(labels, values)
    area = float(above.mean())
    variance = _variance(labels, above - area, below - area, patients)
    if not variance > 0:
        reason = Reason.PERFECT_PREDICTION if area in (0.0, 1.0) else Reason.TOO_FEW_EVENTS
        return Estimate(area, reason=reason)
    found = wald(area, math.sqrt(variance))
    return found._replace(low=max(0.0, found.low), high=min(1.0, found.high))


def clustered_difference(
    labels: np.ndarray, first: np.ndarray, second: np.ndarray, patients: np.ndarray
) -> DifferenceTest:
    """Difference of two AUCs on the same rows, first minus second, with a two-sided normal test by patient.

    Two models that rank all rows alike have difference 0 and p 1, as in `ichor.evaluation.discrimination`.
    """
    labels = np.asarray(labels).astype(bool)
    if labels.all() or not labels.any():
        return DifferenceTest(math.nan, reason=Reason.ONE_CLASS)
    pairs = [placements(labels, values) for values in (first, second)]
    above, below = (pairs[0][part] - pairs[1][part] for part in (0, 1))
    difference = float(above.mean())
    variance = _variance(labels, above - difference, below - difference, patients)
    if math.isnan(variance):
        return DifferenceTest(difference, reason=Reason.TOO_FEW_EVENTS)
    if variance < 1e-20:
        alike = abs(difference) < 1e-12
        return DifferenceTest(0.0, 0.0, 0.0, 0.0, math.nan, 1.0) if alike else DifferenceTest(difference)
    error = math.sqrt(variance)
    half = float(stats.norm.ppf(0.5 + CONFIDENCE / 2)) * error
    p = float(2 * stats.norm.sf(abs(difference / error)))
    return DifferenceTest(difference, difference - half, difference + half, difference / error, math.nan, p)


def _variance(labels: np.ndarray, above: np.ndarray, below: np.ndarray, patients: np.ndarray) -> float:
    """Obuchowski's variance from placements less their mean; NaN where a class is of fewer than two patients.

    S10 = I10 / ((I10 - 1) M) sum(x_i^2), S01 = I01 / ((I01 - 1) N) sum(y_i^2), S11 = I / (I - 1) sum(x_i y_i), with x_i
    and y_i the sums over the M events and N others of patient i; variance S10 / M + S01 / N + 2 S11 / (M N).
    """
    codes = np.unique(np.asarray(patients, dtype=str), return_inverse=True)[1]
    whole = codes.max() + 1
    sums = [np.bincount(codes[own], part, whole) for own, part in ((labels, above), (~labels, below))]
    have = [np.unique(codes[own]).size for own in (labels, ~labels)]
    if min(have) < 2:
        return math.nan
    parts = [
        has / ((has - 1) * part.size) * float((total**2).sum()) / part.size
        for has, part, total in zip(have, (above, below), sums, strict=True)
    ]
    shared = whole / (whole - 1) * float((sums[0] * sums[1]).sum())
    return parts[0] + parts[1] + 2 * shared / (above.size * below.size)


def clustered_calibration(labels: np.ndarray, probabilities: np.ndarray, patients: np.ndarray) -> dict[str, Estimate]:
    """Calibration intercept and slope as in `ichor.evaluation.calibration`, with intervals by patient.

    Sandwich variance of the logistic model with the patients as clusters (Liang & Zeger, Biometrika 1986;73:13-22).
    """
    labels, probabilities = check_inputs(labels, probabilities)
    names = ("calibration_intercept", "calibration_slope")
    with np.errstate(divide="ignore"):
        logits = np.log(probabilities) - np.log1p(-probabilities)
    if labels.all() or not labels.any():
        return dict.fromkeys(names, undefined(Reason.ONE_CLASS))
    if not np.isfinite(logits).all():
        return dict.fromkeys(names, undefined(Reason.EXTREME_PROBABILITY))
    groups = np.unique(np.asarray(patients, dtype=str), return_inverse=True)[1]
    designs = (np.ones((labels.size, 1)), logits, 0), (sm.add_constant(logits, has_constant="add"), None, 1)
    out = {}
    for name, (design, offset, place) in zip(names, designs, strict=True):
        out[name] = _coefficient(labels, design, offset, groups, place)
    return out


def _coefficient(
    labels: np.ndarray, design: np.ndarray, offset: np.ndarray | None, groups: np.ndarray, place: int
) -> Estimate:
    model = sm.GLM(labels.astype(float), design, family=sm.families.Binomial(), offset=offset)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # separation and divergence are told by the reason below
        try:
            fit = model.fit(tol=1e-12, maxiter=100, cov_type="cluster", cov_kwds={"groups": groups})
        except (np.linalg.LinAlgError, ValueError):
            return undefined(Reason.EXTREME_PROBABILITY)
    if not (fit.converged and np.isfinite(fit.bse[place]) and fit.bse[place] < 1e6):
        return undefined(Reason.EXTREME_PROBABILITY)
    value, error = float(fit.params[place]), float(fit.bse[place])
    return Estimate(value, value - Z * error, value + Z * error, standard_error=error)


def resampled_share(part: np.ndarray, whole: np.ndarray, resamples: Resamples) -> Estimate:
    """Sum of `part` over the sum of `whole`, both of each row, with the percentile interval of the resamples."""
    part, whole = np.asarray(part, dtype=float), np.asarray(whole, dtype=float)
    if not whole.sum() > 0:
        return undefined(Reason.EMPTY_DENOMINATOR)

    def statistic(weights: np.ndarray) -> np.ndarray:
        below = weights @ whole
        return np.divide(weights @ part, below, out=np.full(below.shape, math.nan), where=below > 0)

    return resamples.interval(float(part.sum() / whole.sum()), statistic)
