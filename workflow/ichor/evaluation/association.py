"""Association of variables with an outcome: logistic regression with odds ratios."""

import math
import warnings

import numpy as np
import pandas as pd
import statsmodels.api as sm

from ichor.evaluation.intervals import Z
from ichor.reasons import Reason


def odds_ratios(labels: np.ndarray, variables: pd.DataFrame) -> pd.DataFrame:
    """Odds ratios of a logistic regression on all `variables` together, Wald intervals.

    Parameters
    ----------
    labels : array, shape (n,)
        Outcome, 0 or 1.
    variables : DataFrame, shape (n, m)
        Numbers without gaps.

    Returns
    -------
    DataFrame
        One row per variable (index), columns odds_ratio, low, high, z, p, n, events, reason. Missing with
        `ONE_CLASS` when there is one outcome only, and with `PERFECT_PREDICTION` when the fit has no finite maximum
        (separation, or columns that determine each other).

    Raises
    ------
    ValueError
        If a variable has a gap.
    """
    labels = np.asarray(labels, dtype=float)
    design = sm.add_constant(variables.astype(float).reset_index(drop=True), has_constant="add")
    if not np.isfinite(design.to_numpy()).all():
        raise ValueError("variables have missing values; impute them or leave the patients out first")
    out = pd.DataFrame(math.nan, index=variables.columns, columns=["odds_ratio", "low", "high", "z", "p"])
    out["n"], out["events"], out["reason"] = len(labels), int(labels.sum()), None
    if labels.min() == labels.max():
        return out.assign(reason=Reason.ONE_CLASS)
    if np.linalg.matrix_rank(design.to_numpy()) < design.shape[1]:
        return out.assign(reason=Reason.PERFECT_PREDICTION)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # told by the reason
        fit = sm.GLM(labels, design, family=sm.families.Binomial()).fit(tol=1e-12)
    separated = np.minimum(fit.fittedvalues, 1 - fit.fittedvalues).max() < 1e-6
    if separated or not fit.converged or not np.isfinite(fit.bse).all() or (fit.bse * design.std(ddof=0) > 1e3).any():
        return out.assign(reason=Reason.PERFECT_PREDICTION)
    slope, error = fit.params[variables.columns], fit.bse[variables.columns]
    return out.assign(
        odds_ratio=np.exp(slope),
        low=np.exp(slope - Z * error),
        high=np.exp(slope + Z * error),
        z=slope / error,
        p=fit.pvalues[variables.columns],
    )
