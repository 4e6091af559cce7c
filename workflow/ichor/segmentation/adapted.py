"""A network that was trained elsewhere, in our terms: its axes run as ours do, its outputs are our labels."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Adapted(nn.Module):
    """Turn a network's input and outputs round.

    Parameters
    ----------
    network : module
        Input shape (N, 1, Z, Y, X), output logits.
    flip_axes : sequence of int
        Axes (0 z, 1 y, 2 x) that ran the other way in the network's training images.
    groups : sequence of sequence of int
        For background and each label of ours the outputs of the network that mean it. Their probabilities are added
        up: the logarithm of the sum of the exponentials is the logit whose softmax is that sum.
    """

    def __init__(self, network: nn.Module, flip_axes: Sequence[int], groups: Sequence[Sequence[int]]) -> None:
        super().__init__()
        self.network = network
        self.axes = [axis + 2 for axis in flip_axes]
        self.groups = [list(group) for group in groups]

    def forward(self, image: Tensor) -> Tensor:
        """Logits of background and our labels, shape (N, labels + 1, Z, Y, X)."""
        logits = self.network(image.flip(self.axes)).flip(self.axes)
        return torch.cat([_merged(logits[:, group]) for group in self.groups], dim=1)


def _merged(logits: Tensor) -> Tensor:
    return logits if logits.shape[1] == 1 else logits.logsumexp(dim=1, keepdim=True)
