"""Settings with defaults: read as literals of a file, with what a study gives laid over them and checked."""

import ast
import difflib
from collections.abc import Collection, Iterable
from functools import cache
from pathlib import Path

from ichor.errors import StudyError


@cache
def literals(path: Path, names: tuple[str, ...]) -> dict:
    """Values of some top-level assignments of a Python file, which is read and not run.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    names : tuple of str
        Names whose values are wanted; each must be a literal. A name that is not assigned is left out.
    """
    found = {}
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        for target in targets:
            if isinstance(target, ast.Name) and target.id in names:
                found[target.id] = ast.literal_eval(node.value)
    return found


def merge(defaults: dict, given: dict, where: str) -> dict:
    """Lay ``given`` over ``defaults``, refusing what the defaults do not know.

    Parameters
    ----------
    defaults : dict
        Every setting with its default; a setting whose default is None takes any value.
    given : dict
        Some settings.
    where : str
        What an error message calls the place, for example ``"models.expansion.vit"``.

    Raises
    ------
    ichor.errors.StudyError
        On an unknown setting or a value of the wrong type.
    """
    merged = dict(defaults)
    for key, value in given.items():
        place = f"{where}.{key}"
        if key not in defaults:
            raise StudyError(f"{place}: unknown setting{hint(key, defaults)}; there are: {', '.join(defaults)}")
        merged[key] = _checked(defaults[key], value, place)
    return merged


def hint(name: object, known: Iterable[str]) -> str:
    """What may have been meant by an unknown name, as a part of a message; empty if nothing is close."""
    close = difflib.get_close_matches(str(name), list(known), n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""


def require_choice(where: str, value: object, choices: Collection[str]) -> None:
    """Refuse a value that is none of some texts.

    Raises
    ------
    ichor.errors.StudyError
        Names the place, what was found and what to write instead.
    """
    if value not in choices:
        raise StudyError(f"{where}: found {value!r}; write {' or '.join(choices)}")


def _checked(default: object, value: object, where: str) -> object:
    """Return the value if it is of the default's type (a whole number may stand for a decimal one)."""
    if isinstance(default, dict) and isinstance(value, dict):
        return merge(default, value, where)
    if default is None:
        return value
    if isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not type(default):
        expected = {dict: "settings", list: "a list", str: "a text", bool: "true or false"}
        wanted = expected.get(type(default), "a whole number" if isinstance(default, int) else "a number")
        raise StudyError(f"{where}: found {value!r}; write {wanted}, for example {default!r}")
    return value
