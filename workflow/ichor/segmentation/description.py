"""The JSON half of a segmentation bundle: what its network is, what it knows, and where it comes from.

Without torch, because the rules read it before any job.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from ichor.errors import StudyError
from ichor.imaging.measures import LABEL_CODES

FORMAT = "ichor-segmentation-model/2"
READABLE = ("ichor-segmentation-model/1", FORMAT)
"""Format 1 had neither `networks` nor `stored_as` nor `about`: one network in single precision, of one study."""
WEIGHTS = "model.safetensors"
DESCRIPTION = "model.json"
CARD = "MODEL_CARD.md"
PRECISIONS = ("float32", "float16")
BACKGROUND = "background"
_NUMBER = (int, float)
REQUIRED: Mapping[str, tuple[type, ...]] = {
    "architecture": (dict,),
    "labels": (list,),
    "grid": (dict,),
    "patch_size": (list,),
    "fold": (int, type(None)),
    "trained_on": (list, type(None)),
    "weights_sha256": (str,),
}
"""Keys of every description. ``trained_on`` null: whom the network was trained on is not known."""
OPTIONAL: Mapping[str, tuple[type, ...]] = {
    "networks": (int,),
    "stored_as": (str,),
    "trained_on_scans": (list,),
    "flip_axes": (list,),
    "outputs": (list,),
    "about": (dict,),
}
GRID: Mapping[str, tuple[type, ...]] = {
    "spacing_mm": (list,),
    "keep_slices": (bool,),
    "clip_hu": (list,),
    "shift_hu": _NUMBER,
    "scale_hu": _NUMBER,
}
ABOUT = ("name", "title", "data", "source", "licence", "citation")
"""What a bundle that is passed on says of itself, one text each; see `check_about` for the rest."""
ABOUT_LISTS = ("limits", "failures")


def read_description(folder: Path) -> dict[str, Any]:
    """Read and check a bundle's ``model.json``; the weights are not looked at.

    Parameters
    ----------
    folder : Path
        The bundle.

    Returns
    -------
    dict
        With every key of `REQUIRED` and `OPTIONAL`; ``about`` is an empty dict in a bundle that was not exported.

    Raises
    ------
    StudyError
        If there is no bundle, its description cannot be read, or a key is missing, of the wrong kind or not understood.
    """
    file = Path(folder) / DESCRIPTION
    if not file.is_file() or not (Path(folder) / WEIGHTS).is_file():
        lacking = " and ".join(name for name in (DESCRIPTION, WEIGHTS) if not (Path(folder) / name).is_file())
        raise StudyError(
            f"{folder} is no segmentation bundle: {lacking} is missing; name a folder with {DESCRIPTION} and {WEIGHTS}."
        )
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise StudyError(
            f"{file}: no JSON text ({type(error).__name__}); take the bundle again from its source."
        ) from None
    if not isinstance(content, dict) or content.get("format") not in READABLE:
        found = content.get("format") if isinstance(content, dict) else type(content).__name__
        raise StudyError(
            f"{file}: expected format {' or '.join(READABLE)}, found {found!r}; was it made by a newer Ichor?"
        )
    _check_keys(file, "", content, REQUIRED, required=True)
    _check_keys(file, "", content, OPTIONAL, required=False)
    _check_keys(file, "grid.", content["grid"], GRID, required=True)
    complete = {"networks": 1, "stored_as": "float32", "trained_on_scans": [], "flip_axes": [], "about": {}} | content
    complete.setdefault("outputs", [BACKGROUND, *complete["labels"]])
    _check_values(file, complete)
    return complete


def read_about(path: Path) -> dict:
    """What a bundle is to say of itself, from a YAML file.

    Raises
    ------
    StudyError
        If there is no such file.
    """
    if not path.is_file():
        raise StudyError(f"{path}: no such file; docs/how-to/use-a-trained-segmentation.md has an example.")
    about = yaml.safe_load(path.read_text(encoding="utf-8"))
    return about if isinstance(about, dict) else {}


def check_about(about: Mapping[str, Any], where: str, known: Sequence[str] = ()) -> dict[str, Any]:
    """Check what a bundle says of itself, and return it.

    Parameters
    ----------
    about : mapping
        `ABOUT`: texts. ``labels``: label -> how its reference was drawn. ``figures``: ``how`` (a text: which scans,
        which split, which command) and ``rows`` (mappings of one set of columns; may be empty). `ABOUT_LISTS`: texts.
    where : str
        What a message calls it.
    known : sequence of str
        Labels of the bundle.

    Raises
    ------
    StudyError
        If something is missing or of the wrong kind.
    """
    lacking = [key for key in ABOUT if not isinstance(about.get(key), str) or not about[key].strip()]
    lacking += [key for key in ABOUT_LISTS if not _texts(about.get(key))]
    if lacking:
        raise StudyError(f"{where}: {lacking[0]} is missing; write a text{' list' * (lacking[0] in ABOUT_LISTS)}.")
    labels, figures = about.get("labels"), about.get("figures")
    if not isinstance(labels, dict) or not _texts(list(labels.values())):
        raise StudyError(f"{where}: labels is missing; write for each label how its reference was drawn.")
    untold = [label for label in known if label not in labels]
    if untold:
        raise StudyError(f"{where}: labels.{untold[0]} is missing; write how its reference was drawn.")
    rows = figures.get("rows") if isinstance(figures, dict) else None
    columns = {tuple(row) for row in rows if isinstance(row, dict)} if isinstance(rows, list) else set()
    if not isinstance(rows, list) or not isinstance(figures.get("how"), str) or len(columns) != bool(rows):
        raise StudyError(
            f"{where}: figures is missing; write how: a text, and rows: a list of the same columns (or [])."
        )
    return dict(about)


def name_of(description: Mapping[str, Any]) -> str:
    """What tables call the bundle: its name, or the folds that a study's own networks left out."""
    own = "all" if description["fold"] is None else f"fold-{description['fold']}"
    return str(description["about"].get("name") or own)


