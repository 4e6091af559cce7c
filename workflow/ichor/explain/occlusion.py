"""Occlusion: how much the first logit falls when a box of the image is hidden (captum)."""

import torch
from torch import nn

from ichor.explain.gradients import first_logit

BATCH = 16
"""Hidden boxes that pass the network at once."""


def occlusion(network: nn.Module, channels: torch.Tensor, box: tuple[int, int, int]) -> torch.Tensor:
    """Logit of the image minus that with a box at 0 in all channels, averaged over the boxes that hold a voxel.

    Image and mask are hidden together: a bleed that is gone from the image but not from its mask is an input that no
    scan gives.

    Parameters
    ----------
    network : torch.nn.Module
        In evaluation mode.
    channels : torch.Tensor
        ``(channels, x, y, z)``.
    box : tuple of int
        Voxels along x, y, z; the box moves by half of it, rounded up.

    Returns
    -------
    torch.Tensor
        ``(1, x, y, z)``.
    """
    from captum.attr import Occlusion

    steps = tuple((size + 1) // 2 for size in box)
    with torch.no_grad():
        made = Occlusion(first_logit(network)).attribute(
            channels[None],
            sliding_window_shapes=(len(channels), *box),
            strides=(len(channels), *steps),
            baselines=0.0,
            perturbations_per_eval=BATCH,
        )
    return made[0, :1]
