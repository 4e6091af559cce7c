"""Generators by name: a kind is a file of the folder ``kinds``, found by its name and checked before it is imported.

A kind's file assigns two literals at its top level, which are read here without importing it:

``LEARNS``
    Whether weights are fitted before cases can be made.
``SPEC``
    Every setting of the kind with its default.
``REGION``
    Where a case is compared with real ones to find copies of patients, ``"lesion"`` if left out, or ``"crop"``: for
    cases whose lesion is a real one by design.

and defines ``generate(spec, rows, n_cases, label, seed, weights=None) -> Iterator[SyntheticCase]``; a kind that learns
defines ``fit(spec, rows, *, seed, checkpoint_dir, device, precision, threads) -> (arrays, facts)`` too. ``rows`` are
the train rows of one split that have an image and a mask.
"""

import copy
import importlib
from pathlib import Path
from types import ModuleType

from ichor.errors import StudyError
from ichor.settings import hint, literals, merge

KINDS = Path(__file__).with_name("kinds")


def kinds() -> dict[str, bool]:
    """Names of all kinds, each with whether it learns."""
    found = {path.stem: _literals(path).get("LEARNS") for path in sorted(KINDS.glob("*.py"))}
    return {kind: learns for kind, learns in found.items() if learns is not None}


def learns(kind: str) -> bool:
    """Whether a kind has weights that are fitted first.

    Raises
    ------
    ichor.errors.StudyError
        If there is no such kind; the message lists those there are.
    """
    known = kinds()
    if kind not in known:
        raise StudyError(f"unknown kind of generator {kind!r}{hint(kind, known)}; there are: {', '.join(known)}")
    return known[kind]


def module_name(kind: str) -> str:
    """Module of a kind; a rule's code digest must hold it, because it is imported by name."""
    learns(kind)
    return f"ichor.synthesis.kinds.{kind}"


def region(kind: str) -> str:
    """Where cases of a kind are compared with real ones, ``"lesion"`` or ``"crop"``."""
    learns(kind)
    return _literals(KINDS / f"{kind}.py").get("REGION", "lesion")


def load(kind: str) -> ModuleType:
    """Import the file of a kind, and with it what the kind needs."""
    return importlib.import_module(module_name(kind))


def resolve(spec: dict, where: str = "synthesis.generators") -> dict:
    """Check a generator's settings and fill in the defaults, without importing the kind.

    Parameters
    ----------
    spec : dict
        The config entry: ``kind`` and any of the kind's settings.
    where : str
        What an error message calls the entry, for example ``"synthesis.generators.transplant"``.

    Returns
    -------
    dict
        ``kind`` and every setting.

    Raises
    ------
    ichor.errors.StudyError
        On a missing or unknown kind, an unknown setting or a value of the wrong type.
    """
    if not isinstance(spec, dict) or "kind" not in spec:
        raise StudyError(f"{where}: no kind is given; write one of: {', '.join(kinds())}")
    try:
        learns(spec["kind"])
    except StudyError as error:
        raise StudyError(f"{where}.kind: {error}") from error
    defaults = copy.deepcopy(_literals(KINDS / f"{spec['kind']}.py").get("SPEC", {}))
    return {"kind": spec["kind"], **merge(defaults, {key: spec[key] for key in spec if key != "kind"}, where)}


def _literals(path: Path) -> dict:
    return literals(path, ("LEARNS", "SPEC", "REGION"))
