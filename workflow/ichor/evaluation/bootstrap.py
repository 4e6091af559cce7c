"""Patient bootstrap, vectorised: a resample is a row of weights (how often each patient was drawn).

Weighted statistics of all resamples come out of a few array operations, because the order of the patients by
probability is the same in every resample.
"""

import math
from collections.abc import Callable, Iterator

import numpy as np

from ichor.evaluation.intervals import CONFIDENCE, Estimate, undefined
from ichor.reasons import Reason

CHUNK = 4_000_000  # weights held in memory at once (32 MB)


class Resamples:
    """Resamples of `n` patients, drawn with replacement inside each stratum, the same at every use.

    As many patients are drawn as there are: an interval from draws of another size is that of another study (100 drawn
    of 27 patients give one that is about half as wide as it should be).

    Parameters
    ----------
    strata : array, shape (n,)
        Center of each row: centers keep their size, because they are given and not drawn.
    count : int
        Number of resamples; 0 gives no intervals.
    seed : int
        Seed of the draws.
    patients : array, shape (n,), optional
        Patient of each row, where a patient has several (visits): the patient is drawn, with all rows. Without it each
        row is a patient.

    Raises
    ------
    ValueError
        If a patient has rows in two strata.
    """

    def __init__(self, strata: np.ndarray, count: int, seed: int, patients: np.ndarray | None = None) -> None:
        self.codes = np.unique(np.asarray(strata, dtype=str), return_inverse=True)[1]
        self.count = int(count)
        self.seed = int(seed)
        self._kept: np.ndarray | None = None
        self._rows: np.ndarray | None = None
        if patients is not None:
            _, first, self._rows = np.unique(np.asarray(patients, dtype=str), return_index=True, return_inverse=True)
            if (self.codes[first][self._rows] != self.codes).any():
                raise ValueError("a patient has rows in two strata")
            self.codes = self.codes[first]

    def chunks(self) -> Iterator[np.ndarray]:
        """Weights of all resamples, in arrays of shape (resamples, n) that fit in memory."""
        n = self.codes.size
        step = max(1, CHUNK // max(1, n if self._rows is None else self._rows.size))
        if n == 0 or self.count == 0:
            return
        rng = np.random.default_rng(self.seed)
        if self.count <= step:
            if self._kept is None:
                self._kept = self._draw(rng, self.count)
            yield self._kept
            return
        for start in range(0, self.count, step):
            yield self._draw(rng, min(step, self.count - start))

    def _draw(self, rng: np.random.Generator, size: int) -> np.ndarray:
        weights = np.zeros((size, self.codes.size))
        for code in range(self.codes.max() + 1):
            members = np.flatnonzero(self.codes == code)
            drawn = rng.integers(0, members.size, (size, members.size))
            drawn += np.arange(size)[:, None] * members.size
            counts = np.bincount(drawn.ravel(), minlength=size * members.size)
            weights[:, members] = counts.reshape(size, members.size)
        return weights if self._rows is None else weights[:, self._rows]

    def values(self, statistic: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        """Statistic of every resample, shape (count,) or (count, m); NaN where it is undefined."""
        parts = [statistic(weights) for weights in self.chunks()]
        return np.concatenate(parts) if parts else np.empty(0)

    def interval(self, estimate: float, statistic: Callable[[np.ndarray], np.ndarray]) -> Estimate:
        """`estimate` with the percentile interval of the resamples' values."""
        return percentile_interval(estimate, self.values(statistic))

    def difference(
        self, first: Callable[[np.ndarray], np.ndarray], second: Callable[[np.ndarray], np.ndarray]
    ) -> Estimate:
        """First statistic minus the second, both of the same resamples: paired, whatever the statistic.

        Parameters
        ----------
        first, second : callable
            Weights (resamples, n) -> value of each resample, of two models on the same rows.
        """
        rows = self.codes.size if self._rows is None else self._rows.size
        if not rows:
            return undefined(Reason.EMPTY_DENOMINATOR)
        whole = np.ones((1, rows))
        estimate = float(np.asarray(first(whole)).item() - np.asarray(second(whole)).item())
        if math.isnan(estimate):
            return undefined(Reason.ONE_CLASS)
        return self.interval(estimate, lambda weights: first(weights) - second(weights))


def percentile_interval(estimate: float, values: np.ndarray) -> Estimate:
    """Estimate with the 2.5th and 97.5th percentile of `values`.

    Resamples without a value (one class was drawn) are left out; when they are more than half, the interval is
    missing with `TOO_FEW_EVENTS`.
    """
    finite = values[np.isfinite(values)]
    if not values.size or 2 * finite.size < values.size:
        return Estimate(float(estimate), reason=Reason.TOO_FEW_EVENTS if values.size else Reason.NO_RESAMPLES)
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(finite, [tail, 1 - tail])
    return Estimate(float(estimate), float(low), float(high))


def _grouped(labels: np.ndarray, probabilities: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weight of events and of others at each distinct probability, highest first: two arrays (resamples, groups).

    Labels of shape (n,), or (resamples, n) where each resample has its own.
    """
    order = np.argsort(-probabilities, kind="stable")
    starts = np.r_[0, np.flatnonzero(np.diff(probabilities[order])) + 1]
    ordered = weights[:, order]
    events = np.add.reduceat(ordered * labels[..., order], starts, axis=1)
    return events, np.add.reduceat(ordered, starts, axis=1) - events


def weighted_auc(labels: np.ndarray, probabilities: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """AUC of each row of `weights`, shape (resamples, n) -> (resamples,); NaN where one class has no weight.

    `labels` of shape (n,), or (resamples, n) where each resample has its own.
    """
    events, others = _grouped(labels, probabilities, weights)
    all_events, all_others = events.sum(axis=1), others.sum(axis=1)
    not_above = all_others[:, None] - np.cumsum(others, axis=1) + 0.5 * others
    pairs = all_events * all_others
    wins = (events * not_above).sum(axis=1)
    return np.divide(wins, pairs, out=np.full(wins.shape, math.nan), where=pairs > 0)


def weighted_average_precision(labels: np.ndarray, probabilities: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Average precision of each row of `weights`, (resamples, n) -> (resamples,); NaN where one class has no weight."""
    events, others = _grouped(labels, probabilities, weights)
    true_positives, all_events = np.cumsum(events, axis=1), events.sum(axis=1)
    flagged = true_positives + np.cumsum(others, axis=1)
    precision = np.divide(true_positives, flagged, out=np.zeros_like(flagged), where=flagged > 0)
    total = (events * precision).sum(axis=1)
    defined = (all_events > 0) & (others.sum(axis=1) > 0)
    return np.divide(total, all_events, out=np.full(total.shape, math.nan), where=defined)


def weighted_mean(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Mean of `values` (n,) under each row of `weights` (resamples, n)."""
    return weights @ values / weights.sum(axis=1)
