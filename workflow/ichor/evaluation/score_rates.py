"""Rates of an outcome by points of a score, beside the published ones."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from ichor.evaluation.intervals import wilson

COLUMNS = ["points", "n", "events", "rate", "low", "high", "published"]


def rates_by_score(
    points: np.ndarray, labels: np.ndarray, published: Mapping[int, float] | None = None
) -> pd.DataFrame:
    """Observed rate of the outcome for each number of points.

    Parameters
    ----------
    points : array, shape (n,)
        Points of each patient (`ichor.scores.rows.score_rows`), NaN where there is no score.
    labels : array, shape (n,)
        Outcome, 0 or 1, or missing.
    published : mapping, optional
        Points -> rate in the score's paper, in [0, 1].

    Returns
    -------
    DataFrame
        One row per number of points that somebody has or that was published, ascending: ``points`` (int), ``n``,
        ``events``, ``rate``, ``low``, ``high`` (Wilson, in [0, 1]; NaN for nobody), ``published`` (NaN where there is
        none). ``attrs["left_out"]`` counts the patients without a score or outcome.

    Raises
    ------
    ValueError
        If an outcome is neither 0, 1 nor missing, or points are not whole.
    """
    points = pd.to_numeric(pd.Series(points).reset_index(drop=True)).astype(float)
    labels = pd.to_numeric(pd.Series(labels).reset_index(drop=True)).astype(float)
    if len(points) != len(labels) or not labels.dropna().isin((0, 1)).all() or (points.dropna() % 1 != 0).any():
        raise ValueError("points must be whole numbers and labels 0 or 1, of the same patients")
    known = points.notna() & labels.notna()
    published = published or {}
    counted = labels[known].groupby(points[known].astype(int)).agg(["size", "sum"])
    rows = []
    for value in sorted({*counted.index, *published}):
        n, events = (int(number) for number in counted.loc[value]) if value in counted.index else (0, 0)
        share = wilson(events, n)
        rows.append((value, n, events, share.estimate, share.low, share.high, published.get(value, np.nan)))
    table = pd.DataFrame(rows, columns=COLUMNS).astype({"points": int, "n": int, "events": int, "published": float})
    table.attrs["left_out"] = int((~known).sum())
    return table
