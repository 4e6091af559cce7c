import math

import numpy as np
import pandas as pd
import pytest

from ichor.evaluation.bootstrap import Resamples
from ichor.evaluation.evaluate import evaluate
from ichor.evaluation.reachable import image_reachable, reachable
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


def test_a_reader_of_the_scan_reaches_all_that_the_scan_shows(cohort):
    """Risk = image part + a part of the record that nobody sees in the scan."""
    _, _, rng = cohort
    image, record = rng.normal(0, 1.5, 3000), rng.normal(0, 1.5, 3000)
    labels = rng.random(3000) < 1 / (1 + np.exp(-(image + record)))
    draws = Resamples(np.zeros(3000), 100, 1)
    found = image_reachable(labels, image, image, draws)
    assert set(found) == {"reachable_image_auc", "reachable_image_share"}
    assert found["reachable_image_share"].estimate == 1
    whole = reachable(labels, image, image + record, draws)
    assert found["reachable_image_auc"].high < whole["reachable_auc"].low
    assert whole["reachable_share"].high < 1
    assert image_reachable(labels, image + record, image, draws)["reachable_image_share"].low > 1


def test_the_image_share_stands_in_the_metrics_of_targets_that_have_one():
    rng = np.random.default_rng(3)
    rows, truth = [], []
    for task, target in (("expansion", "expansion"), ("outcome", "poor_outcome")):
        for i in range(60):
            risk = float(rng.random())
            named = {"task": task, "target": target, "patient": f"p{i}"}
            truth.append({**named, "risk": risk, "risk_image": risk if task == "expansion" else None})
            label = int(rng.random() < risk)
            where = {"model": "m", "split": "external", "center": "a", "role": "test", "time": "baseline", "seed": 0}
            rows.append({**named, **where, "label": label, "probability": round(0.01 + 0.98 * risk, 6)})
    metrics, _, _ = evaluate(pd.DataFrame(rows), pd.DataFrame(truth), seed=1, bootstrap=20)
    found = metrics[metrics["quantity"] == "reachable_image_share"]
    assert set(found["task"]) == {"expansion"} and (found["estimate"] == 1).all()
