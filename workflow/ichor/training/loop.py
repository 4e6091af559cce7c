"""The one training loop of every network: seeded, resumable, with its best state chosen on the tune rows."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from scipy.stats import rankdata
from torch import nn
from torch.nn import functional

from ichor.errors import StudyError
from ichor.imaging.augment import AugmentRanges, draw_change
from ichor.progress import track
from ichor.seeds import seed_for
from ichor.training import checkpoint
from ichor.training.data import InputSpec, Views, channels_of
from ichor.training.device import autocast

GRADIENT_NORM_LIMIT = 1.0


@dataclass(frozen=True)
class LoopSettings:
    """Settings of the loop: the ``training`` part of a network's settings, checked.

    Attributes
    ----------
    epochs, batch_size, warmup_epochs, checkpoint_every_epochs, seeds : int
        Counts.
    learning_rate, weight_decay : float
        Of AdamW; the rate rises linearly over the warm-up and falls along a cosine to 0.
    class_weights : {"none", "balanced"}
        Whether both classes weigh the same in the loss.
    monitor : {"loss", "auc"}
        Figure of the tune rows that decides which epoch is best.
    keep : {"best", "last"}
        Which epoch's weights are the result.
    patience : int
        Epochs without a better figure before training stops; 0 = never.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    warmup_epochs: int
    class_weights: str
    monitor: str
    keep: str
    patience: int
    checkpoint_every_epochs: int
    seeds: int

    def __post_init__(self) -> None:
        """Refuse what no training can use."""
        for name in ("epochs", "batch_size", "checkpoint_every_epochs", "seeds"):
            if getattr(self, name) < 1:
                raise StudyError(f"training.{name}: found {getattr(self, name)}; write 1 or more")
        choices = {"class_weights": ("none", "balanced"), "monitor": ("loss", "auc"), "keep": ("best", "last")}
        for name, allowed in choices.items():
            if getattr(self, name) not in allowed:
                raise StudyError(f"training.{name}: found {getattr(self, name)!r}; write {' or '.join(allowed)}")


@dataclass(frozen=True)
class Examples:
    """Views with their labels, float32 0 or 1."""

    views: Views
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)


@dataclass
class Training:
    """All that one network's training needs besides the network.

    Attributes
    ----------
    inputs : InputSpec
        Channels to make of the views.
    augment : AugmentRanges
        Changes of train images.
    settings : LoopSettings
        See there.
    device : torch.device
        Where it runs.
    precision : str
        ``"32"`` or ``"bf16"``.
    seed : int
        Seed of this network.
    prior_logit : float
        Log odds of label 1 among the train rows. It is added to what the network gives, so that training starts at
        the base rate; with balanced classes it is added at prediction only, which takes the weights' shift back.
    """

    inputs: InputSpec
    augment: AugmentRanges
    settings: LoopSettings
    device: torch.device
    precision: str
    seed: int
    prior_logit: float = 0.0


@dataclass
class Progress:
    """Where a training stands.

    Attributes
    ----------
    next_epoch, best_epoch : int
        Epoch to come, and the one whose weights are kept.
    best_figure : float
        Its tune figure, lower is better.
    best : dict
        Its weights, on the CPU.
    """

    next_epoch: int
    best_epoch: int
    best_figure: float
    best: checkpoint.Tensors


def train(
    network: nn.Module, training: Training, train_set: Examples, tune_set: Examples, path: Path, fingerprint: str
) -> dict[str, torch.Tensor]:
    """Train a network, from its last checkpoint if there is one, and return the chosen weights, on the CPU.

    Every random draw of an epoch comes from the seed and the epoch's number, so a training that was killed and
    continued ends with the same weights as one that was not.

    Parameters
    ----------
    network : torch.nn.Module
        Freshly built.
    training : Training
        Settings.
    train_set, tune_set : Examples
        Rows to fit on and rows to choose the epoch by; the latter may be empty (then the train loss chooses).
    path : pathlib.Path
        Checkpoint file.
    fingerprint : str
        See :func:`ichor.training.checkpoint.fingerprint`.
    """
    settings = training.settings
    network.to(training.device)
    optimizer = _optimizer(network, settings)
    at = _resume(network, optimizer, path, fingerprint) or Progress(0, -1, math.inf, _state(network))
    for epoch in track(range(at.next_epoch, settings.epochs), path.stem):
        loss = _train_epoch(network, optimizer, training, train_set, epoch)
        figure = monitored(network, training, tune_set) if len(tune_set) else loss
        if figure < at.best_figure or settings.keep == "last":
            at.best, at.best_figure, at.best_epoch = _state(network), figure, epoch
        stop = 0 < settings.patience <= epoch - at.best_epoch
        at.next_epoch = settings.epochs if stop else epoch + 1
        if at.next_epoch == settings.epochs or at.next_epoch % settings.checkpoint_every_epochs == 0:
            _keep(network, optimizer, at, path, fingerprint)
        if stop:
            break
    return at.best


def _keep(network: nn.Module, optimizer: torch.optim.Optimizer, at: Progress, path: Path, fingerprint: str) -> None:
    """Write a checkpoint."""
    tensors = checkpoint.pack("network", _state(network)) | checkpoint.pack("best", at.best)
    tensors |= checkpoint.pack("optimizer", checkpoint.optimizer_tensors(optimizer))
    facts = {"next_epoch": at.next_epoch, "best_epoch": at.best_epoch, "best_figure": at.best_figure}
    checkpoint.save(path, tensors, {"fingerprint": fingerprint, **facts})


