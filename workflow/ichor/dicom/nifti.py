"""Index a center that brings NIfTI files instead of DICOM: patient and time point are read from the file name."""

import re
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd

from ichor.dicom.index import empty_index, file_subject, find_files, index_frame
from ichor.dicom.limits import Limits
from ichor.errors import StudyError
from ichor.imaging.geometry import spacing_mm
from ichor.pseudonyms import pseudonym
from ichor.reasons import Reason
from ichor.tables import frame, status_row

TIME_POINTS = ("baseline", "followup")
FIELDS = {"patient": r"(?P<patient>[^/]+?)", "time_point": r"(?P<time_point>[^/_.]+)"}


def pattern_regex(pattern: str) -> re.Pattern[str]:
    """Turn a file name pattern such as ``{patient}_{time_point}_ct.nii.gz`` into a regular expression.

    Raises
    ------
    StudyError
        If the pattern has no ``{patient}`` or a field that is not known.
    """
    parts = re.split(r"\{(\w+)\}", pattern)
    if "patient" not in parts[1::2] or not set(parts[1::2]) <= set(FIELDS) or len(set(parts[1::2])) < len(parts[1::2]):
        raise StudyError(
            f"pattern {pattern!r}: expected {{patient}} once, and {{time_point}} at most once, found "
            f"{', '.join('{' + name + '}' for name in parts[1::2]) or 'no field'}; write e.g. {{patient}}_ct.nii.gz"
        )
    return re.compile("".join(FIELDS[part] if number % 2 else re.escape(part) for number, part in enumerate(parts)))


def index_nifti_center(
    center: str, folder: str | Path, *, key: bytes, image_pattern: str, limits: Limits | None = None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Index the NIfTI images of a center.

    Parameters
    ----------
    center : str
        Name of the center.
    folder : path
        Searched at any depth.
    key : bytes
        The study's key for pseudonyms.
    image_pattern : str
        Path of an image below `folder` (or its file name alone) with ``{patient}`` and, where there are follow-up
        scans, ``{time_point}`` (``baseline`` or ``followup``), e.g. ``{patient}_{time_point}_ct.nii.gz``.
    limits : Limits, optional
        Size limits.

    Returns
    -------
    index : DataFrame
        Private; the columns of `ichor.dicom.index.index_center`.
    status : DataFrame
        Table ``status``. Files that do not match the pattern (masks, notes) are not mentioned.
    """
    folder, limits, wanted = Path(folder), limits or Limits(), pattern_regex(image_pattern)
    rows, status, matched = [], [], 0
    for path, wrong in find_files(folder):
        relative = str(path.relative_to(folder))
        match = wanted.fullmatch(relative) or wanted.fullmatch(path.name)
        if not match:
            continue
        matched += 1
        row = dict(match.groupdict(), source=str(path.absolute()), series=pseudonym(key, center, "file", relative))
        reason, detail = _read(path, wrong, row, limits)
        if reason:
            subject = file_subject(key, center, folder, path)
            status.append(status_row(center, subject, "index", "set_aside", reason, detail))
        else:
            rows.append(_finish(row, center, key))
    if not matched:
        status.append(
            status_row(center, "", "index", "set_aside", Reason.EMPTY_FOLDER, "no file matches image_pattern")
        )
    return index_frame(rows) if rows else empty_index(), frame("status", status)


def _read(path: Path, wrong: str, row: dict, limits: Limits) -> tuple[Reason | None, str]:
    """Read the header into `row`; return what is wrong, if anything."""
    row.setdefault("time_point", "baseline")
    if row["time_point"] not in TIME_POINTS:
        return Reason.UNKNOWN_CODE, "time point is neither baseline nor followup"
    if wrong:
        return Reason.UNREADABLE_FILE, wrong
    try:
        image = nib.load(path)
        shape = tuple(int(size) for size in image.shape)
        spacing = spacing_mm(image.affine)
    except Exception as error:  # nibabel raises many kinds; each means the file cannot be read
        return Reason.UNREADABLE_FILE, type(error).__name__
    if len([size for size in shape if size > 1]) < 3 or np.prod(shape[3:]) > 1:
        return Reason.TOO_FEW_SLICES, f"{len(shape)} axes, a volume has three"
    if np.prod(shape[:3], dtype=float) > limits.voxels:
        return Reason.UNREADABLE_FILE, f"{np.prod(shape[:3], dtype=float):.2g} voxels, limit {limits.voxels:.2g}"
    if not np.isfinite(image.affine).all() or (spacing <= 0).any() or np.linalg.det(image.affine[:3, :3]) == 0:
        return Reason.WRONG_EXTENT, "affine without a volume"
    row |= dict(
        columns=shape[0], rows=shape[1], frames=shape[2], spacing_column_mm=spacing[0], spacing_row_mm=spacing[1]
    )
    row |= dict(thickness_mm=spacing[2])
    return None, ""


def _finish(row: dict, center: str, key: bytes) -> dict:
    patient_id = row.pop("patient")
    return row | dict(
        kind="nifti",
        patient_id=patient_id,
        patient=pseudonym(key, center, patient_id),
        study=row["series"],
        sop=row["series"],
    )
