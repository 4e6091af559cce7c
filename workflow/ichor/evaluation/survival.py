"""Time to event: Kaplan-Meier curves, log-rank test and Cox regression, through lifelines."""

import numpy as np
import pandas as pd
from lifelines import CoxPHFitter, KaplanMeierFitter
from lifelines.statistics import multivariate_logrank_test


def kaplan_meier(times: np.ndarray, events: np.ndarray) -> pd.DataFrame:
    """Kaplan-Meier curve with log(-log) intervals.

    Parameters
    ----------
    times : array, shape (n,)
        Follow-up time, any unit, 0 or more.
    events : array, shape (n,)
        1 = event at that time, 0 = censored.

    Returns
    -------
    DataFrame
        Columns time, survival, low, high, at_risk: one row per distinct time, and time 0.
    """
    fit = KaplanMeierFitter(alpha=0.05).fit(np.asarray(times, dtype=float), np.asarray(events, dtype=int))
    interval = fit.confidence_interval_survival_function_
    return pd.DataFrame(
        {
            "time": fit.survival_function_.index.to_numpy(dtype=float),
            "survival": fit.survival_function_.iloc[:, 0].to_numpy(),
            "low": interval.iloc[:, 0].to_numpy(),
            "high": interval.iloc[:, 1].to_numpy(),
            "at_risk": fit.event_table["at_risk"].to_numpy(dtype=int),
        }
    )


def survival_at(curve: pd.DataFrame, time: float) -> float:
    """Survival at `time` of a curve from `kaplan_meier` (a step function that holds until the next event)."""
    if time > curve["time"].max():
        return float("nan")
    return float(curve.loc[curve["time"] <= time, "survival"].iloc[-1])


def log_rank(times: np.ndarray, events: np.ndarray, groups: np.ndarray) -> tuple[float, int, float]:
    """Log-rank test of two groups or more: chi-squared statistic, degrees of freedom, p value."""
    result = multivariate_logrank_test(np.asarray(times, dtype=float), groups, np.asarray(events, dtype=int))
    return float(result.test_statistic), int(np.unique(groups).size - 1), float(result.p_value)


def cox(times: np.ndarray, events: np.ndarray, covariates: pd.DataFrame) -> pd.DataFrame:
    """Cox regression with Efron's handling of ties.

    Returns
    -------
    DataFrame
        One row per covariate (index), columns coefficient, standard_error, hazard_ratio, low, high, p.
    """
    data = covariates.astype(float).reset_index(drop=True)
    data["_time"], data["_event"] = np.asarray(times, dtype=float), np.asarray(events, dtype=int)
    fit = CoxPHFitter().fit(data, "_time", "_event", fit_options={"precision": 1e-10})
    table = fit.summary
    return pd.DataFrame(
        {
            "coefficient": table["coef"],
            "standard_error": table["se(coef)"],
            "hazard_ratio": table["exp(coef)"],
            "low": table["exp(coef) lower 95%"],
            "high": table["exp(coef) upper 95%"],
            "p": table["p"],
        }
    )
