"""The sanity gate: a map that does not change when the network forgets what it learned explains nothing.

Adebayo et al., NeurIPS 2018 (arXiv 1810.03292): the attribution of the trained network is compared with that of the
same network with random weights (model parameter randomisation) and of a network trained on permuted labels (data
randomisation). Methods whose maps stay alike show the image, as an edge detector does, and not the network.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from torch import nn

from ichor.explain import similarity
from ichor.explain.intervals import mean_interval
from ichor.explain.randomise import Fresh, all_at_once, cascade
from ichor.explain.vocabulary import MEASURES, TESTS
from ichor.progress import track

Attribute = Callable[[nn.Module, "Subject"], np.ndarray]
"""``attribute(network, subject) -> map (x, y, z)``."""

Compare = Callable[[np.ndarray, np.ndarray, "Subject"], dict[str, float]]
"""``compare(map, other, subject) -> {measure: similarity}``, see `ichor.explain.similarity`."""

CASCADE_SUBJECTS = 4
"""Subjects that the cascade is shown for: it decides nothing, and would cost as much as all that decides."""
DECIDING = ("all_layers", "permuted_labels")
"""Tests whose similarity must be low. After part of the cascade a method may rightly be as before: attention rollout
does not read the head at all."""


@dataclass(frozen=True)
class Subject:
    """One patient of the gate: what the network reads, and where the head is."""

    channels: np.ndarray
    head: np.ndarray


@dataclass(frozen=True)
class Trial:
    """A network whose maps are compared with those of the trained one.

    Attributes
    ----------
    test : str
        ``cascade``, ``all_layers``, ``permuted_labels``, or ``other_seed`` (trained alike: what can be hoped for).
    share : float
        Part of the layers that was randomised.
    network : torch.nn.Module
        The network.
    """

    test: str
    share: float
    network: nn.Module


def trials(
    network: nn.Module,
    fresh: Fresh,
    seed: int,
    *,
    steps: int,
    draws: int,
    permuted: nn.Module | None = None,
    other: nn.Module | None = None,
) -> list[Trial]:
    """All networks to compare with.

    Parameters
    ----------
    network : torch.nn.Module
        Trained.
    fresh : callable
        See `ichor.explain.randomise.Fresh`.
    seed : int
        Of the random weights.
    steps, draws : int
        Networks of the cascade, and networks with fresh weights in all layers.
    permuted : torch.nn.Module, optional
        Trained on permuted labels.
    other : torch.nn.Module, optional
        Trained on the same data from another seed.
    """
    made = [Trial("cascade", share, changed) for share, changed in cascade(network, fresh, seed, steps)]
    made += [Trial("all_layers", 1.0, changed) for changed in all_at_once(fresh, seed, draws)]
    made += [Trial("permuted_labels", 1.0, permuted)] if permuted is not None else []
    return made + ([Trial("other_seed", 0.0, other)] if other is not None else [])


def measure(
    attribute: Attribute,
    network: nn.Module,
    tried: Sequence[Trial],
    subjects: Sequence[Subject],
    description: str,
    compare: Compare = similarity.of_maps,
) -> pd.DataFrame:
    """Similarity of the trained network's maps to those of other networks.

    The cascade is followed for the first `CASCADE_SUBJECTS` only.

    Returns
    -------
    pandas.DataFrame
        One row per test, share and measure: ``test share measure estimate low high n``; means over the subjects
        (several networks of one test are averaged per subject first) with 95 % intervals.
    """
    rows = []
    for number, subject in enumerate(track(list(subjects), description)):
        own = attribute(network, subject)
        for trial in tried:
            if trial.test == "cascade" and number >= CASCADE_SUBJECTS:
                continue
            for name, value in compare(own, attribute(trial.network, subject), subject).items():
                rows.append((number, trial.test, round(trial.share, 4), name, value))
    each = pd.DataFrame(rows, columns=["subject", "test", "share", "measure", "value"])
    keys = ["test", "share", "measure"]
    per_subject = each.groupby([*keys, "subject"], sort=False)["value"].mean().reset_index()
    found = []
    for key, own in per_subject.groupby(keys, sort=False):
        estimate = mean_interval(own["value"].to_numpy())
        found.append(
            dict(zip(keys, key, strict=True))
            | {"estimate": estimate.estimate, "low": estimate.low, "high": estimate.high, "n": len(own)}
        )
    return pd.DataFrame(found, columns=[*keys, "estimate", "low", "high", "n"])


def passes(table: pd.DataFrame, limit: float) -> bool:
    """Whether all deciding similarities are below the limit with the upper ends of their intervals.

    An interval that could not be had (one subject) does not pass: what was not shown is not shown.
    """
    deciding = table[table["test"].isin(DECIDING)]
    return len(deciding) > 0 and bool((deciding["high"] < limit).all())


def said(table: pd.DataFrame, limit: float) -> str:
    """Why a method is shown or withheld, in words with the figures."""
    deciding = table[table["test"].isin(DECIDING)]
    if deciding.empty:
        return "withheld: nothing was compared"
    parts = [_one(row) for row in deciding.itertuples()]
    if not passes(table, limit):
        return f"withheld: not every upper end is below {limit:g}; {'; '.join(parts)}"
    late = table[(table["test"] == "cascade") & (table["estimate"] >= limit)]
    if len(late):
        parts.append(f"but still alike when the last {late['share'].max():.0%} of the layers were random")
    return f"shown: every upper end is below {limit:g}; {'; '.join(parts)}"


def table_rows(table: pd.DataFrame, limit: float, method: str) -> pd.DataFrame:
    """Rows of the table ``attribution_gate`` of one method, but for those columns that say which model it is."""
    outcome = "shown" if passes(table, limit) else "withheld"
    verdict = {"method": method, "outcome": outcome, "limit": limit, "detail": said(table, limit)}
    return pd.DataFrame([verdict | {"n": 0}]) if table.empty else table.assign(**verdict)


def _one(row) -> str:
    interval = f" ({row.low:.2f} to {row.high:.2f})" if np.isfinite(row.high) else " (no interval)"
    return f"{TESTS[row.test]}: {MEASURES[row.measure]} {row.estimate:.2f}{interval}"
