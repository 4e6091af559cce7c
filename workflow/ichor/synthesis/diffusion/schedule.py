"""Noise schedules, what the network predicts, and the steps back from noise to an image.

Ho et al. 2020 (arXiv 2006.11239): DDPM and the linear schedule. Nichol and Dhariwal 2021 (arXiv 2102.09672): the cosine
schedule. Salimans and Ho 2022 (arXiv 2202.00512), appendix D: v-prediction. Song et al. 2021 (arXiv 2010.02502): DDIM.
MONAI's ``DDIMScheduler`` takes steps of equal whole length only and so starts below the last step unless their number
divides T, and keeps the predicted noise of before the clipping; hence our own, which the tests hold against MONAI's.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch

from ichor.errors import StudyError

LINEAR_BETAS = (1e-4, 0.02)
"""First and last variance of the linear schedule (Ho et al. 2020, section 4)."""

COSINE_OFFSET, LARGEST_BETA = 0.008, 0.999
"""Of the cosine schedule (Nichol and Dhariwal 2021, section 3.2)."""


@dataclass(frozen=True)
class Schedule:
    """A noise schedule and what the network predicts in it.

    Attributes
    ----------
    alpha_bar : numpy.ndarray
        float64 ``(T,)``, falling: share of the image's variance that is left after steps 0 to T - 1.
    prediction : {"epsilon", "v", "image"}
        The noise, ``sqrt(alpha_bar) * noise - sqrt(1 - alpha_bar) * image``, or the image itself.
    """

    alpha_bar: np.ndarray
    prediction: str

    @classmethod
    def from_settings(cls, settings: dict) -> "Schedule":
        """Read ``kind`` (linear | cosine), ``steps`` (T) and ``prediction`` (epsilon | v | image).

        Raises
        ------
        ichor.errors.StudyError
            On anything else.
        """
        kind, steps, prediction = settings["kind"], settings["steps"], settings["prediction"]
        if kind not in ("linear", "cosine") or prediction not in ("epsilon", "v", "image") or steps < 2:
            raise StudyError(
                f"schedule: found kind {kind!r}, steps {steps}, prediction {prediction!r}; write linear or cosine, two "
                "steps at least, epsilon, v or image"
            )
        return cls(np.cumprod(1 - betas(kind, steps)), prediction)

    @property
    def steps(self) -> int:
        """T, the number of steps from image to noise."""
        return len(self.alpha_bar)

    def left(self, t: int) -> float:
        """Share of variance left at a step; 1 before the first (t = -1)."""
        return float(self.alpha_bar[t]) if t >= 0 else 1.0

    def noised(self, image: torch.Tensor, noise: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        """Images after t steps of noise (int64 ``(n,)``), in closed form."""
        signal, spread = self._roots(image, t)
        return signal * image + spread * noise

    def target(self, image: torch.Tensor, noise: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        """What the network is to predict."""
        if self.prediction == "epsilon":
            return noise
        if self.prediction == "image":
            return image
        signal, spread = self._roots(image, t)
        return signal * noise - spread * image

    def image_of(self, noisy: torch.Tensor, predicted: torch.Tensor, t: int) -> torch.Tensor:
        """Image that the prediction at one step stands for."""
        if self.prediction == "image":
            return predicted
        left = self.left(t)
        if self.prediction == "epsilon":
            return (noisy - math.sqrt(1 - left) * predicted) / math.sqrt(left)
        return math.sqrt(left) * noisy - math.sqrt(1 - left) * predicted

    def step_variance(self, t: int, earlier: int, eta: float) -> float:
        """Variance of the noise that a step back adds (Song et al. 2021, eq. 16).

        With ``eta`` 1 and ``earlier = t - 1`` it is the posterior variance of DDPM (Ho et al. 2020, eq. 7).
        """
        left, before = self.left(t), self.left(earlier)
        return eta**2 * (1 - before) / (1 - left) * (1 - left / before)

    def step_back(
        self, noisy: torch.Tensor, image: torch.Tensor, t: int, earlier: int, eta: float, noise: torch.Tensor | None
    ) -> torch.Tensor:
        """One step of DDIM from t to an earlier step (Song et al. 2021, eq. 12).

        Parameters
        ----------
        noisy, image : torch.Tensor
            At step t; the image that is believed to be behind it.
        t, earlier : int
            Steps, ``-1 <= earlier < t``.
        eta : float
            0 = no noise is added (DDIM), 1 = as much as in DDPM.
        noise : torch.Tensor or None
            Standard normal; not needed with eta 0.
        """
        left, before = self.left(t), self.left(earlier)
        predicted_noise = (noisy - math.sqrt(left) * image) / math.sqrt(1 - left)
        variance = self.step_variance(t, earlier, eta)
        moved = math.sqrt(before) * image + math.sqrt(max(0.0, 1 - before - variance)) * predicted_noise
        return moved if noise is None or variance == 0 else moved + math.sqrt(variance) * noise

    def times(self, steps: int) -> list[int]:
        """Times of a sampling with fewer steps: equally spaced, from the last one to 0.

        Raises
        ------
        ichor.errors.StudyError
            If more steps are asked for than there are.
        """
        if not 1 <= steps <= self.steps:
            raise StudyError(f"sampling.steps: found {steps}; write 1 to {self.steps} (schedule.steps)")
        return np.rint(np.linspace(self.steps - 1, 0, steps)).astype(int).tolist()

    def _roots(self, image: torch.Tensor, t: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        left = torch.as_tensor(self.alpha_bar, device=t.device)[t].reshape(-1, *(1,) * (image.ndim - 1))
        return left.sqrt().to(image.dtype), (1 - left).sqrt().to(image.dtype)


def betas(kind: str, steps: int) -> np.ndarray:
    """Variances that the steps add, float64 ``(steps,)``."""
    if kind == "linear":
        return np.linspace(*LINEAR_BETAS, steps)
    at = np.arange(steps + 1) / steps
    left = np.cos((at + COSINE_OFFSET) / (1 + COSINE_OFFSET) * np.pi / 2) ** 2
    return np.minimum(1 - left[1:] / left[:-1], LARGEST_BETA)
