"""What a model does not know: of simulated patients by their true risk, of real ones by what another model adds."""

import math
import warnings

import numpy as np
import pandas as pd
import statsmodels.api as sm
from scipy import stats
from scipy.special import logit

LEAST = 1e-6
FEWEST = 20
"""Patients with a value of a variable below which its correlation is not told: our choice."""
SEPARATED = -1e-3
"""Log likelihood above which the outcomes are as good as separated, and a fit has no finite maximum."""
COLUMNS = ["model", "variable", "correlation", "p", "n"]


def missed_variables(rows: pd.DataFrame, risk: pd.Series, variables: pd.DataFrame) -> pd.DataFrame:
    """Variables that go with the part of the true risk which a model does not have.

    The true log odds are regressed on the model's; the residual is held against each variable by Spearman's rank
    correlation, among the patients in whom the variable is known.

    Parameters
    ----------
    rows : DataFrame
        One row per patient and model: model, patient, probability.
    risk : Series
        Patient -> true risk, between 0 and 1.
    variables : DataFrame
        Patient (index) -> variables; those that are no numbers are left out.

    Returns
    -------
    DataFrame
        Columns model, variable, correlation, p (of one test, not adjusted), n; the largest correlation first.
    """
    numeric = variables.apply(pd.to_numeric, errors="coerce").dropna(axis=1, how="all")
    out = []
    for model, own in rows.groupby("model", sort=False):
        own = own.set_index("patient")
        known = own.index.intersection(risk.index)
        if len(known) < FEWEST:
            continue
        truth = logit(risk[known].clip(LEAST, 1 - LEAST).to_numpy(dtype=float))
        mine = logit(own.loc[known, "probability"].clip(LEAST, 1 - LEAST).to_numpy(dtype=float))
        slope, intercept = np.polyfit(mine, truth, 1) if np.ptp(mine) > 0 else (0.0, truth.mean())
        residual = pd.Series(truth - slope * mine - intercept, index=known)
        for name in numeric:
            values = numeric[name].reindex(known).dropna()
            if len(values) < FEWEST or values.nunique() < 2:
                continue
            found = stats.spearmanr(residual[values.index], values)
            out.append((model, name, float(found.statistic), float(found.pvalue), len(values)))
    table = pd.DataFrame(out, columns=COLUMNS)
    return table.sort_values("correlation", key=lambda column: -column.abs(), kind="stable", ignore_index=True)


def adds(rows: pd.DataFrame, first: str, second: str) -> dict:
    """Whether model `second` knows something of the outcome that model `first` does not.

    Likelihood ratio test, one degree of freedom, of a logistic regression of the outcome on the log odds of both
    against the one on the first alone.

    Parameters
    ----------
    rows : DataFrame
        One row per patient and model: model, patient, label, probability.
    first, second : str
        Models.

    Returns
    -------
    dict
        ``statistic p n``; NaN where the fit has no finite maximum or an outcome is absent.
    """
    wide = rows[rows["model"].isin([first, second])].pivot(index="patient", columns="model", values="probability")
    wide = wide.reindex(columns=[first, second]).dropna().clip(LEAST, 1 - LEAST)
    labels = rows.drop_duplicates("patient").set_index("patient")["label"].reindex(wide.index).to_numpy(dtype=float)
    out = {"statistic": math.nan, "p": math.nan, "n": len(wide)}
    if min(labels.sum(), len(labels) - labels.sum()) < 2:
        return out
    design = sm.add_constant(logit(wide.to_numpy(dtype=float)), has_constant="add")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # told by the missing number
        both, alone = (sm.GLM(labels, x, family=sm.families.Binomial()).fit() for x in (design, design[:, :2]))
    if not both.converged or both.llf > SEPARATED:
        return out
    statistic = max(0.0, 2 * (both.llf - alone.llf))
    return out | {"statistic": statistic, "p": float(stats.chi2.sf(statistic, 1))}
