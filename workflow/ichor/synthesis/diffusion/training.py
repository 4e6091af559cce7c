"""Training of the noise predictor: seeded, resumable, with averaged weights."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from ichor.errors import StudyError
from ichor.progress import track
from ichor.seeds import seed_for
from ichor.synthesis.diffusion.crops import Crops, CropSpec, draw_batch
from ichor.synthesis.diffusion.networks import NO_CLASS
from ichor.synthesis.diffusion.schedule import Schedule
from ichor.training import checkpoint
from ichor.training.device import autocast
from ichor.training.learning_rate import learning_rate_factor


@dataclass(frozen=True)
class TrainingSettings:
    """The ``training`` part of a generator's settings, checked.

    Attributes
    ----------
    steps, batch_size, checkpoint_every_steps : int
        Counts.
    learning_rate, weight_decay, gradient_norm : float
        Of AdamW and of the clipping; the rate rises linearly over `warmup_share` of the steps, then falls to 0.
    warmup_share : float
        Share of the steps.
    ema : float
        Decay per step of the averaged weights, which are the result.
    class_dropout : float
        Share of crops whose class is hidden, so that "no class" is learned too (Ho and Salimans 2022).
    """

    steps: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    warmup_share: float
    gradient_norm: float
    ema: float
    class_dropout: float
    checkpoint_every_steps: int

    def __post_init__(self) -> None:
        """Refuse what no training can use."""
        for name in ("steps", "batch_size", "checkpoint_every_steps"):
            if getattr(self, name) < 1:
                raise StudyError(f"training.{name}: found {getattr(self, name)}; write 1 or more")
        for name in ("learning_rate", "gradient_norm"):
            if getattr(self, name) <= 0:
                raise StudyError(f"training.{name}: found {getattr(self, name)}; write a number above 0")
        for name in ("warmup_share", "ema", "class_dropout"):
            if not 0 <= getattr(self, name) < 1:
                raise StudyError(f"training.{name}: found {getattr(self, name)}; write 0 or more, below 1")


@dataclass
class State:
    """Where a training stands: the network and its optimizer, the averaged weights, the losses so far."""

    network: nn.Module
    optimizer: torch.optim.Optimizer
    averaged: checkpoint.Tensors
    losses: torch.Tensor
    next_step: int = 0


def train(
    network: nn.Module,
    crops: Crops,
    spec: CropSpec,
    schedule: Schedule,
    settings: TrainingSettings,
    *,
    seed: int,
    device: torch.device,
    precision: str,
    path: Path,
    fingerprint: str,
) -> tuple[checkpoint.Tensors, np.ndarray]:
    """Train a noise predictor, from its last checkpoint if there is one.

    Every draw of a step comes from the seed and the step's number, so a training that was killed and continued ends
    with the same weights as one that was not.

    Parameters
    ----------
    network : torch.nn.Module
        Freshly built :class:`ichor.synthesis.diffusion.networks.Predictor`.
    crops, spec : Crops, CropSpec
        What is learned.
    schedule : Schedule
        Noise, and what is predicted.
    settings : TrainingSettings
        See there.
    seed : int
        Of the training.
    device, precision
        Where, and in which arithmetic (``"32"`` or ``"bf16"``).
    path : pathlib.Path
        Checkpoint file.
    fingerprint : str
        See :func:`ichor.training.checkpoint.fingerprint`.

    Returns
    -------
    dict of str to torch.Tensor
        The averaged weights, on the CPU.
    numpy.ndarray
        Loss of every step.
    """
    network.to(device).train()
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay, foreach=False
    )
    averaged = {name: weight.detach().clone() for name, weight in network.state_dict().items()}
    state = State(network, optimizer, averaged, torch.zeros(settings.steps))
    _resume(state, path, fingerprint)
    for step in track(range(state.next_step, settings.steps), path.stem):
        factor = learning_rate_factor(step, round(settings.warmup_share * settings.steps), settings.steps)
        for group in optimizer.param_groups:
            group["lr"] = settings.learning_rate * factor
        loss = loss_of_step(network, crops, spec, schedule, settings, seed, step, device, precision)
        take_step(state, loss, settings)
        if state.next_step == settings.steps or state.next_step % settings.checkpoint_every_steps == 0:
            _keep(state, path, fingerprint)
    return {name: weight.cpu() for name, weight in state.averaged.items()}, state.losses.numpy()


def loss_of_step(
    network: nn.Module,
    crops: Crops,
    spec: CropSpec,
    schedule: Schedule,
    settings: TrainingSettings,
    seed: int,
    step: int,
    device: torch.device,
    precision: str,
) -> torch.Tensor:
    """Mean squared error of one batch at random times, with everything that is random drawn from seed and step."""
    rng = np.random.default_rng(seed_for(seed, "batch", step))
    batch, classes = draw_batch(crops, spec, settings.batch_size, rng)
    t = rng.integers(0, schedule.steps, settings.batch_size)
    classes = np.where(rng.random(settings.batch_size) < settings.class_dropout, NO_CLASS, classes)
    noise = torch.from_numpy(rng.standard_normal(batch.shape, dtype=np.float32)).to(device)
    image, t, classes = (torch.from_numpy(array).to(device) for array in (batch, t, classes))
    torch.manual_seed(seed_for(seed, "torch", step))  # dropout
    with autocast(device, precision):
        predicted = network(schedule.noised(image, noise, t), t, classes)
    return nn.functional.mse_loss(predicted.float(), schedule.target(image, noise, t))


def take_step(state: State, loss: torch.Tensor, settings: TrainingSettings) -> None:
    """Follow the clipped gradient of a loss, then average the weights.

    The average forgets faster at the start, ``(1 + step) / (10 + step)``, or it would hold the first weights for long.
    """
    state.optimizer.zero_grad(set_to_none=True)
    loss.backward()
    nn.utils.clip_grad_norm_(state.network.parameters(), settings.gradient_norm)
    state.optimizer.step()
    decay = min(settings.ema, (1 + state.next_step) / (10 + state.next_step))
    with torch.no_grad():
        for name, weight in state.network.state_dict().items():
            state.averaged[name].lerp_(weight, 1 - decay)
    state.losses[state.next_step] = loss.detach().cpu()
    state.next_step += 1


def _keep(state: State, path: Path, fingerprint: str) -> None:
    tensors = checkpoint.pack("network", state.network.state_dict()) | checkpoint.pack("averaged", state.averaged)
    tensors |= checkpoint.pack("optimizer", checkpoint.optimizer_tensors(state.optimizer))
    facts = {"fingerprint": fingerprint, "next_step": state.next_step}
    checkpoint.save(path, tensors | {"losses": state.losses}, facts)


def _resume(state: State, path: Path, fingerprint: str) -> None:
    found = checkpoint.load(path, fingerprint)
    if not found:
        return
    tensors, facts = found
    state.network.load_state_dict(checkpoint.unpack("network", tensors))
    checkpoint.restore_optimizer(state.optimizer, checkpoint.unpack("optimizer", tensors))
    for name, weight in checkpoint.unpack("averaged", tensors).items():
        state.averaged[name].copy_(weight)
    state.losses, state.next_step = tensors["losses"], facts["next_step"]
    print(f"{path.name}: continues after step {state.next_step}")
