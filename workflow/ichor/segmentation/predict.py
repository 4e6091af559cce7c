"""Segment a shard of scans: one process, one model load, each patient by a model that never saw it."""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from nibabel.filebasedimages import ImageFileError

from ichor import disk_space, tables
from ichor.imaging.measures import LABEL_CODES, voxel_volume_ml
from ichor.imaging.scan_edge import known_volume_ml
from ichor.imaging.voxels import voxel_sha256
from ichor.overlap import overlapped
from ichor.progress import track
from ichor.reasons import Reason
from ichor.segmentation.agreement import dice
from ichor.segmentation.brain_box import brain_box
from ichor.segmentation.bundle import Model
from ichor.segmentation.choose import SeenInTrainingError, choose, load_networks, name_of, refuse_seen
from ichor.segmentation.inference_profile import PROFILES, Profile
from ichor.segmentation.intracranial import drop_outside_skull, inside_skull
from ichor.segmentation.labels import to_network, to_study
from ichor.segmentation.perihematomal import drop_edema_apart
from ichor.segmentation.preprocess import Box, likeliest, prepare_image, resample, restore
from ichor.segmentation.scan import GridMismatch, Scan, read_mask, read_scan, write_mask
from ichor.segmentation.sliding_window import predict_probabilities
from ichor.segmentation.specks import drop_specks
from ichor.segmentation.volume_error import fold_spread_ml

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
    profile: Profile = PROFILES["default"],
    threads: int = 1,
    log: str = "",
    unlabelled: Sequence[str] = (),
    smallest_ml: Mapping[str, float] | None = None,
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
        Bundles of the folds 0, 1, ..., or one bundle from elsewhere, which segments all patients but those it was
        trained on (`Reason.SEEN_IN_TRAINING`).
    out_dir : Path
        Masks are written here as ``sub-<patient>_ses-<time point>_dseg.nii.gz``, on the scan's own grid.
    device : str
    profile : Profile
        How much work is spent on a scan.
    threads : int
        Threads of torch.
    log : str
        Log file that the status rows name.
    unlabelled : sequence of str
        Labels that the reference masks cannot hold: their volume and Dice are unknown, not 0.
    smallest_ml : mapping of str to float, optional
        Smaller separate pieces of a label are removed; see `ichor.segmentation.specks.drop_specks`.

    Returns
    -------
    masks : DataFrame
        One row per scan. A scan that failed has empty volumes and `Reason.SEGMENTATION_FAILED`; one in which nothing
        was found has 0.0 mL and `Reason.EMPTY_MASK`; a bleed that is cut off at the scan's edge has an empty volume and
        `Reason.MASK_AT_SCAN_EDGE`. A label that the models do not know has an empty volume.
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
    models = load_networks(model_dirs, device)
    folds = {(row.center, row.patient): row.fold for row in fitting_rows.itertuples()}
    Path(out_dir).mkdir(parents=True, exist_ok=True)  # a shard without scans has an empty folder
    disk_space.require(out_dir, _expected_bytes(scans), f"{len(scans)} masks")
    scan_rows = scans.to_dict("records")
    chosen = [choose(models, folds.get((row["center"], row["patient"])), row) for row in scan_rows]
    done = overlapped(
        zip(scan_rows, chosen, strict=True),
        lambda pair: _read(pair, profile),
        lambda case: _predict(case, profile),
        lambda case: _finish(case, out_dir, unlabelled, smallest_ml or {}),
    )
    rows, status = [], []
    for scan_row, (row, remarks) in zip(scan_rows, track(done, f"segment {split}", total=len(scans)), strict=True):
        rows.append({"split": split, **row})
        status += [_status(scan_row, remark, log) for remark in remarks]
    return tables.frame("masks", rows), tables.frame("status", status)


def segment_scan(scan: Scan, models: Sequence[Model], *, profile: Profile = PROFILES["default"]) -> np.ndarray:
    """Segment one scan by the mean probability of `models`.

    Returns
    -------
    array of uint8, shape (Z, Y, X)
        Codes of `ichor.imaging.measures.LABEL_CODES`, without pieces that cannot be believed (`segment_shard` also
        removes specks, if asked to).
    """
    image, box = _prepare(scan, models[0], profile)
    return _cleaned(_segment(image, box, scan.hu.shape, models, profile), scan, inside_skull(scan.hu, scan.affine), {})


def _prepare(scan: Scan, model: Model, profile: Profile) -> tuple[torch.Tensor, Box]:
    """Bring what the profile shows of a scan to the network's grid."""
    if profile.region == "head":
        return prepare_image(scan.hu, scan.spacing_mm, model.grid)
    patch_mm = tuple(n * size for n, size in zip(model.patch_size, model.grid.spacing_mm, strict=True))
    return prepare_image(scan.hu, scan.spacing_mm, model.grid, brain_box(scan.hu, scan.spacing_mm, patch_mm))


def _segment(
    image: torch.Tensor,
    box: Box,
    shape: tuple[int, int, int],
    models: Sequence[Model],
    profile: Profile,
    alone: list[list[int]] | None = None,
    counted: torch.Tensor | None = None,
) -> np.ndarray:
    """Segment what `prepare_image` made of a scan of `shape`.

    Where several models do, `alone` is extended by the voxels of background and each label on the network's grid that
    each of them would find by itself, among those that are `counted` (all without).
    """
    classes = 1 + len(models[0].labels)

    def count(probabilities: torch.Tensor) -> None:
        found = likeliest(probabilities)
        found = found if counted is None else found[counted.to(found.device)]
        alone.append([int((found == value).sum()) for value in range(classes)])

    probabilities = predict_probabilities(
        [model.network for model in models],
        image,
        models[0].patch_size,
        step_size=profile.step_size,
        mirror_axes=(2,) if profile.mirroring else (),
        precision=profile.precision,
        each=None if alone is None else count,
    )
    return to_study(restore(probabilities, box, shape), models[0].labels)


