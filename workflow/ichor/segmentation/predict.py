"""Segment a shard of scans: one process, one model load, each patient by a model that never saw it."""

import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from nibabel.filebasedimages import ImageFileError

from ichor import tables
from ichor.imaging.measures import volumes_ml
from ichor.progress import track
from ichor.reasons import Reason
from ichor.segmentation.agreement import dice
from ichor.segmentation.bundle import Model, load_model
from ichor.segmentation.labels import to_network, to_study
from ichor.segmentation.preprocess import prepare_image, restore
from ichor.segmentation.scan import GridMismatch, Scan, read_mask, read_scan, write_mask
from ichor.segmentation.sliding_window import predict_probabilities

MEASURED = ("iph", "ivh")
"""Labels whose volume and Dice have columns in the masks table."""
FAILURES = (OSError, ValueError, EOFError, RuntimeError, MemoryError, zlib.error, ImageFileError)
"""What a scan may fail with (unreadable file, odd shape, no memory); anything else is a fault of ours and stops."""


def segment_shard(
    scans: pd.DataFrame,
    fitting_rows: pd.DataFrame,
    split: str,
    model_dirs: Sequence[Path],
    out_dir: Path,
    *,
    device: str = "cpu",
    mirroring: bool = False,
    step_size: float = 0.5,
    threads: int = 1,
    log: str = "",
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Segment scans and compare with their reference masks.

    Parameters
    ----------
    scans : DataFrame
        Rows of the scans table.
    fitting_rows : DataFrame
        Train and tune rows of the split; a patient with fold k is segmented by the model that left fold k out, every
        other patient by the mean probability of all models.
    split : str
    model_dirs : sequence of Path
        Bundles of the folds 0, 1, ...
    out_dir : Path
        Masks are written here as ``sub-<patient>_ses-<time point>_dseg.nii.gz``, on the scan's own grid.
    device : str
    mirroring : bool
        Average over left-right mirror images as well: twice the time.
    step_size : float
        Distance of tiles as a share of the tile, in (0, 1].
    threads : int
        Threads of torch.
    log : str
        Log file that the status rows name.

    Returns
    -------
    masks : DataFrame
        One row per scan. A scan that failed has empty volumes and `Reason.SEGMENTATION_FAILED`; one in which nothing
        was found has 0.0 mL and `Reason.EMPTY_MASK`. A label that the models do not know has an empty volume.
    status : DataFrame
        One row per remark.

    Raises
    ------
    ValueError
        If a model has seen the patient it would segment, or the models are not those of one plan.
    """
    torch.set_num_threads(threads)
    models = _load_models(model_dirs, device)
    folds = {(row.center, row.patient): row.fold for row in fitting_rows.itertuples()}
    Path(out_dir).mkdir(parents=True, exist_ok=True)  # a shard without scans has an empty folder
    settings = {"mirroring": mirroring, "step_size": step_size}
    rows, status = [], []
    for scan_row in track(scans.to_dict("records"), f"segment {split}", total=len(scans)):
        chosen = _choose(models, folds.get((scan_row["center"], scan_row["patient"])), scan_row)
        row, remarks = _segment_row(scan_row, chosen, out_dir, settings)
        rows.append({"split": split, **row})
        status += [_status(scan_row, remark, log) for remark in remarks]
    return tables.frame("masks", rows), tables.frame("status", status)


def segment_scan(scan: Scan, models: Sequence[Model], *, mirroring: bool = False, step_size: float = 0.5) -> np.ndarray:
    """Segment one scan by the mean probability of `models`.

    Returns
    -------
    array of uint8, shape (Z, Y, X)
        Codes of `ichor.imaging.measures.LABEL_CODES`.
    """
    first = models[0]
    image, box = prepare_image(scan.hu, scan.spacing_mm, first.grid)
    probabilities = predict_probabilities(
        [model.network for model in models],
        image,
        first.patch_size,
        step_size=step_size,
        mirror_axes=(2,) if mirroring else (),
    )
    return to_study(restore(probabilities, box, scan.hu.shape), first.labels)


def _load_models(model_dirs: Sequence[Path], device: str) -> dict[int, Model]:
    models = {model.fold: model for model in (load_model(Path(folder), device) for folder in model_dirs)}
    plans = {(tuple(model.labels), model.grid, model.patch_size) for model in models.values()}
    if len(plans) != 1 or len(models) != len(model_dirs):
        raise ValueError(f"{len(model_dirs)} model folders do not hold one model per fold of one plan: {model_dirs}")
    return models


def _choose(models: dict[int, Model], fold: object, scan_row: dict) -> list[Model]:
    """Models for a patient of `fold` (None: of no fold); none of them may have seen the patient."""
    chosen = list(models.values()) if fold is None or pd.isna(fold) else [models[int(fold)]]
    seen = [model.fold for model in chosen if model.has_seen(scan_row["center"], scan_row["patient"])]
    if seen:
        raise ValueError(f"model of fold {seen[0]} was trained on patient {scan_row['patient']}, which it must not see")
    return sorted(chosen, key=lambda model: model.fold)


def _segment_row(scan_row: dict, models: list[Model], out_dir: Path, settings: dict) -> tuple[dict, list]:
    """Segment one scan; return its row of the masks table and its remarks ``(outcome, reason, detail)``."""
    keys = {key: scan_row[key] for key in ("patient", "center", "time_point")}
    row = {**keys, "model": _model_name(models), "mask": None, "reason": None}
    target = out_dir / f"sub-{keys['patient']}_ses-{keys['time_point']}_dseg.nii.gz"
    remarks = []
    try:
        scan = read_scan(scan_row["image"])
        mask = segment_scan(scan, models, **settings)
        write_mask(target, mask, scan)
    except FAILURES as error:
        target.unlink(missing_ok=True)
        detail = f"{keys['time_point']} scan: {type(error).__name__}: {error}"
        return row | {"reason": str(Reason.SEGMENTATION_FAILED)}, [("set_aside", Reason.SEGMENTATION_FAILED, detail)]
    known = [label for label in MEASURED if label in models[0].labels]
    volumes = volumes_ml(mask, scan.affine, known)
    row |= {"mask": str(target), **{f"{label}_ml": volume for label, volume in volumes.items()}}
    if not mask.any():
        row["reason"] = str(Reason.EMPTY_MASK)
        remarks.append(("flagged", Reason.EMPTY_MASK, f"{keys['time_point']} scan: nothing found"))
    if isinstance(scan_row.get("reference_mask"), str):
        agreement, problem = _agreement(mask, scan, scan_row["reference_mask"], models[0].labels)
        row |= agreement
        if problem:
            remarks.append(("flagged", Reason.REFERENCE_MISMATCH, f"{keys['time_point']} scan: {problem}"))
    return row, remarks


def _agreement(mask: np.ndarray, scan: Scan, reference_path: str, labels: list[str]) -> tuple[dict, str]:
    """Reference volumes and Dice of the measured labels; nothing, and why, when the reference cannot be used."""
    try:
        reference = read_mask(reference_path, scan)
    except (GridMismatch, OSError, EOFError, zlib.error, ImageFileError) as error:
        return {}, str(error)
    volumes = volumes_ml(reference, scan.affine, MEASURED)
    result = {f"reference_{label}_ml": volume for label, volume in volumes.items()}
    predicted, truth = to_network(mask, labels), to_network(reference, labels)
    for value, label in enumerate(labels, start=1):
        if label in MEASURED:
            result[f"dice_{label}"] = dice(predicted == value, truth == value)
    return result, ""


def _model_name(models: Sequence[Model]) -> str:
    folds = "-".join(str(model.fold) for model in models)
    return f"fold-{folds}" if len(models) == 1 else f"folds-{folds}"


def _status(scan_row: dict, remark: tuple, log: str) -> dict:
    outcome, reason, detail = remark
    subject = scan_row["patient"]
    return tables.status_row(scan_row["center"], subject, "segmentation", outcome, reason, detail, log)
