"""Take a mask from the grid of a converted scan back to the slices that the scan was made from.

For use inside the hospital that holds the DICOM files: what comes back names images by their SOPInstanceUID, which is
in no output of the workflow. The scan's sidecar says where each source slice was and names it by a keyed hash; the
private selection below ``work/`` says which file has that hash; the file has the UID. Tilted, uneven and mirrored
stacks come back by the same rule: each pixel of a source slice is looked up where it truly was.
"""

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import ndimage

from ichor.confined import UnreadableError, read
from ichor.dicom.limits import Limits
from ichor.dicom.regrid import LPS_TO_RAS
from ichor.dicom.stack import COLUMN, POSITION, ROW
from ichor.dicom.zip_archives import list_members, split_source
from ichor.errors import StudyError

PLACE_TOLERANCE_MM = 0.01
ARCHIVE_MB = 1 << 30


@dataclass(frozen=True)
class SliceMask:
    """A mask on one source slice.

    Attributes
    ----------
    labels : ndarray
        uint8, shape (rows, columns) of the DICOM image: as its pixels are stored.
    sop_instance_uid : str
        Of the image. Private.
    frame : int
        Number of the frame, 1, 2, ..., in an object of several; 0 for an object of one image.
    source : str
        The image's file. Private.
    position_mm : tuple of float
        ImagePositionPatient, LPS mm.
    """

    labels: np.ndarray
    sop_instance_uid: str
    frame: int
    source: str
    position_mm: tuple[float, float, float]


def masks_on_slices(
    mask: np.ndarray,
    affine: np.ndarray,
    sidecar: Mapping[str, Any],
    selection: pd.DataFrame,
    limits: Limits | None = None,
) -> list[SliceMask]:
    """Put a mask onto the source slices of its scan.

    Parameters
    ----------
    mask : ndarray
        Whole-number labels, shape and grid of the converted scan.
    affine : ndarray
        Shape (4, 4), voxel to RAS+ mm, of the mask's file.
    sidecar : mapping
        Contents of the scan's ``..._ct.json``.
    selection : DataFrame
        Private selection of the scan's shard (``work/ingest/<center>/selection/<shard>.parquet``); may hold other
        patients and series.
    limits : Limits, optional
        Under which the files are opened to read their UIDs.

    Returns
    -------
    list of SliceMask
        One per source slice, in the order of the sidecar: from one end of the stack to the other.

    Raises
    ------
    StudyError
        If a slice of the sidecar is not in the selection, lies elsewhere there, or its file cannot be read.
    """
    files = source_rows(sidecar, selection)
    uids = read_uids(files["source"].tolist(), limits or Limits())
    labels = [int(label) for label in np.unique(mask) if label]
    weights = {label: (mask == label).astype(np.float32) for label in labels}
    return [
        SliceMask(
            labels=_on_slice(weights, affine, row),
            sop_instance_uid=uid,
            frame=0 if pd.isna(row.get("frame")) else int(row["frame"]),
            source=row["source"],
            position_mm=tuple(float(row[name]) for name in POSITION),
        )
        for (_, row), uid in zip(files.iterrows(), uids, strict=True)
    ]


