import pandas as pd

from ichor import tables
from ichor.cohort.course_time_points import TimePoint
from ichor.cohort.merge_courses import merge_courses

POINTS = (TimePoint("day3", 36, 108),)


def course(center, *rows):
    columns = ["patient", "time_h", "time_point", "variable", "value"]
    return pd.DataFrame(rows, columns=columns).assign(center=center)[tables.columns("time_courses")]


def people(**death_h):
    rows = [
        {"patient": name, "center": "aurora", "center_role": "development", "onset_to_death_h": hours}
        for name, hours in death_h.items()
    ]
    return tables.frame("patients", rows)


def test_values_after_death_and_of_strangers_are_set_aside():
    frame = course(
        "aurora",
        ("a", 10, None, "gcs", 9),
        ("a", 50, None, "gcs", 3),
        ("b", 50, None, "gcs", 15),
        ("x", 5, None, "gcs", 8),
    )
    courses, status = merge_courses([frame], people(a=40.0, b=None), POINTS)
    assert courses[["patient", "time_h"]].values.tolist() == [["a", 10], ["b", 50]]
    assert status[["subject", "outcome", "reason"]].values.tolist() == [
        ["x", "set_aside", "course_without_patient"],
        ["a", "flagged", "measured_after_death"],
    ]


def test_a_named_time_point_in_whose_window_the_patient_died_is_put_at_the_death():
    frame = course("aurora", ("a", 72, "day3", "gcs", 5), ("b", 72, "day3", "gcs", 4), ("c", 72, "day3", "gcs", 14))
    courses, status = merge_courses([frame], people(a=46.0, b=30.0, c=90.0), POINTS)
    assert courses[["patient", "time_h"]].values.tolist() == [["a", 46.0], ["c", 72.0]]
    assert list(status["reason"]) == ["measured_after_death"]  # b was dead when the window began


def test_a_variable_of_one_center_is_told():
    frames = [
        course("aurora", ("a", 5, None, "gcs", 9), ("a", 5, None, "inr", 1.2)),
        course("boreal", ("b", 5, None, "gcs", 9)),
    ]
    courses, status = merge_courses(frames, people(a=None, b=None), None)
    assert len(courses) == 3
    assert status[["center", "reason", "detail"]].values.tolist() == [
        ["aurora", "variable_in_one_center", "inr of the courses"]
    ]
    assert merge_courses(frames[:1], people(a=None), None)[1].empty  # of one center alone all variables are


def test_no_courses_make_an_empty_table():
    courses, status = merge_courses([tables.empty("time_courses")], people(a=None), POINTS)
    assert courses.empty and status.empty
