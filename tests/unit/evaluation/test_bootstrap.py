import numpy as np
import pytest

from ichor.evaluation import bootstrap
from ichor.evaluation.bootstrap import (
    Resamples,
    percentile_interval,
    weighted_auc,
    weighted_average_precision,
    weighted_mean,
)
from ichor.evaluation.discrimination import area, average_precision, delong_paired
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


def test_as_many_patients_are_drawn_as_there_are():
    """100 draws of 27 patients gave 27 patients' AUC the interval of 100; sqrt(.63 * .37 / 27) makes it +-.18."""
    right = np.r_[np.ones(17), np.zeros(10)]
    draws = Resamples(np.zeros(27), 4000, 1)
    assert {weights.sum() for chunk in draws.chunks() for weights in chunk} == {27.0}
    found = draws.interval(right.mean(), lambda weights: weighted_mean(right, weights))
    half = 1.96 * np.sqrt(right.mean() * (1 - right.mean()) / 27)
    assert (found.high - found.low) / 2 == pytest.approx(half, rel=0.06)
    assert (found.high - found.low) / 2 > 1.8 * half * np.sqrt(27 / 100)


def test_two_models_are_compared_on_the_same_resamples():
    rng = np.random.default_rng(6)
    labels = rng.random(120) < 0.5
    first = labels + rng.normal(0, 1, 120)
    second = first + rng.normal(0, 0.3, 120)
    draws = Resamples(np.zeros(120), 800, 3)
    one, two = (lambda w, p=p: weighted_auc(labels, p, w) for p in (first, second))
    none = draws.difference(one, one)
    assert (none.estimate, none.low, none.high) == (0, 0, 0)
    paired = draws.difference(one, two)
    assert paired.estimate == pytest.approx(area(labels, first) - area(labels, second))
    test = delong_paired(labels, first, second)
    assert (paired.low, paired.high) == pytest.approx((test.low, test.high), abs=0.01)
    assert Resamples(np.array([]), 10, 0).difference(one, two).reason == Reason.EMPTY_DENOMINATOR


def test_a_patient_is_drawn_with_all_rows():
    patients = np.array(["a", "a", "a", "b", "c", "c"])
    weights = np.concatenate(list(Resamples(np.zeros(6), 300, 4, patients).chunks()))
    assert (weights[:, 0] == weights[:, 1]).all() and (weights[:, 0] == weights[:, 2]).all()
    assert (weights[:, 4] == weights[:, 5]).all()
    assert (weights[:, [0, 3, 4]].sum(axis=1) == 3).all()
    with pytest.raises(ValueError, match="two strata"):
        Resamples(np.array(["x", "y"]), 10, 0, np.array(["a", "a"]))
