"""Segment a shard of scans: one process, one model load, each patient by a model that never saw it."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from nibabel.filebasedimages import ImageFileError

from ichor import disk_space, tables
from ichor.imaging.measures import volumes_ml
from ichor.imaging.voxels import voxel_sha256
from ichor.overlap import overlapped
from ichor.progress import track
from ichor.reasons import Reason
from ichor.segmentation.agreement import dice
from ichor.segmentation.bundle import Model, load_model
from ichor.segmentation.labels import to_network, to_study
from ichor.segmentation.preprocess import Box, prepare_image, restore
from ichor.segmentation.scan import GridMismatch, Scan, read_mask, read_scan, write_mask
from ichor.segmentation.sliding_window import predict_probabilities

MEASURED = ("iph", "ivh")
"""Labels whose volume and Dice have columns in the masks table."""
FAILURES = (OSError, ValueError, EOFError, RuntimeError, MemoryError, zlib.error, ImageFileError)
"""What a scan may fail with (unreadable file, odd shape, no memory); anything else is a fault of ours and stops."""
MASK_BYTES_PER_VOXEL = 0.01
"""Compressed masks of 512 x 512 x 32 voxels took 0.003 to 0.006 bytes a voxel (40 scans of PHE-SICH-CT-IDS)."""


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
    unlabelled: Sequence[str] = (),
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
    unlabelled : sequence of str
        Labels that the reference masks cannot hold: their volume and Dice are unknown, not 0.

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
    ichor.disk_space.DiskFullError
        If the masks will not fit on the disk, or do not.
    """
    torch.set_num_threads(threads)
    models = _load_models(model_dirs, device)
    folds = {(row.center, row.patient): row.fold for row in fitting_rows.itertuples()}
    Path(out_dir).mkdir(parents=True, exist_ok=True)  # a shard without scans has an empty folder
    disk_space.require(out_dir, _expected_bytes(scans), f"{len(scans)} masks")
    settings = {"mirroring": mirroring, "step_size": step_size}
    scan_rows = scans.to_dict("records")
    chosen = [_choose(models, folds.get((row["center"], row["patient"])), row) for row in scan_rows]
    done = overlapped(
        zip(scan_rows, chosen, strict=True),
        _read,
        lambda case: _predict(case, settings),
        lambda case: _finish(case, out_dir, unlabelled),
    )
    rows, status = [], []
    for scan_row, (row, remarks) in zip(scan_rows, track(done, f"segment {split}", total=len(scans)), strict=True):
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
    image, box = prepare_image(scan.hu, scan.spacing_mm, models[0].grid)
    return _segment(image, box, scan.hu.shape, models, mirroring=mirroring, step_size=step_size)


def _segment(
    image: torch.Tensor,
    box: Box,
    shape: tuple[int, int, int],
    models: Sequence[Model],
    *,
    mirroring: bool,
    step_size: float,
) -> np.ndarray:
    """Segment what `prepare_image` made of a scan of `shape`."""
    probabilities = predict_probabilities(
        [model.network for model in models],
        image,
        models[0].patch_size,
        step_size=step_size,
        mirror_axes=(2,) if mirroring else (),
    )
    return to_study(restore(probabilities, box, shape), models[0].labels)


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


@dataclass
class _Case:
    """One scan on its way through the shard."""

    row: dict
    models: list[Model]
    scan: Scan | None = None
    image: torch.Tensor | None = None
    box: Box | None = None
    mask: np.ndarray | None = None
    error: Exception | None = None


def _read(chosen: tuple[dict, list[Model]]) -> _Case:
    """Read a scan and bring it to the network's grid."""
    case = _Case(*chosen)
    try:
        case.scan = read_scan(case.row["image"])
        case.image, case.box = prepare_image(case.scan.hu, case.scan.spacing_mm, case.models[0].grid)
    except FAILURES as error:
        case.error = error
    return case


