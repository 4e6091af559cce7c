"""What the record brings to the answer of a network that reads it beside the image: integrated gradients (captum).

The image is held. The way leads from the mean record of the train patients, which every prepared column has at 0, to
the patient's; the columns of a feature (levels, missing or not) are added up. So the features together give the logit
of the patient minus that of the same image with the mean record (completeness).
"""

import numpy as np
import torch
from torch import nn

from ichor.training.record import Record


def record_attribution(
    network: nn.Module, channels: np.ndarray, record: np.ndarray, steps: int, place: int = 0
) -> np.ndarray:
    """Part of a logit that each column of a record brings.

    Parameters
    ----------
    network : torch.nn.Module
        Called with ``(image, record)``; put into evaluation mode meanwhile.
    channels : numpy.ndarray
        ``(channels, x, y, z)``, the image that is held.
    record : numpy.ndarray
        ``(columns,)`` of `ichor.training.record.Record.matrix`; its first column says that there is a record.
    steps : int
        Points of the path.
    place : int
        Which logit.

    Returns
    -------
    numpy.ndarray
        float64 ``(columns,)``; 0 for the first column, which is the same all the way, and everywhere for a patient
        without record.
    """
    from captum.attr import IntegratedGradients

    if not record[0]:
        return np.zeros(len(record))
    at = next(network.parameters()).device
    image = torch.as_tensor(channels, dtype=torch.float32, device=at)
    given = torch.as_tensor(record, dtype=torch.float32, device=at)[None]
    mean = torch.zeros_like(given)
    mean[:, 0] = 1

    def logit(records: torch.Tensor) -> torch.Tensor:
        return network(image.expand(len(records), *image.shape), records)[:, place]

    frozen = [parameter for parameter in network.parameters() if parameter.requires_grad]
    was_training = network.training
    network.eval()
    for parameter in frozen:  # nothing of the image's branch is kept for a way back
        parameter.requires_grad_(False)
    try:
        made = IntegratedGradients(logit).attribute(
            given, baselines=mean, n_steps=steps, method="gausslegendre", internal_batch_size=8
        )
    finally:
        network.train(was_training)
        for parameter in frozen:
            parameter.requires_grad_(True)
    return made[0].detach().cpu().double().numpy()


def by_feature(record: Record, columns: np.ndarray) -> dict[str, float]:
    """Add up the columns that each feature of a record was coded into.

    Parameters
    ----------
    record : Record
        As it was fitted.
    columns : numpy.ndarray
        ``(record.width,)``, of `record_attribution`.

    Returns
    -------
    dict
        Feature -> part of the logit, in the order of the record's features.
    """
    found = dict.fromkeys(record.preparation.predictors, 0.0)
    for name, value in zip(record.preparation.sources(), columns[1:], strict=True):
        found[name] += float(value)
    return found
