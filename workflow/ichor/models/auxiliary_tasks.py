"""What a network learns beside its outcome: the patient's GCS and age, as questions of yes and no.

Cobo et al., MLMI 2024 (arXiv 2408.08784): GCS 13 to 15 is class 0 [0, 0], 9 to 12 class 1 [1, 0], 3 to 8 class 2 [1, 1]
(ordinal), or at most 8 against the others (binary); age 80 or more. Their weights of the losses are 0.4 for the outcome
and 0.3 for each task; in their published scripts an ablation comes with another grid and other weights. Here weights
are divided by the sum of those that are learned, so that an ablation changes the tasks and nothing else.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from ichor.errors import StudyError
from ichor.settings import require_choice

COLUMNS = {"gcs": "gcs", "age": "age_years"}
"""Column of the cohort table that each task's targets are made of."""
GCS_FORMS = ("ordinal", "binary", "none")
OFF = {"gcs": "none", "age": False}
"""Settings that take a task out."""


def without_targets(settings: dict, train: pd.DataFrame) -> tuple[dict, list[str]]:
    """Settings ``tasks`` without the tasks whose column is empty in every train row, and the names of these."""
    empty = [name for name, column in COLUMNS.items() if column not in train or not train[column].notna().any()]
    untaught = [name for name in empty if settings[name] != OFF[name]]
    return settings | {name: OFF[name] for name in untaught}, untaught


@dataclass(frozen=True)
class Task:
    """One task of a network.

    Attributes
    ----------
    name : str
        ``gcs`` or ``age``.
    column : str
        Column of the cohort table.
    places : slice
        Its logits among those of the network; the outcome's is the first.
    share : float
        Weight of its loss, of 1 for all losses together.
    """

    name: str
    column: str
    places: slice
    share: float


@dataclass(frozen=True)
class AuxiliaryTasks:
    """The tasks of a network besides its outcome; there may be none.

    Attributes
    ----------
    gcs_at_most : tuple of int
        Cuts of the GCS, falling; empty where it is not learned.
    age_at_least_years : float or None
        Cut of the age; None where it is not learned.
    weights : dict
        Weight of the loss of ``outcome``, ``gcs`` and ``age``, before they are divided by their sum.
    """

    gcs_at_most: tuple[int, ...] = ()
    age_at_least_years: float | None = None
    weights: dict[str, float] | None = None

    @classmethod
    def of(cls, spec: dict) -> "AuxiliaryTasks":
        """Read ``tasks`` of a network's complete settings; kinds without that setting have none.

        Raises
        ------
        ichor.errors.StudyError
            On a form or cut that no GCS can have, or a weight that is not above 0.
        """
        given = spec.get("tasks")
        if not given:
            return cls()
        require_choice("tasks.gcs", given["gcs"], GCS_FORMS)
        cuts = given["gcs_at_most"]
        if not cuts or any(type(cut) is not int or not 3 <= cut < 15 for cut in cuts):
            raise StudyError(f"tasks.gcs_at_most: found {cuts}; write whole numbers from 3 to 14, for example [12, 8]")
        if any(first <= second for first, second in pairwise(cuts)):
            raise StudyError(f"tasks.gcs_at_most: found {cuts}; write the highest cut first, for example [12, 8]")
        made = cls(
            {"ordinal": tuple(cuts), "binary": tuple(cuts[-1:]), "none": ()}[given["gcs"]],
            given["age_at_least_years"] if given["age"] else None,
            dict(given["weights"]),
        )
        for name in ("outcome", *made._names()):
            if not given["weights"][name] > 0:
                raise StudyError(f"tasks.weights.{name}: found {given['weights'][name]}; write a number above 0")
        return made

    def __iter__(self) -> Iterator[Task]:
        """Each task, in the order of the network's logits."""
        first = 1
        for name in self._names():
            last = first + (len(self.gcs_at_most) if name == "gcs" else 1)
            yield Task(name, COLUMNS[name], slice(first, last), self.weights[name] / self._sum())
            first = last

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self._names())

    @property
    def outputs(self) -> int:
        """Logits of the network besides the outcome's."""
        return len(self.gcs_at_most) + (self.age_at_least_years is not None)

    @property
    def columns(self) -> list[str]:
        """Columns of the cohort table that targets are made of."""
        return [COLUMNS[name] for name in self._names()]

    @property
    def outcome_share(self) -> float:
        """Weight of the outcome's loss, of 1 for all losses together; 1 without tasks."""
        return self.weights["outcome"] / self._sum() if self else 1.0

    def targets(self, rows: pd.DataFrame) -> np.ndarray:
        """Targets of some rows, float32 ``(n, outputs)`` of 0 and 1, NaN where the column is empty.

        Raises
        ------
        ichor.errors.StudyError
            If there is no such column, or it is empty in every row.
        """
        parts = []
        for task in self:
            if task.column not in rows or rows[task.column].isna().all():
                off = {"gcs": "gcs: none", "age": "age: false"}[task.name]
                raise StudyError(
                    f"tasks.{task.name}: no usable train row has {task.column}: there is nothing to learn; write {off}"
                )
            values = pd.to_numeric(rows[task.column]).to_numpy(dtype=float, na_value=np.nan)[:, None]
            answers = values <= np.array(self.gcs_at_most) if task.name == "gcs" else values >= self.age_at_least_years
            parts.append(np.where(np.isnan(values), np.nan, answers))
        return np.concatenate(parts, axis=1).astype(np.float32)

    def answers(self, probability: np.ndarray) -> dict[str, np.ndarray]:
        """What the network says of each task, by the name of the quantity.

        Parameters
        ----------
        probability : numpy.ndarray
            ``(n, outputs)``.

        Returns
        -------
        dict
            Each float64 ``(n,)``: ``gcs_low_probability`` (that it is at most the lowest cut); with several cuts
            ``gcs_ordinal`` (the class: cuts, from the highest on, until one whose probability is below 0.5) and, for
            each further cut, ``gcs_12_or_less_probability``; ``age_80_probability`` (that the age is that or more).
        """
        found = {}
        for task in self:
            own = probability[:, task.places.start - 1 : task.places.stop - 1]
            if task.name == "age":
                found[f"age_{self.age_at_least_years:g}_probability"] = own[:, 0]
                continue
            if len(self.gcs_at_most) > 1:
                found["gcs_ordinal"] = np.cumprod(own >= 0.5, axis=1).sum(axis=1).astype(float)
            found["gcs_low_probability"] = own[:, -1]
            for cut, column in zip(self.gcs_at_most[:-1], own.T, strict=False):
                found[f"gcs_{cut}_or_less_probability"] = column
        return found

    def _names(self) -> list[str]:
        learned = {"gcs": bool(self.gcs_at_most), "age": self.age_at_least_years is not None}
        return [name for name in COLUMNS if learned[name]]

    def _sum(self) -> float:
        return sum(self.weights[name] for name in ("outcome", *self._names()))
