import numpy as np
import pytest

from ichor.evaluation import bootstrap
from ichor.evaluation.bootstrap import Resamples, percentile_interval, weighted_auc, weighted_average_precision
from ichor.evaluation.discrimination import area, average_precision
from ichor.reasons import Reason


def test_weighted_statistics_are_those_of_the_repeated_patients():
    rng = np.random.default_rng(0)
    labels, scores = rng.random(30) < 0.4, rng.integers(0, 9, 30) / 9
    weights = np.concatenate(list(Resamples(np.zeros(30), 60, 3).chunks()))
    for weighted, plain in ((weighted_auc, area), (weighted_average_precision, average_precision)):
        found = weighted(labels, scores, weights)
        for row, value in zip(weights.astype(int), found, strict=True):
            assert value == pytest.approx(plain(np.repeat(labels, row), np.repeat(scores, row)), nan_ok=True)


def test_strata_keep_their_size():
    centers = np.array(["b"] * 7 + ["a"] * 13)
    weights = np.concatenate(list(Resamples(centers, 50, 1).chunks()))
    assert (weights[:, :7].sum(axis=1) == 7).all() and (weights[:, 7:].sum(axis=1) == 13).all()
    assert weights.max() > 1 and weights.min() == 0


def test_draws_are_the_same_at_every_use_and_in_chunks(monkeypatch):
    draws = Resamples(np.zeros(20), 40, 9)
    first = np.concatenate(list(draws.chunks()))
    assert np.array_equal(first, np.concatenate(list(draws.chunks())))
    monkeypatch.setattr(bootstrap, "CHUNK", 100)
    chunks = list(Resamples(np.zeros(20), 40, 9).chunks())
    assert len(chunks) == 8
    assert np.concatenate(chunks).sum(axis=1).tolist() == [20.0] * 40


def test_interval_of_a_mean_is_about_the_normal_one():
    values = np.random.default_rng(2).normal(size=400)
    draws = Resamples(np.zeros(400), 2000, 5)
    found = draws.interval(values.mean(), lambda weights: weights @ values / 400)
    half = 1.96 * values.std() / 20
    assert (found.low, found.high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.015)


def test_an_interval_that_cannot_be_drawn_says_why():
    assert percentile_interval(0.5, np.array([])).reason == Reason.NO_RESAMPLES
    assert percentile_interval(0.5, np.array([np.nan, np.nan, 0.4])).reason == Reason.TOO_FEW_EVENTS
    assert list(Resamples(np.array([]), 10, 0).chunks()) == []
