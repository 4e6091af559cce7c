"""Run a network over a volume in overlapping tiles, as nnU-Net does (its tile positions, its Gaussian weights)."""

import itertools
from collections.abc import Sequence

import torch
from nnunetv2.inference.sliding_window_prediction import compute_gaussian, compute_steps_for_sliding_window
from torch import nn
from torch.nn import functional

TILES_AT_ONCE = 4
"""Tiles in one pass of the network: bounds the memory, and more than one is what makes a CPU fast."""


@torch.inference_mode()
def predict_probabilities(
    networks: Sequence[nn.Module],
    volume: torch.Tensor,
    patch_size: tuple[int, int, int],
    *,
    step_size: float = 0.5,
    mirror_axes: Sequence[int] = (),
) -> torch.Tensor:
    """Mean probability of several networks.

    Parameters
    ----------
    networks : sequence of modules
        In evaluation mode, on the device where the work is to be done.
    volume : tensor, shape (1, Z, Y, X)
        On the network's grid.
    patch_size : tuple of int
        Tile (z, y, x); a smaller volume is padded with zeros (air).
    step_size : float
        Distance of tiles as a share of the tile, in (0, 1].
    mirror_axes : sequence of int
        Spatial axes (0 z, 1 y, 2 x) to average mirror images over; empty: none.

    Returns
    -------
    tensor of float32, shape (C, Z, Y, X), on the networks' device
    """
    device = next(networks[0].parameters()).device
    padded, inside = _pad(volume.to(device), patch_size)
    steps = compute_steps_for_sliding_window(tuple(padded.shape[1:]), patch_size, step_size)
    corners = list(itertools.product(*steps))
    weight = compute_gaussian(tuple(patch_size), sigma_scale=1.0 / 8, dtype=torch.float32, device=device)
    mean = None
    for network in networks:
        logits = _logits(network, padded, corners, patch_size, weight, mirror_axes)
        probabilities = logits[(slice(None), *inside)].softmax(dim=0)
        mean = probabilities if mean is None else mean.add_(probabilities)
    return mean.div_(len(networks))


def _pad(volume: torch.Tensor, patch_size: Sequence[int]) -> tuple[torch.Tensor, tuple[slice, ...]]:
    missing = [max(0, patch - size) for patch, size in zip(patch_size, volume.shape[1:], strict=True)]
    before = [amount // 2 for amount in missing]
    sides = [side for m, b in zip(reversed(missing), reversed(before), strict=True) for side in (b, m - b)]
    inside = tuple(slice(b, b + size) for b, size in zip(before, volume.shape[1:], strict=True))
    return functional.pad(volume, sides), inside


def _logits(network, volume, corners, patch_size, weight, mirror_axes) -> torch.Tensor:
    """Weighted mean of the tiles' outputs, shape (C, Z, Y, X)."""
    tiles = [
        (slice(None), *(slice(start, start + size) for start, size in zip(corner, patch_size, strict=True)))
        for corner in corners
    ]
    total, weights = None, torch.zeros_like(volume[0])
    for first in range(0, len(tiles), TILES_AT_ONCE):
        group = tiles[first : first + TILES_AT_ONCE]
        outputs = _mirrored(network, torch.stack([volume[tile] for tile in group]), mirror_axes)
        if total is None:
            total = volume.new_zeros((outputs.shape[1], *volume.shape[1:]))
        for tile, output in zip(group, outputs, strict=True):
            total[tile] += output * weight
            weights[tile[1:]] += weight
    return total / weights


def _mirrored(network, batch, mirror_axes) -> torch.Tensor:
    """Mean output, shape (N, C, z, y, x), over the tiles and their mirror images."""
    n_tiles = len(batch)
    if n_tiles == 1 and batch.device.type == "cpu":
        batch = batch.expand(2, -1, -1, -1, -1)  # torch takes its slow convolution for a single small tile
    flips = [flip for n in range(len(mirror_axes) + 1) for flip in itertools.combinations(mirror_axes, n)]
    total = None
    with torch.autocast(batch.device.type, enabled=batch.device.type == "cuda"):
        for flip in flips:
            axes = [axis + 2 for axis in flip]
            output = network(batch.flip(axes) if axes else batch)
            output = (output.flip(axes) if axes else output).float()
            total = output if total is None else total + output
    return total[:n_tiles] / len(flips)
