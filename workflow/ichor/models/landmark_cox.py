"""Landmark Cox regression: time from the step to death, on the last known values (lifelines, Efron's ties).

Rows of all steps are stacked, each beginning at its own landmark, and give one baseline hazard of the time since the
landmark (the landmark super model, van Houwelingen and Putter, Dynamic Prediction in Clinical Survival Analysis, CRC
2012, chapter 7); or each step has a fit of its own. Patients whose follow-up is cut are kept as long as they are seen.
"""

import re
import warnings
from dataclasses import asdict

import numpy as np
import pandas as pd

from ichor.cohort.sequences import SequenceSet
from ichor.errors import StudyError
from ichor.models.landmark import TOGETHER, LandmarkModel
from ichor.models.tabular import Preparation
from ichor.settings import require_choice

FAMILY = "landmark"
SPEC = {
    "variables": None,  # of the courses; null = all that are known of train patients
    "record": [],  # columns of the cohort table, known at admission
    "changes": False,  # the change since the first known value, too
    "steps": "together",  # together: one fit with the time as a predictor | apart: one fit per named step
    "least_events": 10,  # train patients who die within a horizon, that a step needs for a fit of its own
    "horizon_from": "onset",  # what survival_30d counts its 30 days from: onset | step
    "imputer": "median",  # median of the train rows | multivariate: from the row's other predictors; with indicators
    "c": 1.0,  # inverse ridge penalty on predictors of unit variance
}

NAME = re.compile(r"survival_(\d+(?:\.\d+)?)(h|d)")
HOURS = {"h": 1.0, "d": 24.0}
DEATH = "death"
ARRAYS = ("coefficients", "times", "hazard", "range")
PENALTIES = (1.0, 10.0, 100.0, 1000.0)
LEAST = 1e-6
"""No answer is nearer to 0, and none before the horizon nearer to 1."""
BEYOND = 1.1
"""A horizon so many times the longest time that was seen has an answer still, the hazard standing still: our choice."""


def horizon_h(target: str) -> float | None:
    """Hours of a target's name, 720 for ``survival_30d``; None for a target that is no survival to a given time."""
    found = NAME.fullmatch(target)
    return float(found[1]) * HOURS[found[2]] if found else None


class Hazard:
    """Cox regression of prepared predictors, and its baseline: plain numbers.

    Parameters
    ----------
    imputer : str
        As of `ichor.models.tabular.Preparation.fitted`.
    c : float
        Inverse ridge penalty.
    """

    preparation: Preparation
    coefficients: np.ndarray
    times: np.ndarray
    hazard: np.ndarray
    range: np.ndarray

    def __init__(self, imputer: str, c: float) -> None:
        self.imputer, self.c = imputer, c

    def fit(self, design: pd.DataFrame, times: np.ndarray, events: np.ndarray) -> None:
        """Fit on times from the landmark, h, more than 0, and whether they end in death."""
        self.preparation = Preparation.fitted(design, self.imputer)
        prepared = self.preparation.prepared(design)
        # a mark of something that all or none of those who died have would have an endless hazard
        told = (prepared[events].std(axis=0) > 0) & (prepared[~events].std(axis=0) > 0)
        self.coefficients = np.zeros(prepared.shape[1])
        self.coefficients[told], baseline = self._fitted(prepared[:, told], times, events)
        # lifelines' baseline is that of a row of means; ours are 0
        self.times, self.hazard = baseline.index.to_numpy(dtype=float), baseline.to_numpy(dtype=float)
        found = prepared @ self.coefficients
        self.range = np.array([found.min(), found.max()])

    def _fitted(self, prepared: np.ndarray, times: np.ndarray, events: np.ndarray) -> tuple[np.ndarray, pd.Series]:
        """Coefficients and baseline of the first fit that converges, with the penalty as set, then ten times, ..."""
        from lifelines import CoxPHFitter, NelsonAalenFitter
        from lifelines.exceptions import ConvergenceError

        if not prepared.shape[1]:  # a single death, for example: everybody's hazard is the same
            return np.empty(0), NelsonAalenFitter().fit(times, events).cumulative_hazard_.iloc[:, 0]
        names = [f"x{place}" for place in range(prepared.shape[1])]
        data = pd.DataFrame(prepared, columns=names).assign(_time=times, _event=events.astype(int))
        for weaker in PENALTIES:
            # lifelines takes the mean log likelihood of the rows, the logistic regression's c their sum
            cox = CoxPHFitter(penalizer=weaker / (self.c * len(data)))
            try:
                with warnings.catch_warnings(record=True) as said:
                    warnings.simplefilter("always")
                    cox.fit(data, "_time", "_event")
            except ConvergenceError:
                continue
            if not any("failed to converge" in str(warning.message) for warning in said):
                return cox.params_[names].to_numpy(dtype=float), cox.baseline_cumulative_hazard_.iloc[:, 0]
        raise StudyError(f"landmark_cox: the regression does not converge with c: {self.c:g}; write a smaller one.")

    def survival(self, design: pd.DataFrame, after_h: np.ndarray) -> np.ndarray:
        """Probability of being alive `after_h` hours after the landmark.

        A hazard beyond those of the train rows is taken for the nearest of them: an exponential function of a value
        that nobody had says nothing (our choice). 1 where the time is not after the landmark; NaN more than `BEYOND`
        times the longest time that was seen.
        """
        place = np.searchsorted(self.times, after_h, side="right") - 1
        hazard = np.where((place < 0) | (after_h <= 0), 0.0, self.hazard[np.maximum(place, 0)])
        usual = np.clip(self.preparation.prepared(design) @ self.coefficients, *self.range)
        found = np.clip(np.exp(-hazard * np.exp(usual)), LEAST, np.where(hazard > 0, 1 - LEAST, 1.0))
        return np.where(after_h > BEYOND * self.times[-1], np.nan, found)

    def state(self) -> tuple[dict[str, np.ndarray], dict]:
        """Coefficients per standard deviation, the baseline's cumulative hazard, and how predictors are prepared."""
        arrays = {name: getattr(self, name) for name in ARRAYS}
        facts = {"names": self.preparation.names(), "preparation": asdict(self.preparation)}
        return arrays | self.preparation.arrays(), facts

    def restore(self, arrays: dict[str, np.ndarray], facts: dict) -> None:
        """Take up what :meth:`state` gave."""
        self.preparation = Preparation.restored(facts["preparation"], arrays)
        for name in ARRAYS:
            setattr(self, name, arrays[name])


