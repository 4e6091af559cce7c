"""The data dictionary: each clinical variable's unit, values and the time at which it is known.

It is written once, in ``workflow/schemas/patients.schema.yaml``; what a cohort row adds (measured volumes, labels) is
in ``cohort.schema.yaml``.
"""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from ichor import tables
from ichor.errors import StudyError

TIMES = ("admission", "course", "discharge", "30d", "90d", "180d", "365d")
LABELS_ONLY = ("label_", "table_")
"""Labels, and what a center's table says for labels: volumes of both scans, expansion. Never predictors, at no time."""
IDENTIFYING = ("patient", "center", "center_role")


@dataclass(frozen=True)
class Variable:
    """One variable of the dictionary.

    Attributes
    ----------
    name : str
        Canonical name, for example ``"glucose_mmol_l"``.
    kind : {"number", "integer", "string"}
        Type of its values.
    unit : str or None
        Our unit; None for categories and yes/no.
    known : str
        One of `TIMES`.
    values : tuple
        The allowed values of a category or yes/no variable (0, 1); empty for a range.
    minimum, maximum : float or None
        Limits of the range, both included, in our unit.
    accepts : dict
        Other unit -> factor that turns it into ours by multiplication.
    description : str
        What it means.
    """

    name: str
    kind: str
    unit: str | None
    known: str
    values: tuple
    minimum: float | None
    maximum: float | None
    accepts: dict[str, float]
    description: str

    @property
    def allowed(self) -> str:
        """The allowed values in words, for messages."""
        if self.values:
            return ", ".join(map(str, self.values))
        whole = "a whole number from" if self.kind == "integer" else "a number from"
        unit = f" {self.unit}" if self.unit else ""
        return f"{whole} {self.minimum:g} to {self.maximum:g}{unit}"


@cache
def variables() -> dict[str, Variable]:
    """All variables of the patients table by name, in the table's order."""
    properties = tables.schema("patients")["properties"]
    return {name: _variable(name, rule) for name, rule in properties.items() if name not in IDENTIFYING}


def _variable(name: str, rule: dict) -> Variable:
    kinds = [kind for kind in _as_list(rule["type"]) if kind != "null"]
    return Variable(
        name=name,
        kind=kinds[0],
        unit=rule.get("unit"),
        known=rule["known"],
        values=tuple(value for value in rule.get("enum", ()) if value is not None),
        minimum=rule.get("minimum"),
        maximum=rule.get("maximum"),
        accepts={unit: _factor(conversion) for unit, conversion in rule.get("accepts", {}).items()},
        description=rule["description"],
    )


def _as_list(value: str | list) -> list:
    return [value] if isinstance(value, str) else value


def _factor(conversion: dict[str, float]) -> float:
    return conversion["multiply_by"] if "multiply_by" in conversion else 1.0 / conversion["divide_by"]


@cache
def _known_times() -> dict[str, str]:
    known = {name: variable.known for name, variable in variables().items()}
    derived = tables.schema("cohort")["properties"]
    return known | {name: rule["known"] for name, rule in derived.items() if "known" in rule}


def known_at(name: str) -> str:
    """When a variable's value exists; one of `TIMES`.

    Parameters
    ----------
    name : str
        A variable of the patients table, or a measured volume or label of the cohort table.

    Raises
    ------
    StudyError
        If there is no such variable; names the closest one.
    """
    times = _known_times()
    if name not in times:
        raise StudyError(f"unknown variable {name!r}; {_hint(name, times)}")
    return times[name]


def unit_factor(name: str, unit: str | None) -> float:
    """Factor that turns values of variable `name` in `unit` into our unit; 1.0 for no or our unit.

    Raises
    ------
    StudyError
        If the variable or the unit is not known; lists the units that are.
    """
    known_at(name)
    variable = variables()[name]
    if unit is None or not unit.strip():
        return 1.0
    written = unit.strip().casefold()
    if variable.unit and written == variable.unit.casefold():
        return 1.0
    factors = {other.casefold(): factor for other, factor in variable.accepts.items()}
    if written not in factors:
        units = [variable.unit, *variable.accepts] if variable.unit else []
        expected = f"expected {' or '.join(units)}" if units else "it has no unit; leave the field empty"
        raise StudyError(f"unit {unit.strip()!r} is not known for {name}: {expected}.")
    return factors[written]


def refuse_late_predictors(
    features: Iterable[str], prediction_time: str = "admission", post_baseline: Iterable[str] = ()
) -> None:
    """Refuse predictors that are known only after the time of the prediction.

    Parameters
    ----------
    features : iterable of str
        Predictors of a model: variables of the cohort table.
    prediction_time : str
        When the prediction is made, one of `TIMES`.
    post_baseline : iterable of str
        Predictors that are wanted although they are known later: variables of the clinical table that are known in the
        course (the treatment), never an outcome and nothing that is measured on the follow-up scan.

    Raises
    ------
    StudyError
        If a predictor is unknown, is a label or made for labels, or is known later than `prediction_time` and not
        allowed; or if `post_baseline` names what it cannot allow.
    """
    features, allowed = list(features), list(post_baseline)
    if prediction_time not in TIMES:
        raise StudyError(f"unknown prediction time {prediction_time!r}; expected one of {', '.join(TIMES)}.")
    now = TIMES.index(prediction_time)
    for name in allowed:
        _check_allowed(name, features, now)
    for name in features:
        known = known_at(name)
        if name.startswith(LABELS_ONLY):
            raise StudyError(f"{name} is a label; it cannot be a predictor. Take it out of the model's features.")
        if TIMES.index(known) > now and name not in allowed:
            able = known == "course" and name in variables()
            raise StudyError(
                f"predictor {name} is known at {known}, after the time of the prediction ({prediction_time}): "
                "it would tell the model what happened later. Take it out of the model's features"
                + (", or name it in post_baseline too, which marks the model." if able else ".")
            )


def _check_allowed(name: str, features: list[str], now: int) -> None:
    """Refuse a name of `post_baseline` that would allow nothing, or an outcome."""
    known = known_at(name)
    if name not in features:
        raise StudyError(f"post_baseline: {name} is none of the model's features; name it there too, or not here")
    if TIMES.index(known) <= now:
        raise StudyError(f"post_baseline: {name} is known at {known}; it needs no permission, take it out of the list")
    if known != "course" or name not in variables() or name.startswith(LABELS_ONLY):
        raise StudyError(
            f"post_baseline: {name} is known at {known} and tells the outcome, or is what the label is made of; "
            "no model may read it. Take it out of the model's features."
        )


def _hint(name: str, known: Iterable[str]) -> str:
    known = list(known)
    close = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {close[0]}?" if close else f"expected one of {', '.join(known)}."