def source_rows(sidecar: Mapping[str, Any], selection: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the selection that a scan was made from, in the order of its sidecar.

    Raises
    ------
    StudyError
        If one is missing or lies elsewhere.
    """
    images = sidecar.get("SourceImages")
    if not images:
        raise StudyError("The sidecar names no source slices: the scan was brought as NIfTI, not as DICOM.")
    rows = selection.drop_duplicates("sop").set_index("sop", drop=False)
    names = [image["Image"] for image in images]
    missing = [name for name in names if name not in rows.index]
    if missing:
        raise StudyError(
            f"{len(missing)} of {len(names)} source slices are not in the selection; take the selection of the same "
            "shard and the same run, with the same key of pseudonyms."
        )
    found = rows.loc[names].reset_index(drop=True)
    apart = np.abs(found[POSITION].to_numpy(float) - np.array([image["Position_mm"] for image in images])).max()
    if not apart <= PLACE_TOLERANCE_MM:
        raise StudyError(
            f"A source slice lies {apart:.2f} mm from where the sidecar has it; take the selection of the same run."
        )
    return found


def _on_slice(weights: Mapping[int, np.ndarray], affine: np.ndarray, row: pd.Series) -> np.ndarray:
    """Labels at the pixel centres of one slice: in each pixel the label with most weight, if it has half of it.

    Between the slices of the mask the nearest one counts; in the slice, where a tilted one was shifted by parts of a
    pixel, weights are interpolated.
    """
    shape = int(row["rows"]), int(row["columns"])
    pixel = np.eye(4)
    pixel[:3, 0] = row[COLUMN].to_numpy(float) * LPS_TO_RAS * float(row["spacing_row_mm"])  # from row to row
    pixel[:3, 1] = row[ROW].to_numpy(float) * LPS_TO_RAS * float(row["spacing_column_mm"])
    pixel[:3, 3] = row[POSITION].to_numpy(float) * LPS_TO_RAS
    index = np.linalg.inv(affine) @ pixel  # (row, column, 0) of the slice to voxels of the mask
    places = np.indices(shape).reshape(2, -1)
    voxels = index[:3, :2] @ places + index[:3, 3:]
    voxels[2] = np.rint(voxels[2])
    labels, most = np.zeros(shape, np.uint8), np.full(shape, 0.5, np.float32)
    for label, weight in weights.items():
        # a pixel up to half a voxel outside belongs to the voxel at the border
        here = ndimage.map_coordinates(weight, voxels, order=1, mode="grid-constant", cval=0.0).reshape(shape)
        taken = here >= most
        labels[taken], most[taken] = label, here[taken]
    return labels


def read_uids(sources: list[str], limits: Limits) -> list[str]:
    """SOPInstanceUID of DICOM files or members of archives.

    Raises
    ------
    StudyError
        If one cannot be read.
    """
    by_path: dict[str, list[str]] = {}
    for source in dict.fromkeys(sources):
        path, member = split_source(source)
        by_path.setdefault(path, []).append(member)
    found = {}
    for path, members in by_path.items():
        confinement = replace(limits.header, file_mb=ARCHIVE_MB) if any(members) else limits.header
        try:
            uids, _ = read(read_uids_of_file, path, confinement, members=members)
        except UnreadableError as error:
            raise StudyError(f"A source file cannot be read any more ({error}); was the archive moved?") from error
        found.update({(path, member): uid for member, uid in uids.items()})
    return [found[split_source(source)] for source in sources]


def read_uids_of_file(path: str, members: list[str]) -> tuple[dict[str, str], dict]:
    """SOPInstanceUID of a file, or of some members of an archive; runs in the child of `ichor.confined`."""
    from pydicom import dcmread

    def uid(stream: Any) -> str:
        return str(dcmread(stream, stop_before_pixels=True, specific_tags=["SOPInstanceUID"]).SOPInstanceUID)

    if not any(members):
        return {"": uid(path)}, {}
    with zipfile.ZipFile(path) as archive:
        allowed = {member.name: member.info for member in list_members(archive) if not member.code}
        out = {}
        for name in members:
            with archive.open(allowed[name]) as stream:
                out[name] = uid(stream)
        return out, {}


def read_sidecar_of(image: str | Path) -> dict[str, Any]:
    """Read the sidecar that lies beside a converted scan (``..._ct.nii.gz`` and ``..._ct.json``)."""
    import json

    path = Path(str(image).removesuffix(".nii.gz") + ".json")
    if not path.is_file():
        raise StudyError(f"There is no sidecar {path.name} beside the scan.")
    return json.loads(path.read_text())
