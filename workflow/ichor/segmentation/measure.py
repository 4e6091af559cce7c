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
from ichor.segmentation.agreement import compare_masks, size_class
from ichor.segmentation.scan import Scan, read_mask

FAILURES = (OSError, ValueError, EOFError, RuntimeError, MemoryError, zlib.error, ImageFileError)
"""What a scan may fail with; anything else is a fault of ours and stops."""
KEYS = ("split", "patient", "center", "time_point")
LEAST_CASES = 5
"""Fewer cases of a size give no error of their own; then that of all sizes is taken. Our choice."""


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
        measured.append(keys | found | {"reasons": ";".join(dict.fromkeys(str(code) for code, _ in remarks)) or None})
        cases += [keys | {"manufacturer": row["manufacturer"]} | case for case in compared]
        for code, detail in remarks:
            if code not in (Reason.EMPTY_MASK, Reason.SEGMENTATION_FAILED):
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
        return {}, [], [(Reason.SEGMENTATION_FAILED, "no mask")]
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


def add_errors(measures: pd.DataFrame, cases: pd.DataFrame, splits: pd.DataFrame) -> pd.DataFrame:
    """Add to each volume the error that volumes of its size have, mL: columns ``<label>_error_ml``.

    The root mean square of predicted minus reference volume over the scans of the same split whose patients may be
    learned from (train and tune rows) and whose predicted volume is in the same class of size. Their masks come from
    models that never saw them, and no test patient's reference is used.

    Parameters
    ----------
    measures, cases, splits : DataFrame
        Tables ``measures``, ``agreement_cases`` and ``splits``.

    Returns
    -------
    DataFrame
        Measures with the columns filled; empty where fewer than `LEAST_CASES` cases exist.
    """
    fitted = splits[splits["role"].isin(["train", "tune"])][["split", "center", "patient"]].drop_duplicates()
    known = cases.merge(fitted, on=["split", "center", "patient"])
    known = known.assign(size=known["predicted_ml"].map(size_class), square=known["difference_ml"] ** 2)
    out = measures.copy()
    for label in LABEL_CODES:
        of_label = known[known["label"] == label]
        whole = _root_mean_square(of_label.groupby("split")["square"])
        by_size = _root_mean_square(of_label.groupby(["split", "size"])["square"])
        out[f"{label}_error_ml"] = [
            by_size.get((row.split, size_class(volume)), whole.get(row.split, np.nan)) if pd.notna(volume) else np.nan
            for row, volume in zip(measures.itertuples(), measures[f"{label}_ml"], strict=True)
        ]
    return tables.validate("measures", out, "measures")


def _root_mean_square(groups) -> dict:
    """Root of the mean of each group with enough cases."""
    found = groups.agg(["mean", "size"])
    return (found.loc[found["size"] >= LEAST_CASES, "mean"] ** 0.5).to_dict()
