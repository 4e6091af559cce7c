"""The named time points of a trajectory: windows since onset, and events at the patient's own time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ichor.cohort.course_dictionary import check_variable, course_variables
from ichor.errors import StudyError

KEY = "trajectory.time_points"


@dataclass(frozen=True)
class TimePoint:
    """One named time point.

    Attributes
    ----------
    name : str
        For example ``"day3"``.
    from_h, to_h : float or None
        Window in hours since onset, the start included, the end not. Of an event: where a value is put that a center
        gives for this time point without a time.
    variable : str or None
        Of an event: the variable of the courses that says when it happened.
    """

    name: str
    from_h: float | None = None
    to_h: float | None = None
    variable: str | None = None

    @property
    def middle_h(self) -> float | None:
        """Middle of the window, hours since onset; None without a window."""
        return None if self.from_h is None or self.to_h is None else (self.from_h + self.to_h) / 2


def time_points(entries: Sequence[Mapping] | None) -> tuple[TimePoint, ...] | None:
    """Time points of the config, checked.

    Parameters
    ----------
    entries : sequence of mapping, or None
        ``trajectory.time_points`` of the config: ``{name, from_h, to_h}`` or ``{name, variable}``, with a window or
        without; None: every time at which something was measured is a step of its own.

    Returns
    -------
    tuple of TimePoint, or None
        In the order of the config.

    Raises
    ------
    StudyError
        If a name stands twice, a window is empty or half, or the variable is no event of the dictionary.
    """
    if entries is None:
        return None
    points = tuple(TimePoint(**entry) for entry in entries)
    if not points:
        raise StudyError(f"config: {KEY}: found an empty list; name a time point, or write null for every time.")
    names = [point.name for point in points]
    for point in points:
        where = f"config: {KEY}, {point.name}"
        if names.count(point.name) > 1:
            raise StudyError(f"{where}: the name stands twice.")
        if (point.from_h is None) != (point.to_h is None):
            raise StudyError(f"{where}: write both from_h and to_h, or neither.")
        if point.from_h is not None and not 0 <= point.from_h < point.to_h:
            raise StudyError(
                f"{where}: found the window {point.from_h:g} to {point.to_h:g} h; it must end after it starts."
            )
        if point.variable is None and point.to_h is None:
            raise StudyError(f"{where}: write from_h and to_h, or the variable of the courses that says when it was.")
        if point.variable is not None:
            check_variable(point.variable, where)
            if course_variables()[point.variable].kind != "event":
                events = [name for name, one in course_variables().items() if one.kind == "event"]
                raise StudyError(f"{where}: {point.variable} is no event; expected one of {', '.join(events)}.")
    return points
