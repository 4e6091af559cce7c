"""Two models of time courses on the same visits: differences of AUC and Brier score, by patient."""

import math
from collections.abc import Mapping
from itertools import combinations

import numpy as np
import pandas as pd

from ichor.evaluation.bootstrap import Resamples, weighted_mean
from ichor.evaluation.clustered import clustered_auc, clustered_difference
from ichor.evaluation.discrimination import area
from ichor.evaluation.multiple_tests import holm
from ichor.evaluation.study_comparisons import verdict
from ichor.models import registry
from ichor.seeds import seed_for

NO_GAIN = 0.02
"""Difference in AUC below which one would hardly change a simple model for a network: our choice, for words only."""
COMPARED = (
    "family model_a model_b auc_a auc_a_low auc_a_high auc_b difference low high p p_holm "
    "brier_difference brier_low brier_high visits patients events verdict reason"
).split()


def compare_models(known: pd.DataFrame, models: Mapping[str, dict], *, bootstrap: int, seed: int) -> pd.DataFrame:
    """Each network against each other model, networks among themselves, other models among themselves.

    Parameters
    ----------
    known : DataFrame
        As of `compare_visits`, of all models.
    models : mapping
        Model -> complete settings.
    bootstrap, seed : int
        As of `compare_visits`.

    Returns
    -------
    DataFrame
        Columns `COMPARED`. ``family``: ``networks`` (a network minus another model), ``among_networks``,
        ``among_others``; `p_holm` is adjusted within a network, or within the family.
    """
    here = [name for name in models if name in set(known["model"])]
    networks = [name for name in here if registry.family(models[name]["kind"]) == "sequence"]
    others = [name for name in here if name not in networks]
    wanted = [("networks", a, b) for a in networks for b in others]
    wanted += [("among_networks", *pair) for pair in combinations(networks, 2)]
    wanted += [("among_others", *pair) for pair in combinations(others, 2)]
    out = [
        {"family": family, "model_a": a, "model_b": b} | compare_visits(known, a, b, bootstrap=bootstrap, seed=seed)
        for family, a, b in wanted
    ]
    table = pd.DataFrame(out, columns=[name for name in COMPARED if name not in ("p_holm", "verdict")])
    table["p_holm"] = math.nan
    question = table["model_a"].where(table["family"] == "networks", "")
    for _, group in table.groupby(["family", question], sort=False):
        table.loc[group.index, "p_holm"] = holm(group["p"].to_numpy(dtype=float))
    table["verdict"] = [verdict(row | {"n": row["patients"]}, NO_GAIN) for row in table.to_dict("records")]
    return table[COMPARED]


def compare_visits(known: pd.DataFrame, first: str, second: str, *, bootstrap: int, seed: int) -> dict:
    """Two models on the visits that both answered.

    Parameters
    ----------
    known : DataFrame
        ``model patient position label risk``; label 1 = event.
    first, second : str
        Models.
    bootstrap, seed : int
        Resamples of patients, for the difference of the Brier scores.

    Returns
    -------
    dict
        Columns of `COMPARED` from ``auc_a`` on, without ``p_holm`` and ``verdict``; ``patients`` and ``events`` count
        patients, ``events`` those with the event after one of the visits.
    """
    wide = known[known["model"].isin([first, second])]
    wide = wide.pivot(index=["patient", "position", "label"], columns="model", values="risk")
    wide = wide.reindex(columns=[first, second]).dropna().sort_index()
    patients, labels = (
        wide.index.get_level_values("patient").to_numpy(),
        wide.index.get_level_values("label").to_numpy(),
    )
    a, b = (wide[name].to_numpy(dtype=float) for name in (first, second))
    own = clustered_auc(labels, a, patients)
    test = clustered_difference(labels, a, b, patients)
    draws = Resamples(np.zeros(len(wide)), bootstrap, seed_for(seed, "trajectory study", "brier"), patients)
    errors = [(risk - labels) ** 2 for risk in (a, b)]
    worse = draws.difference(*(lambda weights, error=error: weighted_mean(error, weights) for error in errors))
    return {
        "auc_a": own.estimate, "auc_a_low": own.low, "auc_a_high": own.high, "auc_b": area(labels, b),
        "difference": test.difference, "low": test.low, "high": test.high, "p": test.p,
        "brier_difference": worse.estimate, "brier_low": worse.low, "brier_high": worse.high,
        "visits": len(wide), "patients": len(set(patients)), "events": len(set(patients[labels == 1])),
        "reason": None if test.reason is None else str(test.reason),
    }  # fmt: skip
