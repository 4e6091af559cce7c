"""What a clinical score returns: points, or missing with a reason."""

import math
from typing import NamedTuple

from ichor.reasons import Reason


class Points(NamedTuple):
    """Points of a score.

    Attributes
    ----------
    value : float
        The points; NaN when an item is unknown.
    reason : Reason or None
        ``missing_input`` when an item is unknown.
    missing : tuple of str
        Names of the unknown items.
    """

    value: float
    reason: Reason | None = None
    missing: tuple[str, ...] = ()


def is_unknown(value: object) -> bool:
    """Whether an item is unknown: None, NaN or pandas' NA."""
    # NA is neither equal nor unequal to itself, NaN is unequal to itself
    return value is None or type(value).__name__ in ("NAType", "NaTType") or value != value


def unknown_items(**items: object) -> Points | None:
    """Missing points if any item is unknown, None if all are known.

    Parameters
    ----------
    **items : object
        Item name -> value.
    """
    missing = tuple(name for name, value in items.items() if is_unknown(value))
    return Points(math.nan, Reason.MISSING_INPUT, missing) if missing else None


def in_range(name: str, value: float, low: float, high: float) -> float:
    """`value` as a float if it is possible.

    Raises
    ------
    ValueError
        If it lies outside `low` to `high`.
    """
    number = float(value)
    if not low <= number <= high:
        raise ValueError(f"{name} = {number:g} lies outside {low:g} to {high:g}")
    return number


def completed_years(age_years: float) -> int:
    """Age in completed years, as the scores' age groups mean it: 79.9 is 79."""
    return math.floor(in_range("age_years", age_years, 0, 130))


def one_of(name: str, value: str, allowed: tuple[str, ...]) -> str:
    """`value` if it is one of `allowed`.

    Raises
    ------
    ValueError
        If it is not.
    """
    if value not in allowed:
        raise ValueError(f"{name} = {value!r} is none of {', '.join(allowed)}")
    return value


LOCATIONS = ("deep", "lobar", "infratentorial")
