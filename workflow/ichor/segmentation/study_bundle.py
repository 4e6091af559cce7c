"""Whether a study trains its segmentation or uses a bundle, and which: asked before any job, so without torch."""

from pathlib import Path
from typing import Any

import pandas as pd

from ichor.errors import StudyError
from ichor.segmentation.description import DESCRIPTION, WEIGHTS, read_description

SHIPPED = "shipped"
"""Word of the config key ``segmentation.bundle`` for the bundle that comes with Ichor."""
FOLDER = Path(__file__).resolve().parents[2] / "bundles"
NAME = "phe-sich-40"


def choose_bundle(setting: str | None, centers: pd.DataFrame, repository: Path) -> Path | None:
    """Folder of the bundle that a study uses.

    Parameters
    ----------
    setting : str or None
        Config key ``segmentation.bundle``: None (train; without masks to learn from, the shipped bundle), `SHIPPED`,
        or a folder, looked for in the working directory, then beside the workflow.
    centers : DataFrame
        Centers sheet.
    repository : Path
        Folder that holds the workflow.

    Returns
    -------
    Path or None
        None: the study trains.

    Raises
    ------
    StudyError
        If the folder holds no bundle that can be used, or the shipped one is asked for and not there.
    """
    if setting is None:
        learned = centers[(centers["role"] == "development") & centers["masks"].notna()]
        return None if len(learned) or not _is_there(FOLDER / NAME) else FOLDER / NAME
    if setting == SHIPPED:
        if not _is_there(FOLDER / NAME):
            raise StudyError(
                f"segmentation.bundle is {SHIPPED}, but this copy of Ichor has no bundle in workflow/bundles/{NAME}; "
                "name the folder of a bundle, or bring reference masks and leave the key null."
            )
        return FOLDER / NAME
    found = next((folder for folder in (Path(setting), repository / setting) if folder.is_dir()), None)
    if found is None:
        raise StudyError(
            f"segmentation.bundle: found {setting!r}, which is no folder in the working directory or beside the "
            f"workflow; write {SHIPPED}, null or the folder of a bundle ({DESCRIPTION} and {WEIGHTS})."
        )
    read_description(found)
    return found


def facts(bundle: Path | None) -> dict[str, Any] | None:
    """What the rules, provenance and report say of a bundle; None for None.

    Returns
    -------
    dict or None
        ``name``, ``labels``, ``weights_sha256``, ``knows_patients`` (whether it holds whom it was trained on),
        ``training`` and ``about``.
    """
    if bundle is None:
        return None
    content = read_description(bundle)
    return {
        "name": content["about"].get("name") or bundle.name,
        "labels": content["labels"],
        "weights_sha256": content["weights_sha256"],
        "knows_patients": content["trained_on"] is not None,
        "training": {key: (content.get("training") or {}).get(key) for key in ("scans", "patients", "centers")},
        "about": content["about"],
    }


def require_masks(bundle: Path | None, centers: pd.DataFrame) -> None:
    """Refuse to train where nothing can be learned from.

    Raises
    ------
    StudyError
        If there is neither a bundle nor a development center with masks.
    """
    if bundle is None and not centers.loc[centers["role"] == "development", "masks"].notna().any():
        raise StudyError(
            "no development center brings reference masks (sheet centers, columns masks and mask_pattern), so there is "
            f"nothing to train a segmentation on, and no bundle in workflow/bundles/{NAME}; give masks, or name a "
            "bundle in segmentation.bundle."
        )


def _is_there(folder: Path) -> bool:
    return (folder / DESCRIPTION).is_file() and (folder / WEIGHTS).is_file()
