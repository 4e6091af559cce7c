"""Export trained folds as one bundle that can be passed on: ``python -m ichor.segmentation.export``.

The bundle says nothing of where it was trained but what its maker writes: of the folds' descriptions only what is
needed to use them is kept.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from safetensors.torch import load_file

from ichor.errors import StudyError
from ichor.segmentation.bundle import load_models, write_bundle
from ichor.segmentation.description import (
    CARD,
    DESCRIPTION,
    WEIGHTS,
    check_about,
    read_about,
    read_description,
    scan_fingerprint,
)
from ichor.segmentation.model_card import write_card

SHARED = ("architecture", "labels", "grid", "patch_size", "outputs", "flip_axes")
"""What networks whose probabilities are averaged must have in common."""
KEPT = ("architecture", "labels", "grid", "patch_size", "outputs", "flip_axes", "versions", "plan_sha256")


def export_bundle(
    folders: Sequence[Path], out: Path, about: Mapping[str, Any], *, half: bool = False
) -> dict[str, Any]:
    """Write one bundle of one or several trained networks, and its model card.

    Parameters
    ----------
    folders : sequence of Path
        Bundles of one network each, of one plan: a network trained on all cases, or the folds of a split.
    out : Path
        The bundle's folder; must not hold one yet.
    about : mapping
        What the bundle says of itself, see `ichor.segmentation.description.check_about`.
    half : bool
        Store weights in half precision.

    Returns
    -------
    dict
        The description that was written.

    Raises
    ------
    StudyError
        If a folder is no bundle, the networks are not those of one plan, `about` is incomplete or `out` is taken.
    """
    out, about = Path(out), check_about(about, "about")
    if (out / DESCRIPTION).exists() or (out / WEIGHTS).exists():
        raise StudyError(f"{out}: there is a bundle already; name another folder, or remove it.")
    if not folders:
        raise StudyError("nothing to export: name at least one trained fold.")
    parts = [read_description(Path(folder)) for folder in folders]
    _check_alike(folders, parts)
    check_about(about, "about", parts[0]["labels"])
    for folder in folders:
        load_models(Path(folder))  # the weights are whole and fit
    states = [load_file(Path(folder) / WEIGHTS) for folder in folders]
    content = {key: parts[0][key] for key in KEPT if key in parts[0]}
    content |= {"fold": None, "about": about, "training": _training(parts)}
    content["trained_on"] = _united(parts, "trained_on")
    content["trained_on_scans"] = _scans(folders, parts)
    write_bundle(out, states, content, half=half)
    written = read_description(out)
    write_card(out, written)
    return written


def _check_alike(folders: Sequence[Path], parts: Sequence[dict]) -> None:
    for folder, part in zip(folders, parts, strict=True):
        if part["networks"] != 1:
            raise StudyError(f"{folder} holds {part['networks']} networks: it was exported before; export the folds.")
        differing = [key for key in SHARED if part[key] != parts[0][key]]
        if differing:
            raise StudyError(f"{folder} and {folders[0]} differ in {differing[0]}; export folds of one split.")


def _training(parts: Sequence[dict]) -> dict:
    """Scans, patients and centers of all networks together, and what they have in common of the budget."""
    found = [part.get("training") or {} for part in parts]
    if not all("scans" in training for training in found):
        return {}
    patients = {patient for part in parts for patient in part["trained_on"] or ()}
    first = found[0]
    alike = [key for key in ("budget", "seed", "epochs_done") if all(t.get(key) == first.get(key) for t in found)]
    scans = {scan for part in parts for scan in part["trained_on_scans"]}
    return {
        "scans": len(scans) or max(training["scans"] for training in found),
        "patients": len(patients),
        "centers": sorted({center for training in found for center in training["centers"]}),
        **{key: first[key] for key in alike if first.get(key) is not None},
    }


def _united(parts: Sequence[dict], key: str) -> list[str] | None:
    if any(part[key] is None for part in parts):
        return None
    return sorted({value for part in parts for value in part[key]})


def _scans(folders: Sequence[Path], parts: Sequence[dict]) -> list[str]:
    """Hashes of the training scans; for networks trained before these were kept, from the plan beside the folds."""
    found = set()
    for folder, part in zip(folders, parts, strict=True):
        plan = Path(folder).parent / "plans.json"
        found.update(part["trained_on_scans"])
        if not part["trained_on_scans"] and plan.is_file():
            manifest = json.loads(plan.read_text(encoding="utf-8"))
            if manifest.get("sha256") == part.get("plan_sha256"):
                cases = [case for case in manifest["cases"] if case["fold"] != part["fold"]]
                found.update(scan_fingerprint(case["voxel_sha256"]) for case in cases)
    return sorted(found)


def trained_folds(folder: Path) -> list[Path]:
    """The networks below a folder: itself, if it is a bundle, or its folders ``fold-*``.

    Raises
    ------
    StudyError
        If there is none.
    """
    folder = Path(folder)
    found = (
        [folder]
        if (folder / DESCRIPTION).is_file()
        else sorted(path.parent for path in folder.glob(f"fold-*/{DESCRIPTION}"))
    )
    if not found:
        raise StudyError(f"{folder}: neither a {DESCRIPTION} nor folders fold-*; name results/segmentation/<split>.")
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="python -m ichor.segmentation.export",
        description="Export trained folds as one bundle that can be passed on.",
    )
    parser.add_argument(
        "results", type=Path, nargs="+", help="results/segmentation/<split>, or folders of single folds"
    )
    parser.add_argument("out", type=Path, help="the bundle's folder")
    parser.add_argument("--about", type=Path, required=True, help="YAML file: what the bundle says of itself")
    parser.add_argument("--half", action="store_true", help="store weights in half precision")
    given = parser.parse_args(arguments)
    try:
        about = read_about(given.about)
        folds = [fold for folder in given.results for fold in trained_folds(folder)]
        written = export_bundle(folds, given.out, about, half=given.half)
    except StudyError as error:
        print(error, file=sys.stderr)
        return 1
    size = (given.out / WEIGHTS).stat().st_size / 1e6
    print(
        f"{given.out}: {written['networks']} network(s), {size:.1f} MB, {CARD} beside; read it before you pass it on."
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