def _predict(case: _Case, settings: dict) -> _Case:
    """Run the networks."""
    if case.error is None:
        try:
            case.mask = _segment(case.image, case.box, case.scan.hu.shape, case.models, **settings)
        except FAILURES as error:
            case.error = error
    case.image = None
    return case


def _finish(case: _Case, out_dir: Path, unlabelled: Sequence[str]) -> tuple[dict, list]:
    """Write the mask; return the scan's row of the masks table and its remarks ``(outcome, reason, detail)``."""
    keys = {key: case.row[key] for key in ("patient", "center", "time_point")}
    row = {**keys, "model": _model_name(case.models), "mask": None, "reason": None}
    target = out_dir / f"sub-{keys['patient']}_ses-{keys['time_point']}_dseg.nii.gz"
    if case.error is None:
        try:
            write_mask(target, case.mask, case.scan)
        except disk_space.DiskFullError:
            raise  # no fault of the scan: every other one would fail too
        except FAILURES as error:
            case.error = error
    if case.error is not None:
        detail = f"{keys['time_point']} scan: {type(case.error).__name__}: {case.error}"
        return row | {"reason": str(Reason.SEGMENTATION_FAILED)}, [("set_aside", Reason.SEGMENTATION_FAILED, detail)]
    return _measured(case, row | {"mask": str(target)}, unlabelled)


def _measured(case: _Case, row: dict, unlabelled: Sequence[str]) -> tuple[dict, list]:
    """Add volumes and agreement to the row of a scan that was segmented."""
    mask, labels, name, remarks = case.mask, case.models[0].labels, f"{row['time_point']} scan", []
    volumes = volumes_ml(mask, case.scan.affine, [label for label in MEASURED if label in labels])
    row |= {"mask_sha256": voxel_sha256(mask.T), **{f"{label}_ml": volume for label, volume in volumes.items()}}
    if not mask.any():
        row["reason"] = str(Reason.EMPTY_MASK)
        remarks.append(("flagged", Reason.EMPTY_MASK, f"{name}: nothing found"))
    if isinstance(case.row.get("reference_mask"), str):
        agreement, problem = _agreement(mask, case.scan, case.row["reference_mask"], labels, unlabelled)
        row |= agreement
        if problem:
            remarks.append(("flagged", Reason.REFERENCE_MISMATCH, f"{name}: {problem}"))
    return row, remarks


def _expected_bytes(scans: pd.DataFrame) -> float:
    """What the masks of some scans will take on the disk; nothing is known of a scan without a size."""
    size = [name for name in ("columns", "rows", "slices") if name in scans]
    return float(scans[size].prod(axis=1).sum()) * MASK_BYTES_PER_VOXEL if len(size) == 3 else 0.0


def _agreement(
    mask: np.ndarray, scan: Scan, reference_path: str, labels: list[str], unlabelled: Sequence[str]
) -> tuple[dict, str]:
    """Reference volumes and Dice of the drawn labels; nothing, and why, when the reference cannot be used."""
    try:
        reference = read_mask(reference_path, scan)
    except (GridMismatch, OSError, EOFError, zlib.error, ImageFileError) as error:
        return {}, str(error)
    drawn = [label for label in MEASURED if label not in unlabelled]
    volumes = volumes_ml(reference, scan.affine, drawn)
    result = {f"reference_{label}_ml": volume for label, volume in volumes.items()}
    predicted, truth = to_network(mask, labels), to_network(reference, labels)
    for value, label in enumerate(labels, start=1):
        if label in drawn:
            result[f"dice_{label}"] = dice(predicted == value, truth == value)
    return result, ""


def _model_name(models: Sequence[Model]) -> str:
    folds = "-".join(str(model.fold) for model in models)
    return f"fold-{folds}" if len(models) == 1 else f"folds-{folds}"


def _status(scan_row: dict, remark: tuple, log: str) -> dict:
    outcome, reason, detail = remark
    subject = scan_row["patient"]
    return tables.status_row(scan_row["center"], subject, "segmentation", outcome, reason, detail, log)
