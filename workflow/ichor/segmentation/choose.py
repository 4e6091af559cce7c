"""Which networks may segment whom: a study's own by fold, a bundle from elsewhere everybody whom it never saw."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from ichor.segmentation.bundle import Model, load_models


class SeenInTrainingError(ValueError):
    """A scan that a bundle was trained on: its mask would be better than any that the bundle can make of others."""


def load_networks(folders: Sequence[Path], device: str) -> list[Model]:
    """Read the networks of a split's folds, or of one bundle.

    Raises
    ------
    ValueError
        If they are not one network per fold of one plan, nor one bundle.
    """
    models = [model for folder in folders for model in load_models(Path(folder), device)]
    plans = {(tuple(model.labels), model.grid, model.patch_size) for model in models}
    folds = {model.fold for model in models}
    of_folds = None not in folds and len(folds) == len(models)
    if len(plans) != 1 or not (of_folds or (folds == {None} and len(folders) == 1)):
        raise ValueError(f"{len(folders)} model folders do not hold one model per fold of one plan: {folders}")
    return models if models[0].fold is None else sorted(models, key=lambda model: model.fold)


def choose(models: Sequence[Model], fold: object, scan_row: Mapping) -> list[Model]:
    """Networks for a patient of `fold` (None: of no fold).

    Parameters
    ----------
    models : sequence of Model
        Of `load_networks`.
    fold : int or None
    scan_row : mapping
        Row of the scans table.

    Returns
    -------
    list of Model
        Those of the split that left the patient out, or all networks of a bundle.

    Raises
    ------
    ValueError
        If a network of the split has seen the patient: a fault of ours. A bundle is asked scan by scan, see
        `refuse_seen`.
    """
    if models[0].fold is None:
        return list(models)
    chosen = list(models) if fold is None or pd.isna(fold) else [m for m in models if m.fold == int(fold)]
    seen = [model.fold for model in chosen if model.has_seen(scan_row["center"], scan_row["patient"])]
    if seen or not chosen:
        name = seen[0] if seen else fold
        raise ValueError(f"model of fold {name} was trained on patient {scan_row['patient']}, which it must not see")
    return chosen


def refuse_seen(models: Sequence[Model], scan_row: Mapping) -> None:
    """Refuse a scan that a bundle was trained on.

    Raises
    ------
    SeenInTrainingError
        If a network has seen the patient, or these very voxels under another name.
    """
    identity = scan_row["center"], scan_row["patient"], scan_row.get("voxel_sha256")
    if models[0].fold is None and any(model.has_seen(*identity) for model in models):
        raise SeenInTrainingError(f"the segmentation bundle {models[0].name} was trained on this scan or its patient")


def name_of(models: Sequence[Model]) -> str:
    """What the masks table calls some networks."""
    if models[0].fold is None:
        return models[0].name
    folds = "-".join(str(model.fold) for model in models)
    return f"fold-{folds}" if len(models) == 1 else f"folds-{folds}"
