"""Time points of a course as tokens: values, what kind of value each is, what kind of step it is, and when.

Every number is made from a step and the steps before it, never from a later one. What a token of the MultiStep
Transformer (Wang et al., JMIR Med Inform 2026;14:e86327) is made of is not known; this is our choice.
"""

from typing import NamedTuple

import torch
from torch import nn

VALUE_KINDS = 4
"""Numbers per variable: the value, 1 if measured at this step, 1 if carried forward, and how old it then is."""
MARKS_AT_FIRST = 0.1
"""Share of a usual first weight that the marks and ages get beside the values; our choice: with few patients they are
mostly noise, and training can raise it."""


class StepSizes(NamedTuple):
    """What a sequence network is built for.

    Attributes
    ----------
    variables, record : int
        Numbers of variables of the course and of columns of the prepared record.
    kinds : int
        Names of steps that train rows have; a step of another name has the kind 0.
    targets : int
        Answers.
    """

    variables: int
    record: int
    kinds: int
    targets: int


class StepInputs(NamedTuple):
    """Courses of n patients in T steps, as a sequence network reads them; every tensor but two is float32.

    Attributes
    ----------
    values : torch.Tensor
        ``(n, T, V)``, in standard deviations of the train rows from their mean; 0 where not measured.
    measured : torch.Tensor
        ``(n, T, V)``, 1 where the value was measured at this step.
    days : torch.Tensor
        ``(n, T)``, since onset; 0 in the padding.
    clock : torch.Tensor
        ``(n, T, 2)``: time since onset and since the step before, prepared.
    kind : torch.Tensor
        int64 ``(n, T)``, number of the step's name; 0 = a name that no train row has.
    record : torch.Tensor
        ``(n, R)``, the prepared record.
    present : torch.Tensor
        bool ``(n, T)``, False in the padding, which lies behind a patient's last step.
    """

    values: torch.Tensor
    measured: torch.Tensor
    days: torch.Tensor
    clock: torch.Tensor
    kind: torch.Tensor
    record: torch.Tensor
    present: torch.Tensor


def carried_forward(
    values: torch.Tensor, measured: torch.Tensor, days: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Last measured value of each variable at each step, from this step and those before it.

    Parameters
    ----------
    values, measured, days
        As in `StepInputs`.

    Returns
    -------
    value : torch.Tensor
        ``(n, T, V)``; 0 before the first measurement.
    carried : torch.Tensor
        ``(n, T, V)``, 1 where the value is of an earlier step, 0 where it is of this one or there is none.
    age : torch.Tensor
        ``(n, T, V)``, days since it was measured; 0 where it is of this step or there is none.
    """
    place = torch.arange(values.shape[1], device=values.device)[None, :, None].expand_as(values)
    last = torch.where(measured > 0, place, -1).cummax(dim=1).values
    seen, source = last >= 0, last.clamp(min=0)
    value = torch.where(seen, values.gather(1, source), 0.0)
    carried = (seen & (measured == 0)).to(values.dtype)
    then = days[:, :, None].expand_as(values).gather(1, source)
    return value, carried, (days[:, :, None] - then) * carried


class StepTokens(nn.Module):
    """A token for each step: a sum of what its values, its kind, its time and the record say.

    Parameters
    ----------
    sizes : StepSizes
        What the network is built for.
    width : int
        Numbers of a token.
    """

    def __init__(self, sizes: StepSizes, width: int) -> None:
        super().__init__()
        self.values = nn.Linear(VALUE_KINDS * sizes.variables, width)
        self.clock = nn.Linear(2, width, bias=False)
        self.kind = nn.Embedding(sizes.kinds + 1, width, padding_idx=0)
        self.record = nn.Linear(sizes.record, width, bias=False) if sizes.record else None
        nn.init.normal_(self.kind.weight[1:], std=0.02)
        with torch.no_grad():
            self.values.weight[:, sizes.variables :] *= MARKS_AT_FIRST

    def forward(self, inputs: StepInputs) -> torch.Tensor:
        """Tokens, ``(n, T, width)``."""
        value, carried, age = carried_forward(inputs.values, inputs.measured, inputs.days)
        said = torch.cat([value, inputs.measured, carried, torch.log1p(age.clamp(min=0)) / 2], dim=-1)
        tokens = self.values(said) + self.clock(inputs.clock) + self.kind(inputs.kind)
        return tokens if self.record is None else tokens + self.record(inputs.record)[:, None]


class PlainTokens(nn.Module):
    """A token for each step as in a transformer that knows nothing of courses.

    What was not measured is taken for the train mean; there is neither a mark for it, nor a time, nor a kind of step: a
    step is known by its number, as in Vaswani et al., NeurIPS 2017, section 3.5.

    Parameters
    ----------
    sizes : StepSizes
        What the network is built for.
    width : int
        Numbers of a token, even.
    """

    def __init__(self, sizes: StepSizes, width: int) -> None:
        super().__init__()
        self.values = nn.Linear(sizes.variables + sizes.record, width)

    def forward(self, inputs: StepInputs) -> torch.Tensor:
        """Tokens, ``(n, T, width)``."""
        steps = inputs.values.shape[1]
        record = inputs.record[:, None].expand(-1, steps, -1)
        tokens = self.values(torch.cat([inputs.values * inputs.measured, record], dim=-1))
        return tokens + _waves(steps, tokens.shape[-1]).to(tokens)


def _waves(steps: int, width: int) -> torch.Tensor:
    place = torch.arange(steps, dtype=torch.float32)[:, None]
    rate = 10000.0 ** (-torch.arange(0, width, 2, dtype=torch.float32) / width)
    return torch.stack([torch.sin(place * rate), torch.cos(place * rate)], dim=-1).flatten(1)