class Model(LandmarkModel):
    """One Cox regression answers every target that is survival to a time; others have no answer."""

    def __init__(self, spec: dict) -> None:
        super().__init__(spec)
        require_choice("horizon_from", spec["horizon_from"], ("onset", "step"))

    def estimator(self) -> Hazard:
        """The regression, not yet fitted."""
        return Hazard(self.spec["imputer"], self.spec["c"])

    def fit(self, train: SequenceSet, tune: SequenceSet, seed: int) -> None:
        """Fit on the train rows at risk, cut at the latest horizon; tune rows settle nothing.

        Raises
        ------
        ichor.errors.StudyError
            If the courses do not say when patients died or were last seen.
        """
        if train.followup_h is None or train.death_h is None:
            raise StudyError(
                "landmark_cox: the courses have no follow-up; give followup_h and death_h, or another kind."
            )
        self._read(train)
        horizons = [hours for target in self.targets if (hours := horizon_h(target)) is not None]
        if not horizons:
            return
        rows, steps = self.design(train), train.steps.ravel()
        end = np.where(np.isnan(train.death_h), train.followup_h, train.death_h)
        seen = (end[:, None] - train.time_h.astype(float)).ravel()
        limit = self._after(train, max(horizons))
        times = np.minimum(seen, limit)
        events = np.repeat(~np.isnan(train.death_h), train.steps.shape[1]) & (seen <= limit)
        with np.errstate(invalid="ignore"):
            usable = train.at_risk.ravel() & (times > 0)
        for name, own in self._groups(steps, usable).items():
            if events[own].sum() < (1 if name == TOGETHER else self.spec["least_events"]):
                continue
            columns = [column for column in rows if rows.loc[own, column].notna().any()]
            made = self.estimator()
            made.fit(rows.loc[own, columns], times[own], events[own])
            self.fits.setdefault(DEATH, {})[name] = made
            self.columns.setdefault(DEATH, {})[name] = columns
        if not self.fits:
            self.remarks.append("does not answer anything: no train patient at risk has a time of death")

    def predict(self, sequences: SequenceSet) -> np.ndarray:
        """Probability of being alive at each target's time: ``(n, T, K)``, NaN in the padding and for other targets."""
        rows, steps = self.design(sequences), sequences.steps.ravel()
        out = np.full((len(rows), len(self.targets)), np.nan)
        for name, own in self._named(DEATH, steps).items():
            if not own.any():
                continue
            design = rows.loc[own, self.columns[DEATH][name]]
            for place, target in enumerate(self.targets):
                hours = horizon_h(target)
                if hours is not None:
                    out[own, place] = self.fits[DEATH][name].survival(design, self._after(sequences, hours)[own])
        return out.reshape(*sequences.steps.shape, len(self.targets))

    def _after(self, sequences: SequenceSet, hours: float) -> np.ndarray:
        """Hours from each row's landmark to a horizon: ``(n * T,)``."""
        times = sequences.time_h.astype(float).ravel()
        return hours - times if self.spec["horizon_from"] == "onset" else np.full(times.shape, hours)