def _resume(network: nn.Module, optimizer: torch.optim.Optimizer, path: Path, fingerprint: str) -> Progress | None:
    """Take up the last checkpoint, if there is one of this training."""
    found = checkpoint.load(path, fingerprint)
    if not found:
        return None
    tensors, facts = found
    network.load_state_dict(checkpoint.unpack("network", tensors))
    checkpoint.restore_optimizer(optimizer, checkpoint.unpack("optimizer", tensors))
    print(f"{path.name}: continues after epoch {facts['next_epoch']}")
    return Progress(facts["next_epoch"], facts["best_epoch"], facts["best_figure"], checkpoint.unpack("best", tensors))


def predict_logits(network: nn.Module, training: Training, views: Views) -> np.ndarray:
    """Logits of unchanged images under the train rows' prevalence, float64 ``(n,)``."""
    network.eval()
    logits = []
    with torch.inference_mode(), autocast(training.device, training.precision):
        for start in range(0, len(views), training.settings.batch_size):
            rows = range(start, min(start + training.settings.batch_size, len(views)))
            batch = np.stack([channels_of(views.image_hu[row], views.masks[row], training.inputs) for row in rows])
            logits.append(network(torch.from_numpy(batch).to(training.device))[:, 0].float().cpu().numpy())
    return np.concatenate(logits).astype(np.float64) + training.prior_logit if logits else np.empty(0)


def monitored(network: nn.Module, training: Training, tune_set: Examples) -> float:
    """Figure of the tune rows, lower is better: the loss, or minus the AUC where both classes are present."""
    logits, labels = predict_logits(network, training, tune_set.views), tune_set.labels
    positive = labels == 1
    if training.settings.monitor == "auc" and 0 < positive.sum() < len(labels):
        n_positive, n_negative = positive.sum(), (~positive).sum()
        rank_sum = rankdata(logits)[positive].sum()
        return -float((rank_sum - n_positive * (n_positive + 1) / 2) / (n_positive * n_negative))
    return float(np.mean(np.logaddexp(0.0, logits) - labels * logits))


def learning_rate_factor(step: int, warmup_steps: int, steps: int) -> float:
    """Share of the highest learning rate at a step: linear rise, then cosine to 0."""
    if step < warmup_steps:
        return (step + 1) / (warmup_steps + 1)
    return 0.5 * (1 + math.cos(math.pi * (step - warmup_steps) / max(1, steps - warmup_steps)))


def _train_epoch(
    network: nn.Module, optimizer: torch.optim.Optimizer, training: Training, train_set: Examples, epoch: int
) -> float:
    """One pass over the train rows; returns the mean loss."""
    settings = training.settings
    network.train()
    torch.manual_seed(seed_for(training.seed, "torch", epoch))  # dropout
    batches = list(_batches(len(train_set), settings.batch_size, training.seed, epoch))
    balanced = settings.class_weights == "balanced"
    weight = torch.tensor(math.exp(-training.prior_logit) if balanced else 1.0, device=training.device)
    offset = 0.0 if balanced else training.prior_logit
    total = 0.0
    for number, rows in enumerate(batches):
        step = epoch * len(batches) + number
        factor = learning_rate_factor(step, settings.warmup_epochs * len(batches), settings.epochs * len(batches))
        for group in optimizer.param_groups:
            group["lr"] = settings.learning_rate * factor
        images, labels = _changed_batch(train_set, rows, training, epoch)
        with autocast(training.device, training.precision):
            logits = network(images.to(training.device))[:, 0].float() + offset
        loss = functional.binary_cross_entropy_with_logits(logits, labels.to(training.device), pos_weight=weight)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), GRADIENT_NORM_LIMIT)
        optimizer.step()
        total += float(loss.detach()) * len(rows)
    return total / len(train_set)


def _batches(n: int, batch_size: int, seed: int, epoch: int) -> Iterator[np.ndarray]:
    """Shuffled batches of near-equal size: no row is dropped, and no batch is left with one row."""
    order = np.random.default_rng(seed_for(seed, "order", epoch)).permutation(n)
    yield from np.array_split(order, max(1, round(n / batch_size)))


def _changed_batch(
    examples: Examples, rows: np.ndarray, training: Training, epoch: int
) -> tuple[torch.Tensor, torch.Tensor]:
    images = []
    for row in rows:
        rng = np.random.default_rng(seed_for(training.seed, "augment", epoch, row))
        change = draw_change(training.augment, rng)
        views = examples.views
        images.append(channels_of(views.image_hu[row], views.masks[row], training.inputs, change))
    return torch.from_numpy(np.stack(images)), torch.from_numpy(examples.labels[rows])


def prior_logit(labels: np.ndarray) -> float:
    """Log odds of label 1; both labels must occur."""
    return math.log((labels == 1).sum() / (labels == 0).sum())


def _optimizer(network: nn.Module, settings: LoopSettings) -> torch.optim.AdamW:
    """AdamW; biases, norms and other vectors are not decayed."""
    matrices = [weight for weight in network.parameters() if weight.ndim > 1]
    vectors = [weight for weight in network.parameters() if weight.ndim <= 1]
    groups = [
        {"params": matrices, "weight_decay": settings.weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=settings.learning_rate, foreach=False)


def _state(network: nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.detach().cpu().clone() for name, tensor in network.state_dict().items()}
