"""Membership inference: whether one can tell from the synthetic cases which patients the generator has seen.

If a generator repeats its training patients, these are closer to its cases than patients are whom it never saw. The
split's tune patients are such patients, of the same centers. With the negative distance to the nearest synthetic case
as a score, the area under the ROC curve of train against tune patients is 0.5 when nothing leaks and 1 when every
train patient is closer than every tune patient; it is the probability that the attack picks the train patient out of
one of each. Distances to generated samples as an attack: Chen et al., ACM CCS 2020 (GAN-Leaks), black-box case.

This is no leak into the study: tune patients are only compared with. Neither generator nor refusal limit nor any
figure that chooses cases depends on them.
"""

import numpy as np

from ichor.evaluation.discrimination import auc
from ichor.evaluation.intervals import Estimate, undefined
from ichor.reasons import Reason


def membership_auc(train_distance: np.ndarray, tune_distance: np.ndarray) -> Estimate:
    """AUC of train against tune patients by closeness to the synthetic cases, with DeLong's interval.

    Parameters
    ----------
    train_distance, tune_distance : array, shape (n,)
        Distance of each patient to the nearest synthetic case (`ichor.synthesis.nearest.distances`).

    Returns
    -------
    Estimate
        `n` counts both groups. Without a finite distance in either there is none (`NO_TUNE_ROWS` or
        `EMPTY_DENOMINATOR`).
    """
    train, tune = (np.asarray(group, float)[np.isfinite(group)] for group in (train_distance, tune_distance))
    if not train.size:
        return undefined(Reason.EMPTY_DENOMINATOR)
    if not tune.size:
        return undefined(Reason.NO_TUNE_ROWS)
    labels = np.r_[np.ones(train.size), np.zeros(tune.size)]
    return auc(labels, -np.r_[train, tune])._replace(n=labels.size)
