"""Noise predictor of the diffusion: a convolutional U-net with tokenised KAN blocks at its deepest levels.

Written from the description of U-KAN and Diffusion U-KAN (Li et al., AAAI 2025, arXiv 2406.02918), not from its code.
Ours are the group normalisation, the patches at the start and the share of the noisy image in the prediction.
"""

import math
from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

from ichor.errors import StudyError
from ichor.synthesis.diffusion.kan import KANLinear, TokenisedKAN

Stride = tuple[int, ...]


def strides_of(shape: Sequence[int], levels: int) -> list[Stride]:
    """Step of every level after the first.

    An axis is halved where it is at least half as long as the longest one, so that few thick slices are kept until the
    plane is as coarse.

    Parameters
    ----------
    shape : sequence of int
        Spatial shape that the network works on.
    levels : int
        Levels of the U-net.

    Raises
    ------
    ichor.errors.StudyError
        If an axis that is to be halved has an odd number of voxels.
    """
    shape, strides = list(shape), []
    for level in range(1, levels):
        stride = tuple(2 if 2 * length >= max(shape) and max(shape) > 1 else 1 for length in shape)
        if any(length % step for length, step in zip(shape, stride, strict=True)):
            raise StudyError(
                f"the generator's crop has {' x '.join(map(str, shape))} voxels at level {level}, which cannot be "
                "halved; write fewer channels (levels), or input.size_mm and margin_mm that give even numbers"
            )
        shape = [length // step for length, step in zip(shape, stride, strict=True)]
        strides.append(stride)
    return strides


def sinusoid(t: torch.Tensor, length: int) -> torch.Tensor:
    """Sine and cosine of the time at falling frequencies, ``(n, length)`` (Vaswani et al. 2017, section 3.5)."""
    half = length // 2
    frequencies = torch.exp(-math.log(10000.0) * torch.arange(half, device=t.device) / half)
    angles = t.float()[:, None] * frequencies
    return torch.cat([angles.sin(), angles.cos()], dim=1)


class UKAN(nn.Module):
    """U-net ``(noisy, t, classes) -> prediction`` for images of one grid.

    Parameters
    ----------
    channels_in : int
        Channels of the image, in and out.
    shape : sequence of int
        Its spatial shape, two or three axes.
    channels : sequence of int
        Of every level; each is a multiple of `groups`.
    patch : int
        Voxels in the plane along each side of what the first convolution steps over, and the last one gives back; 1 =
        the network works at full resolution.
    kan_levels : int
        How many of the deepest levels hold KAN blocks instead of convolutions.
    blocks : int
        Blocks per level, on the way down and again on the way up.
    kan_layers : int
        KAN layers per block.
    grid_range : tuple of float
        Of the splines.
    classes : int
        Class tokens, "no class" among them.
    dropout : float
        In the convolutional blocks.
    groups : int
        Of the group normalisations.
    """

    def __init__(
        self,
        channels_in: int,
        shape: Sequence[int],
        channels: Sequence[int],
        *,
        patch: int,
        kan_levels: int,
        blocks: int,
        kan_layers: int,
        grid_range: tuple[float, float],
        classes: int,
        dropout: float,
        groups: int,
    ) -> None:
        super().__init__()
        if any(width % groups for width in channels) or not 0 <= kan_levels <= len(channels):
            raise StudyError(
                f"ukan: channels {list(channels)} with {groups} groups and kan_levels {kan_levels}; write channels "
                f"that are multiples of {groups}, and kan_levels from 0 to {len(channels)}"
            )
        dimensions, levels, self.width = len(shape), len(channels), channels[0]
        steps = (patch, patch, 1)[:dimensions]
        if patch < 1 or any(length % step for length, step in zip(shape, steps, strict=True)):
            raise StudyError(f"ukan.patch: found {patch} for {' x '.join(map(str, shape))} voxels; write a divisor")
        self.strides = strides_of([length // step for length, step in zip(shape, steps, strict=True)], levels)
        conv = {2: nn.Conv2d, 3: nn.Conv3d}[dimensions]
        outward = {2: nn.ConvTranspose2d, 3: nn.ConvTranspose3d}[dimensions]
        embedding = 4 * self.width
        self.embed_time = nn.Sequential(
            nn.Linear(self.width, embedding), nn.SiLU(), nn.Linear(embedding, embedding), nn.SiLU()
        )
        self.embed_class = nn.Embedding(classes, embedding)

        def stage(level: int, inputs: int) -> nn.ModuleList:
            width, made = channels[level], []
            for number in range(blocks):
                came = inputs if number == 0 else width
                if level < levels - kan_levels:
                    made.append(ResidualBlock(came, width, embedding, conv, dropout, groups))
                else:
                    made.append(KANStage(came, width, embedding, conv, kan_layers, groups, grid_range))
            return nn.ModuleList(made)

        overlapping = {"kernel_size": [step + 2 for step in steps], "stride": steps, "padding": 1}
        self.stem = conv(channels_in, self.width, **overlapping)
        self.down = nn.ModuleList(
            conv(channels[level - 1], channels[level], 3, stride=self.strides[level - 1], padding=1)
            for level in range(1, levels)
        )
        self.encode = nn.ModuleList(stage(level, channels[level]) for level in range(levels))
        self.up = nn.ModuleList(conv(channels[level + 1], channels[level], 3, padding=1) for level in range(levels - 1))
        self.decode = nn.ModuleList(stage(level, 2 * channels[level]) for level in range(levels - 1))
        self.out = nn.Sequential(
            nn.GroupNorm(groups, self.width), nn.SiLU(), outward(self.width, channels_in, **overlapping)
        )
        # of what is predicted, most is a multiple of the noisy image: passed by, not squeezed through the channels
        self.pass_by = nn.Linear(embedding, channels_in)
        for last in (self.out[-1], self.pass_by):  # the first prediction is 0, whatever comes in
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)

    def forward(self, noisy: torch.Tensor, t: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
        """Prediction for noisy images.

        Parameters
        ----------
        noisy : torch.Tensor
            ``(n, channels_in, *shape)``.
        t, classes : torch.Tensor
            int64 ``(n,)``: step of the diffusion, class token.
        """
        embedding = self.embed_time(sinusoid(t, self.width)) + self.embed_class(classes)
        h, skips = self.stem(noisy), []
        for level, blocks in enumerate(self.encode):
            if level:
                h = self.down[level - 1](h)
            h = _through(blocks, h, embedding)
            skips.append(h)
        for level in reversed(range(len(self.decode))):
            h = functional.interpolate(h, scale_factor=[float(step) for step in self.strides[level]], mode="nearest")
            h = torch.cat([self.up[level](h), skips[level]], dim=1)
            h = _through(self.decode[level], h, embedding)
        share = self.pass_by(embedding)
        return self.out(h) + share.reshape(*share.shape, *(1,) * (h.ndim - 2)) * noisy


class ResidualBlock(nn.Module):
    """Two convolutions with the embedding of time and class in between, and a shortcut (Ho et al. 2020, appendix B)."""

    def __init__(self, inputs: int, outputs: int, embedding: int, conv: type, dropout: float, groups: int) -> None:
        super().__init__()
        self.norm_1 = nn.GroupNorm(math.gcd(groups, inputs), inputs)
        self.conv_1 = conv(inputs, outputs, 3, padding=1)
        self.embed = nn.Linear(embedding, outputs)
        self.norm_2 = nn.GroupNorm(groups, outputs)
        self.dropout = nn.Dropout(dropout)
        self.conv_2 = conv(outputs, outputs, 3, padding=1)
        self.shortcut = conv(inputs, outputs, 1) if inputs != outputs else nn.Identity()

    def forward(self, x: torch.Tensor, embedding: torch.Tensor) -> torch.Tensor:
        """Map ``(n, inputs, ...)`` to ``(n, outputs, ...)``."""
        shift = self.embed(embedding)
        h = self.conv_1(functional.silu(self.norm_1(x))) + shift.reshape(*shift.shape, *(1,) * (x.ndim - 2))
        return self.shortcut(x) + self.conv_2(self.dropout(functional.silu(self.norm_2(h))))


class KANStage(nn.Module):
    """Channels brought to the level's width, then a block of KAN layers on tokens."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        embedding: int,
        conv: type,
        layers: int,
        groups: int,
        grid_range: tuple[float, float],
    ) -> None:
        super().__init__()
        dimensions = 2 if conv is nn.Conv2d else 3
        self.project = conv(inputs, outputs, 1) if inputs != outputs else nn.Identity()
        self.tokens = TokenisedKAN(
            outputs, embedding, dimensions, layers, groups, lambda came, go: KANLinear(came, go, grid_range)
        )

    def forward(self, x: torch.Tensor, embedding: torch.Tensor) -> torch.Tensor:
        """Map ``(n, inputs, ...)`` to ``(n, outputs, ...)``."""
        return self.tokens(self.project(x), embedding)


def _through(blocks: nn.ModuleList, h: torch.Tensor, embedding: torch.Tensor) -> torch.Tensor:
    for block in blocks:
        h = block(h, embedding)
    return h
