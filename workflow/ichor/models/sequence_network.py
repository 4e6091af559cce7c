"""A sequence network: tokens of the steps, an encoder that looks back only, and a head for each target."""

import torch
from torch import nn

from ichor.models.step_tokens import StepInputs


class SequenceNetwork(nn.Module):
    """Log odds of each target at each step, from the step and those before it.

    Parameters
    ----------
    tokens : torch.nn.Module
        `StepInputs` -> ``(n, T, width)``.
    encoder : torch.nn.Module
        ``(tokens, present)`` -> ``(n, T, width)``.
    width, targets : int
        Numbers of a token, and answers.
    dropout : float
        Share of the inner numbers left out in training.

    Notes
    -----
    The heads read what the encoder says and, beside it, the step's own token, so that a network of few patients can
    do what a landmark regression does. They start at zero, where the answer is the train rows' base rate.
    """

    def __init__(self, tokens: nn.Module, encoder: nn.Module, width: int, targets: int, dropout: float) -> None:
        super().__init__()
        self.tokens, self.encoder = tokens, encoder
        self.dropout = nn.Dropout(dropout)
        self.of_encoder, self.of_token = nn.Linear(width, targets), nn.Linear(width, targets, bias=False)
        for head in (self.of_encoder, self.of_token):
            nn.init.zeros_(head.weight)
        nn.init.zeros_(self.of_encoder.bias)

    def forward(self, inputs: StepInputs) -> torch.Tensor:
        """Log odds ``(n, T, K)``, relative to the base rates, see `ichor.models.nested_targets.chances`."""
        tokens = self.tokens(inputs)
        encoded = self.encoder(self.dropout(tokens), inputs.present)
        return self.of_encoder(self.dropout(encoded)) + self.of_token(tokens)


class RecurrentEncoder(nn.Module):
    """A recurrent layer, which reads the steps in order.

    Parameters
    ----------
    layer : torch.nn.RNNBase
        GRU or LSTM with ``batch_first``.
    width : int
        Numbers of a token.
    """

    def __init__(self, layer: nn.RNNBase, width: int) -> None:
        super().__init__()
        self.layer, self.norm = layer, nn.LayerNorm(width)

    def forward(self, tokens: torch.Tensor, present: torch.Tensor) -> torch.Tensor:
        """``(n, T, width)``; the padding lies behind a patient's last step, where nothing reads it."""
        return self.norm(self.layer(tokens)[0])
