"""Groups of low, intermediate and high risk, and when the event came in each."""

import math

import numpy as np
import pandas as pd

from ichor.evaluation.survival import cox, kaplan_meier, log_rank
from ichor.reasons import Reason

GROUPS = ("low", "intermediate", "high")
THIRDS = (1 / 3, 2 / 3)
FIT = ["task", "target", "model", "split"]
TOO_FEW = 3  # events or patients of a group below which no hazard ratio is given: our choice


def with_groups(predictions: pd.DataFrame) -> pd.DataFrame:
    """Test rows with their group of risk: thirds of the risks of the same fit's tune rows.

    The cut points are those of the tune rows, so nothing of a test patient decides who is called high.

    Parameters
    ----------
    predictions : DataFrame
        One row per patient and fit, of `ichor.evaluation.predictions.one_per_patient`.

    Returns
    -------
    DataFrame
        The test rows with ``group`` of `GROUPS`; None where a fit has no two different cut points.
    """
    parts = []
    for _, rows in predictions.groupby(FIT, sort=True):
        tested = rows[rows["role"] == "test"]
        cuts = cut_points(rows.loc[rows["role"] == "tune", "probability"].to_numpy(dtype=float))
        group = np.full(len(tested), None, dtype=object)
        if cuts is not None:
            place = np.searchsorted(cuts, tested["probability"].to_numpy(dtype=float), side="left")
            group = np.array(GROUPS, dtype=object)[place]
        parts.append(tested.assign(group=group))
    return pd.concat(parts, ignore_index=True) if parts else predictions.assign(group=None).iloc[:0]


def cut_points(probabilities: np.ndarray) -> tuple[float, float] | None:
    """Thirds of some risks; None where the two are one number. A risk above a cut point belongs to the group above."""
    if not len(probabilities):
        return None
    low, high = np.quantile(probabilities, THIRDS)
    return (float(low), float(high)) if low < high else None


def group_curves(times: np.ndarray, events: np.ndarray, groups: np.ndarray) -> pd.DataFrame:
    """Kaplan-Meier curve of each group as the share that had the event.

    Parameters
    ----------
    times, events, groups : array, shape (n,)
        Time to the event or to the end of what is known, any unit; 1 event, 0 none until then; one of `GROUPS`.

    Returns
    -------
    DataFrame
        ``group time risk low high at_risk``; a row per time of each group's curve.
    """
    times, events, groups = np.asarray(times, dtype=float), np.asarray(events, dtype=int), np.asarray(groups)
    parts = []
    for name in GROUPS:
        own = groups == name
        if own.any():
            curve = kaplan_meier(times[own], events[own])
            parts.append(
                pd.DataFrame(
                    dict(
                        group=name,
                        time=curve["time"],
                        risk=1 - curve["survival"],
                        low=1 - curve["high"],
                        high=1 - curve["low"],
                        at_risk=curve["at_risk"],
                    )
                )
            )
    columns = ["group", "time", "risk", "low", "high", "at_risk"]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)


def group_summary(
    times: np.ndarray, events: np.ndarray, groups: np.ndarray, horizons: tuple[float, ...]
) -> tuple[pd.DataFrame, dict]:
    """Patients, events, Kaplan-Meier risk at some times and hazard ratio of each group, and one test of all groups.

    Parameters
    ----------
    times, events, groups : array, shape (n,)
        See `group_curves`.
    horizons : tuple of float
        Times at which the risk is stated, in the unit of `times`; missing where nobody of a group was followed so far.

    Returns
    -------
    summary : DataFrame
        ``group quantity estimate low high n events reason``: quantity ``risk_<horizon>`` and ``hazard_ratio`` (Cox,
        against the lowest group there is).
    test : dict
        ``statistic df p n events reason`` of the log-rank test.
    """
    times, events, groups = np.asarray(times, dtype=float), np.asarray(events, dtype=int), np.asarray(groups)
    curves, rows = group_curves(times, events, groups), []
    present = [name for name in GROUPS if (groups == name).any()]
    for name in present:
        own, curve = groups == name, curves[curves["group"] == name]
        size = dict(group=name, n=int(own.sum()), events=int(events[own].sum()), reason=None)
        for horizon in horizons:
            last = curve[curve["time"] <= horizon].iloc[-1]
            estimate = (last["risk"], last["low"], last["high"])
            reason = None
            if times[own].max() < horizon and last["risk"] < 1:
                estimate, reason = (math.nan,) * 3, str(Reason.FOLLOWUP_TOO_SHORT)
            rows.append(size | dict(zip(("estimate", "low", "high"), estimate, strict=True)) | dict(
                quantity=f"risk_{horizon:g}", reason=reason
            ))  # fmt: skip
        if name != present[0]:
            rows.append(size | _hazard(times, events, groups, present[0], name))
    columns = ["group", "quantity", "estimate", "low", "high", "n", "events", "reason"]
    test = dict(statistic=math.nan, df=0, p=math.nan, n=len(times), events=int(events.sum()), reason=None)
    if len(present) < 2 or not events.any():
        test["reason"] = str(Reason.TOO_FEW_EVENTS)
    else:
        test |= dict(zip(("statistic", "df", "p"), log_rank(times, events, groups), strict=True))
    return pd.DataFrame(rows, columns=columns), test


def _hazard(times: np.ndarray, events: np.ndarray, groups: np.ndarray, first: str, other: str) -> dict:
    """Hazard ratio of a group against the first one, on the patients of both."""
    own = np.isin(groups, (first, other))
    is_other = (groups[own] == other).astype(float)
    found = dict(quantity="hazard_ratio", estimate=math.nan, low=math.nan, high=math.nan)
    counts = [events[own][is_other == side].sum() for side in (0, 1)]
    if min(counts) < TOO_FEW:
        return found | dict(reason=str(Reason.TOO_FEW_EVENTS))
    fit = cox(times[own], events[own], pd.DataFrame({"group": is_other})).iloc[0]
    return found | dict(estimate=fit["hazard_ratio"], low=fit["low"], high=fit["high"], reason=None)
