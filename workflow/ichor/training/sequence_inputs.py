"""Courses as a sequence network reads them: scaled, with everything that scaling needs taken from train rows alone."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import torch

from ichor.cohort.sequences import SequenceSet
from ichor.models.step_tokens import StepInputs, StepSizes
from ichor.models.tabular import Preparation

VALUE_LIMIT = 6.0
"""Standard deviations from the train mean beyond which a value says no more; our choice, against slips of a comma."""


@dataclass(frozen=True)
class SequencePreparation:
    """What turns a `SequenceSet` into numbers, fitted on train rows.

    Attributes
    ----------
    variables : list of str
        Variables of the course that the network reads.
    mean, scale : list of float
        Of each variable, over all measured values of the train rows.
    steps : list of str
        Names of steps that train rows have; the first has the kind 1.
    clock_mean, clock_scale : list of float
        Of the logarithms of 1 + days since onset and of 1 + days since the step before.
    record : Preparation
        Of the record's columns.
    """

    variables: list[str]
    mean: list[float]
    scale: list[float]
    steps: list[str]
    clock_mean: list[float]
    clock_scale: list[float]
    record: Preparation

    @classmethod
    def fitted(cls, train: SequenceSet, variables: Sequence[str], record: Sequence[str]) -> "SequencePreparation":
        """Fit on the train rows of a split.

        Parameters
        ----------
        train : SequenceSet
            Train rows.
        variables : sequence of str
            Variables of the course to read, each with a value in some train row.
        record : sequence of str
            Columns of the record to read, likewise.
        """
        known = {name: _column(train, name) for name in variables}
        known = {name: values[np.isfinite(values)].astype(np.float64) for name, values in known.items()}
        present = train.steps != ""
        clock = _clock(_days(train))[present]
        return cls(
            variables=list(variables),
            mean=[float(values.mean()) for values in known.values()],
            scale=[_scale(values.std()) for values in known.values()],
            steps=sorted(set(train.steps[present])),
            clock_mean=clock.mean(axis=0).tolist(),
            clock_scale=[_scale(each) for each in clock.std(axis=0)],
            record=Preparation.fitted(train.patients[list(record)]),
        )

    @classmethod
    def restored(cls, facts: dict) -> "SequencePreparation":
        """Take up what :meth:`facts` gave."""
        return cls(**{**facts, "record": Preparation(**facts["record"])})

    def facts(self) -> dict:
        """Plain values for the bundle; no identifier of a patient."""
        return asdict(self)

    def sizes(self, targets: int) -> StepSizes:
        """What a network for these inputs is built for."""
        return StepSizes(len(self.variables), len(self.record.names()), len(self.steps), targets)

    def inputs(self, sequences: SequenceSet) -> StepInputs:
        """Tensors of some courses, on the CPU.

        Raises
        ------
        ValueError
            If a patient has padding before a step.
        """
        present = sequences.steps != ""
        if (present[:, 1:] & ~present[:, :-1]).any():
            raise ValueError("padding before a step: the steps of a patient stand at the front")
        days = _days(sequences)
        columns = [_column(sequences, name) for name in self.variables]
        values = np.stack(columns, axis=-1) if columns else np.empty((*present.shape, 0), np.float32)
        measured = np.isfinite(values) & present[..., None]
        scaled = np.clip((values - np.array(self.mean)) / np.array(self.scale), -VALUE_LIMIT, VALUE_LIMIT)
        number = {name: place + 1 for place, name in enumerate(self.steps)}
        kind = np.array([number.get(name, 0) for name in sequences.steps.ravel()], dtype=np.int64)
        clock = np.clip((_clock(days) - self.clock_mean) / np.array(self.clock_scale), -VALUE_LIMIT, VALUE_LIMIT)
        record = self.record.prepared(sequences.patients[self.record.predictors])
        return StepInputs(
            values=_tensor(np.where(measured, scaled, 0.0)),
            measured=_tensor(measured),
            days=_tensor(days),
            clock=_tensor(np.where(present[..., None], clock, 0.0)),
            kind=torch.from_numpy(kind.reshape(present.shape)),
            record=_tensor(np.clip(record, -VALUE_LIMIT, VALUE_LIMIT)),
            present=torch.from_numpy(present),
        )


def readable(train: SequenceSet, variables: Sequence[str] | None, record: Sequence[str]) -> tuple[list[str], list[str]]:
    """Variables of the course and columns of the record that some train row has a value of.

    Parameters
    ----------
    train : SequenceSet
        Train rows.
    variables : sequence of str or None
        Those that are wanted; None for all.
    record : sequence of str
        Columns that are wanted.

    Returns
    -------
    variables, record : list of str
        The wanted ones, in their order, less those of which no train row has a value.
    """
    wanted = train.variables if variables is None else variables
    course = [name for name in wanted if name in train.variables and np.isfinite(_column(train, name)).any()]
    return course, [name for name in record if name in train.patients and train.patients[name].notna().any()]


def _column(sequences: SequenceSet, name: str) -> np.ndarray:
    """Values of a variable ``(n, T)``, NaN throughout where the courses do not have it."""
    if name not in sequences.variables:
        return np.full(sequences.steps.shape, np.nan, dtype=np.float32)
    return sequences.values[..., sequences.variables.index(name)]


def _days(sequences: SequenceSet) -> np.ndarray:
    """Days since onset ``(n, T)``; 0 where not known, before the onset and in the padding."""
    return np.maximum(np.nan_to_num(sequences.time_h.astype(np.float64), nan=0.0), 0.0) / 24.0


def _clock(days: np.ndarray) -> np.ndarray:
    """Logarithms of 1 + days since onset and of 1 + days since the step before, ``(n, T, 2)``."""
    since = np.diff(days, axis=1, prepend=days[:, :1])
    return np.log1p(np.stack([days, np.maximum(since, 0.0)], axis=-1))


def _scale(deviation: float) -> float:
    return float(deviation) if deviation > 0 else 1.0


def _tensor(array: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32))
