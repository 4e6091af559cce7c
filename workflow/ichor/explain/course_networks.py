"""Networks of a sequence model as the attributions ask them: one patient's values in, log odds of the targets out."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
import torch
from torch import nn

from ichor.cohort.sequences import SequenceSet
from ichor.explain.course_gradients import Answer
from ichor.models.step_tokens import StepInputs
from ichor.training.sequence_inputs import SequencePreparation
from ichor.training.sequence_loss import Heads
from ichor.training.sequence_networks import FittedSequences, build

LEAST_CHANCE = 1e-7
"""Chances nearer to 0 or 1 than this have no log odds in float32."""


def log_odds(logits: torch.Tensor, nested: bool) -> torch.Tensor:
    """Log odds of the targets, from those of the heads; of nested targets those of the product of chances.

    Parameters
    ----------
    logits : torch.Tensor
        ``(..., K)``, see `ichor.models.nested_targets.chances`.
    nested : bool
        Whether each target implies the one before it.
    """
    if not nested:
        return logits
    log_chance = torch.cumsum(nn.functional.logsigmoid(logits), dim=-1).clamp(max=-LEAST_CHANCE)
    return log_chance - torch.log(-torch.expm1(log_chance))


@dataclass(frozen=True)
class SeenCourse:
    """One patient as the networks read the course.

    Attributes
    ----------
    patient, center : str
        Who it is.
    steps : numpy.ndarray
        Names of the steps, ``(T,)``, "" in the padding.
    at_risk : numpy.ndarray
        bool ``(T,)``.
    raw : numpy.ndarray
        ``(T, V)``, values of the variables that the networks read, in their units; NaN where not measured.
    known_at_admission : dict
        Column of the record -> value as text or None.
    heads : Heads
        Which targets are answered, and their base rates.
    sources : list of str
        Column of the record that each prepared column was made of.
    inputs : StepInputs
        Of this patient alone.
    """

    patient: str
    center: str
    steps: np.ndarray
    at_risk: np.ndarray
    raw: np.ndarray
    known_at_admission: dict[str, str | None]
    heads: Heads
    sources: list[str]
    inputs: StepInputs

    @property
    def values(self) -> torch.Tensor:
        """Prepared values, ``(T, V)``."""
        return self.inputs.values[0]

    @property
    def record(self) -> torch.Tensor:
        """Prepared record, ``(R,)``."""
        return self.inputs.record[0]

    @property
    def measured(self) -> np.ndarray:
        """Whether the network is given the value, bool ``(T, V)``."""
        return self.inputs.measured[0].cpu().numpy() > 0

    @property
    def answered(self) -> list[int]:
        """Places of the targets that the model answers, and not with the base rate alone."""
        own = self.heads
        said = [any(own.learned[: place + 1]) if own.nested else learned for place, learned in enumerate(own.learned)]
        return [place for place, answered in enumerate(own.answered) if answered and said[place]]

    @property
    def last(self) -> int:
        """The last step at risk."""
        return int(np.flatnonzero(self.at_risk)[-1])

    def answer(self, network: nn.Module) -> Answer:
        """Log odds that a network gives this patient, as a function of values and record."""

        def answer(values: torch.Tensor, record: torch.Tensor) -> torch.Tensor:
            count = len(values)
            held = {name: part.expand(count, *part.shape[1:]) for name, part in self.inputs._asdict().items()}
            inputs = StepInputs(**held | {"values": values, "record": record})
            return log_odds(self.heads.logits(network(inputs)), self.heads.nested)

        return answer

    def base(self, answer: Answer) -> np.ndarray:
        """Log odds where every value is the train patients' mean, ``(T, K)``."""
        with torch.no_grad():
            made = answer(torch.zeros_like(self.values)[None], torch.zeros_like(self.record)[None])
        return made[0].cpu().double().numpy()

    def record_parts(self, columns: np.ndarray) -> np.ndarray:
        """Add up the prepared columns of each column of the record: ``(A, R)`` to ``(A, features)``."""
        made = np.zeros((len(columns), len(self.known_at_admission)))
        places = {name: place for place, name in enumerate(self.known_at_admission)}
        for column, name in enumerate(self.sources):
            made[:, places[name]] += columns[:, column]
        return made


class CourseNetworks:
    """The networks of a sequence model with what prepares their inputs.

    Parameters
    ----------
    networks : list of torch.nn.Module
        Trained, on their device.
    preparation : SequencePreparation
        Fitted on the train rows.
    heads : Heads
        Base rates of the targets.
    build : callable
        Makes a network of the same kind.
    device : torch.device
        Where the networks are.
    """

    def __init__(
        self,
        networks: list[nn.Module],
        preparation: SequencePreparation,
        heads: Heads,
        build: Callable[[], nn.Module],
        device: torch.device,
    ) -> None:
        self.networks = [_frozen(network) for network in networks]
        self.preparation, self.heads, self.build, self.device = preparation, heads, build, device

    @classmethod
    def of(cls, fitted: FittedSequences) -> "CourseNetworks":
        """Those of a fitted sequence model."""
        make = partial(build, fitted.spec, fitted.preparation, len(fitted.targets))
        return cls(fitted.networks, fitted.preparation, fitted.heads, make, fitted.device)

    def random(self) -> nn.Module:
        """A network of the same kind with every weight drawn anew, by torch's generator.

        A training starts with heads and queries of zero. Such a network gives everybody the base rate, so that nothing
        brings anything, and the sanity gate could not fail; here every layer draws its weights as torch does.
        """
        network = self.build()
        for layer in network.modules():
            if hasattr(layer, "reset_parameters"):
                layer.reset_parameters()
        return network

    def see(self, sequences: SequenceSet) -> Iterator[SeenCourse]:
        """Each patient in turn."""
        inputs = self.preparation.inputs(sequences)
        columns = [sequences.variables.index(name) for name in self.preparation.variables]
        features, sources = list(self.preparation.record.predictors), list(self.preparation.record.sources())
        for place, row in enumerate(sequences.patients.itertuples(index=False)):
            yield SeenCourse(
                patient=row.patient,
                center=row.center,
                steps=sequences.steps[place],
                at_risk=sequences.at_risk[place],
                raw=sequences.values[place][:, columns],
                known_at_admission={name: said(getattr(row, name)) for name in features},
                heads=self.heads,
                sources=sources,
                inputs=StepInputs(*(part[place : place + 1].to(self.device) for part in inputs)),
            )


def said(value: object) -> str | None:
    """A value as the text of a table."""
    if pd.isna(value):
        return None
    return value if isinstance(value, str) else f"{float(value):.6g}"


def _frozen(network: nn.Module) -> nn.Module:
    network.eval()
    for parameter in network.parameters():
        parameter.requires_grad_(False)
    return network