def fingerprint(center: str, patient: str) -> str:
    """Short hash by which a model remembers a patient without naming it; pseudonyms are those of one study."""
    return hashlib.sha256(f"{center}\x1f{patient}".encode()).hexdigest()[:16]


def scan_fingerprint(voxel_sha256: str) -> str:
    """Short hash by which a model remembers a scan by its voxels, in any study that converts it to the same voxels."""
    return hashlib.sha256(f"voxels\x1f{voxel_sha256}".encode()).hexdigest()[:16]


def _check_keys(file: Path, prefix: str, content: Mapping, keys: Mapping, *, required: bool) -> None:
    for key, kinds in keys.items():
        if key not in content:
            if required:
                raise StudyError(f"{file}: {prefix}{key} is missing; the bundle is damaged or not one of Ichor's.")
        elif not isinstance(content[key], kinds) or (isinstance(content[key], bool) and bool not in kinds):
            wanted = " or ".join("null" if kind is type(None) else kind.__name__ for kind in kinds)
            raise StudyError(f"{file}: {prefix}{key}: found {type(content[key]).__name__}, expected {wanted}.")


def _check_values(file: Path, content: Mapping) -> None:
    labels, grid = content["labels"], content["grid"]
    unknown = [label for label in labels if label not in LABEL_CODES]
    wrong = {
        f"labels {labels}: write some of {', '.join(LABEL_CODES)}, each once": bool(unknown)
        or not labels
        or len(set(labels)) != len(labels),
        f"outputs {content['outputs']}: not the background and the labels": set(content["outputs"])
        != {BACKGROUND, *labels},
        f"stored_as {content['stored_as']!r}: expected {' or '.join(PRECISIONS)}": content["stored_as"]
        not in PRECISIONS,
        f"networks {content['networks']}: expected 1 or more": content["networks"] < 1,
        "patch_size: expected three whole numbers above 0": not _numbers(
            content["patch_size"], 3, above=0, kinds=(int,)
        ),
        "grid.spacing_mm: expected three numbers above 0": not _numbers(grid["spacing_mm"], 3, above=0),
        "grid.clip_hu: expected two numbers": not _numbers(grid["clip_hu"], 2),
        "grid.scale_hu: expected a number above 0": not grid["scale_hu"] > 0,
        f"flip_axes {content['flip_axes']}: expected some of 0, 1, 2": not set(content["flip_axes"]) <= {0, 1, 2},
    }
    found = next((message for message, holds in wrong.items() if holds), None)
    if found:
        raise StudyError(f"{file}: {found}.")


def _numbers(values: list, length: int, above: float = float("-inf"), kinds: tuple = _NUMBER) -> bool:
    return len(values) == length and all(isinstance(value, kinds) and value > above for value in values)


def _texts(values: object) -> bool:
    return isinstance(values, list) and bool(values) and all(isinstance(text, str) and text.strip() for text in values)
