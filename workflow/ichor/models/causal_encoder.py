"""Attention that looks back only: what a step becomes depends on it and on the steps before it."""

import torch
from torch import nn
from torch.nn import functional


class CausalBlock(nn.Module):
    """A transformer layer with the norm before each part (Xiong et al., ICML 2020) and a causal mask.

    The queries start at zero, so that every step first takes the plain mean over the steps up to it, and learns from
    there what to look at: our choice, for some hundred patients.

    Parameters
    ----------
    width : int
        Numbers of a token.
    heads : int
        Attention heads; a divisor of `width`.
    dropout : float
        Share of the numbers left out in training.
    """

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.share = heads, dropout
        self.norm_attention, self.norm_feed = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query, self.key_value, self.out = (
            nn.Linear(width, width),
            nn.Linear(width, 2 * width),
            nn.Linear(width, width),
        )
        self.feed = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))
        self.dropout = nn.Dropout(dropout)
        nn.init.zeros_(self.query.weight)
        nn.init.zeros_(self.query.bias)

    def forward(self, tokens: torch.Tensor, allowed: torch.Tensor) -> torch.Tensor:
        """Tokens ``(n, T, width)`` after the layer; `allowed` bool ``(n, 1, T, T)`` says who looks at whom."""
        normed = self.norm_attention(tokens)
        query, key, value = (
            part.unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for part in (self.query(normed), *self.key_value(normed).chunk(2, dim=-1))
        )
        share = self.share if self.training else 0.0
        looked = functional.scaled_dot_product_attention(query, key, value, attn_mask=allowed, dropout_p=share)
        tokens = tokens + self.dropout(self.out(looked.transpose(1, 2).flatten(2)))
        return tokens + self.dropout(self.feed(self.norm_feed(tokens)))


class CausalEncoder(nn.Module):
    """Transformer layers under one causal mask, with a last norm.

    Parameters
    ----------
    width, heads, dropout
        See `CausalBlock`.
    layers : int
        Number of layers.
    """

    def __init__(self, width: int, heads: int, layers: int, dropout: float) -> None:
        super().__init__()
        self.layers = nn.ModuleList(CausalBlock(width, heads, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(width)

    def forward(self, tokens: torch.Tensor, present: torch.Tensor) -> torch.Tensor:
        """Tokens ``(n, T, width)`` after all layers; `present` bool ``(n, T)`` is False in the padding."""
        allowed = causal_mask(present)
        for layer in self.layers:
            tokens = layer(tokens, allowed)
        return self.norm(tokens)


def causal_mask(present: torch.Tensor) -> torch.Tensor:
    """Who may look at whom, bool ``(n, 1, T, T)``: a step at itself and at the steps before it that there are."""
    steps = present.shape[1]
    before = torch.ones(steps, steps, dtype=torch.bool, device=present.device).tril()
    itself = torch.eye(steps, dtype=torch.bool, device=present.device)
    return ((before & present[:, None, :]) | itself)[:, None]
