"""The attack finds a generator that copies, and finds nothing where there is nothing."""

import numpy as np
import pytest

from ichor.reasons import Reason
from ichor.synthesis.membership import membership_auc


def closest(patients, synthetic):
    return np.linalg.norm(patients[:, None] - synthetic[None], axis=2).min(axis=1)


@pytest.fixture(scope="module")
def patients():
    """Train, tune and never seen patients of one distribution, as points."""
    rng = np.random.default_rng(4)
    return [rng.normal(size=(n, 6)) for n in (80, 60, 80)]


def test_a_generator_that_copies_its_train_patients_is_found(patients):
    train, tune, _ = patients
    copied = train + np.random.default_rng(0).normal(0, 0.05, train.shape)
    found = membership_auc(closest(train, copied), closest(tune, copied))
    assert found.estimate > 0.99
    assert found.n == 140


def test_of_a_generator_that_knows_nobody_the_interval_holds_one_half(patients):
    train, tune, new = patients
    found = membership_auc(closest(train, new), closest(tune, new))
    assert found.low < 0.5 < found.high
    assert found.estimate == pytest.approx(0.5, abs=0.12)


def test_auc_is_the_share_of_pairs_in_which_the_train_patient_is_closer():
    found = membership_auc(np.array([0.1, 0.4]), np.array([0.2, 0.4, np.inf]))
    assert found.estimate == pytest.approx((1 + 1 + 0 + 0.5) / 4)


def test_without_tune_patients_or_synthetic_cases_there_is_a_reason():
    assert membership_auc(np.ones(3), np.empty(0)).reason == Reason.NO_TUNE_ROWS
    assert membership_auc(np.full(3, np.inf), np.full(2, np.inf)).reason == Reason.EMPTY_DENOMINATOR
