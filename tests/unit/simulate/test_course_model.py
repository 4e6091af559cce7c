import numpy as np
import pytest

from ichor.simulate.course_model import (
    READINGS,
    SIGNS,
    log_probability,
    mean_reading,
    no_worse_than,
    read,
    revealed,
    sign_shares,
)

ROW = {
    "gcs": 11, "nihss": 18, "systolic_mmhg": 180, "diastolic_mmhg": 95, "heart_rate_bpm": 90, "temperature_c": 37.0,
    "white_cells_10e9_l": 11.0, "glucose_mmol_l": 8.0, "sodium_mmol_l": 139.0,
}  # fmt: skip


@pytest.mark.parametrize("variable", READINGS)
def test_all_values_of_a_reading_have_probability_one_together(variable):
    reading = READINGS[variable]
    values = np.arange(round(reading.low / reading.step), round(reading.high / reading.step) + 1) * reading.step
    means = np.array(
        [reading.low - 3 * reading.spread, (reading.low + reading.high) / 2, reading.high + reading.spread]
    )
    total = sum(np.exp(log_probability(variable, value, means)) for value in values)
    np.testing.assert_allclose(total, 1.0, atol=1e-9)


@pytest.mark.parametrize("variable", ["gcs", "nihss", "glucose_mmol_l"])
def test_readings_have_the_probabilities_that_are_told(variable):
    mean = mean_reading(variable, 30.0, ROW, 1.0, 1, 0)
    drawn = read(variable, np.full(40_000, float(mean)), np.random.default_rng(1).normal(size=40_000))
    for value in np.unique(drawn)[::3]:
        expected = float(np.exp(log_probability(variable, value, np.array([mean]))[0]))
        assert (drawn == value).mean() == pytest.approx(expected, abs=4 * np.sqrt(expected / 40_000) + 1e-4)


def test_no_worse_is_the_sum_of_the_values_that_are_no_worse():
    means = np.array([2.0, 9.0, 14.5])
    for variable, values in (("gcs", range(9, 16)), ("nihss", range(0, 10))):
        total = sum(np.exp(log_probability(variable, value, means)) for value in values)
        np.testing.assert_allclose(no_worse_than(variable, 9, means), total, atol=1e-9)


def test_scores_leave_admission_for_the_latent_course():
    assert mean_reading("nihss", 0.0, ROW, 5.0, 2, 1) == pytest.approx(ROW["nihss"])
    late = [mean_reading("nihss", 330.0, ROW, latent, 0, 0) for latent in (-2.0, 4.0)]
    assert late[1] - late[0] == pytest.approx(6 * READINGS["nihss"].per_latent * float(revealed(330.0)))
    assert late[1] - late[0] > 7
    assert mean_reading("gcs", 330.0, ROW, 4.0, 0, 0) < mean_reading("gcs", 330.0, ROW, -2.0, 0, 0)


def test_leading_signs_worsen_for_a_week():
    gap = [
        float(np.diff([mean_reading("nihss", t, ROW, 0.0, signs, 0) for signs in (0, SIGNS)])[0]) for t in (1, 48, 500)
    ]
    assert gap[1] > 6 and gap[0] < 1 and gap[2] < 1
    assert sign_shares().sum() == pytest.approx(1.0)
