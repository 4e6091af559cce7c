"""Measure a shard's masks, and compare them with reference masks: tables ``measures`` and ``agreement_cases``."""

import zlib
from collections.abc import Sequence

import nibabel as nib
import numpy as np
import pandas as pd
from nibabel.filebasedimages import ImageFileError

from ichor import tables
from ichor.imaging.geometry import spacing_mm
from ichor.imaging.head_frame import HeadFrame, find_frame
from ichor.imaging.location import locate
from ichor.imaging.measures import LABEL_CODES, voxel_volume_ml
from ichor.imaging.scan_measures import main_piece_of, measure_scan
from ichor.progress import track
from ichor.reasons import Reason
from ichor.segmentation.agreement import compare_masks
from ichor.segmentation.scan import Scan, read_mask

FAILURES = (OSError, ValueError, EOFError, RuntimeError, MemoryError, zlib.error, ImageFileError)
"""What a scan may fail with; anything else is a fault of ours and stops."""
KEYS = ("split", "patient", "center", "time_point")


def measure_shard(
    scans: pd.DataFrame, masks: pd.DataFrame, labels: Sequence[str], unlabelled: Sequence[str] = (), log: str = ""
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Measure the masks of a shard.

    Parameters
    ----------
    scans : DataFrame
        Rows of the scans table: center, patient, time_point, image, reference_mask, manufacturer.
    masks : DataFrame
        Rows of the masks table of the same scans, of one split.
    labels : sequence of str
        Labels that are segmented.
    unlabelled : sequence of str
        Labels that the reference masks cannot hold: they are not compared.
    log : str
        Log file that the status rows name.

    Returns
    -------
    measures : DataFrame
        One row per mask. A scan that failed has empty measures and `Reason.SEGMENTATION_FAILED`, or
        `Reason.MEASURES_FAILED` when only measuring failed.
    cases : DataFrame
        One row per mask and label that could be compared with a reference.
    status : DataFrame
        One row per remark that the segmentation has not made already.
    """
    given = ["center", "patient", "time_point", "image", "reference_mask", "manufacturer"]
    joined = masks.drop(columns=[c for c in given[3:] if c in masks]).merge(
        scans[given], on=given[:3], how="left", validate="many_to_one"
    )
    measured, cases, status = [], [], []
    for row in track(joined.to_dict("records"), "measure masks", total=len(joined)):
        keys = {key: row[key] for key in KEYS}
        found, compared, remarks = _measure(row, labels, unlabelled)
        why_empty = dict.fromkeys(str(code) for code, _ in remarks if code != Reason.SEVERAL_BLEEDS)
        measured.append(keys | found | {"reasons": ";".join(why_empty) or None})
        cases += [keys | {"manufacturer": row["manufacturer"]} | case for case in compared]
        for code, detail in remarks:
            if code != Reason.EMPTY_MASK and isinstance(row["mask"], str):  # else segmentation has said it
                words = f"{row['time_point']} scan: {detail}"
                status.append(
                    tables.status_row(row["center"], row["patient"], "segmentation", "flagged", code, words, log)
                )
    return (
        tables.frame("measures", measured),
        tables.frame("agreement_cases", cases),
        tables.frame("status", status),
    )


def _measure(
    row: dict, labels: Sequence[str], unlabelled: Sequence[str]
) -> tuple[dict, list[dict], list[tuple[Reason, str]]]:
    """Measures, comparisons and remarks of one mask."""
    if not isinstance(row["mask"], str):
        why = row.get("reason")
        return {}, [], [(Reason(why) if isinstance(why, str) else Reason.SEGMENTATION_FAILED, "no mask")]
    try:
        image = nib.load(row["image"])
        hu, affine = np.asarray(image.dataobj), np.asarray(image.affine)
        scan = Scan(hu.T, affine, tuple(float(size) for size in spacing_mm(affine)[::-1]))
        mask = read_mask(row["mask"], scan).T
        frame = find_frame(hu, spacing_mm(affine))
        found, remarks = measure_scan(hu, mask, affine, labels, frame)
    except FAILURES as error:
        return {}, [], [(Reason.MEASURES_FAILED, f"{type(error).__name__}: {error}")]
    return found, _compare(row, scan, mask, [label for label in labels if label not in unlabelled], frame), remarks


def _compare(row: dict, scan: Scan, mask: np.ndarray, labels: Sequence[str], frame: HeadFrame | None) -> list[dict]:
    """Compare with the reference mask; nothing where there is none or it cannot be used (segmentation has said so)."""
    if not isinstance(row["reference_mask"], str):
        return []
    try:
        reference = read_mask(row["reference_mask"], scan).T
    except FAILURES:
        return []
    spacing = tuple(float(size) for size in spacing_mm(scan.affine))
    voxel_ml = voxel_volume_ml(scan.affine)
    place = _location(reference, spacing, frame)
    return [
        {"label": label, "location": place}
        | compare_masks(mask == LABEL_CODES[label], reference == LABEL_CODES[label], spacing, voxel_ml)
        for label in labels
    ]


def _location(reference: np.ndarray, spacing_mm: tuple[float, float, float], frame: HeadFrame | None) -> str | None:
    """Region of the reference's parenchymal bleed: a group of cases must not depend on what was predicted."""
    bleed = main_piece_of(reference == LABEL_CODES["iph"])
    return locate(bleed, spacing_mm, frame).region if frame and bleed.any() else None
