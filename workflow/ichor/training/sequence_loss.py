"""Loss of a sequence network: only where an outcome is known, with more weight on the rarer answer."""

from dataclasses import asdict, dataclass

import numpy as np
import torch
from torch.nn import functional

from ichor.models.nested_targets import chances, head_labels
from ichor.training.job import MINIMUM_PER_CLASS


@dataclass(frozen=True)
class Heads:
    """What the heads of a network answer, and how rare each answer is, counted on train rows.

    Attributes
    ----------
    nested : bool
        Whether each target implies the one before it.
    base : list of float
        Log odds of label 1 of each head among the train rows.
    weight : list of list of float
        Weight of a row with label 0 and of one with label 1, for each head; their mean over the rows is 1.
    learned : list of bool
        Whether the head has enough of both answers to learn; otherwise it gives the base rate to everybody.
    answered : list of bool
        Whether the target has enough of both answers; otherwise it is not answered.
    """

    nested: bool
    base: list[float]
    weight: list[list[float]]
    learned: list[bool]
    answered: list[bool]

    @classmethod
    def counted(cls, labels: np.ndarray, nested: bool, rarity: float) -> "Heads":
        """Count the answers of the train rows.

        Parameters
        ----------
        labels : numpy.ndarray
            float ``(n, T, K)`` of 0, 1 and NaN.
        nested : bool
            Whether each target implies the one before it.
        rarity : float
            0 to 1: power of the ratio of the answers' frequencies that the rarer one weighs more.
        """
        of_head, _ = head_labels(labels, nested)
        base, weight, learned = [], [], []
        for head in np.moveaxis(of_head, -1, 0):
            counts = np.array([(head == answer).sum() for answer in (0, 1)], dtype=float)
            base.append(float(np.log((counts[1] + 0.5) / (counts[0] + 0.5))))  # never infinite
            learned.append(bool(patients_of_rarer(head) >= MINIMUM_PER_CLASS))
            raw = (counts.max() / np.maximum(counts, 1.0)) ** rarity if learned[-1] else np.ones(2)
            weight.append((raw * counts.sum() / max((raw * counts).sum(), 1.0)).tolist() if learned[-1] else [1.0, 1.0])
        answered = [patients_of_rarer(target) >= MINIMUM_PER_CLASS for target in np.moveaxis(labels, -1, 0)]
        return cls(nested, base, weight, learned, [bool(each) for each in answered])

    def facts(self) -> dict:
        """Plain values for the bundle."""
        return asdict(self)

    def logits(self, outputs: torch.Tensor) -> torch.Tensor:
        """Log odds of the heads in the population of the train rows, from a network's outputs ``(..., K)``."""
        learned = torch.tensor(self.learned, device=outputs.device)
        return torch.where(learned, outputs, 0.0) + torch.tensor(self.base, device=outputs.device)

    def probability(self, outputs: torch.Tensor) -> torch.Tensor:
        """Probability of each target, from a network's outputs ``(..., K)``."""
        return chances(self.logits(outputs), self.nested)


def patients_of_rarer(labels: np.ndarray) -> int:
    """Patients with the rarer of both answers at any step, of labels ``(n, T)``."""
    return min(int((labels == answer).any(axis=1).sum()) for answer in (0, 1))


@dataclass(frozen=True)
class Answers:
    """Labels as the loss reads them, see `ichor.models.nested_targets.head_labels`.

    Attributes
    ----------
    of_head : torch.Tensor
        ``(n, T, K)`` of 0, 1 and NaN.
    in_gap : torch.Tensor
        bool ``(n, T, K)``.
    """

    of_head: torch.Tensor
    in_gap: torch.Tensor

    @classmethod
    def of(cls, labels: np.ndarray, nested: bool) -> "Answers":
        """From labels ``(n, T, K)`` of targets."""
        of_head, in_gap = head_labels(labels, nested)
        return cls(torch.from_numpy(of_head), torch.from_numpy(in_gap))

    def take(self, rows: torch.Tensor) -> "Answers":
        """Those of some patients."""
        return Answers(self.of_head[rows], self.in_gap[rows])

    def to(self, device: torch.device) -> "Answers":
        """The same on a device."""
        return Answers(self.of_head.to(device), self.in_gap.to(device))

    def labelled(self) -> torch.Tensor:
        """Steps at which some outcome is known, bool ``(n, T)``."""
        return (torch.isfinite(self.of_head) | self.in_gap).any(dim=-1)


def summed_loss(outputs: torch.Tensor, answers: Answers, heads: Heads, weighted: bool = True) -> torch.Tensor:
    """Cross-entropy of the heads, summed over the steps and heads whose answer is known.

    Parameters
    ----------
    outputs : torch.Tensor
        A network's ``(n, T, K)``.
    answers : Answers
        Labels, as many.
    heads : Heads
        Base rates and weights.
    weighted : bool
        Whether rarer answers weigh more, as in training; without it the loss is minus the log likelihood.

    Returns
    -------
    torch.Tensor
        Scalar.

    Notes
    -----
    With weights w0 and w1 the loss is least at the true log odds plus log(w1 / w0). That much is added to the log odds
    before the loss and nowhere else, so the probabilities stay those of the unweighted population. Where only the
    product of some heads is known to be 0, it enters as minus log(1 - product), unweighted.
    """
    logits = heads.logits(outputs)
    known = torch.isfinite(answers.of_head) & torch.tensor(heads.learned, device=outputs.device)
    labels = torch.where(known, answers.of_head, 0.0)
    if weighted:
        weight = torch.tensor(heads.weight, device=outputs.device)
        shifted = logits + torch.log(weight[:, 1] / weight[:, 0])
        losses = functional.binary_cross_entropy_with_logits(shifted, labels, reduction="none")
        losses = losses * torch.where(labels == 1, weight[:, 1], weight[:, 0])
    else:
        losses = functional.binary_cross_entropy_with_logits(logits, labels, reduction="none")
    total = torch.where(known, losses, 0.0).sum()
    rows = answers.in_gap.any(dim=-1)
    if rows.any():
        log_product = torch.where(answers.in_gap[rows], functional.logsigmoid(logits[rows]), 0.0).sum(dim=-1)
        total = total - torch.log(-torch.expm1(log_product.clamp(max=-1e-6))).sum()
    return total
