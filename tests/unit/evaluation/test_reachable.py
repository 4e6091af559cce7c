import math

import numpy as np
import pytest

from ichor.evaluation.bootstrap import Resamples
from ichor.evaluation.reachable import reachable
from ichor.reasons import Reason


@pytest.fixture(scope="module")
def cohort():
    rng = np.random.default_rng(0)
    risks = rng.beta(1, 2, 400)
    return rng.random(400) < risks, risks, rng


def test_the_true_risk_reaches_all_and_chance_nothing(cohort):
    labels, risks, rng = cohort
    draws = Resamples(np.zeros(400), 300, 1)
    perfect = reachable(labels, risks, risks, draws)["reachable_share"]
    assert tuple(perfect[:3]) == (1, 1, 1)
    chance = reachable(labels, rng.random(400), risks, draws)["reachable_share"]
    assert chance.low < 0 < chance.high
    blurred = reachable(labels, risks + rng.normal(0, 0.2, 400), risks, draws)["reachable_share"]
    assert 0.4 < blurred.low < blurred.estimate < blurred.high < 1


def test_only_patients_with_a_known_risk_count(cohort):
    labels, risks, _ = cohort
    some = np.where(np.arange(400) < 150, risks, np.nan)
    found = reachable(labels, risks, some, Resamples(np.zeros(400), 50, 1))
    assert found["reachable_share"].n == 150
    assert found["reachable_auc"].events == labels[:150].sum()
    assert found["reachable_share"].estimate == 1


def test_a_missing_share_says_why(cohort):
    labels, risks, rng = cohort
    draws = Resamples(np.zeros(400), 50, 1)
    none = reachable(labels, risks, np.full(400, np.nan), draws)
    assert none["reachable_share"].reason == Reason.NO_TRUTH and math.isnan(none["reachable_auc"].estimate)
    flat = reachable(labels, risks, np.full(400, 0.3), draws)
    assert flat["reachable_share"].reason == Reason.REACHABLE_NEAR_CHANCE
    one = reachable(np.ones(400), risks, risks, draws)
    assert one["reachable_share"].reason == Reason.ONE_CLASS


def test_a_weak_truth_gives_a_share_without_interval():
    rng = np.random.default_rng(2)
    labels = np.arange(20) < 8
    risks = labels * 0.4 + rng.normal(size=20)
    found = reachable(labels, risks, risks, Resamples(np.zeros(20), 300, 1))["reachable_share"]
    assert found.estimate == 1 and found.reason == Reason.REACHABLE_NEAR_CHANCE and math.isnan(found.low)
