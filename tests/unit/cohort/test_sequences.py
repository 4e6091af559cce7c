import numpy as np
import pandas as pd
import pytest

from ichor.cohort.sequences import sequences_of


@pytest.fixture
def parts():
    steps = pd.DataFrame(
        {
            "split": "external",
            "patient": ["a", "a", "b", "z"],
            "center": ["aurora", "aurora", "delta", "delta"],
            "role": ["train", "train", "test", "test"],
            "step": ["day1", "day3", "day3", "day1"],
            "position": [0, 1, 0, 0],
            "time_h": [36.0, 108.0, 108.0, 36.0],
            "at_risk": [True, False, True, True],
            "label_survival_30d": [1, 1, 0, 1],
            "label_good_180d": [0, None, None, 1],
        }
    )
    values = pd.DataFrame(
        {
            "patient": ["a", "a", "b", "b"],
            "position": [0, 1, 0, 0],
            "variable": ["gcs", "nihss", "gcs", "inr"],
            "value": [9.0, 20.0, 4.0, 1.2],
        }
    )
    cohort = pd.DataFrame({"patient": ["b", "a", "c"], "age_years": [70.0, 60.0, 50.0]})
    return steps, values, cohort


def made(parts, variables=None):
    return sequences_of(*parts, variables, ["age_years"], ["survival_30d", "good_180d"], True)


def test_each_value_stands_at_its_patient_step_and_variable(parts):
    found = made(parts, ["nihss", "gcs", "inr"])
    assert list(found.patients["patient"]) == ["b", "a"]  # order of the cohort; z is not in it, c has no step
    assert list(found.patients["role"]) == ["test", "train"] and list(found.patients["age_years"]) == [70.0, 60.0]
    assert found.steps.tolist() == [["day3", ""], ["day1", "day3"]]
    np.testing.assert_array_equal(found.time_h, np.float32([[108, np.nan], [36, 108]]))
    unknown = np.nan
    np.testing.assert_array_equal(
        found.values,
        np.float32(
            [[[unknown, 4, 1.2], [unknown] * 3], [[unknown, 9, unknown], [20, unknown, unknown]]],
        ),
    )


def test_labels_are_for_steps_at_risk_alone(parts):
    found = made(parts)
    np.testing.assert_array_equal(found.at_risk, [[True, False], [True, False]])
    np.testing.assert_array_equal(found.labels, np.float32([[[0, np.nan], [np.nan] * 2], [[1, 0], [np.nan] * 2]]))


def test_variables_of_test_patients_alone_are_not_taken(parts):
    assert made(parts).variables == ("gcs", "nihss")


def test_a_role_and_rows_are_copies_of_what_they_name(parts):
    whole = made(parts)
    train, turned = whole.of_role("train"), whole.take([1, 0, 1])
    assert list(train.patients["patient"]) == ["a"] and len(whole.of_role("tune")) == 0
    assert list(turned.patients["patient"]) == ["a", "b", "a"] and list(turned.patients.index) == [0, 1, 2]
    train.values[:] = -1
    turned.labels[:] = -1
    assert not (whole.values == -1).any() and not (whole.labels == -1).any()
    assert train.variables == whole.variables and train.steps.shape == (1, 2)


def test_no_step_at_all_makes_an_empty_set(parts):
    steps, values, cohort = parts
    found = made((steps[:0], values[:0], cohort))
    assert len(found) == 0 and found.values.shape == (0, 0, 0)
