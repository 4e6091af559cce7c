"""Train on cases in which some labels were not drawn.

Where a center's readers left a voxel blank, it is background or one of the labels that they do not draw. nnU-Net's
ignore label would take all these voxels out of the loss, and with them nearly all that says where a bleed is not. Here
they stay: the probabilities of background and of the undrawn labels are added up before the loss sees them (marginal
loss: Shi et al. 2021, "Marginal loss and exclusion loss for partially supervised multi-organ segmentation", Medical
Image Analysis 70:101979). So the network still learns what such a voxel is not, and is never told that an undrawn label
is absent.

A target holds 0 for background, 1 to n for the labels, and n + 1 + i for "background or one of the i-th set of labels".
"""

import torch
from nnunetv2.training.loss.deep_supervision import DeepSupervisionWrapper
from torch import Tensor, nn

NEVER = -1e4
"""A logit whose softmax is 0, in half precision as well."""


def spare_unlabelled(loss: nn.Module, sets: list[list[int]], n_labels: int) -> nn.Module:
    """Make a loss understand targets with sets of labels; without any, return it as it is."""
    if not sets:
        return loss
    if isinstance(loss, DeepSupervisionWrapper):
        loss.loss = MergedBackground(loss.loss, sets, n_labels)
        return loss
    return MergedBackground(loss, sets, n_labels)


class MergedBackground(nn.Module):
    """A loss on logits, with the undrawn labels merged into the background where they might be.

    Parameters
    ----------
    loss : module
        Of logits (batch, 1 + n_labels, *space) and target (batch, 1, *space).
    sets : list of list of int
        Undrawn labels (1 to n_labels) of each set.
    n_labels : int
    """

    def __init__(self, loss: nn.Module, sets: list[list[int]], n_labels: int):
        super().__init__()
        self.loss, self.sets, self.n_labels = loss, sets, n_labels

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Value of the loss."""
        channels = list(logits.split(1, dim=1))
        for number, undrawn in enumerate(self.sets):
            here = target == self.n_labels + 1 + number
            merged = torch.cat([logits[:, [0]], logits[:, undrawn]], dim=1).logsumexp(dim=1, keepdim=True)
            channels[0] = torch.where(here, merged.to(logits.dtype), channels[0])
            for label in undrawn:
                channels[label] = torch.where(here, NEVER, channels[label])
        drawn = torch.where(target > self.n_labels, torch.zeros_like(target), target)
        return self.loss(torch.cat(channels, dim=1), drawn)


def counts_where_drawn(logits: Tensor, target: Tensor, sets: list[list[int]]) -> dict[str, list]:
    """Voxels of each label that were found, found wrongly and missed, where the label would have been drawn.

    Parameters
    ----------
    logits : tensor, shape (batch, 1 + n, *space)
    target : tensor, shape (batch, 1, *space)
    sets : list of list of int

    Returns
    -------
    dict
        ``tp_hard``, ``fp_hard``, ``fn_hard``: arrays over the n labels, as nnU-Net's trainer wants them.
    """
    found, n_labels = logits.argmax(dim=1, keepdim=True), logits.shape[1] - 1
    counts = {"tp_hard": [], "fp_hard": [], "fn_hard": []}
    for label in range(1, n_labels + 1):
        unsure = torch.zeros_like(target, dtype=torch.bool)
        for number, undrawn in enumerate(sets):
            if label in undrawn:
                unsure |= target == n_labels + 1 + number
        mine, true = (found == label) & ~unsure, target == label
        counts["tp_hard"].append((mine & true).sum())
        counts["fp_hard"].append((mine & ~true).sum())
        counts["fn_hard"].append((~mine & true).sum())
    return {name: torch.stack(values).float().cpu().numpy() for name, values in counts.items()}
