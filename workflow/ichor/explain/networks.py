"""Networks as the attribution methods see them: functions of the image alone."""

import torch
from torch import nn


class WithRecord(nn.Module):
    """A network that reads a record too, with one patient's record held: a function of the image.

    Parameters
    ----------
    network : torch.nn.Module
        Called with ``(image, record)``.
    record : torch.Tensor
        ``(columns,)``, of `ichor.training.record.Record.matrix`.
    """

    def __init__(self, network: nn.Module, record: torch.Tensor) -> None:
        super().__init__()
        self.network = network
        self.held = record

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """``(batch, channels, x, y, z)`` to ``(batch, outputs)``."""
        return self.network(images, self.held.to(images.device).expand(len(images), -1))


def image_branch(network: nn.Module) -> nn.Module:
    """The part of a network that reads the image: of one that joins image and record, its module ``image``."""
    while True:
        if isinstance(network, WithRecord):
            network = network.network
        elif isinstance(getattr(network, "image", None), nn.Module):
            network = network.image
        else:
            return network
