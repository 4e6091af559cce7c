"""Index a center that brings NIfTI files instead of DICOM: patient and time point are read from the file name."""

from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd

from ichor.confined import UnreadableError, read
from ichor.dicom.archive import Found, file_subject, find_files
from ichor.dicom.file_patterns import pattern_regex
from ichor.dicom.index import SCHEMA, index_frame
from ichor.dicom.limits import Limits
from ichor.dicom.nifti_reader import read_header
from ichor.imaging.geometry import spacing_mm
from ichor.private_tables import write_private_parts
from ichor.pseudonyms import pseudonym
from ichor.reasons import Reason
from ichor.tables import frame, status_row

TIME_POINTS = ("baseline", "followup")
LONGEST_MM = 2000.0  # a CT of a whole body


def index_nifti_center(
    center: str,
    folder: str | Path,
    out: str | Path,
    *,
    key: bytes,
    image_pattern: str,
    limits: Limits | None = None,
) -> pd.DataFrame:
    """Index the NIfTI images of a center.

    Parameters
    ----------
    center : str
        Name of the center.
    folder : path
        Searched at any depth.
    out : path
        Where the private index is written, with the columns of `ichor.dicom.index.index_center`.
    key : bytes
        The study's key for pseudonyms.
    image_pattern : str
        Path of an image below `folder` (or its file name alone) with ``{patient}`` and, where there are follow-up
        scans, ``{time_point}`` (``baseline`` or ``followup``), e.g. ``{patient}_{time_point}_ct.nii.gz``.
    limits : Limits, optional
        Size limits.

    Returns
    -------
    DataFrame
        Table ``status``. Files that do not match the pattern (masks, notes) are not mentioned.
    """
    folder, limits, wanted = Path(folder), limits or Limits(), pattern_regex(image_pattern)
    rows, status, matched = [], [], 0
    for file in find_files(folder):
        match = wanted.fullmatch(file.path) or wanted.fullmatch(PurePosixPath(file.path).name)
        if not match:
            continue
        matched += 1
        named = {name: text for name, text in match.groupdict().items() if name != "scan"}
        row = dict(named, source=str(folder / file.path), bytes=file.bytes, modified_ns=file.modified_ns)
        reason, detail = _read(file, row, limits)
        if reason:
            subject = file_subject(key, center, file.path)
            status.append(status_row(center, subject, "index", "set_aside", reason, detail))
        else:
            rows.append(_finish(row, center, file.path, key))
    if not matched:
        status.append(
            status_row(center, "", "index", "set_aside", Reason.EMPTY_FOLDER, "no file matches image_pattern")
        )
    write_private_parts([index_frame(rows)], SCHEMA, out)
    return frame("status", status)


def _read(file: Found, row: dict, limits: Limits) -> tuple[Reason | None, str]:
    """Read the header into `row`; return what is wrong, if anything."""
    row.setdefault("time_point", "baseline")
    if row["time_point"] not in TIME_POINTS:
        return Reason.UNKNOWN_CODE, "time point is neither baseline nor followup"
    if file.wrong:
        return Reason.UNREADABLE_FILE, file.wrong
    try:
        values, arrays = read(read_header, row["source"], limits.header)
    except UnreadableError as error:
        return Reason.UNREADABLE_FILE, str(error)
    shape, affine = tuple(values["shape"]), arrays["affine"]
    if len([size for size in shape if size > 1]) < 3 or np.prod(shape[3:]) > 1:
        return Reason.TOO_FEW_SLICES, f"{len(shape)} axes, a volume has three"
    if np.prod(shape[:3], dtype=float) > limits.voxels:
        return Reason.UNREADABLE_FILE, f"{np.prod(shape[:3], dtype=float):.2g} voxels, limit {limits.voxels:.2g}"
    if not np.isfinite(affine).all() or np.linalg.det(affine[:3, :3]) == 0:
        return Reason.WRONG_EXTENT, "affine without a volume"
    spacing = spacing_mm(affine)
    longest = float((spacing * shape[:3]).max())
    if not longest <= LONGEST_MM:
        return Reason.WRONG_EXTENT, f"{longest:.0f} mm long, at most {LONGEST_MM:.0f} mm"
    row |= dict(
        columns=shape[0], rows=shape[1], frames=shape[2], spacing_column_mm=spacing[0], spacing_row_mm=spacing[1]
    )
    row |= dict(thickness_mm=spacing[2])
    return None, ""


def _finish(row: dict, center: str, path: str, key: bytes) -> dict:
    patient_id, file = row.pop("patient"), pseudonym(key, center, "file", path)
    return row | dict(
        kind="nifti",
        patient_id=patient_id,
        patient=pseudonym(key, center, patient_id),
        study=file,
        series=file,
        sop=file,
    )
