"""The one training loop of every network: seeded, resumable, with its best state chosen on the tune rows."""

import math
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from scipy.stats import rankdata
from torch import nn

from ichor.imaging.augment import AugmentRanges, draw_change
from ichor.models.auxiliary_tasks import AuxiliaryTasks
from ichor.progress import track
from ichor.seeds import seed_for
from ichor.training import checkpoint
from ichor.training.balance import Plan
from ichor.training.data import InputSpec, Views, channels_of
from ichor.training.device import autocast
from ichor.training.examples import Examples, batches_of
from ichor.training.group import Group
from ichor.training.learning_rate import learning_rate_factor
from ichor.training.loop_settings import LoopSettings
from ichor.training.losses import auxiliary_loss, summed_loss
from ichor.training.record import shown, shown_scans
from ichor.training.whole_batches import see_whole_batches

GRADIENT_NORM_LIMIT = 1.0


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
    record_dropout, scan_dropout : float
        Share of the train images that are shown without their record, where they have any, and of the records without
        their image.
    tasks : ichor.models.auxiliary_tasks.AuxiliaryTasks
        What is learned besides the outcome.
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
    scan_dropout: float = 0.0
    tasks: AuxiliaryTasks = field(default_factory=AuxiliaryTasks)


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
    """The outcome's logits, as of :func:`predict_outputs`, float64 ``(n,)``."""
    return predict_outputs(network, training, views)[0][:, 0]


def predict_outputs(network: nn.Module, training: Training, views: Views) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Logits of unchanged images, and what else the network says; each process works on a share.

    Returns
    -------
    logits : numpy.ndarray
        float64 ``(n, outputs)``: the outcome's, `Training.prior_logit` added, and those of further tasks.
    quantities : dict
        Of the network's ``quantities``, where it has any (`ichor.models.fusion`), float64 ``(n,)``.
    """
    network.eval()
    names = tuple(getattr(network, "quantities", ()))
    found = np.zeros((len(views), 1 + training.tasks.outputs + len(names)))
    mine = range(len(views))[training.group.share(len(views))]
    with torch.inference_mode(), autocast(training.device, training.precision):
        for start in range(mine.start, mine.stop, training.settings.batch_size):
            rows = range(start, min(start + training.settings.batch_size, mine.stop))
            batch = [np.stack([channels_of(views.image_hu[row], views.masks[row], training.inputs) for row in rows])]
            batch += [part[rows.start : rows.stop] for part in (views.record, views.seen) if part is not None]
            inputs = [torch.from_numpy(part).to(training.device) for part in batch]
            logits, said = network.answer(*inputs) if names else (network(*inputs), {})
            columns = [logits, *(said[name][:, None] for name in names)]
            found[rows.start : rows.stop] = torch.cat([part.float() for part in columns], dim=1).cpu().numpy()
    found = training.group.sum(found)  # where a row is another's, 0 was added
    found[:, 0] += training.prior_logit
    logits = found[:, : found.shape[1] - len(names)]
    return logits, dict(zip(names, found[:, logits.shape[1] :].T, strict=True))


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
    batches = list(batches_of(len(plan.rows), settings.batch_size, training.seed, epoch, plan.added))
    total = 0.0
    for number, rows in enumerate(batches):
        step = epoch * len(batches) + number
        factor = learning_rate_factor(step, settings.warmup_epochs * len(batches), settings.epochs * len(batches))
        for group in optimizer.param_groups:
            group["lr"] = settings.learning_rate * factor
        optimizer.zero_grad(set_to_none=True)
        for part in np.array_split(rows, min(settings.accumulate, len(rows))):
            mine = part[training.group.take(len(part))]
            loss = _part_of_loss(network, training, train_set, plan, rows, mine, epoch)
            loss.backward()
            total += float(loss.detach()) * len(rows)
        training.group.sum_gradients(network)
        nn.utils.clip_grad_norm_(network.parameters(), GRADIENT_NORM_LIMIT)
        optimizer.step()
    return float(training.group.sum(total)) / len(plan.rows)


def _part_of_loss(
    network: nn.Module,
    training: Training,
    train_set: Examples,
    plan: Plan,
    rows: np.ndarray,
    mine: np.ndarray,
    epoch: int,
) -> torch.Tensor:
    """What some places of the plan, `mine`, add to the mean loss of a whole batch, `rows`."""
    inputs, labels = _changed_batch(train_set, mine, plan.rows[mine], training, epoch)
    with autocast(training.device, training.precision):
        outputs = network(*(part.to(training.device) for part in inputs)).float()
    logits, labels = outputs[:, 0] + plan.prior_logit_seen, labels.to(training.device)
    loss = summed_loss(logits, labels, plan.positive_weight, plan.focal_gamma) / len(rows)
    if not training.tasks:
        return loss
    targets = torch.from_numpy(train_set.targets[plan.rows[mine]]).to(training.device)
    further = auxiliary_loss(outputs, targets, training.tasks, train_set.targets[plan.rows[rows]])
    return training.tasks.outcome_share * loss + further


def _changed_batch(
    examples: Examples, places: np.ndarray, rows: np.ndarray, training: Training, epoch: int
) -> tuple[list[torch.Tensor], torch.Tensor]:
    """Changed images, records and which images are seen, and labels.

    An example that is seen twice (`rows`) is changed by its two places in the plan.
    """
    images, views = [], examples.views
    for place, row in zip(places, rows, strict=True):
        rng = np.random.default_rng(seed_for(training.seed, "augment", epoch, place))
        change = draw_change(training.augment, rng)
        images.append(channels_of(views.image_hu[row], views.masks[row], training.inputs, change))
    inputs = [np.stack(images)]
    if views.record is not None:
        record = views.record[rows]
        inputs.append(shown(record, training.record_dropout, training.seed, epoch, places))
        if training.scan_dropout > 0:
            inputs.append(shown_scans(record, training.scan_dropout, training.seed, epoch, places))
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
