import pandas as pd
import pytest

from ichor.cohort.fences import LeakError, assert_fitting, fitting_rows

COHORT = pd.DataFrame(
    dict(
        split="external",
        patient=list("abcd"),
        center="x",
        role=["train", "tune", "test", "train"],
        fold=[0, 1, None, 0],
    )
)


def test_train_and_tune_rows_in_order():
    assert list(fitting_rows(COHORT, "external").index) == [0, 1, 3]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda c: c.assign(split=["external"] * 3 + ["cv-0"]), "1 row.s. of another split .cv-0."),
        (lambda c: c.assign(patient=["a", "b", "a", "d"]), "patient a has more than one row"),
        (lambda c: c.assign(role=["train", "tune", "test", "validation"]), "'validation' is neither"),
        (lambda c: c.assign(role=["train", "tune", "test", None]), "is neither"),
        (lambda c: c.assign(split=["external", "external", "cv-0", "external"]), "of another split .cv-0."),
        (lambda c: c.assign(split="loco-x"), "of another split .loco-x."),
    ],
)
def test_what_may_not_be_learned_from(change, says):
    with pytest.raises(LeakError, match=says):
        fitting_rows(change(COHORT), "external")


def test_rows_that_were_worked_on_are_checked_again():
    rows = fitting_rows(COHORT, "external")
    assert_fitting(pd.concat([rows, rows]), COHORT, "external")  # oversampling is no leak
    with pytest.raises(LeakError, match="c is a test patient of this split"):
        assert_fitting(pd.concat([rows, COHORT.iloc[[2]].assign(role="train")]), COHORT, "external")
    with pytest.raises(LeakError, match="e is no patient of this split"):
        assert_fitting(rows.assign(patient=["a", "b", "e"]), COHORT, "external")
    with pytest.raises(LeakError, match="of another split"):
        assert_fitting(rows.assign(split="cv-0"), COHORT, "external")


def test_a_leak_is_no_study_error():
    """Code that reports wrong input of the user must not swallow a leak."""
    assert not issubclass(LeakError, ValueError)
