"""The networks of one model, trained with each ratio of events that is asked for; the tune rows choose among them."""

import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from ichor.seeds import seed_for
from ichor.training import bundle
from ichor.training.balance import NONE, Balance, Plan, events_to_add, plan
from ichor.training.checkpoint import fingerprint
from ichor.training.examples import Examples
from ichor.training.inference import NetworkPredictor
from ichor.training.job import Job
from ichor.training.member import Member, train_member, train_member_together

LEAST_PROBABILITY = 1e-7


@dataclass(frozen=True)
class Sets:
    """What a model is fitted on.

    Attributes
    ----------
    folder : pathlib.Path
        Where the examples lie, see `ichor.training.example_files`.
    train, tune : ichor.training.loop.Examples
        Of the train rows, synthetic ones at the end, and of the tune rows.
    n_real : int
        Train examples that are real.
    facts : dict
        What else the bundle says of them: ``record``, how the record is prepared, and ``initial_weights``, from which
        training starts, each if there is any.
    """

    folder: Path
    train: Examples
    tune: Examples
    n_real: int
    facts: dict = field(default_factory=dict)


def train_candidates(job: Job, device: torch.device, sets: Sets) -> tuple[dict[str, np.ndarray], dict]:
    """Train every candidate and keep the one with the smallest loss on the tune rows.

    Returns
    -------
    arrays : dict
        Weights of each network of the candidate that is kept, by ``<number>.<name>``.
    facts : dict
        For the bundle: ``prior_logit``, ``prior_logit_seen`` and ``balance``, which has the figures of all candidates.
    """
    balance = Balance.of(job.spec)
    ratios = balance.candidates()
    trained, figures = {}, {}
    for ratio in ratios:
        seen = plan(sets.train.labels, sets.n_real, balance, ratio, job.seed)
        trained[ratio] = _train_networks(job, device, sets, ratio, alone=len(ratios) == 1)
        loss = None if len(ratios) == 1 else _tune_loss(job, trained[ratio], seen, sets)
        figures[ratio] = _figures(sets, seen, balance, ratio) | {"tune_loss": loss}
    chosen = _best(figures)
    seen = plan(sets.train.labels, sets.n_real, balance, chosen, job.seed)
    facts = {"arm": balance.arm, "generator": balance.generator, "ratio": chosen, "correct_prior": seen.correct_prior}
    facts |= {name: number for name, number in figures[chosen].items() if name != "tune_loss"}
    if len(ratios) > 1:
        facts |= {"tune_rows": len(sets.tune), "candidates": figures}
    facts |= {"draws": job.draws or job.model}
    priors = {"prior_logit": seen.prior_logit, "prior_logit_seen": seen.prior_logit_seen}
    return trained[chosen], {**priors, "balance": facts}


def _best(figures: dict[str, dict]) -> str:
    """The candidate with the smallest tune loss; the first, which adds least, where there are no tune rows."""
    losses = {ratio: facts["tune_loss"] for ratio, facts in figures.items() if facts["tune_loss"] is not None}
    return min(losses, key=losses.get) if losses else next(iter(figures))


def _figures(sets: Sets, seen: Plan, balance: Balance, ratio: str) -> dict:
    """What one candidate saw."""
    labels, real = sets.train.labels[seen.rows], sets.train.labels[: sets.n_real]
    events, others = int((real == 1).sum()), int((real == 0).sum())
    added = len(seen.rows) - sets.n_real
    found = {"events": int((labels == 1).sum()), "others": others, "added": added}
    if balance.arm == "synthetic":
        missing = events_to_add(events, others, ratio) - added
        found |= {"synthetic": added, "available": len(sets.train) - sets.n_real, "missing": missing}
    return found


def _tune_loss(job: Job, arrays: dict[str, np.ndarray], seen: Plan, sets: Sets) -> float | None:
    """Mean log loss of the tune rows under the mean probability of the networks; None without tune rows."""
    if not len(sets.tune):
        return None
    members = {"members": job.spec["training"]["seeds"], "model": job.model, "seed": job.seed}
    facts = {"spec": job.spec, "precision": job.precision, **members}
    facts |= {"prior_logit": seen.prior_logit, "prior_logit_seen": seen.prior_logit_seen} | sets.facts
    predictor = NetworkPredictor.restored(arrays, facts, job.device, job.threads)
    probability = np.clip(predictor.predict_views(sets.tune.views), LEAST_PROBABILITY, 1 - LEAST_PROBABILITY)
    true = np.where(sets.tune.labels == 1, probability, 1 - probability)
    return float(-np.log(true).mean())


def _train_networks(job: Job, device: torch.device, sets: Sets, ratio: str, alone: bool) -> dict[str, np.ndarray]:
    """Weights of each network of one candidate."""
    arrays = {}
    parts = [part for examples in (sets.train, sets.tune) for part in (examples.views.image_hu, examples.views.masks)]
    parts += [sets.train.labels, sets.tune.labels]
    parts += [examples.views.record for examples in (sets.train, sets.tune) if examples.views.record is not None]
    parts += [sets.train.targets] if sets.train.targets is not None else []
    facts = {"spec": job.spec, "precision": job.precision, "threads": job.threads, "processes": job.processes}
    facts |= {"code": bundle.code_digest(job.spec["kind"]), "versions": bundle.versions()}
    facts |= {"n_real": sets.n_real, "ratio": ratio, **sets.facts}
    for number in range(job.spec["training"]["seeds"]):
        seed = seed_for(job.seed, job.task, job.target, job.draws or job.model, job.split, number)
        name = f"network-{number}" if alone else f"network-{number}-{ratio.replace(':', 'to')}"
        path = job.checkpoint_dir / f"{name}.safetensors"
        mark = fingerprint({**facts, "seed": seed}, parts)
        member = Member(job.spec, seed, job.precision, job.threads, sets.n_real, ratio, str(path.resolve()), mark)
        started = time.monotonic()
        if job.processes > 1:
            weights = train_member_together(member, device, sets.folder, job.processes)
        else:
            weights = train_member(member, device, sets.train, sets.tune)
        print(_trained(job, number, ratio, time.monotonic() - started, device))
        arrays |= {f"{number}.{name}": tensor.numpy() for name, tensor in weights.items()}
    return arrays


def _trained(job: Job, number: int, ratio: str, seconds: float, device: torch.device) -> str:
    where = f"{device}, {job.processes} processes" if job.processes > 1 else device
    of = f"network {number + 1} of {job.spec['training']['seeds']}" + ("" if ratio == NONE else f", events {ratio}")
    return f"{job.name}: {of} trained in {seconds:.1f} s on {where}"
