"""Turn a results folder of nnU-Net 2 into a bundle: ``python -m ichor.segmentation.import_nnunet``.

The checkpoints are read in a child process under limits, see `ichor.segmentation.nnunet_checkpoint`. What nnU-Net's
own predictor does and a bundle does not: cubic resampling (a bundle's is linear), and crop to what is not zero (a
bundle's is to the head), half precision in the sum over tiles (a bundle's is single), and the mean of several folds'
logits (a bundle's is that of their probabilities). Networks, tiles and weights of tiles are the same.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

from ichor.confined import Confinement, UnreadableError, read
from ichor.errors import StudyError
from ichor.imaging.measures import LABEL_CODES
from ichor.segmentation.bundle import own_tensors, write_bundle
from ichor.segmentation.description import (
    BACKGROUND,
    CARD,
    DESCRIPTION,
    WEIGHTS,
    check_about,
    read_about,
    read_description,
)
from ichor.segmentation.labels import check_labels
from ichor.segmentation.model_card import write_card
from ichor.segmentation.network import architecture_of_plan, build_network
from ichor.segmentation.nnunet_checkpoint import read_weights
from ichor.segmentation.preprocess import Grid

LIMITS = Confinement(memory_mb=16384, seconds=600.0, file_mb=4096, answer_mb=4096)
"""Of the child that reads a checkpoint. torch takes much address space and little memory; the optimizer's state, which
is in the file too, is twice as large as the weights."""
LARGEST_JSON_MB = 256
AXES = (("z", "SI", 0), ("y", "AP", 1), ("x", "RL", 2))
"""Axis of an array, the directions it may run in (ours first), its number."""


def import_nnunet(
    results: Path,
    out: Path,
    labels: Mapping[str, str],
    about: Mapping[str, Any],
    *,
    orientation: str,
    folds: Sequence[str] = (),
    configuration: str = "3d_fullres",
    checkpoint: str = "checkpoint_final.pth",
    half: bool = False,
) -> tuple[dict[str, Any], list[str]]:
    """Write a bundle of the folds of an nnU-Net.

    Parameters
    ----------
    results : Path
        Folder with ``plans.json``, ``dataset.json`` and ``fold_*``.
    out : Path
        The bundle's folder; must not hold one yet.
    labels : mapping of str to str
        Each of the network's labels -> ours, or ``background``. Several of theirs may be one of ours.
    about : mapping
        What the bundle says of itself, see `ichor.segmentation.description.check_about`.
    orientation : str
        Where the axes x, y, z of the training images' files run to, for example ``RAS`` or ``LAS``, as
        ``nibabel.aff2axcodes`` says; nnU-Net sees a file's axes as they are.
    folds : sequence of str
        Folds, or ``all``; without, every fold that is there.
    configuration : str
        Of the plans, in three dimensions, without a stage before it.
    checkpoint : str
        File name in each fold.
    half : bool
        Store weights in half precision.

    Returns
    -------
    description : dict
        What was written.
    remarks : list of str
        What the user should know.

    Raises
    ------
    StudyError
        If something is missing or damaged, or the network is one that a bundle cannot be.
    """
    results, out, about = Path(results), Path(out), check_about(about, "about")
    if (out / DESCRIPTION).exists() or (out / WEIGHTS).exists():
        raise StudyError(f"{out}: there is a bundle already; name another folder, or remove it.")
    plans, dataset = (_json(results / name) for name in ("plans.json", "dataset.json"))
    settings = _configuration(plans, configuration)
    outputs = _outputs(dataset, labels)
    mine = check_labels([name for name in dict.fromkeys(outputs) if name != BACKGROUND])
    check_about(about, "about", mine)
    architecture, grid = _architecture(settings), _grid(plans, settings)
    states, mirrored = [], []
    for file in _checkpoints(results, folds, checkpoint):
        state, values = _state(file, architecture, len(outputs), configuration)
        states.append(state)
        mirrored.append(values["mirror_axes"] or [])
    content = {
        "architecture": architecture,
        "labels": mine,
        "outputs": outputs,
        "flip_axes": _flip_axes(orientation, plans),
        "grid": asdict(grid),
        "patch_size": [int(size) for size in settings["patch_size"]],
        "fold": None,
        "trained_on": None,
        "about": about,
        "versions": {"nnU-Net trainer": values["trainer"], "configuration": configuration},
    }
    write_bundle(out, states, json.loads(json.dumps(content)), half=half)
    written = read_description(out)
    write_card(out, written)
    return written, _remarks(mirrored)


def _json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise StudyError(
            f"{path.parent}: {path.name} is missing; name nnU-Net's folder <trainer>__<plans>__<configuration>."
        )
    if path.stat().st_size > LARGEST_JSON_MB << 20:
        raise StudyError(f"{path}: larger than {LARGEST_JSON_MB} MB.")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise StudyError(f"{path}: no JSON text ({type(error).__name__}).") from None
    if not isinstance(content, dict):
        raise StudyError(f"{path}: found {type(content).__name__}, expected an object.")
    return content


def _configuration(plans: dict, name: str) -> dict[str, Any]:
    """Check that the configuration of the plans is one that a bundle can be; old plans are brought up to date."""
    try:
        settings = PlansManager(plans).get_configuration(name).configuration
        schemes, masked = settings["normalization_schemes"], settings["use_mask_for_norm"]
        order, patch, spacing = plans["transpose_forward"], settings["patch_size"], settings["spacing"]
    except (KeyError, TypeError, ValueError, RuntimeError, AttributeError, RecursionError) as error:
        there = ", ".join(plans.get("configurations") or {}) or "none"
        raise StudyError(f"plans.json, configuration {name}: not understood ({error}); there are: {there}.") from None
    problem = {
        f"{len(patch)} dimensions; a bundle has 3": len(patch) != 3 or len(spacing) != 3,
        f"normalisation {schemes}; a bundle has CTNormalization of one image": list(schemes) != ["CTNormalization"],
        "normalisation inside a mask": any(masked),
        f"axes in the order {order}; a bundle has [0, 1, 2]": list(order) != [0, 1, 2],
        f"it follows the stage {settings.get('previous_stage')}": bool(settings.get("previous_stage")),
    }
    found = next((text for text, holds in problem.items() if holds), None)
    if found:
        raise StudyError(f"plans.json, configuration {name}: {found}. This network cannot be converted.")
    return settings


def _architecture(settings: dict) -> dict:
    try:
        architecture = architecture_of_plan(settings["architecture"])
        build_network(architecture, 1, 2)
    except (KeyError, TypeError, ValueError, AttributeError, AssertionError) as error:
        raise StudyError(f"plans.json: a network that Ichor does not know: {error}") from None
    return architecture


def _grid(plans: dict, settings: dict) -> Grid:
    try:
        found = PlansManager(plans).foreground_intensity_properties_per_channel["0"]
        names = ("percentile_00_5", "percentile_99_5", "mean", "std")
        low, high, mean, deviation = (float(found[name]) for name in names)
        spacing = tuple(float(size) for size in settings["spacing"])
    except (KeyError, TypeError, ValueError) as error:
        raise StudyError(f"plans.json: intensities of the training scans are missing ({error}).") from None
    return Grid(spacing, keep_slices=False, clip_hu=(low, high), shift_hu=mean, scale_hu=max(deviation, 1e-8))


def _outputs(dataset: dict, labels: Mapping[str, str]) -> list[str]:
    """Our name of each output of the network."""
    theirs = dataset.get("labels")
    channels = dataset.get("channel_names") or dataset.get("modality") or {}
    if not isinstance(theirs, dict) or len(channels) != 1:
        raise StudyError("dataset.json: expected labels, and one channel; a bundle reads one CT image.")
    if not all(isinstance(value, int) for value in theirs.values()):
        raise StudyError("dataset.json: the labels are regions that overlap; this network cannot be converted.")
    values = {value: name for name, value in theirs.items() if name != "ignore"}
    if sorted(values) != list(range(len(values))) or values.get(0) != BACKGROUND:
        raise StudyError(f"dataset.json: labels {theirs}; expected background 0 and 1, 2, ... without a gap.")
    mine = [BACKGROUND, *LABEL_CODES]
    found = [labels.get(values[value]) for value in range(1, len(values))]
    unnamed = [values[i] for i, name in enumerate(found, start=1) if name not in mine]
    strange = [name for name in labels if name not in theirs]
    if unnamed or strange:
        what = f"say what {unnamed[0]} is" if unnamed else f"the network has no label {strange[0]}"
        raise StudyError(
            f"labels: {what}; write each of {', '.join(list(values.values())[1:])} = one of {', '.join(mine)}."
        )
    if set(found) == {BACKGROUND}:
        raise StudyError("labels: every label is background; name at least one that the bundle finds.")
    return [BACKGROUND, *found]


def _flip_axes(orientation: str, plans: dict) -> list[int]:
    """Axes of (z, y, x) that run against ours, which are right, anterior, superior."""
    letters = dict(zip("xyz", orientation.upper(), strict=False))
    wrong = len(orientation) != 3 or any(letters[name] not in ways for name, ways, _ in AXES)
    if wrong:
        raise StudyError(
            f"orientation: found {orientation!r}; write three letters for x, y, z: R or L, A or P, S or I."
        )
    if plans.get("image_reader_writer") == "NibabelIOWithReorient" and orientation.upper() != "RAS":
        raise StudyError("orientation: this network's reader turned every image to RAS; write RAS.")
    return [axis for name, ways, axis in AXES if letters[name] != ways[0]]


def _checkpoints(results: Path, folds: Sequence[str], name: str) -> list[Path]:
    wanted = [results / f"fold_{fold}" for fold in folds] or sorted(results.glob("fold_*"))
    files = [folder / name for folder in wanted if folds or (folder / name).is_file()]
    absent = next((file for file in files if not file.is_file()), None)
    if absent or not files:
        raise StudyError(f"{absent or results / 'fold_*' / name}: no such file.")
    return files


def _state(file: Path, architecture: dict, n_outputs: int, configuration: str) -> tuple[dict[str, torch.Tensor], dict]:
    """Weights of a checkpoint in a network of the plan, each tensor once, and what else the checkpoint says."""
    try:
        values, arrays = read(read_weights, file, LIMITS)
    except UnreadableError as error:
        raise StudyError(f"{file}: not readable: {error}.") from None
    except StudyError as error:
        raise StudyError(f"{file}: {error}") from None
    if values["configuration"] not in ("", configuration):
        raise StudyError(f"{file}: of configuration {values['configuration']}, expected {configuration}.")
    network = build_network(architecture, 1, n_outputs)
    try:
        network.load_state_dict(
            {name: torch.from_numpy(arrays[array].copy()) for name, array in values["names"].items()}
        )
    except RuntimeError as error:
        raise StudyError(
            f"{file}: its weights are not those of the network in plans.json: {str(error)[:400]}"
        ) from None
    return own_tensors(network.state_dict()), values


def _remarks(mirrored: list[list[int]]) -> list[str]:
    remarks = ["Whom the network was trained on is not known: make sure that no such patient is segmented with it."]
    if not all(2 in axes for axes in mirrored):
        remarks.append(
            "It was not trained on images mirrored left to right: keep segmentation.inference.mirroring false."
        )
    return remarks


def _pairs(text: Sequence[str]) -> dict[str, str]:
    pairs = [part.partition("=") for part in text]
    if not all(equals and theirs and ours for theirs, equals, ours in pairs):
        raise StudyError("labels: write THEIRS=OURS, for example ICH=iph IVH=ivh SAH=background.")
    return {theirs: ours for theirs, _, ours in pairs}


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="python -m ichor.segmentation.import_nnunet",
        description="Turn a results folder of nnU-Net 2 into a bundle.",
    )
    parser.add_argument("results", type=Path, help="nnU-Net's folder <trainer>__<plans>__<configuration>")
    parser.add_argument("out", type=Path, help="the bundle's folder")
    parser.add_argument("--labels", nargs="+", required=True, metavar="THEIRS=OURS", help="what each label is")
    parser.add_argument("--about", type=Path, required=True, help="YAML file: what the bundle says of itself")
    parser.add_argument("--orientation", required=True, help="axes of the training images' files, for example LAS")
    parser.add_argument("--folds", nargs="*", default=[], help="default: every fold that is there")
    parser.add_argument("--configuration", default="3d_fullres")
    parser.add_argument("--checkpoint", default="checkpoint_final.pth")
    parser.add_argument("--half", action="store_true", help="store weights in half precision")
    given = parser.parse_args(arguments)
    try:
        about = read_about(given.about)
        options = {key: getattr(given, key) for key in ("orientation", "folds", "configuration", "checkpoint", "half")}
        written, remarks = import_nnunet(given.results, given.out, _pairs(given.labels), about, **options)
    except StudyError as error:
        print(error, file=sys.stderr)
        return 1
    size = (given.out / WEIGHTS).stat().st_size / 1e6
    print(f"{given.out}: {written['networks']} network(s), {size:.1f} MB, {CARD} beside.", *remarks, sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
