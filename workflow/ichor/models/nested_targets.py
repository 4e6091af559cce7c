"""Answers that cannot contradict each other: chances of nested targets as products, and what their labels say.

Targets are nested if each implies the one before it: a good outcome at 180 days implies survival to 180 days, which
implies survival to 30 days. A network then answers, for each target, the chance of reaching it for those who reached
the one before it, and the chance of a target is the product of these: P1 = s1, P2 = s1 s2, P3 = s1 s2 s3. So P1 >= P2
>= P3 whatever the network says. Wang et al. (MultiStep Transformer, JMIR Med Inform 2026;14:e86327) have three outputs
side by side, as far as their abstract tells; the product is our choice.
"""

import numpy as np
import torch


def chances(logits: torch.Tensor, nested: bool) -> torch.Tensor:
    """Probability of label 1 of each target.

    Parameters
    ----------
    logits : torch.Tensor
        ``(..., K)``: log odds of each target, for nested targets among those who reach the one before it.
    nested : bool
        Whether each target implies the one before it.

    Returns
    -------
    torch.Tensor
        ``(..., K)``, 0 to 1; with `nested` never rising along K.
    """
    own = torch.sigmoid(logits)
    return torch.cumprod(own, dim=-1) if nested else own


def head_labels(labels: np.ndarray, nested: bool) -> tuple[np.ndarray, np.ndarray]:
    """What labels of targets say of the heads, each of which answers for those who reached the target before it.

    Parameters
    ----------
    labels : numpy.ndarray
        float ``(..., K)`` of 0, 1 and NaN.
    nested : bool
        Whether each target implies the one before it.

    Returns
    -------
    of_head : numpy.ndarray
        float32 ``(..., K)`` of 0, 1 and NaN: a label 1 answers all heads up to its own with 1, the first label 0 its
        head with 0, and no head beyond it is asked anything.
    in_gap : numpy.ndarray
        bool ``(..., K)``: heads of a run of which only the product is known to be 0, because the target at its end was
        not reached and those before it are unknown.

    Raises
    ------
    ValueError
        If labels contradict each other: a target was reached and one that it implies was not.
    """
    labels = np.asarray(labels, dtype=np.float32)
    if not nested:
        return labels.copy(), np.zeros(labels.shape, dtype=bool)
    count = labels.shape[-1]
    place = np.arange(count)
    reached = np.where(labels == 1, place + 1, 0).max(axis=-1, initial=0)[..., None]
    missed = np.where(labels == 0, place, count).min(axis=-1, initial=count)[..., None]
    if (missed < reached).any():
        raise ValueError("labels contradict each other: a target was reached and one that it implies was not")
    of_head = np.full(labels.shape, np.nan, dtype=np.float32)
    of_head[place < reached] = 1.0
    of_head[(place == missed) & (missed == reached)] = 0.0
    in_gap = (missed < count) & (missed > reached) & (place >= reached) & (place <= missed)
    return of_head, in_gap
