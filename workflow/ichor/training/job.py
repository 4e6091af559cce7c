"""One fit: what it is, what its bundle says of it, and the last checks before anything is learned."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from ichor.cohort.fences import LeakError, assert_fitting
from ichor.models import registry

MINIMUM_PER_CLASS = 3
"""Fewer train rows of one outcome than this are no training set; our choice."""


@dataclass(frozen=True)
class Job:
    """What is fitted, for one split.

    Attributes
    ----------
    task, target, model, split : str
        As in the predictions table.
    spec : dict
        Complete settings of the model's kind.
    seed : int
        Seed of the fit.
    device, precision : str
        ``auto``, ``cpu`` or ``cuda``; ``32`` or ``bf16``.
    threads : int
        CPU threads; their number is part of what makes two runs equal.
    checkpoint_dir, bundle_dir : pathlib.Path
        Resumable state, and the result.
    volumes_dir : pathlib.Path, optional
        The study's cache of scans; it changes how fast they are read and nothing else.
    processes : int
        Processes that train a network together, each on a GPU of its own where training runs on GPUs, with `threads`
        threads each.
    draws : str
        Name of the model whose initial weights and order of rows this one takes
        (`ichor.training.shared_draws.draws_of`); empty for its own.
    """

    task: str
    target: str
    model: str
    split: str
    spec: dict
    seed: int
    device: str
    precision: str
    threads: int
    checkpoint_dir: Path
    bundle_dir: Path
    volumes_dir: Path | None = None
    processes: int = 1
    draws: str = ""

    @property
    def name(self) -> str:
        """For messages: task, model and split."""
        return f"{self.task}/{self.model}, split {self.split}"


def identity(job: Job) -> dict:
    """What a bundle says of itself, fitted or not."""
    made = {"task": job.task, "target": job.target, "model": job.model, "split": job.split}
    made |= {"kind": job.spec["kind"], "family": registry.family(job.spec["kind"]), "spec": job.spec}
    return made | {"post_baseline": registry.post_baseline(job.spec)}


def describe(job: Job, rows: pd.DataFrame) -> dict:
    """What a bundle says of every model: what it is, what it was fitted on. No identifier of a patient."""
    counts = rows[rows["role"].isin(["train", "tune"])].groupby(["center", "role"])["label"].agg(["size", "sum"])
    fitted_on: dict[str, dict] = {}
    for (center, role), (size, events) in counts.iterrows():
        fitted_on.setdefault(center, {})[role] = {"n": int(size), "events": int(events)}
    output = {"output": f"probability that label_{job.target} is 1, predicted at the baseline scan"}
    return {**identity(job), **output, "seed": job.seed, "precision": job.precision, "fitted_on": fitted_on}


def check_fitting(job: Job, cohort: pd.DataFrame, **parts: pd.DataFrame) -> None:
    """Last look before anything is learned: every row belongs to the role that it is used for.

    Raises
    ------
    ichor.cohort.fences.LeakError
        If not.
    """
    for role, rows in parts.items():
        assert_fitting(rows, cohort, job.split)
        if not (rows["role"] == role).all():
            raise LeakError(f"{job.name}: rows of role {', '.join(rows['role'].unique())} would be used as {role} rows")


def too_few(labels: pd.Series | np.ndarray) -> bool:
    """Whether one of the two outcomes is too rare to learn from."""
    return min(int((labels == 0).sum()), int((labels == 1).sum())) < MINIMUM_PER_CLASS
