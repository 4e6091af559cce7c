"""The time courses of all centers below each other, held against the patients table."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import pandas as pd

from ichor import tables
from ichor.cohort.course_time_points import TimePoint
from ichor.cohort.follow_up import follow_up
from ichor.reasons import Reason


def merge_courses(
    frames: Sequence[pd.DataFrame], patients: pd.DataFrame, points: Collection[TimePoint] | None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Put the time courses of all centers below each other.

    Parameters
    ----------
    frames : sequence of DataFrame
        Tables ``time_courses`` of the centers.
    patients : DataFrame
        Table ``patients``.
    points : collection of TimePoint, or None
        Time points of the config.

    Returns
    -------
    courses : DataFrame
        Table ``time_courses``, sorted by center, patient, time and variable. A value that was given for a named time
        point without a time, whose window the death of its patient falls into, is put at the time of death.
    status : DataFrame
        Table ``status``: ``course_without_patient`` (set aside), ``measured_after_death`` (flagged), and per variable
        ``variable_in_one_center`` (flagged: no model that is trained elsewhere can use it, and none that is trained
        there can elsewhere).
    """
    frames = [frame for frame in frames if len(frame)]
    courses = pd.concat(frames, ignore_index=True) if frames else tables.empty("time_courses")
    known = courses["patient"].isin(set(patients["patient"]))
    status = _counted(courses[~known], Reason.COURSE_WITHOUT_PATIENT, "set_aside")
    courses = courses[known].copy()
    dead_h = follow_up(patients)["dead_by_h"].set_axis(patients["patient"].to_numpy())
    dead_h = courses["patient"].map(dead_h).fillna(np.inf)
    start_h = courses["time_point"].map(_starts(points)).astype(float)
    early = (courses["time_h"] > dead_h) & (start_h < dead_h)
    courses.loc[early, "time_h"] = dead_h[early]  # not before it: no step at which the patient lived may know of it
    after = courses["time_h"] > dead_h
    status += _counted(courses[after], Reason.MEASURED_AFTER_DEATH, "flagged")
    courses = courses[~after]
    status += _in_one_center(courses)
    courses = courses.sort_values(["center", "patient", "time_h", "variable"], ignore_index=True)
    return tables.validate("time_courses", courses, "merged time courses"), tables.frame("status", status)


def _starts(points: Collection[TimePoint] | None) -> Mapping[str, float | None]:
    return {point.name: point.from_h for point in points or ()}


def _counted(courses: pd.DataFrame, reason: Reason, outcome: str) -> list[dict]:
    return [
        tables.status_row(center, patient, "merge", outcome, reason, f"{count} values of the time course")
        for (center, patient), count in courses.groupby(["center", "patient"]).size().items()
    ]


def _in_one_center(courses: pd.DataFrame) -> list[dict]:
    if courses["center"].nunique() < 2:
        return []
    centers = courses.groupby("variable")["center"].agg(["nunique", "first"])
    return [
        tables.status_row(
            row.first, "", "merge", "flagged", Reason.VARIABLE_IN_ONE_CENTER, f"{row.Index} of the courses"
        )
        for row in centers[centers["nunique"] == 1].itertuples(index=True)
    ]
