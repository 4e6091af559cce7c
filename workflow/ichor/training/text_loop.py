"""Train one network of report texts: seeded, resumable, with its best state chosen on the tune rows."""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from ichor.progress import track
from ichor.seeds import seed_for
from ichor.training import checkpoint
from ichor.training.learning_rate import learning_rate_factor
from ichor.training.text_tokens import padded

GRADIENT_NORM_LIMIT = 1.0
AT_ONCE = 64
"""Texts that are worked on at once while predicting."""


@dataclass(frozen=True)
class TextRows:
    """What a network reads of some patients.

    Attributes
    ----------
    tokens : list of numpy.ndarray
        int64 tokens of each patient's report; of no length where there is none.
    record : numpy.ndarray
        float32 ``(n, columns)``, see `ichor.training.record.Record`; no column for a kind that reads none.
    labels : numpy.ndarray
        float32 ``(n,)``, 0 or 1; may be empty where nothing is fitted.
    """

    tokens: list[np.ndarray]
    record: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.tokens)


@dataclass(frozen=True)
class TextTraining:
    """What training needs besides the network.

    Attributes
    ----------
    spec : dict
        Complete settings of the kind.
    seed : int
        Seed of this network.
    prior_logit : float
        Log odds of label 1 among the train rows, added to what the network gives: training starts at the base rate.
    unknown : int
        Token that stands for a hidden one.
    device : torch.device
        Where it runs.
    """

    spec: dict
    seed: int
    prior_logit: float
    unknown: int
    device: torch.device


def train_text(
    network: nn.Module, training: TextTraining, train: TextRows, tune: TextRows, path: Path, fingerprint: str
) -> checkpoint.Tensors:
    """Train a network, from its last checkpoint if there is one, and return the chosen weights, on the CPU.

    Every random draw of an epoch comes from the seed and the epoch's number, so a training that was killed and
    continued ends with the same weights as one that was not.

    Parameters
    ----------
    network : torch.nn.Module
        Freshly built, see `ichor.models.report_network`.
    training : TextTraining
        Settings.
    train, tune : TextRows
        Rows to fit on and rows to choose the epoch by; the latter may be empty (then the last epoch is taken).
    path : pathlib.Path
        Checkpoint file.
    fingerprint : str
        See `ichor.training.checkpoint.fingerprint`.
    """
    settings = training.spec["training"]
    network.to(training.device)
    optimizer = _optimizer(network, settings)
    start, best_epoch, best_figure, best = 0, -1, math.inf, _state(network)
    found = checkpoint.load(path, fingerprint)
    if found:
        tensors, facts = found
        network.load_state_dict(checkpoint.unpack("network", tensors))
        checkpoint.restore_optimizer(optimizer, checkpoint.unpack("optimizer", tensors))
        start, best_epoch, best_figure = (facts[name] for name in ("next_epoch", "best_epoch", "best_figure"))
        best = checkpoint.unpack("best", tensors)
        print(f"{path.name}: continues after epoch {start}")
    for epoch in track(range(start, settings["epochs"]), path.stem):
        _train_epoch(network, optimizer, training, train, epoch)
        figure = tune_loss(network, training, tune) if len(tune) else -float(epoch)
        if figure < best_figure:
            best_epoch, best_figure, best = epoch, figure, _state(network)
        stop = 0 < settings["patience"] <= epoch - best_epoch
        following = settings["epochs"] if stop else epoch + 1
        if following == settings["epochs"] or following % settings["checkpoint_every_epochs"] == 0:
            tensors = checkpoint.pack("network", _state(network)) | checkpoint.pack("best", best)
            tensors |= checkpoint.pack("optimizer", checkpoint.optimizer_tensors(optimizer))
            facts = {"next_epoch": following, "best_epoch": best_epoch, "best_figure": best_figure}
            checkpoint.save(path, tensors, {"fingerprint": fingerprint, **facts})
        if stop:
            break
    print(f"{path.stem}: epoch {best_epoch + 1} is kept")
    return best


