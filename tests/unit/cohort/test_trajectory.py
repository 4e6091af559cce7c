import numpy as np
import pandas as pd
import pytest

from ichor import tables
from ichor.cohort.course_steps import course_steps
from ichor.cohort.course_time_points import TimePoint
from ichor.cohort.trajectory import assemble_trajectory

POINTS = (
    TimePoint("surgery", 0, 12),
    TimePoint("day1", 12, 36),
    TimePoint("day3", 36, 108),
    TimePoint("drain_removal", variable="drain"),
)
GOOD = {"variable": "mrs_180d", "good": [0, 1, 2, 3]}


def course(*rows):
    frame = pd.DataFrame(rows, columns=["patient", "time_h", "variable", "value"])
    return frame.assign(center="aurora", time_point=None)[tables.columns("time_courses")]


def seen(values):
    """Step -> variable -> value of one patient."""
    return {
        step: dict(zip(part["variable"], part["value"], strict=True))
        for step, part in values.groupby("step", sort=False)
    }


def test_a_step_holds_the_last_value_of_its_window():
    steps, values = course_steps(
        course(
            ("a", 0, "gcs", 7), ("a", 11.9, "gcs", 8), ("a", 12, "gcs", 9), ("a", 3, "nihss", 20), ("a", 200, "gcs", 15)
        ),
        POINTS,
    )
    assert steps.values.tolist() == [["a", "surgery", 0, 12], ["a", "day1", 1, 36]]
    assert seen(values) == {
        "surgery": {"gcs": 8, "nihss": 20},
        "day1": {"gcs": 9},
    }  # a gap stays one; 200 h is in no window


def test_an_event_is_at_the_patients_own_time_and_knows_nothing_later():
    rows = [("drain", 20, 1), ("drain", 60, 0), ("gcs", 30, 8), ("gcs", 60, 10), ("gcs", 61, 12), ("drain", 70, 0)]
    late = [("b", time + 60, name, value) for name, time, value in rows]
    steps, values = course_steps(course(*(("a", time, name, value) for name, time, value in rows), *late), POINTS)
    order = {
        patient: list(zip(part["step"], part["time_h"], strict=True)) for patient, part in steps.groupby("patient")
    }
    assert order["a"] == [("day1", 36), ("drain_removal", 60), ("day3", 108)]
    assert order["b"] == [("day3", 108), ("drain_removal", 120)]
    assert seen(values[values["patient"] == "a"])["drain_removal"] == {"drain": 0, "gcs": 10}
    assert seen(values[values["patient"] == "a"])["day3"] == {"drain": 0, "gcs": 12}


def test_a_drain_that_never_lay_or_still_lies_was_not_removed():
    steps, _ = course_steps(course(("a", 20, "drain", 0), ("a", 60, "drain", 0), ("b", 20, "drain", 1)), POINTS)
    assert "drain_removal" not in set(steps["step"])


def test_every_time_is_a_step_where_the_config_names_none():
    steps, values = course_steps(course(("a", 5, "gcs", 7), ("a", 5, "nihss", 20), ("a", 1.5, "gcs", 8)), None)
    assert steps.values.tolist() == [["a", "visit1", 0, 1.5], ["a", "visit2", 1, 5]]
    assert seen(values) == {"visit1": {"gcs": 8}, "visit2": {"gcs": 7, "nihss": 20}}


def test_an_event_that_a_center_names_is_where_its_values_were_put():
    rows = course(("a", 30, "gcs", 8), ("a", 132, "gcs", 11), ("a", 132, "nihss", 6))
    rows["time_point"] = ["day1", "drain_removal", "drain_removal"]
    steps, values = course_steps(rows, POINTS)
    assert steps.values.tolist() == [["a", "day1", 0, 36.0], ["a", "drain_removal", 1, 132.0]]
    assert seen(values)["drain_removal"] == {"gcs": 11, "nihss": 6}


@pytest.mark.parametrize("points", [POINTS, None])
def test_a_change_of_the_future_moves_no_step_before_it(points):
    rng = np.random.default_rng(3)
    rows = [
        (f"p{k}", float(time), name, float(rng.integers(3, 15)))
        for k in range(20)
        for name in ("gcs", "nihss")
        for time in rng.choice(110, 8, replace=False)
    ]
    rows += [(f"p{k}", float(time), "drain", float(time < 50)) for k in range(20) for time in (15, 40, 50 + k, 75)]
    before = course(*rows)
    for landmark_h in (12.0, 36.0, 60.0):
        later = before["time_h"] > landmark_h
        changed = before.assign(value=before["value"].mask(later, 1.0 - before["value"]))
        changed = changed[~(later & (changed["variable"] == "nihss"))]
        old, new = (_until(course_steps(part, points), landmark_h) for part in (before, changed))
        pd.testing.assert_frame_equal(old, new)
        assert len(old) > 20


