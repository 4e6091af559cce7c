"""Kolmogorov-Arnold layers: every connection is a learned function of one variable, a B-spline plus a SiLU.

Liu et al., "KAN: Kolmogorov-Arnold Networks", ICLR 2025 (arXiv 2404.19756), section 2.2: grid of 5 intervals, splines
of order 3. The block of tokens follows the description of Li et al., "U-KAN", AAAI 2025 (arXiv 2406.02918): KAN layers
with a depthwise convolution and a normalisation after each, and a residual connection around all.
"""

from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional

GRID_SIZE = 5
SPLINE_ORDER = 3
SPLINE_START_SD = 0.1
"""Spread of the spline coefficients before training (Liu et al. 2024, section 2.2)."""


def extended_grid(low: float, high: float, size: int, order: int) -> torch.Tensor:
    """Knots of splines on ``[low, high]``: `size` equal intervals, and `order` more of the same width on each side.

    Returns
    -------
    torch.Tensor
        float32 ``(size + 2 * order + 1,)``.
    """
    step = (high - low) / size
    return low + step * torch.arange(-order, size + order + 1, dtype=torch.float32)


def spline_basis(x: torch.Tensor, knots: torch.Tensor, order: int) -> torch.Tensor:
    """All B-splines of an order at `x`, by the recursion of de Boor and Cox.

    On ``[low, high]`` of :func:`extended_grid` they sum to 1. Outside they fall, and are exactly 0 from `order` steps
    beyond on: there a KAN layer is its SiLU branch alone, so that it neither explodes nor saturates.

    Parameters
    ----------
    x : torch.Tensor
        Any shape.
    knots : torch.Tensor
        Increasing and equally spaced, ``(n,)``.
    order : int
        Degree of the polynomial pieces.

    Returns
    -------
    torch.Tensor
        ``(*x.shape, n - order - 1)``, differentiable.
    """
    x, step = x[..., None], knots[1] - knots[0]
    basis = ((x >= knots[:-1]) & (x < knots[1:])).to(x.dtype)
    for degree in range(1, order + 1):
        rising = (x - knots[: -degree - 1]) / (degree * step)
        falling = (knots[degree + 1 :] - x) / (degree * step)
        basis = rising * basis[..., :-1] + falling * basis[..., 1:]
    return basis


class KANLinear(nn.Module):
    """Layer whose output j is the sum over inputs i of ``w_ij * silu(x_i) + spline_ij(x_i)``.

    Parameters
    ----------
    inputs, outputs : int
        Size of the last axis.
    grid_range : tuple of float
        Where the splines are full; see :func:`spline_basis` for what happens outside.
    grid_size, order : int
        Intervals of the grid and degree of the splines.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        grid_range: tuple[float, float] = (-1.0, 1.0),
        grid_size: int = GRID_SIZE,
        order: int = SPLINE_ORDER,
    ) -> None:
        super().__init__()
        self.order = order
        self.register_buffer("knots", extended_grid(*grid_range, grid_size, order), persistent=False)
        self.base_weight = nn.Parameter(torch.empty(outputs, inputs))
        self.spline_weight = nn.Parameter(torch.empty(outputs, inputs, grid_size + order))
        nn.init.xavier_uniform_(self.base_weight)
        nn.init.normal_(self.spline_weight, std=SPLINE_START_SD / inputs**0.5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map ``(..., inputs)`` to ``(..., outputs)``."""
        with torch.autocast(x.device.type, enabled=False):  # half precision would not resolve the splines
            basis = spline_basis(x.float(), self.knots, self.order)
        base = functional.linear(functional.silu(x), self.base_weight)
        return base + functional.linear(basis.flatten(-2), self.spline_weight.flatten(1))


class TokenisedKAN(nn.Module):
    """Block of KAN layers on the places of a feature map, each place a token.

    Parameters
    ----------
    channels : int
        Channels in and out.
    embedding : int
        Length of the embedding of time and class, added before each normalisation.
    dimensions : int
        2 or 3 spatial axes.
    layers : int
        KAN layers, each followed by depthwise convolution, normalisation and SiLU.
    groups : int
        Of the group normalisation. (Batch statistics, as in U-KAN, would differ between training and averaged weights.)
    kan : callable
        Makes a :class:`KANLinear` of inputs and outputs.
    """

    def __init__(
        self,
        channels: int,
        embedding: int,
        dimensions: int,
        layers: int,
        groups: int,
        kan: Callable[[int, int], nn.Module] = KANLinear,
    ) -> None:
        super().__init__()
        depthwise = {2: nn.Conv2d, 3: nn.Conv3d}[dimensions]
        self.norm_in = nn.LayerNorm(channels)
        self.kans = nn.ModuleList(kan(channels, channels) for _ in range(layers))
        self.mixes = nn.ModuleList(depthwise(channels, channels, 3, padding=1, groups=channels) for _ in range(layers))
        self.norms = nn.ModuleList(nn.GroupNorm(groups, channels) for _ in range(layers))
        self.embeds = nn.ModuleList(nn.Linear(embedding, channels) for _ in range(layers))

    def forward(self, x: torch.Tensor, embedding: torch.Tensor) -> torch.Tensor:
        """Map ``(n, channels, ...)`` to the same shape."""
        h = self.norm_in(x.movedim(1, -1)).movedim(-1, 1)
        for kan, mix, norm, embed in zip(self.kans, self.mixes, self.norms, self.embeds, strict=True):
            h = mix(kan(h.movedim(1, -1)).movedim(-1, 1))
            shift = embed(embedding)
            h = functional.silu(norm(h + shift.reshape(*shift.shape, *(1,) * (h.ndim - 2))))
        return x + h
