"""Losses of the outcome's logit, and of the logits of further tasks."""

import numpy as np
import torch
from torch.nn import functional

from ichor.models.auxiliary_tasks import AuxiliaryTasks


def summed_loss(
    logits: torch.Tensor, labels: torch.Tensor, positive_weight: float = 1.0, focal_gamma: float = 0.0
) -> torch.Tensor:
    """Cross-entropy or focal loss (Lin et al., ICCV 2017, equation 4), summed over the rows.

    Parameters
    ----------
    logits, labels : torch.Tensor
        float32 ``(n,)``; labels 0 or 1.
    positive_weight : float
        Factor of the loss of label 1.
    focal_gamma : float
        Exponent of one minus the probability that the true label is given; 0 is cross-entropy.
    """
    weight = torch.tensor(positive_weight, device=logits.device)
    if focal_gamma == 0:
        return functional.binary_cross_entropy_with_logits(logits, labels, pos_weight=weight, reduction="sum")
    losses = functional.binary_cross_entropy_with_logits(logits, labels, pos_weight=weight, reduction="none")
    wrong = torch.sigmoid(logits * (1 - 2 * labels))  # one minus the probability of the true label
    return (wrong**focal_gamma * losses).sum()


def auxiliary_loss(
    logits: torch.Tensor, targets: torch.Tensor, tasks: AuxiliaryTasks, batch_targets: np.ndarray
) -> torch.Tensor:
    """Part that some rows have in the weighted cross-entropies of a network's further tasks.

    Each task's loss is the mean over the rows of the batch whose target is known; where none is, it is 0.

    Parameters
    ----------
    logits : torch.Tensor
        float32 ``(n, 1 + outputs)``, the outcome's first.
    targets : torch.Tensor
        float32 ``(n, outputs)`` of 0, 1 and NaN, see :meth:`ichor.models.auxiliary_tasks.AuxiliaryTasks.targets`.
    tasks : ichor.models.auxiliary_tasks.AuxiliaryTasks
        Which tasks, with the weight of each.
    batch_targets : numpy.ndarray
        Targets of the whole batch that these rows are a part of.

    Returns
    -------
    torch.Tensor
        Scalar: over all parts of a batch they add up to the tasks' share of its loss.
    """
    total = logits.new_zeros(())
    for task in tasks:
        own = slice(task.places.start - 1, task.places.stop - 1)
        known = torch.isfinite(targets[:, own])
        number = np.isfinite(batch_targets[:, own]).sum()
        if number:
            filled = torch.where(known, targets[:, own], 0.0)
            losses = functional.binary_cross_entropy_with_logits(logits[:, task.places], filled, reduction="none")
            total = total + task.share * torch.where(known, losses, 0.0).sum() / float(number)
    return total
