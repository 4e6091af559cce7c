"""Everything that is measured on one scan and its mask, as one row of the measures table.

A number that depends on the whole bleed is empty when the bleed is cut off at the scan's edge; what is measured inside
of it (Hounsfield units, location, markers) stays. Nothing found is 0.0 mL and `Reason.EMPTY_MASK`, never empty.
"""

from collections.abc import Sequence

import numpy as np

from ichor.imaging import scan_edge
from ichor.imaging.densitometry import density
from ichor.imaging.geometry import spacing_mm as spacing_of
from ichor.imaging.head_frame import HeadFrame
from ichor.imaging.location import locate
from ichor.imaging.markers import markers
from ichor.imaging.measures import LABEL_CODES, abc_half_ml, voxel_volume_ml
from ichor.imaging.midline import midline_shift
from ichor.imaging.shape import (
    crop_to,
    largest_diameter_mm,
    main_piece,
    second_piece,
    sphericity,
    surface_area_mm2,
)
from ichor.reasons import Reason

LEAST_SYMMETRY = 0.6
"""Below it no midline shift is given. Of 350 simulated heads 2 were off by more than 5 mm; none of the 325 above it."""

SECOND_BLEED_ML, SECOND_BLEED_SHARE = 1.0, 0.1
"""A second piece of this volume and this part of the largest one is called a bleed of its own. Our choice."""

Remark = tuple[Reason, str]


def measure_scan(
    hu: np.ndarray, mask: np.ndarray, affine: np.ndarray, labels: Sequence[str], frame: HeadFrame | None
) -> tuple[dict[str, float | int | str], list[Remark]]:
    """Measure a scan.

    Parameters
    ----------
    hu : array of int16, shape (X, Y, Z), HU
        Axes to the right, the front and the top.
    mask : array of uint8, shape (X, Y, Z)
        Codes of `LABEL_CODES`.
    affine : array, shape (4, 4), mm
        Voxel index to world.
    labels : sequence of str
        What the mask's maker can find; other labels have no volume.
    frame : HeadFrame or None
        Of the scan, see `ichor.imaging.head_frame.find_frame`.

    Returns
    -------
    row : dict
        Columns of the table ``measures``; what is not in it is missing.
    remarks : list of (Reason, str)
        Why something is missing, with measured value and limit; and `Reason.SEVERAL_BLEEDS`.
    """
    spacing = tuple(float(size) for size in spacing_of(affine))
    row, remarks = _volumes(mask, voxel_volume_ml(affine), labels)
    if frame is None:
        remarks.append((Reason.NO_HEAD_FRAME, "no location and midline: too little brain in the scan"))
    else:
        row |= _midline(hu, mask, spacing, frame)
    bleed = mask == LABEL_CODES["iph"]
    if bleed.any():
        remarks += _several(bleed, voxel_volume_ml(affine))
        if row["iph_ml"] is not None:
            row |= _shape(bleed, spacing)
        row |= _density(hu[bleed]) | _markers(hu, bleed, spacing)
        if frame is not None:
            found = locate(main_piece_of(bleed), spacing, frame)
            row |= {"location": found.region, "location_confidence": found.confidence}
            row |= {"side": found.side, "side_share": found.side_share}
    return row, remarks


def main_piece_of(mask: np.ndarray) -> np.ndarray:
    """Largest connected piece of a mask, looked for in the mask's box only."""
    box = crop_to(mask)
    out = np.zeros(mask.shape, bool)
    out[box] = main_piece(mask[box])
    return out


def _volumes(mask: np.ndarray, voxel_ml: float, labels: Sequence[str]) -> tuple[dict, list[Remark]]:
    """Volumes by label, empty where the label is cut off, and whether anything was found."""
    row: dict[str, float | int | None] = {"found": int(mask.any())}
    remarks: list[Remark] = [] if row["found"] else [(Reason.EMPTY_MASK, "nothing found")]
    for label in labels:
        of_label = mask == LABEL_CODES[label]
        share = row[f"{label}_edge_share"] = scan_edge.edge_share(of_label)
        row[f"{label}_ml"] = scan_edge.known_volume_ml(of_label, voxel_ml)
        if row[f"{label}_ml"] is None:
            said = f"{label} is cut off: {share:.2f} of its largest area lies on the scan's edge"
            remarks.append((Reason.MASK_AT_SCAN_EDGE, f"{said} (limit {scan_edge.CUT_OFF_SHARE})"))
    return row, remarks


def _several(bleed: np.ndarray, voxel_ml: float) -> list[Remark]:
    """Whether the parenchymal bleed has a second piece that may be a bleed of its own."""
    first_ml, second_ml = (voxels * voxel_ml for voxels in second_piece(bleed[crop_to(bleed)]))
    if second_ml < max(SECOND_BLEED_ML, SECOND_BLEED_SHARE * first_ml) - 1e-9:
        return []
    return [(Reason.SEVERAL_BLEEDS, f"separate pieces of {first_ml:.1f} and {second_ml:.1f} mL; volumes are sums")]


def _shape(bleed: np.ndarray, spacing_mm: tuple[float, float, float]) -> dict:
    """ABC/2, largest diameter and surface of the main piece."""
    piece = main_piece(bleed[crop_to(bleed)])
    surface = surface_area_mm2(piece, spacing_mm)
    volume = float(np.count_nonzero(piece)) * float(np.prod(spacing_mm)) / 1000.0
    return {
        "abc2_ml": abc_half_ml(piece, spacing_mm),
        "diameter_mm": largest_diameter_mm(piece, spacing_mm),
        "surface_mm2": surface,
        "sphericity": sphericity(volume, surface),
        "surface_to_volume_per_mm": surface / (1000.0 * volume),
    }


def _density(hu: np.ndarray) -> dict:
    found = density(hu)
    return {
        "hu_mean": found.mean_hu,
        "hu_sd": found.sd_hu,
        "hu_cov": found.cov,
        "hu_skewness": found.skewness,
        "hu_kurtosis": found.kurtosis,
    }


def _markers(hu: np.ndarray, bleed: np.ndarray, spacing_mm: tuple[float, float, float]) -> dict:
    return {f"auto_{name}": value for name, value in vars(markers(hu, bleed, spacing_mm)).items()}


def _midline(hu: np.ndarray, mask: np.ndarray, spacing_mm: tuple[float, float, float], frame: HeadFrame) -> dict:
    found = midline_shift(hu, spacing_mm, frame, (mask == LABEL_CODES["iph"]) | (mask == LABEL_CODES["ivh"]))
    if found is None:
        return {}
    shift = found.shift_mm if found.symmetry >= LEAST_SYMMETRY else None
    return {"auto_midline_shift_mm": shift, "auto_midline_symmetry": found.symmetry}
