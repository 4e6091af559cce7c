"""Steps of a course: which values of a patient belong to which time point, in the patient's own order of time.

A step knows what was measured up to its landmark time and nothing later: the end of its window, or the time of its
event.
"""

from collections.abc import Collection

import numpy as np
import pandas as pd

from ichor.cohort.course_dictionary import course_variables
from ichor.cohort.course_time_points import TimePoint

STEP = ["patient", "step", "time_h"]
SEEN = [*STEP, "order", "variable", "value", "measured_h"]


def course_steps(courses: pd.DataFrame, points: Collection[TimePoint] | None) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Cut courses into steps.

    Parameters
    ----------
    courses : DataFrame
        Table ``time_courses``; of two values of a variable at one time the later row counts.
    points : collection of TimePoint, or None
        Time points of the config; None: every time with a value is a step, ``visit1``, ``visit2``, ...

    Returns
    -------
    steps : DataFrame
        ``patient step position time_h``: steps with at least one value, by patient and landmark time.
    values : DataFrame
        ``patient step position variable value``: the last value of each variable in the step's window. An event's
        window starts where the last window that ended before it did.
    """
    courses = courses.sort_values(["patient", "time_h"], kind="stable")
    if points is None:
        seen = _visits(courses)
    else:
        parts = [_of_point(courses, point, order, points) for order, point in enumerate(points)]
        seen = pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)
    seen = seen.sort_values(["patient", "time_h", "order", "measured_h"], kind="stable")
    values = seen.drop_duplicates(["patient", "step", "variable"], keep="last")
    steps = seen.drop_duplicates(["patient", "step"])[STEP].reset_index(drop=True).astype({"time_h": float})
    steps["position"] = steps.groupby("patient").cumcount()
    values = values.merge(steps[["patient", "step", "position"]], on=["patient", "step"])
    values = values.sort_values(["patient", "position", "variable"], ignore_index=True)
    return steps[["patient", "step", "position", "time_h"]], values[
        ["patient", "step", "position", "variable", "value"]
    ]


def _visits(courses: pd.DataFrame) -> pd.DataFrame:
    """Every time of a patient as a step of its own."""
    number = courses.groupby("patient")["time_h"].rank(method="dense").astype("Int64")
    return courses.assign(step="visit" + number.astype(str), order=0, measured_h=courses["time_h"])[SEEN]


def _of_point(courses: pd.DataFrame, point: TimePoint, order: int, points: Collection[TimePoint]) -> pd.DataFrame:
    """Values that belong to one time point."""
    if point.variable is None:
        inside = (courses["time_h"] >= point.from_h) & (courses["time_h"] < point.to_h)
        landmark_h: pd.Series | float = point.to_h
    else:
        landmark_h = courses["patient"].map(event_times(courses, point))
        inside = (courses["time_h"] >= _window_before(landmark_h, points)) & (courses["time_h"] <= landmark_h)
    found = courses.assign(step=point.name, order=order, measured_h=courses["time_h"], time_h=landmark_h)
    return found.loc[inside, SEEN]


def _window_before(landmark_h: pd.Series, points: Collection[TimePoint]) -> pd.Series:
    """End of the last window that ended at or before a time; 0 without one."""
    ends = np.unique([0.0, *(point.to_h for point in points if point.variable is None)])
    place = np.searchsorted(ends, landmark_h.fillna(0.0).to_numpy(), side="right") - 1
    return pd.Series(ends[place], index=landmark_h.index)


def event_times(courses: pd.DataFrame, point: TimePoint) -> pd.Series:
    """Time of an event by patient.

    Parameters
    ----------
    courses : DataFrame
        Table ``time_courses``, in the order of time.
    point : TimePoint
        With the event's variable.

    Returns
    -------
    Series
        Index patient, hours since onset: when the variable first had the value that says that it happened, after
        another value; else the time that the center gave values of this time point's name. Patients without either
        are not in it.
    """
    rows = courses[courses["variable"] == point.variable]
    happens_at = course_variables()[point.variable].happens_at
    before = rows.groupby("patient")["value"].shift()
    happened = rows[(rows["value"] == happens_at) & before.notna() & (before != happens_at)]
    named = courses[courses["time_point"] == point.name]
    times = pd.concat([happened, named]).drop_duplicates("patient")
    return times.set_index("patient")["time_h"]
