"""What each value of a time course brings to an answer: integrated gradients (Sundararajan et al., ICML 2017; captum).

Every value is prepared so that 0 is the mean of the train patients. The way leads from the patient whose every measured
value was that mean, at the same steps, to the patient as measured: what was measured and when is held. So all values
together give the log odds of the patient minus those of the average course (completeness).
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch

Answer = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""``answer(values, record) -> log odds``, ``(batch, T, V)`` and ``(batch, R)`` to ``(batch, T, K)``; differentiable."""

BATCH = 1024
"""Points of the paths that pass a network at once."""


def course_gradients(
    answer: Answer, values: torch.Tensor, record: torch.Tensor, wanted: Sequence[tuple[int, int]], points: int
) -> tuple[np.ndarray, np.ndarray]:
    """Part of some answers for one patient that each value brings.

    Parameters
    ----------
    answer : callable
        See `Answer`; all that is not a value (what was measured, when, which steps there are) is held inside it.
    values : torch.Tensor
        ``(T, V)``, prepared, 0 = train mean or not measured.
    record : torch.Tensor
        ``(R,)``, prepared in the same manner; R may be 0.
    wanted : sequence of (int, int)
        Step and target of each of the A answers.
    points : int
        Points of the path.

    Returns
    -------
    of_values : numpy.ndarray
        float64 ``(A, T, V)``.
    of_record : numpy.ndarray
        float64 ``(A, R)``.
    """
    from captum.attr import IntegratedGradients

    count = len(wanted)
    if not count:
        return np.zeros((0, *values.shape)), np.zeros((0, *record.shape))
    inputs = tuple(part[None].expand(count, *part.shape).clone() for part in (values, record))
    with torch.backends.cudnn.flags(enabled=False):  # its recurrent layers have no way back outside of training
        made = IntegratedGradients(answer).attribute(
            inputs,
            baselines=tuple(torch.zeros_like(part) for part in inputs),
            target=[tuple(map(int, place)) for place in wanted],
            n_steps=points,
            method="gausslegendre",
            internal_batch_size=max(BATCH, count),
        )
    return tuple(part.detach().cpu().double().numpy() for part in made)