def _until(found, landmark_h):
    steps, values = found
    early = steps.loc[steps["time_h"] <= landmark_h, ["patient", "step", "time_h"]]
    return values.merge(early, on=["patient", "step"])[["patient", "step", "time_h", "variable", "value"]]


def study(*records):
    """Cohort of one split with the given records, and empty scans and masks."""
    rows = [{"split": "external", "role": "train", "center": "aurora"} | record for record in records]
    cohort = pd.DataFrame(rows).reindex(columns=tables.columns("cohort"))
    return cohort, tables.empty("scans"), tables.empty("masks")


def assembled(courses, *records, scans=None, masks=None, points=POINTS):
    cohort, no_scans, no_masks = study(*records)
    scans, masks = (no_scans if scans is None else scans), (no_masks if masks is None else masks)
    return assemble_trajectory("external", cohort, courses, scans, masks, points, GOOD)


def test_a_patient_is_scored_while_alive_and_followed():
    rows = [(patient, time, "gcs", 8) for patient in "abcd" for time in (2, 30, 70) if (patient, time) != ("b", 70)]
    steps, values, status = assembled(
        course(*rows),
        {"patient": "a", "mrs_180d": 2},
        {"patient": "b", "onset_to_death_h": 33.0},
        {"patient": "c", "onset_to_last_contact_h": 75.0},
        {"patient": "d", "mrs_180d": 2, "death_30d": 1},
    )
    risk = {one: part["at_risk"].tolist() for one, part in steps.groupby("patient")}
    assert risk == {"a": [1, 1, 1], "b": [1, 0], "c": [1, 1, 0], "d": [0, 0, 0]}
    labels = steps.filter(like="label_").astype(float)
    assert (labels[steps["patient"] == "a"] == 1).all(axis=None)
    assert labels[steps["patient"] == "b"].iloc[0].tolist() == [0, 0, 0]
    assert labels[steps["at_risk"] == 0].isna().all(axis=None)
    assert labels[steps["patient"] == "c"].isna().all(axis=None)
    assert dict(zip(status["subject"], status["reason"], strict=True)) == {
        "c": "followup_too_short", "d": "outcomes_contradict",
    }  # fmt: skip
    assert len(values) == len(rows)


def test_patients_and_centers_without_a_course_are_told_and_a_split_may_have_none():
    records = [
        {"patient": name, "center": center} for name, center in (("a", "aurora"), ("b", "aurora"), ("c", "delta"))
    ]
    steps, _, status = assembled(course(("a", 2, "gcs", 8), ("elsewhere", 2, "gcs", 9)), *records)
    assert set(steps["patient"]) == {"a"}
    told = status[status["reason"] == "no_course"]
    assert told[["center", "subject"]].values.tolist() == [["aurora", "b"], ["delta", ""]]
    steps, values, status = assembled(course(("elsewhere", 2, "gcs", 9)), *records)
    assert steps.empty and values.empty and list(status["reason"]) == ["no_course"] * 2  # two centers


def test_the_splits_own_masks_give_the_volume_at_the_times_of_the_scans():
    times = {"baseline": (4.0, 0.0), "followup": (None, 26.0)}
    scans = pd.DataFrame(
        [
            {"patient": "a", "center": "aurora", "time_point": name, "onset_to_ct_h": h, "baseline_to_ct_h": d}
            for name, (h, d) in times.items()
        ]
    )
    masks = pd.DataFrame(
        [
            {"split": split, "patient": "a", "center": "aurora", "time_point": name, "iph_ml": volume}
            for split, volumes in {"external": (20.0, 31.0), "cv-0": (99.0, 99.0)}.items()
            for name, volume in zip(times, volumes, strict=True)
        ]
    )
    courses = course(("a", 3, "gcs", 8), ("a", 29, "iph_ml", 25.0), ("a", 30.5, "gcs", 9))
    _, values, _ = assembled(courses, {"patient": "a", "mrs_180d": 2}, scans=scans, masks=masks)
    assert seen(values) == {"surgery": {"gcs": 8, "iph_ml": 20.0}, "day1": {"gcs": 9, "iph_ml": 31.0}}
