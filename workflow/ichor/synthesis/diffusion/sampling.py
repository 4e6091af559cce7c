"""From noise to crops: DDIM in batches, with classifier-free guidance."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from ichor.errors import StudyError
from ichor.synthesis.diffusion.networks import NO_CLASS
from ichor.synthesis.diffusion.schedule import Schedule
from ichor.training.device import autocast


@dataclass(frozen=True)
class SamplingSettings:
    """The ``sampling`` part of a generator's settings, checked.

    Attributes
    ----------
    steps : int
        Steps from noise to image.
    eta : float
        Noise that is added on the way: 0 = none (DDIM), 1 = as in DDPM.
    guidance : float
        1 = the class as learned; above, what sets the class apart is exaggerated (Ho and Salimans 2022).
    batch_size : int
        Crops that are drawn together.
    precision : str
        ``"32"`` or ``"bf16"``.
    """

    steps: int
    eta: float
    guidance: float
    batch_size: int
    precision: str

    def __post_init__(self) -> None:
        """Refuse what no sampling can use."""
        if self.steps < 1 or self.batch_size < 1 or not 0 <= self.eta <= 1 or self.guidance < 0:
            raise StudyError(f"sampling: found {self}; write steps and batch_size from 1, eta 0 to 1, guidance from 0")


def sample(
    network: nn.Module,
    schedule: Schedule,
    shape: tuple[int, ...],
    seeds: Sequence[int],
    token: int,
    settings: SamplingSettings,
    device: torch.device,
) -> np.ndarray:
    """Draw crops, one per seed; each crop's noise comes from its own seed, so that it does not depend on the others.

    Parameters
    ----------
    network : torch.nn.Module
        Trained :class:`ichor.synthesis.diffusion.networks.Predictor`, or any ``(noisy, t, classes)``.
    schedule : Schedule
        The one it was trained with.
    shape : tuple of int
        Channels, x, y, z of one crop.
    seeds : sequence of int
        One per crop.
    token : int
        Class token of all.
    settings : SamplingSettings
        Of the way.
    device : torch.device
        Where.

    Returns
    -------
    numpy.ndarray
        float32 ``(n, *shape)`` in [-1, 1].
    """
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]  # on the CPU: the same noise everywhere

    def noise() -> torch.Tensor:
        return torch.stack([torch.randn(shape, generator=generator) for generator in generators]).to(device)

    times = schedule.times(settings.steps)
    crops = noise()
    with torch.inference_mode():
        for t, earlier in zip(times, [*times[1:], -1], strict=True):
            predicted = _guided(network, crops, t, token, settings)
            believed = schedule.image_of(crops, predicted, t).clamp(-1, 1)
            fresh = noise() if settings.eta > 0 else None
            crops = schedule.step_back(crops, believed, t, earlier, settings.eta, fresh)
    return crops.clamp(-1, 1).cpu().numpy()


def _guided(network: nn.Module, crops: torch.Tensor, t: int, token: int, settings: SamplingSettings) -> torch.Tensor:
    """Prediction for a class, moved away from that without class by the guidance."""

    def predict(class_token: int) -> torch.Tensor:
        full = (
            torch.full((len(crops),), t, device=crops.device),
            torch.full((len(crops),), class_token, device=crops.device),
        )
        with autocast(crops.device, settings.precision):
            return network(crops, *full).float()

    of_class = predict(token)
    if settings.guidance == 1 or token == NO_CLASS:
        return of_class
    of_none = predict(NO_CLASS)
    return of_none + settings.guidance * (of_class - of_none)
