"""Convert one shard of a center's selection to NIfTI, check every scan, and say what became of it."""

import base64
import json
import tempfile
from dataclasses import asdict, dataclass, field
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ichor.dicom.checks import Checked, CheckRules, check_volume
from ichor.dicom.contents import file_contents, selection_contents
from ichor.dicom.dcm2niix import dcm2niix_version
from ichor.dicom.index import FLAG_COLUMNS, NUMBER_COLUMNS
from ichor.dicom.kept_files import KeptFiles
from ichor.dicom.limits import Limits
from ichor.dicom.nifti_volume import read_nifti
from ichor.dicom.references import MismatchError, parse_labels, read_mask
from ichor.dicom.scan_record import measured_columns, sidecar
from ichor.dicom.volumes import RefusedError, Volume, read_dicom
from ichor.dicom.write import image_path, write_nifti, write_sidecar
from ichor.disk_space import DiskFullError, require, told
from ichor.imaging.fingerprint import fingerprint, to_text
from ichor.imaging.geometry import spacing_mm
from ichor.imaging.voxels import voxel_sha256
from ichor.jobs.hashes import value_sha256
from ichor.private_tables import private_folder, read_private, write_private
from ichor.progress import track
from ichor.reasons import Reason
from ichor.reruns import code_digest
from ichor.tables import frame, status_row

MASK_SUFFIX = "label-iphivh_dseg"
CONTENTS = "contents.parquet"
FINGERPRINT_COLUMNS = ["center", "patient", "time_point", "fingerprint"]
BYTES_PER_VOXEL = 0.86
"""Compressed scan of full range and noise, the GE head CT of dcm_qa_ct; scans clipped at 100 HU take a quarter."""
# what a scan is made from, beside its files: not where they lie, whose they are and what the record says
SCAN_COLUMNS = (
    "kind", "series", "sop", "kernel", "manufacturer", "rank", "mask_sha256", *NUMBER_COLUMNS, *FLAG_COLUMNS,
)  # fmt: skip


@dataclass
class _Shard:
    """What the conversion of one shard needs everywhere and collects."""

    center: str
    out_dir: Path
    work: Path
    rules: CheckRules
    limits: Limits
    labels: dict[int, int]
    log: str
    contents: dict[str, str]
    kept: KeptFiles | None
    scans: list[dict[str, Any]] = field(default_factory=list)
    status: list[dict[str, Any]] = field(default_factory=list)
    fingerprints: list[dict[str, Any]] = field(default_factory=list)

    def tell(self, patient: str, stage: str, outcome: str, reason: Reason | None, detail: str) -> None:
        self.status.append(status_row(self.center, patient, stage, outcome, reason, detail, self.log))


