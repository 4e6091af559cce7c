"""Gradient and integrated gradients of a network's first logit (captum)."""

import torch
from torch import nn

BATCH = 8
"""Points of the path that pass the network at once."""


def first_logit(network: nn.Module):
    """Return a function that maps images to the network's first logit, ``(batch,)``."""

    def logit(images: torch.Tensor) -> torch.Tensor:
        return network(images)[:, 0]

    return logit


def gradient(network: nn.Module, channels: torch.Tensor) -> torch.Tensor:
    """Gradient of the first logit, ``(channels, x, y, z)``, with its sign."""
    from captum.attr import Saliency

    return Saliency(first_logit(network)).attribute(channels[None].clone().requires_grad_(), abs=False)[0]


def integrated_gradients(network: nn.Module, channels: torch.Tensor, steps: int) -> torch.Tensor:
    """Integrated gradients on the straight path from an image whose channels are all 0.

    0 is the lower end of a window and an empty mask. The values of all channels add up to the logit of the image
    minus that of the empty image (completeness), but for the error of the Gauss-Legendre sum.

    Parameters
    ----------
    network : torch.nn.Module
        In evaluation mode.
    channels : torch.Tensor
        ``(channels, x, y, z)``.
    steps : int
        Points of the path.
    """
    from captum.attr import IntegratedGradients

    made = IntegratedGradients(first_logit(network)).attribute(
        channels[None], baselines=0.0, n_steps=steps, method="gausslegendre", internal_batch_size=BATCH
    )
    return made[0]
