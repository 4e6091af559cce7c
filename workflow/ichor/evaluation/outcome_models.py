"""What each model of an outcome study reads, and which of them the patients of development would have chosen."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ichor.evaluation.discrimination import auc
from ichor.scores.rows import SCORES

PARTS = ("fusion", "image", "tabular", "score")
"""Image and record; image alone; record alone, or measures of the image; a published score."""
LEAST = 1e-6
"""Probabilities are kept this far from 0 and 1, so that a log loss is finite."""


@dataclass(frozen=True)
class OutcomeModel:
    """One model of the study.

    Attributes
    ----------
    name : str
        As in the config.
    part : {"fusion", "image", "tabular", "score"}
        What it reads, see `PARTS`.
    post_baseline : tuple of str
        Predictors that are known only after admission; such a model is shown and never chosen.
    """

    name: str
    part: str
    post_baseline: tuple[str, ...] = ()


def outcome_models(models: Mapping[str, Mapping[str, object]]) -> list[OutcomeModel]:
    """Sort models by what they read, in the order of `PARTS` and then of the config.

    Parameters
    ----------
    models : mapping
        Name -> complete settings (`ichor.models.registry.resolve`).
    """
    found = [OutcomeModel(name, _part(spec), _late(spec)) for name, spec in models.items()]
    return sorted(found, key=lambda model: PARTS.index(model.part))


def _part(spec: Mapping[str, object]) -> str:
    if "input" in spec:
        return "fusion" if (spec.get("record") or {}).get("features") else "image"
    kind = str(spec["kind"])
    scored = "score" in spec or "ivh_present_ml" in spec or kind.removesuffix("_score") in SCORES
    return "score" if scored and "features" not in spec else "tabular"


def _late(spec: Mapping[str, object]) -> tuple[str, ...]:
    given = spec.get("post_baseline") or (spec.get("record") or {}).get("post_baseline") or ()
    return tuple(given)


def choose(rows: pd.DataFrame, models: list[OutcomeModel]) -> dict[str, dict]:
    """The model of each part with the least log loss on the tune rows, the first of equals.

    Parameters
    ----------
    rows : DataFrame
        One row per patient, split and model: model, split, patient, role, label, probability. Rows of other roles than
        ``tune`` are not looked at.
    models : list of OutcomeModel
        Candidates; those that read what is known after admission only are none.

    Returns
    -------
    dict
        Part -> ``model loss auc n events`` on the tune rows that all candidates of the part predicted. A part with one
        candidate has it, whatever the tune rows say; without tune rows of both outcomes a part of several has none.
    """
    found = {}
    for part in PARTS:
        names = [model.name for model in models if model.part == part and not model.post_baseline]
        tune = rows[(rows["role"] == "tune") & rows["model"].isin(names)]
        tune = tune[tune.groupby(["split", "patient"])["model"].transform("nunique") == len(names)]
        enough = len(tune) and tune["label"].nunique() == 2
        if len(names) == 1 or (names and enough):
            found[part] = _best(tune, names) if enough else {"model": names[0]}
    return found


def _best(tune: pd.DataFrame, names: list[str]) -> dict:
    given = tune["probability"].where(tune["label"] == 1, 1 - tune["probability"]).astype(float)
    losses = (-np.log(given.clip(lower=LEAST))).groupby(tune["model"]).mean().reindex(names)
    best = losses.idxmin()
    own = tune[tune["model"] == best]
    value = auc(own["label"].to_numpy(), own["probability"].to_numpy(dtype=float)).estimate
    counts = {"n": len(own), "events": int(own["label"].sum())}
    return {"model": best, "loss": float(losses[best]), "auc": value} | counts
