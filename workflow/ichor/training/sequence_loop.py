"""Training of one sequence network: seeded, resumable, its best state chosen on the tune rows."""

import copy
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from ichor.models.step_tokens import StepInputs
from ichor.seeds import seed_for
from ichor.training import checkpoint
from ichor.training.learning_rate import learning_rate_factor
from ichor.training.loop_settings import LoopSettings
from ichor.training.sequence_loss import Answers, Heads, summed_loss

GRADIENT_NORM_LIMIT = 1.0


@dataclass(frozen=True)
class Courses:
    """Inputs and labels of some patients, on the device that trains.

    Attributes
    ----------
    inputs : StepInputs
        What the network reads.
    answers : Answers
        What it is to answer.
    """

    inputs: StepInputs
    answers: Answers

    def __len__(self) -> int:
        """Number of patients."""
        return len(self.inputs.days)

    def to(self, device: torch.device) -> "Courses":
        """The same on a device."""
        return Courses(StepInputs(*(part.to(device) for part in self.inputs)), self.answers.to(device))

    def take(self, rows: torch.Tensor) -> "Courses":
        """Those of some patients."""
        return Courses(StepInputs(*(part[rows] for part in self.inputs)), self.answers.take(rows))


@dataclass
class Progress:
    """Where a training stands: the epoch to come, and number, tune loss and weights of the best one so far."""

    next_epoch: int
    best_epoch: int
    best_loss: float
    best: checkpoint.Tensors


def train_sequence(
    network: nn.Module,
    heads: Heads,
    settings: LoopSettings,
    train_set: Courses,
    tune_set: Courses,
    *,
    seed: int,
    value_dropout: float,
    path: Path | None = None,
    fingerprint: str = "",
) -> list[dict]:
    """Train a network, from its last checkpoint if there is one; it holds the chosen weights afterwards.

    Every draw of an epoch comes from the seed and the epoch's number, so a training that was killed and continued ends
    with the same weights as one that was not.

    Parameters
    ----------
    network : torch.nn.Module
        Freshly built, on its device.
    heads : Heads
        Base rates and weights.
    settings : LoopSettings
        See there; ``monitor`` is the loss.
    train_set, tune_set : Courses
        Patients to fit on and patients to choose the epoch by; the latter may be none (then the train loss chooses).
    seed : int
        Of this network.
    value_dropout : float
        Share of the measured values that each epoch hides.
    path : pathlib.Path, optional
        Checkpoint file; without it nothing is kept.
    fingerprint : str
        See :func:`ichor.training.checkpoint.fingerprint`.

    Returns
    -------
    list of dict
        ``epoch``, ``train_loss`` and ``tune_loss`` of every epoch that was worked on in this call.
    """
    optimizer = torch.optim.AdamW(_groups(network, settings.weight_decay), lr=settings.learning_rate)
    at = _resume(network, optimizer, path, fingerprint) or Progress(0, -1, math.inf, _state(network))
    history = []
    for epoch in range(at.next_epoch, settings.epochs):
        train_loss = _train_epoch(network, optimizer, heads, settings, train_set, (seed, epoch, value_dropout))
        loss = mean_loss(network, heads, tune_set) if len(tune_set) else train_loss
        history.append({"epoch": epoch, "train_loss": train_loss, "tune_loss": loss})
        if loss < at.best_loss or settings.keep == "last":
            at.best, at.best_loss, at.best_epoch = _state(network), loss, epoch
        stop = 0 < settings.patience <= epoch - at.best_epoch
        at.next_epoch = settings.epochs if stop else epoch + 1
        due = at.next_epoch == settings.epochs or at.next_epoch % settings.checkpoint_every_epochs == 0
        if due and path is not None:
            _keep(network, optimizer, at, path, fingerprint)
        if stop:
            break
    network.load_state_dict(at.best)
    network.eval()
    return history


def mean_loss(network: nn.Module, heads: Heads, courses: Courses) -> float:
    """Minus the log likelihood per labelled step, unweighted; 0 without any labelled step."""
    network.eval()
    with torch.inference_mode():
        total = summed_loss(network(courses.inputs), courses.answers, heads, weighted=False)
    return float(total) / max(1, int(courses.answers.labelled().sum()))


def _groups(network: nn.Module, weight_decay: float) -> list[dict]:
    """Weights decay; biases, norms and the names of steps do not."""
    decayed = [each for each in network.parameters() if each.dim() > 1]
    rest = [each for each in network.parameters() if each.dim() <= 1]
    return [{"params": decayed, "weight_decay": weight_decay}, {"params": rest, "weight_decay": 0.0}]


def _train_epoch(
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    heads: Heads,
    settings: LoopSettings,
    train_set: Courses,
    draws: tuple[int, int, float],
) -> float:
    """One pass over the train patients; returns the mean loss per labelled step."""
    seed, epoch, value_dropout = draws
    network.train()
    torch.manual_seed(seed_for(seed, "torch", epoch))  # dropout
    rng = np.random.default_rng(seed_for(seed, "order", epoch))
    order = torch.from_numpy(rng.permutation(len(train_set)))
    shown = torch.from_numpy((rng.random(train_set.inputs.measured.shape) >= value_dropout).astype(np.float32))
    batches = order.split(settings.batch_size)
    device, total, labelled = train_set.inputs.days.device, 0.0, 0
    for number, rows in enumerate(batches):
        step = epoch * len(batches) + number
        factor = learning_rate_factor(step, settings.warmup_epochs * len(batches), settings.epochs * len(batches))
        for group in optimizer.param_groups:
            group["lr"] = settings.learning_rate * factor
        batch = train_set.take(rows.to(device))
        measured = batch.inputs.measured * shown[rows].to(device)
        inputs = batch.inputs._replace(measured=measured, values=batch.inputs.values * measured)
        known = int(batch.answers.labelled().sum())
        if not known:
            continue
        loss = summed_loss(network(inputs), batch.answers, heads)
        optimizer.zero_grad(set_to_none=True)
        (loss / known).backward()
        nn.utils.clip_grad_norm_(network.parameters(), GRADIENT_NORM_LIMIT)
        optimizer.step()
        total, labelled = total + float(loss.detach()), labelled + known
    return total / max(1, labelled)


def _state(network: nn.Module) -> checkpoint.Tensors:
    return copy.deepcopy({name: tensor.detach().cpu() for name, tensor in network.state_dict().items()})


def _keep(network: nn.Module, optimizer: torch.optim.Optimizer, at: Progress, path: Path, fingerprint: str) -> None:
    tensors = checkpoint.pack("network", _state(network)) | checkpoint.pack("best", at.best)
    tensors |= checkpoint.pack("optimizer", checkpoint.optimizer_tensors(optimizer))
    facts = {"next_epoch": at.next_epoch, "best_epoch": at.best_epoch, "best_loss": at.best_loss}
    path.parent.mkdir(parents=True, exist_ok=True)
    checkpoint.save(path, tensors, {"fingerprint": fingerprint, **facts})


def _resume(
    network: nn.Module, optimizer: torch.optim.Optimizer, path: Path | None, fingerprint: str
) -> Progress | None:
    found = checkpoint.load(path, fingerprint) if path is not None else None
    if not found:
        return None
    tensors, facts = found
    network.load_state_dict(checkpoint.unpack("network", tensors))
    checkpoint.restore_optimizer(optimizer, checkpoint.unpack("optimizer", tensors))
    return Progress(facts["next_epoch"], facts["best_epoch"], facts["best_loss"], checkpoint.unpack("best", tensors))
