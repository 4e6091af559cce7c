"""Measures of visits: with one visit per patient those of patients, with copies no more certain than without."""

import numpy as np
import pytest
import statsmodels.api as sm

from ichor.evaluation.bootstrap import Resamples
from ichor.evaluation.clustered import clustered_auc, clustered_calibration, clustered_difference, resampled_share
from ichor.evaluation.discrimination import area, delong_paired, delong_variance
from ichor.reasons import Reason


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(5)
    labels = (rng.random(80) < 0.4).astype(int)
    first = np.round(rng.normal(size=80) + labels, 1)  # with ties
    return labels, first, first + rng.normal(size=80), np.arange(80)


def error(found) -> float:
    return (found.high - found.low) / (2 * 1.959963984540054)


def test_with_one_visit_per_patient_it_is_delong(rows):
    labels, first, second, patients = rows
    assert clustered_auc(labels, first, patients).estimate == pytest.approx(area(labels, first))
    assert error(clustered_auc(labels, first, patients)) ** 2 == pytest.approx(delong_variance(labels, first))
    ours, theirs = clustered_difference(labels, first, second, patients), delong_paired(labels, first, second)
    np.testing.assert_allclose(ours[:4], theirs[:4], rtol=1e-10)
    assert ours.p == pytest.approx(theirs.p)


def test_copies_of_visits_add_no_certainty_but_new_patients_do(rows):
    labels, first, second, patients = rows
    four = [np.repeat(values, 4) for values in rows]
    same = clustered_auc(*(four[i] for i in (0, 1, 3)))
    assert error(same) == pytest.approx(error(clustered_auc(labels, first, patients)), rel=1e-10)
    assert clustered_difference(*four).p == pytest.approx(clustered_difference(*rows).p)
    many = clustered_auc(four[0], four[1], np.arange(320))
    assert error(many) == pytest.approx(error(same) / 2, rel=0.02)


@pytest.mark.parametrize("first_event", [0, 2])
def test_the_variance_is_that_of_many_studies_of_such_patients(first_event):
    """Visits of a patient resemble each other, and from 2 on a patient has visits of both outcomes: 300 studies."""
    rng = np.random.default_rng(1)

    def study():
        frail = rng.normal(size=60)[:, None]
        last = (rng.random(60) < 1 / (1 + np.exp(-2 * frail[:, 0])))[:, None]
        labels = last & (np.arange(4) >= first_event)
        values = 1.5 * frail + 0.5 * rng.normal(size=(60, 4)) + labels
        return labels.ravel().astype(int), values.ravel(), np.repeat(np.arange(60), 4)

    studies = [study() for _ in range(300)]
    found = [clustered_auc(*one) for one in studies]
    spread = np.std([one.estimate for one in found])
    assert np.mean([error(one) for one in found]) == pytest.approx(spread, rel=0.12)
    if first_event:
        return
    naive = np.mean([np.sqrt(delong_variance(labels, values)) for labels, values, _ in studies])
    assert naive < 0.8 * spread, "visits are no patients"


def test_what_cannot_be_said_is_not_said(rows):
    labels, first, second, patients = rows
    assert clustered_auc(np.zeros(5, int), np.arange(5.0), np.arange(5)).reason == Reason.ONE_CLASS
    assert clustered_auc(labels, np.ones(80), patients).reason == Reason.CONSTANT_PREDICTION
    one = clustered_auc(labels, first, np.where(labels == 1, -1, patients))
    assert one.reason == Reason.TOO_FEW_EVENTS and np.isnan(one.low)
    assert clustered_auc(labels, labels + 0.0, patients).reason == Reason.PERFECT_PREDICTION
    alike = clustered_difference(labels, first, first * 2, patients)
    assert alike.difference == 0 and alike.p == 1


def test_calibration_has_the_coefficients_of_the_glm_and_intervals_by_patient(rows):
    labels, first, _, patients = rows
    risk = 1 / (1 + np.exp(-first))
    found = clustered_calibration(labels, risk, patients)
    theirs = sm.Logit(labels, sm.add_constant(first)).fit(disp=0)
    assert found["calibration_slope"].estimate == pytest.approx(theirs.params[1], rel=1e-6)
    four = [np.repeat(values, 4) for values in (labels, risk, patients)]
    again = clustered_calibration(*four)
    for name, one in found.items():
        assert again[name].estimate == pytest.approx(one.estimate, rel=1e-6)
        # statsmodels' factor for few rows, (n - 1) / (n - k), is all that copies change
        assert again[name].high - again[name].low == pytest.approx(one.high - one.low, rel=0.02)
    extreme = clustered_calibration(labels, np.where(risk > 0.5, 1.0, risk), patients)
    assert extreme["calibration_slope"].reason == Reason.EXTREME_PROBABILITY


def test_a_share_is_resampled_by_patient():
    part, whole = np.array([1, 0, 1, 1, 0, 0.0]), np.array([1, 1, 1, 1, 1, 0.0])
    draws = Resamples(np.zeros(6), 400, 1, np.array([0, 0, 1, 1, 2, 2]))
    found = resampled_share(part, whole, draws)
    assert found.estimate == 0.6 and found.low == 0 and found.high == 1
    assert resampled_share(part, np.zeros(6), draws).reason == Reason.EMPTY_DENOMINATOR
