"""The model card of a bundle, written from its description alone, so that the two cannot say different things."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ichor.segmentation.description import CARD, WEIGHTS, check_about

LABELS = {
    "iph": "parenchymal hemorrhage",
    "ivh": "intraventricular hemorrhage",
    "edema": "perihematomal edema",
    "extraaxial": "extra-axial hemorrhage",
}
DECIMALS = 3
INTENDED = (
    "Research: measuring bleeds in studies whose results people check. It is no medical device, it was not tested for "
    "the care of patients, and no decision about a patient may rest on it."
)


def write_card(folder: Path, description: Mapping[str, Any]) -> None:
    """Write ``MODEL_CARD.md`` beside a bundle's description."""
    (Path(folder) / CARD).write_text(model_card(description), encoding="utf-8")


def model_card(description: Mapping[str, Any]) -> str:
    """Text of a bundle's model card.

    Parameters
    ----------
    description : mapping
        Of `ichor.segmentation.description.read_description`; its ``about`` must be complete.

    Returns
    -------
    str
        Markdown.

    Raises
    ------
    StudyError
        If the bundle does not say enough of itself.
    """
    about = check_about(description["about"], "about", description["labels"])
    unknown = [label for label in LABELS if label not in description["labels"]]
    sections = {
        f"# {about['title']}": [
            f"Segmentation bundle `{about['name']}`. This card is made from `model.json`; change that, not this."
        ],
        "## What it is for": [INTENDED],
        "## What it finds": [
            *(f"- {LABELS[label]} (`{label}`). Reference: {about['labels'][label]}" for label in description["labels"]),
            "",
            f"It does not know: {_listed([LABELS[label] for label in unknown])}. Volumes of these are empty, not 0."
            if unknown
            else "It knows every label of Ichor.",
        ],
        "## What it was trained on": [
            about["data"],
            "",
            *_training(description),
            "",
            f"Source: {about['source']}",
            "",
            f"Cite: {about['citation']}",
            "",
            f"Licence: {about['licence']}",
        ],
        "## How well it does": [about["figures"]["how"], "", *_table(about["figures"]["rows"])],
        "## Limits": [f"- {text}" for text in about["limits"]],
        "## Known failures": [f"- {text}" for text in about["failures"]],
        "## The network": _network(description),
    }
    return "\n\n".join(f"{head}\n\n" + "\n".join(lines).strip() for head, lines in sections.items()) + "\n"


def _training(description: Mapping[str, Any]) -> list[str]:
    training = description.get("training") or {}
    if "scans" not in training:
        return ["How many scans of how many patients it was trained on is not recorded."]
    centers = _listed(training.get("centers") or ["not recorded"])
    return [
        f"{training['scans']} scans of {training['patients']} patients (centers: {centers}). The bundle holds short "
        f"hashes of {len(description['trained_on_scans'])} of the scans: a scan that was trained on is not segmented."
    ]


def _network(description: Mapping[str, Any]) -> list[str]:
    grid, number = description["grid"], description["networks"]
    spacing = [f"{size:g}" for size in grid["spacing_mm"]]
    slices = "the scan's own slices" if grid["keep_slices"] else f"{spacing[0]} mm between slices"
    low, high = grid["clip_hu"]
    return [
        f"- {number} x " * (number > 1) + "- " * (number == 1) + f"{description['architecture']['class']}, "
        f"{description['parameters']:,} weights in all, stored as {description['stored_as']}.",
        f"- Voxels of {spacing[2]} x {spacing[1]} mm within the slice, {slices}; tiles of "
        f"{' x '.join(str(size) for size in reversed(description['patch_size']))} voxels (x, y, z).",
        f"- Intensities from {low:g} to {high:g} HU.",
        f"- SHA-256 of `{WEIGHTS}`: `{description['weights_sha256']}`.",
        *(f"- {name} {version}" for name, version in sorted((description.get("versions") or {}).items())),
    ]


def _table(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    if not rows:
        return ["No figures are given."]
    names = list(rows[0])
    return [
        "| " + " | ".join(names) + " |",
        "|" + "---|" * len(names),
        *("| " + " | ".join(_value(row[name]) for name in names) + " |" for row in rows),
    ]


def _value(value: object) -> str:
    return f"{round(value, DECIMALS):g}" if isinstance(value, float) else str(value)


def _listed(words: Sequence[str]) -> str:
    return ", ".join(words)
