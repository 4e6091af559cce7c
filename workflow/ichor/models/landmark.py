"""What the landmark models share: a row per patient and step, last values as predictors, a fit per target.

At a landmark a patient who is alive and followed is predicted from what is known up to then (Anderson et al., J Clin
Oncol 1983;1:710-719; van Houwelingen, Scand J Stat 2007;34:70-85). The rows of all steps make one fit with the time as
a predictor (the landmark super model of van Houwelingen and Putter), or each named step has a fit of its own.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
import pandas as pd

from ichor.cohort.sequences import SequenceSet
from ichor.errors import StudyError
from ichor.models.tabular import TabularModel
from ichor.seeds import seed_for
from ichor.settings import require_choice

TOGETHER = "all steps"
"""Name of the fit to the rows of all steps."""
TIME = "log_time_h"
AT_ADMISSION = "_at_admission"
CHANGE = "_change"


def last_known(values: np.ndarray) -> np.ndarray:
    """The last known value of each variable up to and with each step.

    Parameters
    ----------
    values : numpy.ndarray
        ``(n, T, V)``, NaN where nothing was measured.

    Returns
    -------
    numpy.ndarray
        The same shape; NaN before the first value. Nothing of a later step is read.
    """
    n, steps, variables = values.shape
    place = np.where(np.isnan(values), -1, np.arange(steps)[None, :, None])
    place = np.maximum.accumulate(place, axis=1)
    found = np.take_along_axis(values, np.maximum(place, 0), axis=1)
    return np.where(place < 0, np.nan, found)


def first_known(values: np.ndarray) -> np.ndarray:
    """The first known value of each variable up to and with each step; as `last_known`."""
    n, steps, variables = values.shape
    place = np.where(np.isnan(values), steps, np.arange(steps)[None, :, None])
    place = np.minimum.accumulate(place, axis=1)
    found = np.take_along_axis(values, np.minimum(place, steps - 1), axis=1)
    return np.where(place >= steps, np.nan, found)


def landmark_rows(
    sequences: SequenceSet, variables: Sequence[str], record: Sequence[str], *, changes: bool = False
) -> pd.DataFrame:
    """Predictors at every step: a row per patient and step, patient by patient.

    Parameters
    ----------
    sequences : SequenceSet
        The courses.
    variables : sequence of str
        Those whose last known value is read.
    record : sequence of str
        Columns of ``sequences.patients``, known at admission.
    changes : bool
        Whether the change since the first known value is read, too.

    Returns
    -------
    DataFrame
        ``n * T`` rows (padding included); a column per variable, ``<variable>_change``, ``<column>_at_admission`` and
        ``log_time_h``, the natural logarithm of 1 + hours since onset.

    Raises
    ------
    ichor.errors.StudyError
        If a variable or column is not there.
    """
    absent = [name for name in variables if name not in sequences.variables]
    absent += [name for name in record if name not in sequences.patients]
    if absent:
        raise StudyError(
            f"landmark model: the courses have no {', '.join(absent)}; take it out of variables or record."
        )
    places = [sequences.variables.index(name) for name in variables]
    values = sequences.values[:, :, places].astype(np.float64)
    last = last_known(values)
    width = last.shape[1]
    out = {name: last[:, :, place].ravel() for place, name in enumerate(variables)}
    if changes:
        change = last - first_known(values)
        out |= {f"{name}{CHANGE}": change[:, :, place].ravel() for place, name in enumerate(variables)}
    for name in record:
        out[f"{name}{AT_ADMISSION}"] = np.repeat(sequences.patients[name].to_numpy(), width)
    out[TIME] = np.log1p(np.maximum(sequences.time_h.astype(np.float64), 0.0)).ravel()
    return pd.DataFrame(out)


class LandmarkModel(ABC):
    """A model of the rows of `landmark_rows`; a kind's file defines a subclass named ``Model``.

    Parameters
    ----------
    spec : dict
        The kind's settings, complete: ``variables`` (None = those of the courses it is fitted on), ``record``,
        ``steps`` (``together`` or ``apart``), ``least_events`` and what the kind needs.

    Attributes
    ----------
    remarks : list of str
        What it is fitted without, in words.
    """

    def __init__(self, spec: dict) -> None:
        require_choice("steps", spec["steps"], ("together", "apart"))
        self.spec = spec
        self.remarks: list[str] = []
        self.targets: tuple[str, ...] = ()
        self.variables: tuple[str, ...] = ()
        self.fits: dict[str, dict[str, TabularModel]] = {}
        self.columns: dict[str, dict[str, list[str]]] = {}

    @abstractmethod
    def estimator(self) -> TabularModel:
        """A model of the rows of one target, not yet fitted."""

    def design(self, sequences: SequenceSet) -> pd.DataFrame:
        """Predictors of all rows, before columns that no train row knows are left out."""
        return landmark_rows(sequences, self.variables, self.spec["record"], changes=self.spec.get("changes", False))

    def fit(self, train: SequenceSet, tune: SequenceSet, seed: int) -> None:
        """Fit every target on the train rows at risk with a known label; tune rows settle what the kind tunes.

        A target with a single label among the train rows gets no fit and no answer. With ``steps: apart`` a step whose
        train rows hold fewer than ``least_events`` patients of either label is answered by the fit of all steps.

        Parameters
        ----------
        train, tune : SequenceSet
            Courses of the split's train and tune patients; `tune` may be empty.
        seed : int
            Seed of what is drawn.
        """
        self._read(train)
        rows, steps = self.design(train), train.steps.ravel()
        tune_rows, tune_steps = self.design(tune), tune.steps.ravel()
        for place, target in enumerate(self.targets):
            self.fits[target], self.columns[target] = {}, {}
            labels, tune_labels = (part.labels[:, :, place].ravel() for part in (train, tune))
            known, tune_known = (_known(part, place) for part in (train, tune))
            for name, own in self._groups(steps, known).items():
                least = 1 if name == TOGETHER else self.spec["least_events"]
                if min((labels[own] == label).sum() for label in (0, 1)) < least:
                    continue
                tuned = tune_known & ((name == TOGETHER) | (tune_steps == name))
                ours, theirs = (rows[own], labels[own]), (tune_rows[tuned], tune_labels[tuned])
                self._fit_one(target, name, ours, theirs, seed_for(seed, target, name))
        rare = [target for target, fits in self.fits.items() if not fits]
        if rare:
            self.remarks.append(f"does not answer {', '.join(rare)}: too few train patients of one of both answers")

    def _read(self, train: SequenceSet) -> None:
        """Settle what is read: of what the settings name, what the courses hold."""
        wanted = train.variables if self.spec["variables"] is None else self.spec["variables"]
        self.targets = train.targets
        self.variables = tuple(name for name in wanted if name in train.variables)
        known = np.isfinite(train.values).any(axis=(0, 1))
        absent = [name for name in wanted if name not in train.variables or not known[train.variables.index(name)]]
        absent += [name for name in self.spec["record"] if train.patients[name].isna().all()]
        self.remarks = [f"fitted without {', '.join(absent)}, of which no train row has a value"] if absent else []

    def _groups(self, steps: np.ndarray, known: np.ndarray) -> dict[str, np.ndarray]:
        """Rows of each fit: those of all steps, and of each named step if steps are fitted apart."""
        apart = sorted(set(steps[known])) if self.spec["steps"] == "apart" else []
        return {TOGETHER: known} | {step: known & (steps == step) for step in apart}

    def _named(self, target: str, steps: np.ndarray) -> dict[str, np.ndarray]:
        """Rows that each fit of a target answers: a step's own fit, else that of all steps."""
        fits = self.fits.get(target, {})
        named = np.array([step if step in fits else TOGETHER for step in steps], dtype=object)
        return {name: (named == name) & (steps != "") for name in fits}

    def _fit_one(self, target: str, name: str, train: tuple, tune: tuple, seed: int) -> None:
        made = self.estimator()
        rows, labels = train
        columns = [column for column in rows if rows[column].notna().any()]
        usable = made.usable(rows[columns])
        if not columns or not usable.any() or len(set(labels[usable])) < 2:
            return
        made.fit(rows.loc[usable, columns], labels[usable].astype(int), seed)
        others, theirs = tune
        usable = made.usable(others[columns])
        if usable.any():
            made.choose(others.loc[usable, columns], theirs[usable].astype(int))
        self.fits[target][name], self.columns[target][name] = made, columns

    def predict(self, sequences: SequenceSet) -> np.ndarray:
        """Probability of label 1 of every patient, step and target.

        Parameters
        ----------
        sequences : SequenceSet
            Any courses; labels and follow-up are not read.

        Returns
        -------
        numpy.ndarray
            float64 ``(n, T, K)``; NaN in the padding and where there is no answer.
        """
        rows, steps = self.design(sequences), sequences.steps.ravel()
        out = np.full((len(rows), len(self.targets)), np.nan)
        for place, target in enumerate(self.targets):
            for name, own in self._named(target, steps).items():
                made, design = self.fits[target][name], rows[self.columns[target][name]]
                own = own & made.usable(design)
                if own.any():
                    out[own, place] = made.probability(design[own])
        return out.reshape(*sequences.steps.shape, len(self.targets))

    def state(self) -> tuple[dict[str, np.ndarray], dict]:
        """Arrays and plain facts (for JSON) from which :meth:`from_state` makes the model again."""
        arrays, fits = {}, []
        for target, own in self.fits.items():
            for name, made in own.items():
                found, facts = made.state()
                arrays |= {f"{len(fits)}.{key}": array for key, array in found.items()}
                fits.append({"target": target, "fit": name, "columns": self.columns[target][name], "facts": facts})
        return arrays, {"targets": list(self.targets), "variables": list(self.variables), "fits": fits}

    @classmethod
    def from_state(cls, spec: dict, arrays: dict[str, np.ndarray], facts: dict) -> "LandmarkModel":
        """Make the model again from what :meth:`state` gave."""
        model = cls(spec)
        model.targets, model.variables = tuple(facts["targets"]), tuple(facts["variables"])
        for number, one in enumerate(facts["fits"]):
            prefix = f"{number}."
            own = {key.removeprefix(prefix): array for key, array in arrays.items() if key.startswith(prefix)}
            made = model.estimator()
            made.restore(own, one["facts"])
            model.fits.setdefault(one["target"], {})[one["fit"]] = made
            model.columns.setdefault(one["target"], {})[one["fit"]] = one["columns"]
        return model


def _known(sequences: SequenceSet, place: int) -> np.ndarray:
    """Which rows are at risk and have a known label of a target: bool ``(n * T,)``."""
    return (sequences.at_risk & ~np.isnan(sequences.labels[:, :, place])).ravel()
