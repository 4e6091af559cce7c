"""Censoring weights: against R's Kaplan-Meier estimate, scikit-learn's weighted measures, lifelines, and the truth."""

import numpy as np
import pandas as pd
import pytest
from lifelines import KaplanMeierFitter
from sklearn.metrics import brier_score_loss, roc_auc_score

from ichor.evaluation.bootstrap import Resamples
from ichor.evaluation.censoring import DIED, LOST, SETTLED, Course, censoring_weights, course_of, survival_aware
from ichor.reasons import Reason


def labels_at(time: np.ndarray, died: np.ndarray, horizon: float) -> np.ndarray:
    """1 = alive at the horizon, 0 = dead by then, NaN = lost before."""
    return np.where(time >= horizon, 1.0, np.where(died, 0.0, np.nan))


def drawn(count: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Patients whose risk is known, half of them lost at random, the time of the loss independent of all else."""
    rng = np.random.default_rng(seed)
    risk = rng.normal(size=count)
    death = rng.exponential(10 * np.exp(-risk))
    loss = rng.exponential(12, count)
    return {"risk": risk, "death": death, "loss": loss, "rng": rng}


def observe(patients: dict[str, np.ndarray], horizon: float) -> tuple[np.ndarray, Course]:
    time = np.minimum(patients["death"], patients["loss"])
    died = patients["death"] <= patients["loss"]
    labels = labels_at(time, died, horizon)
    return labels, course_of(labels, np.where(died, time, np.nan), time, horizon)


@pytest.mark.parametrize("group", [0, 1])
def test_weighted_survival_is_what_r_says(repository, group):
    folder = repository / "tests" / "oracles"
    data = pd.read_csv(folder / "data.tsv", sep="\t").query("group == @group")
    said = pd.read_csv(folder / "expected.tsv", sep="\t", index_col=0).iloc[:, 0]
    time, died = data["time"].to_numpy(), data["event"].to_numpy() == 1
    labels = labels_at(time, died, 5.0)
    course = course_of(labels, np.where(died, time, np.nan), time, 5.0)
    found = survival_aware(labels, data["p1"].to_numpy(), course, Resamples(np.zeros(len(data)), 0, 0))
    assert np.isnan(labels).any()
    assert found["prevalence_ipcw"].estimate == pytest.approx(float(said[f"km_surv_at_5_group{group}"]), abs=1e-9)


def test_weights_are_one_over_lifelines_curve_of_being_lost():
    patients = drawn(400)
    labels, course = observe(patients, 8.0)
    curve = KaplanMeierFitter().fit(course.time_h, course.ending == LOST)
    settled = course.ending != LOST
    just_before = np.nextafter(course.time_h, 0)
    expected = 1 / curve.survival_function_at_times(just_before).to_numpy()
    assert censoring_weights(course)[0][settled] == pytest.approx(expected[settled])
    assert (censoring_weights(course)[0][~settled] == 0).all()
    assert np.isnan(labels).sum() > 100


def test_measures_are_those_of_scikit_learn_with_these_weights():
    patients = drawn(500, 3)
    labels, course = observe(patients, 8.0)
    probability = 1 / (1 + np.exp(patients["risk"]))
    found = survival_aware(labels, probability, course, Resamples(np.zeros(500), 0, 0))
    known, weights = np.isfinite(labels), censoring_weights(course)[0]
    y, p, w = labels[known], probability[known], weights[known]
    assert found["auc_ipcw"].estimate == pytest.approx(roc_auc_score(y, p, sample_weight=w))
    assert found["brier_ipcw"].estimate == pytest.approx(brier_score_loss(y, p, sample_weight=w))
    assert found["observed_expected_ipcw"].estimate == pytest.approx((w @ y) / (w @ p))
    assert found["auc_ipcw"].n == 500 and found["auc_ipcw"].events == int(y.sum())


def test_weights_give_back_what_censoring_hides():
    patients = drawn(40_000, 1)
    labels, course = observe(patients, 8.0)
    truth = patients["death"] > 8.0
    probability = np.exp(-8.0 / 10 * np.exp(patients["risk"]))
    found = survival_aware(labels, probability, course, Resamples(np.zeros(truth.size), 0, 0))
    naive = np.nanmean(labels)
    assert abs(naive - truth.mean()) > 0.1
    assert found["prevalence_ipcw"].estimate == pytest.approx(truth.mean(), abs=0.01)
    assert found["observed_expected_ipcw"].estimate == pytest.approx(1, abs=0.02)
    assert found["auc_ipcw"].estimate == pytest.approx(roc_auc_score(truth, probability), abs=0.01)
    assert found["brier_ipcw"].estimate == pytest.approx(brier_score_loss(truth, probability), abs=0.005)


def test_without_losses_the_weights_are_one_and_intervals_hold_the_estimate():
    rng = np.random.default_rng(0)
    labels = (rng.random(120) < 0.7).astype(float)
    probability = np.clip(0.5 * labels + rng.random(120) * 0.5, 0.01, 0.99)
    course = course_of(labels, np.where(labels == 0, 3.0, np.nan), np.full(120, 9.0), 8.0)
    assert (censoring_weights(course) == 1).all()
    found = survival_aware(labels, probability, course, Resamples(np.zeros(120), 200, 0))
    assert found["auc_ipcw"].estimate == pytest.approx(roc_auc_score(labels, probability))
    assert all(value.low <= value.estimate <= value.high for value in found.values())


def test_a_death_comes_before_a_loss_at_the_same_time():
    course = Course(np.array([2.0, 2.0, 2.0, 5.0]), np.array([LOST, DIED, LOST, SETTLED]))
    assert censoring_weights(course)[0] == pytest.approx([0, 1, 0, 3])
    drawn_twice = np.array([[1.0, 1, 0, 2]])
    assert censoring_weights(course, drawn_twice)[0, 3] == pytest.approx(1.5)


def test_a_course_ends_at_death_loss_or_horizon():
    course = course_of(
        [0, 0, 1, np.nan, np.nan, np.nan], [4, np.nan, 12, np.nan, np.nan, np.nan], [4, 6, 9, 6, 20, np.nan], 8
    )
    assert course.ending.tolist() == [DIED, SETTLED, SETTLED, LOST, LOST, LOST]
    assert course.time_h.tolist() == [4, 8, 8, 6, 8, 0]


def test_nothing_is_made_up_where_nobody_was_followed_to_the_horizon():
    labels = np.array([0, 0, np.nan, np.nan])
    course = course_of(labels, [1.0, 3.0, np.nan, np.nan], [1.0, 3.0, 2.0, 6.0], 8.0)
    found = survival_aware(labels, np.full(4, 0.5), course, Resamples(np.zeros(4), 50, 0))
    assert {value.reason for value in found.values()} == {Reason.NOBODY_FOLLOWED}
    assert all(np.isnan(value.estimate) for value in found.values())
