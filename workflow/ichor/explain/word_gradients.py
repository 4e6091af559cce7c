"""What each token of a report brings to a network's answer: integrated gradients (captum) on the embedded tokens.

The way leads from the same report with every word's vector at 0 to the report as it is; marks of sections, how long the
report is, and the record are held. So all tokens together give the logit of the report minus that of the empty words
(completeness).
"""

import numpy as np
import torch
from torch import nn

BATCH = 32
"""Points of the path that pass the network at once."""


def word_gradients(
    network: nn.Module, tokens: np.ndarray, held: np.ndarray, record: np.ndarray, points: int
) -> np.ndarray:
    """Part of the logit that each token brings.

    Parameters
    ----------
    network : torch.nn.Module
        With ``embed`` and ``answer_embedded``, see `ichor.models.report_network.ReportNetwork`.
    tokens : numpy.ndarray
        int64 ``(L,)``, at least one.
    held : numpy.ndarray
        bool ``(L,)``, tokens that are no words (marks of sections).
    record : numpy.ndarray
        float32 ``(columns,)``; no column for a kind that reads none.
    points : int
        Points of the path.

    Returns
    -------
    numpy.ndarray
        float64 ``(L,)``; 0 for held tokens.
    """
    from captum.attr import IntegratedGradients

    at = next(network.parameters()).device
    numbers = torch.as_tensor(tokens, dtype=torch.long, device=at)[None]
    given = torch.as_tensor(record, dtype=torch.float32, device=at)[None]
    with torch.no_grad():
        embedded = network.embed(numbers)
    kept = torch.as_tensor(held, device=at)[None, :, None]

    def logit(vectors: torch.Tensor) -> torch.Tensor:
        count = len(vectors)
        return network.answer_embedded(vectors, (numbers >= 0).expand(count, -1), given.expand(count, -1))[0]

    made = IntegratedGradients(logit).attribute(
        embedded, baselines=embedded * kept, n_steps=points, method="gausslegendre", internal_batch_size=BATCH
    )
    return made[0].sum(dim=-1).detach().cpu().double().numpy()
