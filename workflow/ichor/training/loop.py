"""The one training loop of every network: seeded, resumable, with its best state chosen on the tune rows."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
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
from ichor.training.group import Group
from ichor.training.loop_settings import LoopSettings
from ichor.training.whole_batches import see_whole_batches

GRADIENT_NORM_LIMIT = 1.0


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
    group : Group
        The processes that do it together.
    """

    inputs: InputSpec
    augment: AugmentRanges
    settings: LoopSettings
    device: torch.device
    precision: str
    seed: int
    prior_logit: float = 0.0
    group: Group = field(default_factory=Group)


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
    continued ends with the same weights as one that was not. Several processes take their shares of the batches that
    one would work on, and add up gradients: their number changes how sums round, and nothing else.

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
    settings, group = training.settings, training.group
    network.to(training.device)
    see_whole_batches(network, group)
    optimizer = _optimizer(network, settings)
    at = _resume(network, optimizer, path, fingerprint) or Progress(0, -1, math.inf, _state(network))
    if group.writes and at.next_epoch:
        print(f"{path.name}: continues after epoch {at.next_epoch}")
    epochs = range(at.next_epoch, settings.epochs)
    for epoch in track(epochs, path.stem) if group.writes else epochs:
        loss = _train_epoch(network, optimizer, training, train_set, epoch)
        figure = monitored(network, training, tune_set) if len(tune_set) else loss
        if figure < at.best_figure or settings.keep == "last":
            at.best, at.best_figure, at.best_epoch = _state(network), figure, epoch
        stop = 0 < settings.patience <= epoch - at.best_epoch
        at.next_epoch = settings.epochs if stop else epoch + 1
        due = at.next_epoch == settings.epochs or at.next_epoch % settings.checkpoint_every_epochs == 0
        if due and group.writes:
            _keep(network, optimizer, at, path, fingerprint)
        if stop:
            break
    return at.best


def refuse_empty_shares(rows: int, batch_size: int, processes: int) -> None:
    """Stop before a training in which some process would have no row of some batch.

    Parameters
    ----------
    rows : int
        Train rows.
    batch_size : int
        As configured.
    processes : int
        Processes that train together.

    Raises
    ------
    ichor.errors.StudyError
    """
    smallest = rows // _number_of_batches(rows, batch_size)
    if smallest < processes:
        raise StudyError(
            f"compute.gpus_per_training is {processes}, but the smallest batch of this training has {smallest} images "
            f"({rows} train images, training.batch_size {batch_size}); write at most {smallest}"
        )


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
    return Progress(facts["next_epoch"], facts["best_epoch"], facts["best_figure"], checkpoint.unpack("best", tensors))


def predict_logits(network: nn.Module, training: Training, views: Views) -> np.ndarray:
    """Logits of unchanged images under the train rows' prevalence, float64 ``(n,)``; each process works on a share."""
    network.eval()
    logits, mine = np.zeros(len(views)), range(len(views))[training.group.share(len(views))]
    with torch.inference_mode(), autocast(training.device, training.precision):
        for start in range(mine.start, mine.stop, training.settings.batch_size):
            rows = range(start, min(start + training.settings.batch_size, mine.stop))
            batch = np.stack([channels_of(views.image_hu[row], views.masks[row], training.inputs) for row in rows])
            found = network(torch.from_numpy(batch).to(training.device))[:, 0]
            logits[rows.start : rows.stop] = found.float().cpu().numpy()
    return training.group.sum(logits) + training.prior_logit  # where a row is another's, 0 was added


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
        images, labels = _changed_batch(train_set, rows[training.group.take(len(rows))], training, epoch)
        with autocast(training.device, training.precision):
            logits = network(images.to(training.device))[:, 0].float() + offset
        labels = labels.to(training.device)
        losses = functional.binary_cross_entropy_with_logits(logits, labels, pos_weight=weight, reduction="sum")
        loss = losses / len(rows)  # this process's part of the mean over the whole batch
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        training.group.sum_gradients(network)
        nn.utils.clip_grad_norm_(network.parameters(), GRADIENT_NORM_LIMIT)
        optimizer.step()
        total += float(loss.detach()) * len(rows)
    return float(training.group.sum(total)) / len(train_set)


def _batches(n: int, batch_size: int, seed: int, epoch: int) -> Iterator[np.ndarray]:
    """Shuffled batches of near-equal size: no row is dropped, and no batch is left with one row."""
    order = np.random.default_rng(seed_for(seed, "order", epoch)).permutation(n)
    yield from np.array_split(order, _number_of_batches(n, batch_size))


def _number_of_batches(n: int, batch_size: int) -> int:
    return max(1, round(n / batch_size))


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
