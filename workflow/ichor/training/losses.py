"""Losses of one logit per image."""

import torch
from torch.nn import functional


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
