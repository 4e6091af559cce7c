"""Attribution methods by name: which networks each is for, and how it is computed.

Every method explains the network's first logit, not the probability: a logit adds up over evidence, a probability
saturates. A map has one value per voxel of the grid that the network reads.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from ichor.errors import StudyError
from ichor.explain import convolution, gradients, occlusion, rollout
from ichor.training.data import InputSpec

MOST_BOXES = 256
"""Places of the hidden box on one grid; each is a pass through the network."""


@dataclass(frozen=True)
class Effort:
    """How finely the methods that need many passes through the network work.

    Attributes
    ----------
    steps : int
        Points of the path of integrated gradients.
    box : tuple of int
        Voxels along x, y, z that occlusion hides at once; it moves by half a box.
    """

    steps: int = 32
    box: tuple[int, int, int] = (8, 8, 4)

    @classmethod
    def from_settings(cls, steps: int, occlusion_mm: float, inputs: InputSpec) -> "Effort":
        """Effort on the grid of a network: a box of `occlusion_mm` per axis, larger where it had too many places."""
        grid, side_mm = inputs.grid, occlusion_mm
        while True:
            sizes = zip(grid.spacing_mm, grid.shape, strict=True)
            box = tuple(int(min(n, max(1, round(side_mm / step)))) for step, n in sizes)
            places = [-(-(n - size) // ((size + 1) // 2)) + 1 for n, size in zip(grid.shape, box, strict=True)]
            if math.prod(places) <= MOST_BOXES:
                return cls(steps, box)
            side_mm *= 1.1


@dataclass(frozen=True)
class Method:
    """How one attribution method is computed; `ichor.explain.vocabulary.METHODS` says what it means.

    Attributes
    ----------
    applies : callable
        ``applies(network)``: whether the network has what the method needs.
    compute : callable
        ``compute(network, channels, effort)``: tensor ``(channels, x, y, z)``, or ``(1, x, y, z)`` where the method
        does not tell channels apart.
    """

    applies: Callable[[nn.Module], bool]
    compute: Callable[[nn.Module, torch.Tensor, Effort], torch.Tensor]


def _always(network: nn.Module) -> bool:
    return True


METHODS = {
    "gradient": Method(_always, lambda network, channels, effort: gradients.gradient(network, channels)),
    "integrated_gradients": Method(
        _always, lambda network, channels, effort: gradients.integrated_gradients(network, channels, effort.steps)
    ),
    "occlusion": Method(_always, lambda network, channels, effort: occlusion.occlusion(network, channels, effort.box)),
    "attention_rollout": Method(
        rollout.applies, lambda network, channels, effort: rollout.attention_rollout(network, channels)
    ),
    "guided_backprop": Method(
        convolution.has_relu, lambda network, channels, effort: convolution.guided_backprop(network, channels)
    ),
    "grad_cam_pp": Method(
        convolution.is_convolutional, lambda network, channels, effort: convolution.grad_cam_pp(network, channels)
    ),
    "guided_grad_cam": Method(
        convolution.has_relu, lambda network, channels, effort: convolution.guided_grad_cam(network, channels)
    ),
}


def check_names(names: list[str]) -> list[str]:
    """Return the names if all are methods.

    Raises
    ------
    ichor.errors.StudyError
        If not; the message lists those there are.
    """
    unknown = [name for name in names if name not in METHODS]
    if unknown:
        raise StudyError(f"explanations.methods: unknown {', '.join(unknown)}; there are {', '.join(METHODS)}")
    return list(names)


def attribute(
    name: str, network: nn.Module, channels: np.ndarray | torch.Tensor, inputs: InputSpec, effort: Effort
) -> tuple[np.ndarray, float]:
    """Attribution of a network's first logit to the image, on the network's grid.

    Parameters
    ----------
    name : str
        Key of `METHODS`.
    network : torch.nn.Module
        Maps ``(batch, channels, x, y, z)`` to logits ``(batch, outputs)``; a network that reads a record too is
        wrapped with the patient's record first.
    channels : array or tensor
        ``(channels, x, y, z)``, as `ichor.training.data.channels_of` makes them.
    inputs : InputSpec
        Which channels are windows and which are masks.
    effort : Effort
        See there.

    Returns
    -------
    image : numpy.ndarray
        float32 ``(x, y, z)``: summed over the window channels (also those inside the mask). A method that does not
        tell channels apart gives its one map.
    masks : float
        Sum over all voxels of the mask channels, which are kept out of the map: evidence that the shape of the
        segmentation brings, not the scan. 0 where the method does not tell channels apart.
    """
    was_training = network.training
    network.eval()
    try:
        at = next(network.parameters(), torch.empty(0)).device
        made = METHODS[name].compute(network, torch.as_tensor(channels, dtype=torch.float32, device=at), effort)
    finally:
        network.train(was_training)
    values = made.detach().cpu().numpy().astype(np.float32)
    if len(values) == 1 and inputs.channels > 1:
        return values[0], 0.0
    first, last = len(inputs.windows_hu), len(inputs.windows_hu) + len(inputs.mask_labels)
    return values[:first].sum(axis=0) + values[last:].sum(axis=0), float(values[first:last].sum(dtype=float))