def convert_shard(
    selection: pd.DataFrame,
    center: str,
    out_dir: str | Path,
    *,
    mask_labels: str = "",
    rules: CheckRules | None = None,
    limits: Limits | None = None,
    work_dir: str | Path | None = None,
    log: str = "",
    fingerprints: str | Path | None = None,
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
    mask_labels : str
        What the values of the center's reference masks mean, for example ``1=iph;2=ivh;3=edema``.
    rules : CheckRules, optional
        Limits of the checks.
    limits : Limits, optional
        Time and memory of a conversion.
    work_dir : path, optional
        Of this shard alone, for temporary files and for scans that are kept until the next run: a scan whose source
        files, mask, rules and code are as they were is not converted again. By default nothing is kept.
    log : str
        Name of the log file for the status table.
    fingerprints : path, optional
        Private table to write the scans' fingerprints to, for `ichor.cohort.alike.alike`.

    Returns
    -------
    scans : DataFrame
        Table ``scans``: one row per accepted scan.
    status : DataFrame
        Table ``status``: stage ``convert`` or ``check``; accepted scans too, and one row per flag.

    Raises
    ------
    ichor.disk_space.DiskFullError
        If the scans will not fit on the disk, or do not.
    """
    Path(out_dir).mkdir(parents=True, exist_ok=True)
    contents, kept = {}, None
    if work_dir is None or not Path(work_dir, "scans").exists():  # kept scans take no space a second time
        require(out_dir, _expected_bytes(selection), f"{center}: the shard's converted scans")
    if work_dir is not None:
        work_dir = private_folder(work_dir)
        contents, kept = file_contents(selection["source"], work_dir / CONTENTS), KeptFiles(work_dir / "scans")
    with tempfile.TemporaryDirectory(dir=work_dir, prefix="ichor-") as work:
        shard = _Shard(
            center,
            Path(out_dir),
            Path(work),
            rules or CheckRules(),
            limits or Limits(),
            parse_labels(mask_labels),
            log,
            contents,
            kept,
        )
        groups = list(selection.groupby(["patient", "time_point"], sort=True))
        for (patient, time_point), rows in track(groups, f"convert {center}"):
            _convert_time_point(shard, patient, time_point, rows)
    if kept:
        kept.finish()
    if fingerprints is not None:
        write_private(pd.DataFrame(shard.fingerprints, columns=FINGERPRINT_COLUMNS), fingerprints)
    return frame("scans", shard.scans), frame("status", shard.status)


def _expected_bytes(selection: pd.DataFrame) -> float:
    """What the best series of all visits will take on the disk; those after it are only fallen back on."""
    best = selection[selection["rank"] == 1]
    return float((best["rows"] * best["columns"] * best["frames"].fillna(1).clip(lower=1)).sum()) * BYTES_PER_VOXEL


def read_contents(selection: str | Path, work_dir: str | Path) -> pd.DataFrame:
    """Read a shard's private selection with the contents of its files instead of their places and times.

    Selections that are equal in this are converted to the same scans. `work_dir` is that of `convert_shard`.
    """
    return selection_contents(read_private(selection), Path(work_dir) / CONTENTS)


def _convert_time_point(shard: _Shard, patient: str, time_point: str, rows: pd.DataFrame) -> None:
    """Convert the best series of a visit; fall back on the next ones when it is refused."""
    places = {
        "ct.nii.gz": image_path(shard.out_dir, patient, time_point, "ct.nii.gz"),
        "ct.json": image_path(shard.out_dir, patient, time_point, "ct.json"),
        "mask.nii.gz": image_path(shard.out_dir, patient, time_point, f"{MASK_SUFFIX}.nii.gz"),
    }
    places["ct.nii.gz"].parent.mkdir(parents=True, exist_ok=True)
    for path in places.values():
        path.unlink(missing_ok=True)  # of an earlier run: a mask that was withdrawn, for example
    for _, files in rows.groupby("rank", sort=True):
        key = _key(shard, files)
        made = shard.kept.take(key, places) if key else None
        if made is None:
            try:
                made = _make(shard, files, places)
            except RefusedError as refused:
                stage = "check" if refused.reason in CHECK_REASONS else "convert"
                detail = f"{time_point}, series-{files['candidate'].iloc[0]}: {refused.detail}"
                shard.tell(patient, stage, "set_aside", refused.reason, detail)
                continue
            if key:
                shard.kept.put(key, places, made)
        _accept(shard, patient, time_point, files, places, made)
        return


def _key(shard: _Shard, files: pd.DataFrame) -> str:
    """Digest of all that a scan is made from; empty when nothing can be kept or a file cannot be read.

    The limits are not in it: they decide whether a scan is made, not what it is.
    """
    digests = files["source"].map(shard.contents)
    if shard.kept is None or not digests.astype(bool).all():
        return ""
    described = files[[*SCAN_COLUMNS]].assign(sha256=digests)
    return value_sha256([value_sha256(described), _code(), shard.labels, asdict(shard.rules), shard.limits.voxels])


@cache
def _code() -> list[str]:
    versions = [version(name) for name in ("numpy", "scipy", "nibabel", "pydicom", "imagecodecs")]
    return [code_digest(__file__), dcm2niix_version(), *versions]


CHECK_REASONS = {
    Reason.NOT_A_HEAD, Reason.HU_OUT_OF_RANGE, Reason.COVERAGE_TOO_SMALL, Reason.TOO_FEW_SLICES,
    Reason.HU_OFFSET_MISSING, Reason.WRAPPED_VALUES, Reason.SLICE_LEVELS_DIFFER, Reason.BURNED_IN_TEXT,
    Reason.BONE_KERNEL, Reason.CONTRAST_ENHANCED,
}  # fmt: skip


def _read_and_check(shard: _Shard, files: pd.DataFrame) -> tuple[Volume, Checked]:
    try:
        with told(shard.work):
            if files["kind"].iloc[0] == "nifti":
                volume = read_nifti(files.iloc[0], shard.rules, shard.limits)
            else:
                volume = read_dicom(files, shard.rules, shard.limits, shard.work)
    except DiskFullError:
        raise  # no fault of the scan: every other one would fail too
    except (OSError, ValueError, MemoryError, np.linalg.LinAlgError) as error:
        # one scan's files vanished, ran out of memory or have impossible geometry: the shard goes on
        raise RefusedError(Reason.CONVERSION_FAILED, type(error).__name__) from error
    checked = check_volume(volume.data, volume.affine, shard.rules)
    if checked.reason is not None:
        raise RefusedError(checked.reason, checked.detail)
    if checked.head.clipped:
        volume.flags[Reason.CLIPPED_RANGE] = f"{checked.head.hu_min} to {checked.head.hu_max} HU"
    if checked.missing_vertex:
        volume.flags[Reason.VERTEX_MISSING] = checked.missing_vertex
    return volume, checked


def _make(shard: _Shard, files: pd.DataFrame, places: dict[str, Path]) -> dict[str, Any]:
    """Convert and check one series and write its files; return what there is to say of it, in plain JSON values."""
    volume, checked = _read_and_check(shard, files)
    rank = int(files["rank"].iloc[0])
    if rank > 1:
        volume.flags[Reason.NOT_CHOSEN] = f"series of rank {rank} taken, the better ones were refused"
    write_nifti(volume.data, volume.affine, places["ct.nii.gz"])
    reference_sha256 = _write_mask(shard, files, volume, places["mask.nii.gz"])
    write_sidecar(sidecar(files, volume, checked), places["ct.json"])
    measured = measured_columns(volume, checked) | dict(reference_sha256=reference_sha256)
    found = fingerprint(volume.data, spacing_mm(volume.affine))
    made = dict(
        scan=measured,
        flags={str(key): text for key, text in volume.flags.items()},
        fingerprint="" if found is None else to_text(found),
    )
    return json.loads(json.dumps(made))


def _accept(
    shard: _Shard, patient: str, time_point: str, files: pd.DataFrame, places: dict[str, Path], made: dict[str, Any]
) -> None:
    first = files.iloc[0]
    row = dict(
        patient=patient, center=shard.center, time_point=time_point, image=str(places["ct.nii.gz"]),
        reference_mask=str(places["mask.nii.gz"]) if made["scan"]["reference_sha256"] else None, source=first["kind"],
        onset_to_ct_h=first["onset_to_ct_h"], baseline_to_ct_h=first["baseline_to_ct_h"],
        kernel=first["kernel"] or None, manufacturer=first["manufacturer"] or None,
        flags=";".join(made["flags"]) or None,
    )  # fmt: skip
    shard.scans.append(row | made["scan"])
    content = base64.b64decode(made["fingerprint"]) or None
    shard.fingerprints.append(dict(zip(FINGERPRINT_COLUMNS, (shard.center, patient, time_point, content), strict=True)))
    shard.tell(patient, "convert", "accepted", None, f"{time_point}, series-{first['candidate']}")
    for reason, detail in made["flags"].items():
        checks = (Reason.CLIPPED_RANGE, Reason.VERTEX_MISSING, Reason.REFERENCE_MISMATCH)
        stage = "check" if reason in checks else "convert"
        shard.tell(patient, stage, "flagged", Reason(reason), f"{time_point}: {detail}")


def _write_mask(shard: _Shard, files: pd.DataFrame, volume: Volume, path: Path) -> str | None:
    """Write the reference mask, if there is one that fits; return the SHA-256 of its voxels."""
    source = files["mask"].iloc[0]
    if not source:
        return None
    try:
        mask = read_mask(Path(source), shard.labels, volume.data, volume.affine, shard.limits)
    except MismatchError as error:
        volume.flags[Reason.REFERENCE_MISMATCH] = str(error)
        return None
    write_nifti(mask, volume.affine, path)
    return voxel_sha256(mask)