def predict_text(
    network: nn.Module, rows: TextRows, prior_logit: float, device: torch.device
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Logits of rows, float64 ``(n,)``, and the network's ``quantities``, each ``(n,)``."""
    network.eval()
    logits, said = np.zeros(len(rows)), {name: np.full(len(rows), np.nan) for name in network.quantities}
    with torch.inference_mode():
        for places in np.array_split(np.arange(len(rows)), max(1, math.ceil(len(rows) / AT_ONCE))):
            if len(places):
                found, more = network.answer(*_inputs([rows.tokens[place] for place in places], rows, places, device))
                logits[places] = found.double().cpu().numpy() + prior_logit
                for name, values in more.items():
                    said[name][places] = values.double().cpu().numpy()
    return logits, said


def tune_loss(network: nn.Module, training: TextTraining, tune: TextRows) -> float:
    """Mean cross-entropy of the tune rows."""
    logits, _ = predict_text(network, tune, training.prior_logit, training.device)
    return float(np.mean(np.logaddexp(0.0, logits) - tune.labels * logits))


def _train_epoch(
    network: nn.Module, optimizer: torch.optim.Optimizer, training: TextTraining, train: TextRows, epoch: int
) -> None:
    """One pass over the train rows, in batches of near-equal size."""
    settings = training.spec["training"]
    network.train()
    torch.manual_seed(seed_for(training.seed, "torch", epoch))  # dropout
    rng = np.random.default_rng(seed_for(training.seed, "texts", epoch))
    batches = np.array_split(rng.permutation(len(train)), max(1, round(len(train) / settings["batch_size"])))
    shown, record = _shown(training, train, rng)
    rows = TextRows(shown, record, train.labels)
    for number, places in enumerate(batches):
        step = epoch * len(batches) + number
        factor = learning_rate_factor(step, settings["warmup_epochs"] * len(batches), settings["epochs"] * len(batches))
        for group in optimizer.param_groups:
            group["lr"] = settings["learning_rate"] * factor
        optimizer.zero_grad(set_to_none=True)
        logits = network(*_inputs([shown[place] for place in places], rows, places, training.device))
        labels = torch.from_numpy(train.labels[places]).to(training.device)
        loss = nn.functional.binary_cross_entropy_with_logits(logits + training.prior_logit, labels)
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), GRADIENT_NORM_LIMIT)
        optimizer.step()


def _shown(training: TextTraining, train: TextRows, rng: np.random.Generator) -> tuple[list[np.ndarray], np.ndarray]:
    """Texts and records as an epoch shows them: some tokens hidden, some texts or records left out, never both."""
    hidden = [
        np.where(rng.random(len(tokens)) < training.spec["word_dropout"], training.unknown, tokens)
        for tokens in train.tokens
    ]
    drawn, settings = rng.random(len(train)), training.spec.get("record")
    if settings is None:
        return hidden, train.record
    reported = np.array([len(tokens) > 0 for tokens in hidden])
    recorded = train.record[:, 0] > 0
    without_record = (drawn < settings["dropout"]) & reported
    without_report = (drawn >= 1 - settings["report_dropout"]) & recorded
    texts = [tokens[:0] if left_out else tokens for tokens, left_out in zip(hidden, without_report, strict=True)]
    return texts, train.record * ~without_record[:, None]


def _inputs(
    tokens: list[np.ndarray], rows: TextRows, places: np.ndarray, device: torch.device
) -> tuple[torch.Tensor, torch.Tensor]:
    made = torch.from_numpy(padded(tokens)), torch.from_numpy(rows.record[places])
    return made[0].to(device), made[1].to(device)


def _optimizer(network: nn.Module, settings: dict) -> torch.optim.AdamW:
    """AdamW; biases, norms and other vectors are not decayed."""
    learned = [weight for weight in network.parameters() if weight.requires_grad]
    groups = [
        {"params": [weight for weight in learned if weight.ndim > 1], "weight_decay": settings["weight_decay"]},
        {"params": [weight for weight in learned if weight.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=settings["learning_rate"], foreach=False)


def _state(network: nn.Module) -> checkpoint.Tensors:
    return {name: tensor.detach().cpu().clone() for name, tensor in network.state_dict().items()}
