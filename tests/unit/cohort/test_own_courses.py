"""Tables of visits: labels from the visit, what is left out, and every way in which a table can be wrong."""

import numpy as np
import pandas as pd
import pytest

from ichor.cohort.own_courses import read_own_courses, target_of
from ichor.errors import StudyError

COLUMNS = {
    "bili": {"type": "number", "of": "visit", "log": True},
    "edema": {"type": "number", "of": "visit", "missing": [9]},
    "sex": {"type": "category", "of": "patient"},
}
SETTINGS = {
    "patient": "id", "time": "day", "unit": "d", "followup": "last", "ended": "status", "events": [2], "horizon": 100,
    "columns": COLUMNS,
}  # fmt: skip
ROWS = """id day last status bili edema sex
a 50 200 2 2.0 0 f
a 0 200 2 1.0 9 f
a 150 200 2 NA 1 f
b 0 90 0 3.0 0 m
b 90 90 0 3.0 0 m
c 0 100 0 1.5 0 m
d 0 NA 0 1.5 0 m
e 0 100 2 4.0 1 f
"""


def read(tmp_path, rows=ROWS, **changed):
    path = tmp_path / "visits.tsv"
    path.write_text(rows.replace(" ", "\t"))
    return read_own_courses(path, SETTINGS | changed)


def test_visits_are_sorted_and_labelled_from_the_visit(tmp_path):
    found = read(tmp_path)
    courses = found.sequences
    assert list(courses.patients["patient"]) == ["row 2", "row 5", "row 7", "row 9"], "no identifier"
    assert courses.targets == (target_of(SETTINGS),) == ("survival_100d",)
    np.testing.assert_array_equal(courses.time_h[0], [0, 1200, 3600])
    np.testing.assert_array_equal(courses.steps[0], ["visit1", "visit2", "visit3"])
    # a dies on day 200: alive 100 days after day 0, dead within 150 of day 50 (not within 100), dead after day 150
    np.testing.assert_array_equal(courses.labels[0, :, 0], [1, 1, 0])
    np.testing.assert_array_equal(courses.labels[1:, 0, 0], [np.nan, 1, 0])  # lost before, at, and dead at the horizon
    np.testing.assert_allclose(courses.values[0, :, 0], [0, np.log(2), np.nan], rtol=1e-6)
    np.testing.assert_array_equal(courses.values[0, :, 1], [np.nan, 0, 1])
    np.testing.assert_array_equal(courses.death_h, [4800, np.nan, np.nan, 2400])
    assert list(courses.patients["sex"]) == ["f", "m", "m", "f"]
    assert found.counts == {
        "patients": 4, "visits": 6, "late_visits": 1, "patients_without_followup": 1, "events": 2, "known": 5, "cut": 1,
        "visit_events": 2,
    }  # fmt: skip


def test_hours_and_days_say_the_same(tmp_path):
    days = read(tmp_path).sequences
    rows = pd.read_csv(tmp_path / "visits.tsv", sep="\t", dtype=str)
    for name in ("day", "last"):
        rows[name] = (pd.to_numeric(rows[name]) * 24).map(lambda value: "" if np.isnan(value) else f"{value:g}")
    rows.to_csv(tmp_path / "hours.tsv", sep="\t", index=False)
    hours = read_own_courses(tmp_path / "hours.tsv", SETTINGS | {"unit": "h", "horizon": 2400}).sequences
    np.testing.assert_array_equal(hours.labels, days.labels)
    np.testing.assert_array_equal(hours.time_h, days.time_h)
    assert hours.targets == ("survival_2400h",)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("a 50", "a 0", "row 3: a second visit of one patient at day 0"),
        ("b 90 90", "b 90 95", "followup_h of the patient in row 5 is not the same"),
        ("b 90 90 0 3.0 0 m", "b 90 90 0 3.0 0 f", "sex of the patient in row 5 is not the same"),
        ("b 0 90", "b NA 90", "row 5: no day"),
        ("e 0 100", "NA 0 100", "row 9: no id"),
        ("2.0", "two", "row 2, column bili: found 'two', no number"),
        ("2.0", "-2", "row 2, column bili: found -2, which has no logarithm"),
        (" 2 ", " 0 ", "no patient has the event"),
        ("edema", "oedema", "found no column edema"),
    ],
)
def test_wrong_tables_are_refused_with_row_and_column(tmp_path, old, new, said):
    with pytest.raises(StudyError, match=said):
        read(tmp_path, ROWS.replace(old, new))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"horizon": None}, "horizon is needed"),
        ({"unit": "weeks"}, "write h or d"),
        ({"columns": {"sex": {"type": "category", "of": "visit"}}}, "must be a number"),
        ({"columns": {"role": {"type": "number", "of": "visit"}}}, "a name of ours"),
    ],
)
def test_wrong_settings_are_refused(tmp_path, changed, said):
    with pytest.raises(StudyError, match=said):
        read(tmp_path, **changed)
