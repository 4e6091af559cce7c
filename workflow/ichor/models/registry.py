"""Models by name: a kind is a file of this folder, found by its name and checked before it is imported.

A kind's file assigns two literals at its top level, which are read here without importing it (torch and MONAI cost
seconds):

``FAMILY``
    ``"network"`` (an image network; defines ``build(spec, channels, shape, outputs) -> torch.nn.Module`` returning
    logits) or ``"tabular"`` (defines a class ``Model``, see :mod:`ichor.models.tabular`).
``SPEC``
    Every setting of the kind with its default. For networks the settings of :data:`NETWORK_SPEC` are added, and
    those that ``SPEC`` names too take their default from there.
"""

import ast
import copy
import difflib
import importlib
from functools import cache
from pathlib import Path
from types import ModuleType

from ichor.errors import StudyError

NETWORK_SPEC = {
    "input": {
        "view": "crop",  # crop = centred on the hematoma; head = the whole head
        "size_mm": [96.0, 96.0, 80.0],  # right-left, posterior-anterior, inferior-superior
        "spacing_mm": [2.0, 2.0, 5.0],
        "windows_hu": [[0.0, 100.0]],  # one channel per window
        "mask_labels": [],  # iph, ivh: one channel per label of the predicted mask
        "inside": False,  # one more channel per window: the window inside the first mask label, 0 elsewhere
    },
    "augment": {
        "rotation_deg": 10.0,
        "shift_mm": 6.0,
        "zoom": 0.05,
        "flip": True,  # left-right only
        "brightness": 0.03,  # in window widths, like noise
        "contrast": 0.1,
        "noise": 0.02,
    },
    "training": {
        "epochs": 30,
        "batch_size": 16,
        "learning_rate": 0.001,
        "weight_decay": 0.05,
        "warmup_epochs": 2,
        "class_weights": "none",  # none | balanced (predictions are corrected back to the training prevalence)
        "monitor": "loss",  # loss | auc, of the tune rows
        "keep": "best",  # best | last epoch
        "patience": 0,  # epochs without a better tune figure before training stops; 0 = never
        "checkpoint_every_epochs": 5,
        "seeds": 1,  # networks whose probabilities are averaged
    },
}
"""Settings that every network shares, with their defaults."""


def kinds() -> dict[str, str]:
    """Names of all kinds, each with its family."""
    found = {path.stem: _literals(path).get("FAMILY") for path in sorted(Path(__file__).parent.glob("*.py"))}
    return {kind: family for kind, family in found.items() if family}


def family(kind: str) -> str:
    """Family of a kind, ``"network"`` or ``"tabular"``.

    Raises
    ------
    ichor.errors.StudyError
        If there is no such kind; the message lists those there are.
    """
    known = kinds()
    if kind not in known:
        raise StudyError(f"unknown kind of model {kind!r}{_hint(kind, known)}; there are: {', '.join(known)}")
    return known[kind]


def module_path(kind: str) -> Path:
    """File of a kind; a rule's code digest must hold it, because it is imported by name."""
    family(kind)
    return Path(__file__).with_name(f"{kind}.py")


def load(kind: str) -> ModuleType:
    """Import the file of a kind, and with it torch or MONAI if the kind needs them."""
    family(kind)
    return importlib.import_module(f"ichor.models.{kind}")


def resolve(spec: dict, where: str = "models") -> dict:
    """Check a model's settings and fill in the defaults, without importing the model.

    Parameters
    ----------
    spec : dict
        The config entry: ``kind`` and any of the kind's settings.
    where : str
        What an error message calls the entry, for example ``"models.expansion.vit"``.

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
        defaults = default_spec(spec["kind"])
    except StudyError as error:
        raise StudyError(f"{where}.kind: {error}") from error
    given = {key: value for key, value in spec.items() if key != "kind"}
    return {"kind": spec["kind"], **_merge(defaults, given, where)}


def default_spec(kind: str) -> dict:
    """Every setting of a kind with its default value."""
    own = copy.deepcopy(_literals(module_path(kind)).get("SPEC", {}))
    if family(kind) == "tabular":
        return own
    return {
        **_merge(copy.deepcopy(NETWORK_SPEC), {key: own.pop(key) for key in NETWORK_SPEC if key in own}, kind),
        **own,
    }


@cache
def _literals(path: Path) -> dict:
    """Top-level literals ``FAMILY`` and ``SPEC`` of a file."""
    found = {}
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        for target in targets:
            if isinstance(target, ast.Name) and target.id in ("FAMILY", "SPEC"):
                found[target.id] = ast.literal_eval(node.value)
    return found


def _merge(defaults: dict, given: dict, where: str) -> dict:
    """Lay ``given`` over ``defaults``, refusing what the defaults do not know."""
    merged = dict(defaults)
    for key, value in given.items():
        place = f"{where}.{key}"
        if key not in defaults:
            raise StudyError(f"{place}: unknown setting{_hint(key, defaults)}; there are: {', '.join(defaults)}")
        merged[key] = _checked(defaults[key], value, place)
    return merged


def _checked(default: object, value: object, where: str) -> object:
    """Return the value if it is of the default's type (a whole number may stand for a decimal one)."""
    if isinstance(default, dict) and isinstance(value, dict):
        return _merge(default, value, where)
    if default is None:
        return value
    if isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not type(default):
        expected = {dict: "settings", list: "a list", str: "a text", bool: "true or false"}
        wanted = expected.get(type(default), "a whole number" if isinstance(default, int) else "a number")
        raise StudyError(f"{where}: found {value!r}; write {wanted}, for example {default!r}")
    return value


def _hint(name: object, known: dict) -> str:
    close = difflib.get_close_matches(str(name), list(known), n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""
