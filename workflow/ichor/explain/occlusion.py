"""Occlusion: how much the first logit falls when a box of the image is hidden.

As captum's Occlusion computes it (the tests compare the two), but boxes that hold nothing are not tried: where all
channels are 0 already, hiding changes nothing. On a grid of the whole head that is much of the air around it.
"""

import itertools

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
    steps = [(size + 1) // 2 for size in box]
    corners = [
        range(0, max(1, n - size + step), step) for n, size, step in zip(channels.shape[1:], box, steps, strict=True)
    ]
    boxes = [
        tuple(slice(first, first + size) for first, size in zip(corner, box, strict=True))
        for corner in itertools.product(*corners)
    ]
    total, count = (torch.zeros(channels.shape[1:], device=channels.device) for _ in range(2))
    for own in boxes:
        count[own] += 1
    logit = first_logit(network)
    hiding = [own for own in boxes if channels[(slice(None), *own)].any()]
    with torch.no_grad():
        whole = logit(channels[None])[0]
        for first in range(0, len(hiding), BATCH):
            batch = hiding[first : first + BATCH]
            images = channels.expand(len(batch), *channels.shape).clone()
            for image, own in zip(images, batch, strict=True):
                image[(slice(None), *own)] = 0
            for own, changed in zip(batch, logit(images), strict=True):
                total[own] += whole - changed
    return (total / count)[None]
