import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ichor.evaluation.bootstrap import Resamples
from ichor.evaluation.discrimination import (
    auc,
    auprc,
    auprc_rare,
    average_precision,
    delong_paired,
    delong_unpaired,
    delong_variance,
    roc_curve,
)
from ichor.reasons import Reason


def kernel(events, others):
    """Definition of the Mann-Whitney kernel, every pair: 1, 1/2 or 0."""
    return (events[:, None] > others[None, :]) + 0.5 * (events[:, None] == others[None, :])


def by_definition(labels, first, second):
    """Areas and DeLong covariance matrix from all pairs, O(n^2)."""
    pairs = [kernel(model[labels], model[~labels]) for model in (first, second)]
    above = np.cov([pair.mean(axis=1) for pair in pairs])
    below = np.cov([pair.mean(axis=0) for pair in pairs])
    return [pair.mean() for pair in pairs], above / labels.sum() + below / (~labels).sum()


@st.composite
def cohorts(draw):
    """Two models on 4 to 60 patients, at least two of each class; few distinct values make ties."""
    n = draw(st.integers(4, 60))
    events = draw(st.integers(2, n - 2))
    labels = np.array(draw(st.permutations([True] * events + [False] * (n - events))))
    steps = draw(st.integers(1, 30))
    columns = st.lists(st.integers(0, steps), min_size=n, max_size=n)
    return labels, np.array(draw(columns)) / steps, np.array(draw(columns)) / steps


@settings(max_examples=150, deadline=None)
@given(cohorts())
def test_fast_delong_is_delong_by_definition(cohort):
    labels, first, second = cohort
    areas, covariance = by_definition(labels, first, second)
    assert auc(labels, first).estimate == pytest.approx(areas[0], abs=1e-12)
    assert delong_variance(labels, first) == pytest.approx(covariance[0, 0], abs=1e-12)
    variance = covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]
    test = delong_paired(labels, first, second)
    assert test.difference == pytest.approx(areas[0] - areas[1], abs=1e-12)
    if variance > 1e-12:
        assert test.statistic == pytest.approx((areas[0] - areas[1]) / math.sqrt(variance), rel=1e-6, abs=1e-9)


def test_auc_of_a_hand_example():
    assert auc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]).estimate == 0.75
    assert auc([0, 1], [0.5, 0.5]).estimate == 0.5


def test_auc_is_not_turned_round():
    assert auc([0, 0, 1, 1, 1], [0.9, 0.8, 0.1, 0.85, 0.3]).estimate == pytest.approx(1 / 6)


def test_what_has_no_auc_or_no_interval_says_why():
    assert auc([1, 1, 1], [0.2, 0.3, 0.4]).reason == Reason.ONE_CLASS
    assert math.isnan(auc([1, 1, 1], [0.2, 0.3, 0.4]).estimate)
    assert auc([], []).reason == Reason.ONE_CLASS
    for labels, scores, value, reason in (
        ([0, 0, 1, 1], [0.1, 0.2, 0.3, 0.4], 1.0, Reason.PERFECT_PREDICTION),
        ([0, 0, 1, 1], [0.3, 0.3, 0.3, 0.3], 0.5, Reason.CONSTANT_PREDICTION),
        ([0, 0, 0, 1], [0.1, 0.5, 0.6, 0.4], 1 / 3, Reason.TOO_FEW_EVENTS),
    ):
        found = auc(labels, scores)
        assert found.estimate == pytest.approx(value)
        assert (math.isnan(found.low), math.isnan(found.high), found.reason) == (True, True, reason)


def test_interval_is_cut_at_one():
    found = auc([0, 0, 0, 0, 1, 1, 1, 1], [0.1, 0.2, 0.3, 0.6, 0.5, 0.7, 0.8, 0.9])
    assert found.high == 1.0 and found.low < found.estimate < 1


def test_inputs_that_are_not_labels_and_numbers_are_refused():
    with pytest.raises(ValueError, match="0 or 1"):
        auc([0, 2], [0.1, 0.2])
    with pytest.raises(ValueError, match="finite"):
        auc([0, 1], [0.1, math.nan])
    with pytest.raises(ValueError, match="equal vectors"):
        auc([0, 1, 1], [0.1, 0.2])


