"""Convert one shard of a center's selection to NIfTI, check every scan, and say what became of it."""

import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ichor.dicom.checks import CheckRules, check_volume
from ichor.dicom.dcm2niix import dcm2niix_version
from ichor.dicom.limits import Limits
from ichor.dicom.references import MismatchError, find_mask, parse_labels, read_mask
from ichor.dicom.volumes import RefusedError, Volume, read_dicom, read_nifti, thickness_mm
from ichor.dicom.write import image_path, voxel_sha256, write_nifti, write_sidecar
from ichor.imaging.brain import HeadMeasures
from ichor.imaging.geometry import extent_mm, spacing_mm
from ichor.progress import track
from ichor.reasons import Reason
from ichor.tables import frame, status_row

MASK_SUFFIX = "label-iphivh_dseg"


@dataclass(frozen=True)
class ReferenceSheet:
    """Where a center keeps its reference masks and what is in them.

    Attributes
    ----------
    folder : Path or None
        None: the center has no masks.
    pattern : str
        File name with ``{patient}`` and, if there are masks of follow-up scans, ``{time_point}``.
    labels : str
        For example ``1=iph;2=ivh;3=edema``.
    """

    folder: Path | None = None
    pattern: str = ""
    labels: str = ""


@dataclass
class _Shard:
    """What the conversion of one shard needs everywhere and collects."""

    center: str
    out_dir: Path
    work: Path
    rules: CheckRules
    limits: Limits
    masks: ReferenceSheet
    labels: dict[int, int]
    log: str
    scans: list[dict[str, Any]] = field(default_factory=list)
    status: list[dict[str, Any]] = field(default_factory=list)

    def tell(self, patient: str, stage: str, outcome: str, reason: Reason | None, detail: str) -> None:
        self.status.append(status_row(self.center, patient, stage, outcome, reason, detail, self.log))


