"""Run a network over a volume in overlapping tiles, as nnU-Net does (its tile positions, its Gaussian weights)."""

import itertools
import math
from collections.abc import Callable, Iterable, Sequence

import numpy as np
import torch
from nnunetv2.inference.sliding_window_prediction import compute_gaussian, compute_steps_for_sliding_window
from torch import nn
from torch.nn import functional

TILES_AT_ONCE = {"cpu": 2, "cuda": 4}
"""Tiles in one pass of the network, one more where one would be left over: bounds the memory. Two are faster on a CPU
than one, for which torch takes its slow convolution, and than four, which leave its cache."""
Tile = tuple[slice, ...]


@torch.inference_mode()
def predict_probabilities(
    networks: Sequence[nn.Module],
    volume: torch.Tensor,
    patch_size: tuple[int, int, int],
    *,
    step_size: float = 0.5,
    mirror_axes: Sequence[int] = (),
    precision: str = "float32",
    each: Callable[[torch.Tensor], None] | None = None,
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
    precision : str
        ``"bfloat16"``: on a processor that computes in it, layers that bear it do. On CUDA it is float16 always.
    each : callable, optional
        Called with the probabilities of each network alone, where there are several; must not change them.

    Returns
    -------
    tensor of float32, shape (C, Z, Y, X), on the networks' device
    """
    device = next(networks[0].parameters()).device
    padded, inside = _pad(volume.to(device), patch_size)
    tiles = distinct_tiles(padded, tile_places(tuple(padded.shape[1:]), patch_size, step_size))
    weight = compute_gaussian(tuple(patch_size), sigma_scale=1.0 / 8, dtype=torch.float32, device=device)
    mean = None
    for network in networks:
        with _arithmetic(device.type, precision):
            logits = _logits(network, padded, tiles, weight, mirror_axes)
        probabilities = logits[(slice(None), *inside)].softmax(dim=0)
        if each and len(networks) > 1:
            each(probabilities)
        mean = probabilities if mean is None else mean.add_(probabilities)
    return mean.div_(len(networks))


def tile_places(shape: Sequence[int], size: Sequence[int], step_size: float) -> list[Tile]:
    """Index of every tile, its channels first, at nnU-Net's places."""
    starts = compute_steps_for_sliding_window(tuple(shape), tuple(size), step_size)
    return [
        (slice(None), *(slice(start, start + length) for start, length in zip(corner, size, strict=True)))
        for corner in itertools.product(*starts)
    ]


def distinct_tiles(volume: torch.Tensor, tiles: Iterable[Tile]) -> list[list[Tile]]:
    """Put tiles of one single value, such as air, together: what a network makes of one it makes of each."""
    groups, plain = [], {}
    for tile in tiles:
        low, high = (float(value) for value in volume[tile].aminmax())
        if low == high and low in plain:
            plain[low].append(tile)
            continue
        groups.append([tile])
        if low == high:
            plain[low] = groups[-1]
    return groups


def _arithmetic(device: str, precision: str) -> torch.autocast:
    """Mixed precision: float16 on CUDA, as nnU-Net; bfloat16 on a CPU if it is asked for and not emulated."""
    if device == "cuda":
        return torch.autocast(device)
    return torch.autocast(device, dtype=torch.bfloat16, enabled=precision == "bfloat16" and computes_bfloat16())


def computes_bfloat16() -> bool:
    """Whether this processor has instructions for bfloat16; without, it takes longer than float32."""
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


def _pad(volume: torch.Tensor, patch_size: Sequence[int]) -> tuple[torch.Tensor, tuple[slice, ...]]:
    missing = [max(0, patch - size) for patch, size in zip(patch_size, volume.shape[1:], strict=True)]
    before = [amount // 2 for amount in missing]
    sides = [side for m, b in zip(reversed(missing), reversed(before), strict=True) for side in (b, m - b)]
    inside = tuple(slice(b, b + size) for b, size in zip(before, volume.shape[1:], strict=True))
    return functional.pad(volume, sides), inside


def _logits(network, volume, tiles, weight, mirror_axes) -> torch.Tensor:
    """Weighted mean of the tiles' outputs, shape (C, Z, Y, X); `tiles` as `distinct_tiles` returns them."""
    total, weights = None, torch.zeros_like(volume[0])
    n_passes = max(1, math.ceil((len(tiles) - 1) / TILES_AT_ONCE.get(volume.device.type, 1)))
    for first, last in itertools.pairwise(np.linspace(0, len(tiles), n_passes + 1).astype(int).tolist()):
        group = tiles[first:last]
        outputs = _mirrored(network, torch.stack([volume[same[0]] for same in group]), mirror_axes)
        if total is None:
            total = volume.new_zeros((outputs.shape[1], *volume.shape[1:]))
        for same, output in zip(group, outputs, strict=True):
            output *= weight
            for tile in same:
                total[tile] += output
                weights[tile[1:]] += weight
    return total.div_(weights)


def _mirrored(network, batch, mirror_axes) -> torch.Tensor:
    """Mean output, shape (N, C, z, y, x), over the tiles and their mirror images."""
    n_tiles = len(batch)
    if n_tiles == 1 and batch.device.type == "cpu" and not torch.is_autocast_enabled("cpu"):
        batch = batch.expand(2, -1, -1, -1, -1)  # torch takes its slow convolution for a single small tile
    flips = [flip for n in range(len(mirror_axes) + 1) for flip in itertools.combinations(mirror_axes, n)]
    total = None
    for flip in flips:
        axes = [axis + 2 for axis in flip]
        output = network(batch.flip(axes) if axes else batch)
        output = (output.flip(axes) if axes else output).float()
        total = output if total is None else total + output
    return total[:n_tiles] / len(flips)
