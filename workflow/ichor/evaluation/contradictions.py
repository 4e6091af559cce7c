"""Answers that contradict each other: alive at 180 days, but not at 30.

A good outcome at 180 days implies survival to 180 days, and that implies survival to 30 days. Models that answer by a
product cannot give the narrower target the higher probability; others can. Decisions can contradict each other even
where probabilities do not, because each target has a threshold of its own.
"""

from collections.abc import Mapping
from itertools import pairwise

import numpy as np
import pandas as pd

from ichor import tables
from ichor.evaluation.steps import TASK, parted

ROUNDING = 1e-6  # probabilities are stored as float32 by some models


def contradictions(
    risks: Mapping[str, pd.DataFrame], nested: tuple[str, ...], metrics: pd.DataFrame, order: pd.DataFrame
) -> pd.DataFrame:
    """Count contradictions of each model at each step.

    Parameters
    ----------
    risks : mapping
        Model -> its table ``trajectory_risks`` of all splits; test patients at risk are counted.
    nested : tuple of str
        Targets, each implied by the next one: survival_30d, survival_180d, good_180d.
    metrics : DataFrame
        Metrics table; its thresholds, which come from tune rows, make the decisions.
    order : DataFrame
        Of `ichor.evaluation.steps.step_order`.

    Returns
    -------
    DataFrame
        Table ``contradictions``: a row per split, model, step and pair of neighboring targets.
    """
    limits = _thresholds(metrics)
    out = []
    for model, table in risks.items():
        own = table[(table["role"] == "test") & table["at_risk"].astype(bool)]
        for (split, step), part in own.groupby(["split", "step"], sort=True):
            wide = part.pivot(index="patient", columns="target", values="probability")
            for implied, narrower in pairwise(nested):
                if implied not in wide or narrower not in wide:
                    continue
                both = wide[[narrower, implied]].dropna()
                found = _pair(both[narrower].to_numpy(float), both[implied].to_numpy(float))
                key = [limits.get((split, model, step, name)) for name in (narrower, implied)]
                called = None if None in key else int(((both[narrower] >= key[0]) & (both[implied] < key[1])).sum())
                out.append(
                    {
                        "split": split,
                        "model": model,
                        "step": step,
                        "position": int(order.loc[step, "position"]),
                        "target": narrower,
                        "implied": implied,
                        **found,
                        "decisions": called,
                    }
                )
    found = tables.frame("contradictions", out)
    return found.sort_values(["split", "model", "position", "target"], kind="stable").reset_index(drop=True)


def _pair(narrower: np.ndarray, implied: np.ndarray) -> dict:
    excess = narrower - implied
    return {
        "n": int(excess.size),
        "risks": int((excess > ROUNDING).sum()),
        "largest": float(max(excess.max(), 0.0)) if excess.size else None,
    }


def _thresholds(metrics: pd.DataFrame) -> dict[tuple[str, str, str, str], float]:
    """(split, model, step, target) -> threshold, where one could be chosen."""
    rows = metrics[(metrics["task"] == TASK) & (metrics["quantity"] == "threshold") & (metrics["center"] == "all")]
    rows = rows[rows["estimate"].notna()]
    rows = rows.assign(**parted(rows["target"]))
    return {(row.split, row.model, row.step, row.target): float(row.estimate) for row in rows.itertuples()}