def convert_shard(
    selection: pd.DataFrame,
    center: str,
    out_dir: str | Path,
    *,
    masks: ReferenceSheet | None = None,
    rules: CheckRules | None = None,
    limits: Limits | None = None,
    work_dir: str | Path | None = None,
    log: str = "",
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Convert, check and write the selected scans of one shard.

    Parameters
    ----------
    selection : DataFrame
        Private selection of the shard, of `ichor.dicom.select.select_series`.
    center : str
        Name of the center.
    out_dir : path
        Folder of the shard's images; paths in the returned table start with it as it is given here.
    masks : ReferenceSheet, optional
        The center's reference masks.
    rules : CheckRules, optional
        Limits of the checks.
    limits : Limits, optional
        Time and memory of a conversion.
    work_dir : path, optional
        For temporary files; the system's folder by default.
    log : str
        Name of the log file for the status table.

    Returns
    -------
    scans : DataFrame
        Table ``scans``: one row per accepted scan.
    status : DataFrame
        Table ``status``: stage ``convert`` or ``check``; accepted scans too, and one row per flag.
    """
    masks = masks or ReferenceSheet()
    if work_dir is not None:
        Path(work_dir).mkdir(parents=True, exist_ok=True)
    Path(out_dir).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=work_dir, prefix="ichor-") as work:
        labels = parse_labels(masks.labels)
        shard = _Shard(center, Path(out_dir), Path(work), rules or CheckRules(), limits or Limits(), masks, labels, log)
        groups = list(selection.groupby(["patient", "time_point"], sort=True))
        for (patient, time_point), rows in track(groups, f"convert {center}"):
            _convert_time_point(shard, patient, time_point, rows)
    return frame("scans", shard.scans), frame("status", shard.status)


def _convert_time_point(shard: _Shard, patient: str, time_point: str, rows: pd.DataFrame) -> None:
    """Convert the best series of a visit; fall back on the next ones when it is refused."""
    for rank, files in rows.groupby("rank", sort=True):
        try:
            volume, head = _read_and_check(shard, files)
        except RefusedError as refused:
            stage = "check" if refused.reason in CHECK_REASONS else "convert"
            detail = f"{time_point}, series-{files['candidate'].iloc[0]}: {refused.detail}"
            shard.tell(patient, stage, "set_aside", refused.reason, detail)
            continue
        if rank > 1:
            volume.flags[Reason.NOT_CHOSEN] = f"series of rank {rank} taken, the better ones were refused"
        _accept(shard, patient, time_point, files, volume, head)
        return


CHECK_REASONS = {Reason.NOT_A_HEAD, Reason.HU_OUT_OF_RANGE, Reason.COVERAGE_TOO_SMALL, Reason.TOO_FEW_SLICES}


def _read_and_check(shard: _Shard, files: pd.DataFrame) -> tuple[Volume, HeadMeasures]:
    try:
        if files["kind"].iloc[0] == "nifti":
            volume = read_nifti(files.iloc[0], shard.limits)
        else:
            volume = read_dicom(files, shard.limits, shard.work)
    except (OSError, ValueError, MemoryError, np.linalg.LinAlgError) as error:
        # one scan's files vanished, ran out of memory or have impossible geometry: the shard goes on
        raise RefusedError(Reason.CONVERSION_FAILED, type(error).__name__) from error
    reason, detail, head = check_volume(volume.data, volume.affine, shard.rules)
    if reason is not None:
        raise RefusedError(reason, detail)
    if head.clipped:
        volume.flags[Reason.CLIPPED_RANGE] = f"{head.hu_min} to {head.hu_max} HU"
    return volume, head


def _accept(
    shard: _Shard, patient: str, time_point: str, files: pd.DataFrame, volume: Volume, head: HeadMeasures
) -> None:
    path = image_path(shard.out_dir, patient, time_point, "ct.nii.gz")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_nifti(volume.data, volume.affine, path)
    mask_path = _write_mask(shard, patient, time_point, files, volume)
    write_sidecar(_sidecar(files, volume, head), image_path(shard.out_dir, patient, time_point, "ct.json"))
    shard.scans.append(_scan_row(shard, patient, time_point, files, volume, path, mask_path, head))
    shard.tell(patient, "convert", "accepted", None, f"{time_point}, series-{files['candidate'].iloc[0]}")
    for reason, detail in volume.flags.items():
        stage = "check" if reason in (Reason.CLIPPED_RANGE, Reason.REFERENCE_MISMATCH) else "convert"
        shard.tell(patient, stage, "flagged", reason, f"{time_point}: {detail}")


def _write_mask(shard: _Shard, patient: str, time_point: str, files: pd.DataFrame, volume: Volume) -> str | None:
    source = find_mask(shard.masks.folder, shard.masks.pattern, files["patient_id"].iloc[0], time_point)
    if source is None:
        return None
    try:
        mask = read_mask(source, shard.labels, volume.data, volume.affine)
    except MismatchError as error:
        volume.flags[Reason.REFERENCE_MISMATCH] = str(error)
        return None
    path = image_path(shard.out_dir, patient, time_point, f"{MASK_SUFFIX}.nii.gz")
    write_nifti(mask, volume.affine, path)
    return str(path)


def _sidecar(files: pd.DataFrame, volume: Volume, head: HeadMeasures) -> dict[str, Any]:
    first = files.iloc[0]
    dicom = first["kind"] == "dicom"
    return volume.source | dict(
        Modality="CT",
        Source=first["kind"],
        Converter=f"dcm2niix {dcm2niix_version()}" if dicom else "nibabel",
        Manufacturer=first["manufacturer"],
        ConvolutionKernel=first["kernel"],
        SliceThickness_mm=thickness_mm(files),
        GantryTilt_deg=round(volume.tilt_deg, 3) if dicom else None,
        Extent_mm=round(extent_mm(volume.data.shape, volume.affine), 3),
        Corrections={str(reason): detail for reason, detail in volume.flags.items()},
        Head={name: round(value, 3) if isinstance(value, float) else value for name, value in asdict(head).items()},
    )


def _scan_row(
    shard: _Shard, patient: str, time_point: str, files: pd.DataFrame, volume: Volume, path: Path, mask: str | None,
    head: HeadMeasures,
) -> dict[str, Any]:  # fmt: skip
    first, size, spacing = files.iloc[0], volume.data.shape, spacing_mm(volume.affine)
    return dict(
        patient=patient, center=shard.center, time_point=time_point, image=str(path), reference_mask=mask,
        source=first["kind"], onset_to_ct_h=first["onset_to_ct_h"], baseline_to_ct_h=first["baseline_to_ct_h"],
        columns=size[0], rows=size[1], slices=size[2],
        spacing_x_mm=round(float(spacing[0]), 6), spacing_y_mm=round(float(spacing[1]), 6),
        spacing_z_mm=round(float(spacing[2]), 6), extent_mm=round(extent_mm(size, volume.affine), 3),
        tilt_deg=round(volume.tilt_deg, 3), kernel=first["kernel"] or None, manufacturer=first["manufacturer"] or None,
        hu_min=head.hu_min, hu_max=head.hu_max, voxel_sha256=voxel_sha256(volume.data),
        flags=";".join(map(str, volume.flags)) or None,
    )  # fmt: skip