def test_same_ranks_are_no_difference():
    rng = np.random.default_rng(0)
    labels, scores = rng.random(40) < 0.4, rng.random(40)
    test = delong_paired(labels, scores, scores**3)
    assert (test.difference, test.statistic, test.p) == (0, 0, 1)


def test_paired_test_is_antisymmetric_and_sharper_than_unpaired():
    rng = np.random.default_rng(1)
    labels = rng.random(200) < 0.4
    first = labels + rng.normal(size=200)
    second = first + rng.normal(scale=0.7, size=200)
    forth, back = delong_paired(labels, first, second), delong_paired(labels, second, first)
    assert forth.difference == pytest.approx(-back.difference) and forth.p == pytest.approx(back.p)
    assert forth.low == pytest.approx(-back.high)
    apart = delong_unpaired(labels, first, labels, second)
    assert apart.difference == pytest.approx(forth.difference)
    assert apart.p > forth.p


def test_tests_without_both_classes_say_why():
    assert delong_paired([1, 1], [0.1, 0.2], [0.2, 0.1]).reason == Reason.ONE_CLASS
    assert delong_unpaired([1, 1], [0.1, 0.2], [0, 1], [0.2, 0.1]).reason == Reason.ONE_CLASS
    few = delong_paired([1, 0, 0], [0.5, 0.2, 0.6], [0.2, 0.1, 0.3])
    assert few.reason == Reason.TOO_FEW_EVENTS and math.isnan(few.p)


def test_false_positives_of_the_paired_test_are_near_their_level():
    """Two equally good models: about 5 % of the p values are below 0.05."""
    rng = np.random.default_rng(2)
    hits = 0
    for _ in range(1000):
        labels = np.arange(120) < 50
        signal = labels + rng.normal(size=120)
        models = [signal + rng.normal(scale=0.8, size=120) for _ in range(2)]
        hits += delong_paired(labels, *models).p < 0.05
    assert 30 <= hits <= 75


def test_average_precision_of_a_hand_example():
    # ranked: event, other, event, other -> precision 1/1 and 2/3 at the two gains in recall
    assert average_precision([1, 0, 1, 0], [0.9, 0.8, 0.7, 0.6]) == pytest.approx((1 + 2 / 3) / 2)
    assert average_precision([1, 0, 0, 1], [0.5, 0.5, 0.5, 0.5]) == 0.5
    assert math.isnan(average_precision([1, 1], [0.5, 0.6]))


def test_average_precision_agrees_with_scikit_learn_with_ties():
    from sklearn.metrics import average_precision_score

    rng = np.random.default_rng(3)
    for _ in range(50):
        labels, scores = rng.random(40) < 0.5, rng.integers(0, 8, 40) / 8
        assert average_precision(labels, scores) == pytest.approx(average_precision_score(labels, scores))


def test_interval_of_the_average_precision_holds_the_estimate():
    rng = np.random.default_rng(4)
    labels = rng.random(100) < 0.3
    found = auprc(labels, labels + rng.normal(size=100), Resamples(np.zeros(100), 400, 1))
    assert labels.mean() < found.low < found.estimate < found.high <= 1


def test_precision_in_finding_the_rarer_outcome_does_not_depend_on_what_is_called_an_event():
    rng = np.random.default_rng(8)
    labels = rng.random(120) < 0.85
    scores = np.round(labels + rng.normal(size=120), 1)
    drawn = Resamples(np.zeros(120), 100, 1)
    found, turned = auprc_rare(labels, scores, drawn), auprc_rare(~labels, -scores, drawn)
    assert found == turned == auprc(~labels, -scores, drawn)
    assert found.estimate == average_precision(~labels, -scores)
    assert found.estimate < auprc(labels, scores, drawn).estimate - 0.2


def test_area_under_the_roc_corners_is_the_auc():
    rng = np.random.default_rng(5)
    labels, scores = rng.random(80) < 0.5, rng.integers(0, 12, 80) / 12
    x, y = roc_curve(labels, scores)
    assert (x[0], y[0], x[-1], y[-1]) == (0, 0, 1, 1)
    assert np.trapezoid(y, x) == pytest.approx(auc(labels, scores).estimate)
