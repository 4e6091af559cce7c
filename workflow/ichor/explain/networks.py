"""Networks as the attribution methods see them: functions of the image alone, with one logit."""

import torch
from torch import nn

from ichor.errors import StudyError
from ichor.models.auxiliary_tasks import AuxiliaryTasks

OUTCOME = "outcome"


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
        self.training = network.training  # a new module would else say that it trains

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """``(batch, channels, x, y, z)`` to ``(batch, outputs)``."""
        return self.network(images, self.held.to(images.device).expand(len(images), -1))


class OneLogit(nn.Module):
    """A network of several tasks with the logit of one of them.

    Parameters
    ----------
    network : torch.nn.Module
        Gives logits ``(batch, outputs)``.
    place : int
        Which of them is explained.
    """

    def __init__(self, network: nn.Module, place: int) -> None:
        super().__init__()
        self.network = network
        self.place = place
        self.training = network.training

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        """Inputs of the network to ``(batch, 1)``."""
        return self.network(*inputs)[:, self.place : self.place + 1]


def head_of(spec: dict, wanted: str) -> tuple[str, int]:
    """Head of a network that is explained, and the place of its logit.

    Parameters
    ----------
    spec : dict
        Complete settings of the network.
    wanted : {"outcome", "gcs", "age"}
        Head that the config asks for. Networks that do not learn that task are explained by their outcome.

    Returns
    -------
    name : str
        ``outcome``, ``gcs`` or ``age``.
    place : int
        Of the logit; of an ordinal GCS, that of the lowest cut (by default: GCS 8 or less).

    Raises
    ------
    ichor.errors.StudyError
        If there is no such head in any network.
    """
    if wanted not in (OUTCOME, "gcs", "age"):
        raise StudyError(f"explanations.head: found {wanted!r}; write outcome, gcs or age")
    places = {task.name: task.places.stop - 1 for task in AuxiliaryTasks.of(spec)}
    return (wanted, places[wanted]) if wanted in places else (OUTCOME, 0)


def image_branch(network: nn.Module) -> nn.Module:
    """The part of a network that reads the image: of one that joins image and record, its module ``image``."""
    while True:
        if isinstance(network, WithRecord | OneLogit):
            network = network.network
        elif isinstance(getattr(network, "image", None), nn.Module):
            network = network.image
        else:
            return network
