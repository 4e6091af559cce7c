"""The dictionary of the time courses: unit, range and meaning of what is measured again and again.

It is written once, in ``workflow/schemas/time_course_variables.yaml``.
"""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache

import yaml

from ichor import tables
from ichor.errors import StudyError

GROUPS = ("vital", "laboratory", "score", "volume", "procedure")
AT_ONE_TIME = ("last", "mean", "max")


@dataclass(frozen=True)
class Conversion:
    """Turns a value of another unit into ours: ``(value - subtract) * factor``.

    Attributes
    ----------
    factor, subtract : float
        Of the formula.
    """

    factor: float = 1.0
    subtract: float = 0.0


@dataclass(frozen=True)
class CourseVariable:
    """One variable of the dictionary.

    Attributes
    ----------
    name : str
        Canonical name, for example ``"glucose_mmol_l"``.
    description : str
        What it means.
    group : str
        One of `GROUPS`.
    unit : str or None
        Our unit; None for a count without unit or yes/no (0, 1).
    minimum, maximum : float
        Possible values in our unit, both included.
    whole : bool
        Whether only whole numbers are possible.
    at_one_time : str
        Which of several values at one time counts, one of `AT_ONE_TIME`.
    kind : {"level", "event"}
        Whether the value counts, or when it changed.
    happens_at : float or None
        Of an event: the value that says that it happened, when the value before was another one.
    accepts : dict
        Other unit -> `Conversion`.
    """

    name: str
    description: str
    group: str
    unit: str | None
    minimum: float
    maximum: float
    at_one_time: str
    kind: str
    whole: bool = False
    happens_at: float | None = None
    accepts: Mapping[str, Conversion] = field(default_factory=dict)

    @property
    def allowed(self) -> str:
        """The possible values in words, for messages."""
        kind = "a whole number" if self.whole else "a number"
        return f"{kind} from {self.minimum:g} to {self.maximum:g}" + (f" {self.unit}" if self.unit else "")


@cache
def course_variables() -> dict[str, CourseVariable]:
    """All variables of the time courses by name."""
    rules = yaml.safe_load((tables.SCHEMAS / "time_course_variables.yaml").read_text())["variables"]
    return {
        name: CourseVariable(
            name, **rule | {"accepts": {unit: _conversion(how) for unit, how in rule.get("accepts", {}).items()}}
        )
        for name, rule in rules.items()
    }


def _conversion(how: Mapping[str, float]) -> Conversion:
    factor = how["multiply_by"] if "multiply_by" in how else 1.0 / how["divide_by"]
    return Conversion(factor, how.get("subtract", 0.0))


def conversion_of(name: str, unit: str | None) -> Conversion | None:
    """How values of a variable in some unit become ours; None if the dictionary does not know the unit.

    Parameters
    ----------
    name : str
        A variable of the dictionary.
    unit : str or None
        As written; case and spaces around it do not count. None or empty: our unit.
    """
    variable = course_variables()[name]
    written = (unit or "").strip().casefold()
    if not written or (variable.unit and written == variable.unit.casefold()):
        return Conversion()
    return {other.casefold(): how for other, how in variable.accepts.items()}.get(written)


def closest(name: str, known: Iterable[str]) -> str:
    """Hint for a message about a name that is not known: the closest one, or all that are."""
    known = list(known)
    close = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {close[0]}?" if close else f"expected one of {', '.join(known)}."


def check_variable(name: str, where: str) -> None:
    """Check that a variable is in the dictionary.

    Raises
    ------
    StudyError
        If it is not; says `where`, and the closest one.
    """
    if name not in course_variables():
        raise StudyError(f"{where}: unknown variable {name!r} of time courses; {closest(name, course_variables())}")
