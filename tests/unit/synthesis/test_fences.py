import pandas as pd
import pytest

from ichor.synthesis.fences import LeakError, assert_train, fence


@pytest.fixture
def cohort():
    roles = {"a": "train", "b": "train", "c": "tune", "d": "test"}
    return pd.DataFrame({"split": "external", "patient": list(roles), "role": list(roles.values())})


def cases(parents="a;b", split="external"):
    return pd.DataFrame({"split": [split], "case": ["g-external-1"], "parents": [parents], "image": ["x"],
                         "image_sha256": ["0"]})  # fmt: skip


def test_cases_of_train_rows_pass(cohort):
    fence(cases(), "external", cohort)
    fence(cases(None), "external", cohort, {"split": "external", "trained_on": ["a", "b"]})
    fence(cases().iloc[:0], "external", cohort)


@pytest.mark.parametrize(
    ("made", "facts", "message"),
    [
        (cases(split="cv-1"), None, "another split"),
        (cases("a;c"), None, "c is a tune patient"),
        (cases("d;a"), None, "d is a test patient"),
        (cases("z"), None, "z is no patient"),
        (cases(None), None, "nobody says"),
        (cases(""), {"split": "external", "trained_on": []}, "nobody says"),
        (cases(None), {"split": "cv-1", "trained_on": ["a"]}, "trained for split cv-1"),
        (cases(None), {"split": "external", "trained_on": ["a", "c"]}, "c is a tune patient"),
        (cases(None), {"split": "external", "trained_on": ["a", "d"]}, "d is a test patient"),
    ],
)
def test_everything_else_is_refused(cohort, made, facts, message):
    with pytest.raises(LeakError, match=message):
        fence(made, "external", cohort, facts)


def test_rows_of_other_roles_are_not_shown_to_a_generator(cohort):
    assert_train(cohort[:2], cohort, "external")
    for number in (2, 3):
        with pytest.raises(LeakError):
            assert_train(cohort.iloc[[0, number]], cohort, "external")
