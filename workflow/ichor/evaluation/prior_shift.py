"""Probabilities before and after the correction for a base rate that training changed."""

import numpy as np
from scipy.special import expit, logit


def corrected(probability: np.ndarray, prior_logit: float, prior_logit_seen: float) -> np.ndarray:
    """Probabilities under the real base rate, from those under the base rate that training saw.

    ``logit p = logit p_seen + prior_logit - prior_logit_seen``: exact where training changed how often the labels occur
    and nothing about what cases of a label look like (Saerens et al., Neural Computation 2002;14:21-41, equation 4;
    King & Zeng, Political Analysis 2001;9:137-163, equation 7).

    Parameters
    ----------
    probability : array
        0 to 1.
    prior_logit, prior_logit_seen : float
        Log odds of label 1 among the real train rows, and as the loss saw it: both stand in a network's ``model.json``.

    Returns
    -------
    array
        Same shape.
    """
    return expit(logit(np.asarray(probability, float)) + prior_logit - prior_logit_seen)


def uncorrected(probability: np.ndarray, prior_logit: float, prior_logit_seen: float) -> np.ndarray:
    """The inverse of `corrected`: what a network would have predicted without the correction.

    Of the mean of several networks (``training.seeds``) it is not the mean of their uncorrected probabilities; the two
    differ as far as the networks do.
    """
    return corrected(probability, prior_logit_seen, prior_logit)
