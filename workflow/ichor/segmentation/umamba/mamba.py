"""The Mamba block in plain torch, with the names, shapes and first values of `mamba_ssm.Mamba`.

Source of the structure and of every number: Gu & Dao 2023 (arXiv 2312.00752), sections 3.4 and 3.6 and their code
(`mamba_ssm` 2, Apache-2.0, class ``Mamba``). Tests hold the state dict's names and shapes fixed, so weights can go from
one to the other.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from ichor.segmentation.umamba.selective_scan import selective_scan

DT_RANGE = (1e-3, 1e-1)
"""Step sizes at the start, drawn evenly on the logarithm (theirs: dt_min, dt_max)."""


class Mamba(nn.Module):
    """Mix a sequence of tokens, each seeing those before it.

    Parameters
    ----------
    d_model : int
        Numbers per token.
    d_state : int
        States per channel.
    d_conv : int
        Tokens that the depthwise convolution sees.
    expand : int
        Inner channels per number of a token.

    Input and output have shape (batch, length, d_model); any length from 1.
    """

    def __init__(self, d_model: int, d_state: int = 16, d_conv: int = 4, expand: int = 2):
        super().__init__()
        self.d_state, self.dt_rank = d_state, math.ceil(d_model / 16)
        inner = expand * d_model
        self.in_proj = nn.Linear(d_model, 2 * inner, bias=False)
        self.conv1d = nn.Conv1d(inner, inner, d_conv, groups=inner, padding=d_conv - 1)
        self.x_proj = nn.Linear(inner, self.dt_rank + 2 * d_state, bias=False)
        self.dt_proj = nn.Linear(self.dt_rank, inner)
        nn.init.uniform_(self.dt_proj.weight, -(self.dt_rank**-0.5), self.dt_rank**-0.5)
        low, high = (math.log(limit) for limit in DT_RANGE)
        dt = torch.exp(torch.rand(inner) * (high - low) + low)
        with torch.no_grad():
            self.dt_proj.bias.copy_(dt + torch.log(-torch.expm1(-dt)))  # softplus takes it back to dt
        self.A_log = nn.Parameter(torch.arange(1.0, d_state + 1).log().repeat(inner, 1))  # S4D-real
        self.D = nn.Parameter(torch.ones(inner))
        self.out_proj = nn.Linear(inner, d_model, bias=False)

    def forward(self, tokens: Tensor) -> Tensor:
        """Run the block on tokens of shape (batch, length, d_model)."""
        length = tokens.shape[1]
        x, z = self.in_proj(tokens).transpose(1, 2).chunk(2, dim=1)  # (batch, inner, length)
        x = functional.silu(self.conv1d(x)[..., :length])  # what is cut off saw the padding after the end
        dt, B, C = self.x_proj(x.transpose(1, 2)).split([self.dt_rank, self.d_state, self.d_state], dim=-1)
        dt = functional.linear(dt, self.dt_proj.weight)  # the scan adds the bias, before softplus
        y = selective_scan(
            x,
            dt.transpose(1, 2),
            -torch.exp(self.A_log.float() if self.A_log.dtype != torch.float64 else self.A_log),
            B.transpose(1, 2),
            C.transpose(1, 2),
            self.D,
            z=z,
            dt_bias=self.dt_proj.bias,
            dt_softplus=True,
        )
        return self.out_proj(y.transpose(1, 2))
