"""The one training loop of every network: seeded, resumable, with its best state chosen on the tune rows."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from scipy.stats import rankdata
from torch import nn

from ichor.errors import StudyError
from ichor.imaging.augment import AugmentRanges, draw_change
from ichor.progress import track
from ichor.seeds import seed_for
from ichor.training import checkpoint
from ichor.training.balance import Plan
from ichor.training.data import InputSpec, Views, channels_of
from ichor.training.device import autocast
from ichor.training.group import Group
from ichor.training.learning_rate import learning_rate_factor
from ichor.training.loop_settings import LoopSettings
from ichor.training.losses import summed_loss
from ichor.training.record import shown
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
        Added to what the network gives, to predict: log odds of label 1, see `ichor.training.balance`.
    plan : ichor.training.balance.Plan, optional
        What training sees; without it every example once, with `prior_logit` as offset, so that it starts at the base
        rate.
    group : Group
        The processes that do it together.
    record_dropout : float
        Share of the train images that are shown without their record, where they have any.
    """

    inputs: InputSpec
    augment: AugmentRanges
    settings: LoopSettings
    device: torch.device
    precision: str
    seed: int
    prior_logit: float = 0.0
    plan: Plan | None = None
    group: Group = field(default_factory=Group)
    record_dropout: float = 0.0


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
    """Logits of unchanged images, `Training.prior_logit` added, float64 ``(n,)``; each process works on a share."""
    network.eval()
    logits, mine = np.zeros(len(views)), range(len(views))[training.group.share(len(views))]
    with torch.inference_mode(), autocast(training.device, training.precision):
        for start in range(mine.start, mine.stop, training.settings.batch_size):
            rows = range(start, min(start + training.settings.batch_size, mine.stop))
            batch = np.stack([channels_of(views.image_hu[row], views.masks[row], training.inputs) for row in rows])
            record = [] if views.record is None else [views.record[rows.start : rows.stop]]
            found = network(*(torch.from_numpy(part).to(training.device) for part in (batch, *record)))[:, 0]
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


def _train_epoch(
    network: nn.Module, optimizer: torch.optim.Optimizer, training: Training, train_set: Examples, epoch: int
) -> float:
    """One pass over the train rows; returns the mean loss."""
    settings = training.settings
    network.train()
    torch.manual_seed(seed_for(training.seed, "torch", epoch))  # dropout
    plan = training.plan or Plan(np.arange(len(train_set)), training.prior_logit, training.prior_logit)
    batches = list(_batches(len(plan.rows), settings.batch_size, training.seed, epoch))
    total = 0.0
    for number, rows in enumerate(batches):
        step = epoch * len(batches) + number
        factor = learning_rate_factor(step, settings.warmup_epochs * len(batches), settings.epochs * len(batches))
        for group in optimizer.param_groups:
            group["lr"] = settings.learning_rate * factor
        mine = rows[training.group.take(len(rows))]
        inputs, labels = _changed_batch(train_set, mine, plan.rows[mine], training, epoch)
        with autocast(training.device, training.precision):
            logits = network(*(part.to(training.device) for part in inputs))[:, 0].float() + plan.prior_logit_seen
        losses = summed_loss(logits, labels.to(training.device), plan.positive_weight, plan.focal_gamma)
        loss = losses / len(rows)  # this process's part of the mean over the whole batch
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        training.group.sum_gradients(network)
        nn.utils.clip_grad_norm_(network.parameters(), GRADIENT_NORM_LIMIT)
        optimizer.step()
        total += float(loss.detach()) * len(rows)
    return float(training.group.sum(total)) / len(plan.rows)


def _batches(n: int, batch_size: int, seed: int, epoch: int) -> Iterator[np.ndarray]:
    """Shuffled batches of near-equal size: no row is dropped, and no batch is left with one row."""
    order = np.random.default_rng(seed_for(seed, "order", epoch)).permutation(n)
    yield from np.array_split(order, _number_of_batches(n, batch_size))


def _number_of_batches(n: int, batch_size: int) -> int:
    return max(1, round(n / batch_size))


def _changed_batch(
    examples: Examples, places: np.ndarray, rows: np.ndarray, training: Training, epoch: int
) -> tuple[list[torch.Tensor], torch.Tensor]:
    """Changed images, and records; an example that is seen twice (`rows`) is changed by its two places in the plan."""
    images, views = [], examples.views
    for place, row in zip(places, rows, strict=True):
        rng = np.random.default_rng(seed_for(training.seed, "augment", epoch, place))
        change = draw_change(training.augment, rng)
        images.append(channels_of(views.image_hu[row], views.masks[row], training.inputs, change))
    inputs = [np.stack(images)]
    if views.record is not None:
        inputs.append(shown(views.record[rows], training.record_dropout, training.seed, epoch, places))
    return [torch.from_numpy(part) for part in inputs], torch.from_numpy(examples.labels[rows])


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