@dataclass
class _Case:
    """One scan on its way through the shard."""

    row: dict
    models: list[Model]
    scan: Scan | None = None
    image: torch.Tensor | None = None
    box: Box | None = None
    inside: np.ndarray | None = None
    mask: np.ndarray | None = None
    fold_sd_ml: dict[str, float] = field(default_factory=dict)
    error: Exception | None = None


def _read(chosen: tuple[dict, list[Model]], profile: Profile) -> _Case:
    """Read a scan and bring it to the network's grid."""
    case = _Case(*chosen)
    try:
        refuse_seen(case.models, case.row)
        case.scan = read_scan(case.row["image"])
        case.image, case.box = _prepare(case.scan, case.models[0], profile)
        case.inside = inside_skull(case.scan.hu, case.scan.affine)
    except FAILURES as error:
        case.error = error
    return case


def _predict(case: _Case, profile: Profile) -> _Case:
    """Run the networks."""
    if case.error is None:
        try:
            alone: list[list[int]] = []
            counted = _on_network_grid(case.inside, case.box, case.image) if case.inside.any() else None
            case.mask = _segment(case.image, case.box, case.scan.hu.shape, case.models, profile, alone, counted)
            shown_ml = case.scan.hu[case.box].size * voxel_volume_ml(case.scan.affine)
            case.fold_sd_ml = fold_spread_ml(alone, shown_ml / case.image[0].numel(), case.models[0].labels)
        except FAILURES as error:
            case.error = error
    case.image = None
    return case


def _on_network_grid(inside: np.ndarray, box: Box, image: torch.Tensor) -> torch.Tensor:
    """What the skull holds, on the grid of the image that a network is shown: where networks may disagree."""
    shown = torch.from_numpy(np.ascontiguousarray(inside[box])).float()
    return resample(shown[None], tuple(image.shape[1:]))[0] >= 0.5


def _cleaned(mask: np.ndarray, scan: Scan, inside: np.ndarray, smallest_ml: Mapping[str, float]) -> np.ndarray:
    """The mask without pieces that cannot be believed."""
    believed = drop_outside_skull(mask, inside)
    return drop_edema_apart(drop_specks(believed, voxel_volume_ml(scan.affine), smallest_ml), scan.spacing_mm)


def _finish(
    case: _Case, out_dir: Path, unlabelled: Sequence[str], smallest_ml: Mapping[str, float]
) -> tuple[dict, list]:
    """Clean and write the mask; return the scan's row of the table and its remarks ``(outcome, reason, detail)``."""
    keys = {key: case.row[key] for key in ("patient", "center", "time_point")}
    row = {**keys, "model": name_of(case.models), "mask": None, "reason": None}
    target = out_dir / f"sub-{keys['patient']}_ses-{keys['time_point']}_dseg.nii.gz"
    if case.error is None:
        try:
            case.mask = _cleaned(case.mask, case.scan, case.inside, smallest_ml)
            write_mask(target, case.mask, case.scan)
        except disk_space.DiskFullError:
            raise  # no fault of the scan: every other one would fail too
        except FAILURES as error:
            case.error = error
    if case.error is not None:
        seen = isinstance(case.error, SeenInTrainingError)
        reason = Reason.SEEN_IN_TRAINING if seen else Reason.SEGMENTATION_FAILED
        detail = f"{keys['time_point']} scan: {'' if seen else type(case.error).__name__ + ': '}{case.error}"
        return row | {"reason": str(reason)}, [("set_aside", reason, detail)]
    return _measured(case, row | {"mask": str(target)}, unlabelled)


def _measured(case: _Case, row: dict, unlabelled: Sequence[str]) -> tuple[dict, list]:
    """Add volumes and agreement to the row of a scan that was segmented."""
    mask, labels, name, remarks = case.mask, case.models[0].labels, f"{row['time_point']} scan", []
    row["mask_sha256"] = voxel_sha256(mask.T)
    row |= {f"{label}_fold_sd_ml": spread for label, spread in case.fold_sd_ml.items()}
    volumes = _volumes(mask, case.scan, [label for label in MEASURED if label in labels])
    row |= {f"{label}_ml": volume for label, volume in volumes.items()}
    if any(volume is None for volume in volumes.values()):
        row["reason"] = str(Reason.MASK_AT_SCAN_EDGE)  # measuring says it of each label
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
    volumes = _volumes(reference, scan, drawn)
    result = {f"reference_{label}_ml": volume for label, volume in volumes.items()}
    predicted, truth = to_network(mask, labels), to_network(reference, labels)
    for value, label in enumerate(labels, start=1):
        if label in drawn:
            result[f"dice_{label}"] = dice(predicted == value, truth == value)
    return result, ""


def _volumes(mask: np.ndarray, scan: Scan, labels: Sequence[str]) -> dict[str, float | None]:
    """Volume of each label in mL; None where it is cut off at the scan's edge, so nobody can know it."""
    voxel_ml = voxel_volume_ml(scan.affine)
    return {label: known_volume_ml(mask == LABEL_CODES[label], voxel_ml) for label in labels}


def _status(scan_row: dict, remark: tuple, log: str) -> dict:
    outcome, reason, detail = remark
    subject = scan_row["patient"]
    return tables.status_row(scan_row["center"], subject, "segmentation", outcome, reason, detail, log)
