"""A network that learned nothing but noise: the same kind, trained on permuted labels (Adebayo et al., section 4.2)."""

import copy
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from ichor.cohort.fences import fitting_rows
from ichor.models.auxiliary_tasks import AuxiliaryTasks
from ichor.seeds import seed_for
from ichor.training.fit import fit_model


def permute_labels(rows: pd.DataFrame, target: str, seed: int, also: Sequence[str] = ()) -> pd.DataFrame:
    """Exchange known labels among the train rows, and among the tune rows; how many events there are stays.

    Parameters
    ----------
    rows : pandas.DataFrame
        Train and tune rows with columns ``role`` and ``label_<target>``.
    target : str
        What is predicted.
    seed : int
        Of the permutation.
    also : sequence of str
        Columns that go with the label: what a network of several tasks learns beside it.
    """
    column, together = f"label_{target}", [f"label_{target}", *also]
    made, rng = rows.copy(), np.random.default_rng(seed)
    for role in ("train", "tune"):
        own = made.index[(made["role"] == role) & made[column].notna()]
        order = rng.permutation(len(own))
        for name in together:
            made.loc[own, name] = made.loc[own, name].to_numpy()[order]
    return made


def reduced(spec: dict, share: float) -> dict:
    """Settings of a network for one member, a share of the epochs (one at least) and real cases only."""
    made = copy.deepcopy(spec)
    training = made["training"]
    training |= {"epochs": max(1, math.ceil(share * training["epochs"])), "seeds": 1}
    training["warmup_epochs"] = min(training["warmup_epochs"], training["epochs"])
    made["balance"] = made["balance"] | {"arm": "none", "generator": "", "ratio": ""}
    return made


def fit_permuted(
    cohort: pd.DataFrame,
    *,
    task: str,
    target: str,
    model: str,
    spec: dict,
    share: float,
    seed: int,
    checkpoint_dir: Path,
    bundle_dir: Path,
    device: str = "auto",
    precision: str = "32",
    threads: int = 1,
    volumes_dir: Path | None = None,
) -> None:
    """Fit a network of the model's kind on permuted labels and save its bundle.

    Parameters
    ----------
    cohort : pandas.DataFrame
        Table ``cohort`` of one split; test rows are not looked at.
    spec : dict
        Complete settings of the model.
    share : float
        Part of the model's epochs.
    task, target, model, seed, checkpoint_dir, bundle_dir, device, precision, threads, volumes_dir
        As for `ichor.training.fit.fit_model`.
    """
    rows = fitting_rows(cohort, str(cohort["split"].iloc[0]))
    own = seed_for(seed, "permuted labels", task, target, model)
    fit_model(
        permute_labels(rows, target, own, AuxiliaryTasks.of(spec).columns),
        task=task,
        target=target,
        model=model,
        spec=reduced(spec, share),
        seed=own,
        checkpoint_dir=checkpoint_dir,
        bundle_dir=bundle_dir,
        device=device,
        precision=precision,
        threads=threads,
        volumes_dir=volumes_dir,
    )
