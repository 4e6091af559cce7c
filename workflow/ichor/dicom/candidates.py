"""From files to candidates: which slices belong together, whatever series the scanner or archive put them in.

Files are grouped by study, orientation, pixel grid, kernel and contrast. Inside a group a series is split when it
holds several acquisitions of the same positions, and series are merged when their slices continue each other.
"""

import hashlib
from collections.abc import Iterator

import numpy as np
import pandas as pd

from ichor.dicom.stack import SAME_POSITION_MM, UNEVEN_RATIO, Stack, median, normals, orthonormal, read_stack
from ichor.dicom.syntaxes import LOSSLESS
from ichor.dicom.vocabulary import is_bone_kernel
from ichor.reasons import Reason

OBLIQUE_COSINE = float(np.cos(np.radians(40)))  # gantries tilt by up to 30 degrees; heads are re-angled by less than 10
GEOMETRY = ["rows", "columns", "spacing_row_mm", "spacing_column_mm", "x_mm", "y_mm", "z_mm", "row_x", "column_x"]
MERGE_MINUTES = 30.0
NO_VOLUME = {str(reason) for reason in (Reason.NOT_CT, Reason.LOCALIZER, Reason.NOT_ORIGINAL_AXIAL, Reason.MULTI_FRAME)}


def _is_ct(index: pd.DataFrame) -> pd.Series:
    """Whether a file is an image of a CT scanner; without a SOP class (RSNA 2019 took it out), by its modality."""
    of_class = index["modality"].isin(["CT", ""]) & index["sop_class"].isin(["ct", "enhanced_ct", "secondary_capture"])
    unclassed = (index["modality"] == "CT") & (index["sop_class"] == "none") & index["rows"].notna()
    return of_class | unclassed


def file_reasons(index: pd.DataFrame) -> pd.Series:
    """Reason code of each file that cannot be part of a head CT volume; "" where there is none."""
    kinds = index["image_type"].str.split("\\")
    first = kinds.str[0].fillna("")
    has_geometry = index[GEOMETRY].notna().all(axis=1).to_numpy()
    axial, straight = np.zeros(len(index), bool), np.zeros(len(index), bool)
    if has_geometry.any():
        good = index[has_geometry]
        axial[has_geometry] = np.abs(normals(good)[:, 2]) >= OBLIQUE_COSINE
        straight[has_geometry] = orthonormal(good)
    rules = [
        (~_is_ct(index), Reason.NOT_CT),
        (index["image_type"].str.contains("LOCALIZER|SCOUT|TOPO|SURVIEW"), Reason.LOCALIZER),
        (index["frames"] > 1, Reason.MULTI_FRAME),
        ((index["sop_class"] == "secondary_capture") | (index["samples"] > 1), Reason.NOT_ORIGINAL_AXIAL),
        (index["image_type"].str.contains("MPR|REFORMAT|PROJECTION|MIP|3D"), Reason.NOT_ORIGINAL_AXIAL),
        (index["lossy"], Reason.LOSSY_COMPRESSION),
        (first == "DERIVED", Reason.DERIVED_IMAGE),
        (~has_geometry | ~axial | ~straight, Reason.NOT_ORIGINAL_AXIAL),
        (index["other_body_part"], Reason.NOT_A_HEAD),
        (~index["transfer_syntax"].isin(LOSSLESS), Reason.UNKNOWN_SYNTAX),
        (index["contrast"], Reason.CONTRAST_ENHANCED),
        (index["kernel"].map(is_bone_kernel) | index["description_is_bone"], Reason.BONE_KERNEL),
    ]
    reasons = np.full(len(index), "", dtype=object)
    for wrong, reason in reversed(rules):
        reasons[np.asarray(wrong, bool)] = str(reason)
    return pd.Series(reasons, index=index.index)


def find_candidates(index: pd.DataFrame) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """Yield every candidate of an index.

    Parameters
    ----------
    index : DataFrame
        Of `ichor.dicom.index.index_center`.

    Yields
    ------
    name : str
        Hash that stands for the candidate (the series' own hash when it is one whole series).
    reason : str
        Reason code when no file of it can be used, else "".
    rows : DataFrame
        Its files.
    """
    if index.empty:
        return
    if index["kind"].iloc[0] == "nifti":
        for row in range(len(index)):
            yield index["series"].iloc[row], "", index.iloc[row : row + 1].assign(reason="")
        return
    index = index.assign(reason=file_reasons(index))
    keys = dict(
        row=index[["row_x", "row_y", "row_z"]].round(3).add(0.0).astype(str).agg("/".join, axis=1),
        column=index[["column_x", "column_y", "column_z"]].round(3).add(0.0).astype(str).agg("/".join, axis=1),
        pixel=index[["rows", "columns"]].astype(str).agg("/".join, axis=1),
        spacing=index[["spacing_row_mm", "spacing_column_mm"]].round(3).astype(str).agg("/".join, axis=1),
    )
    volume = ~index["reason"].isin(NO_VOLUME)  # the others are listed by series, whatever their pixels
    index = index.assign(**{f"key_{name}": values.where(volume, "") for name, values in keys.items()})
    by = ["patient", "study", "reason", "kernel", "contrast", *(f"key_{name}" for name in keys)]
    whole = index.groupby(["patient", "study", "series"])["sop"].nunique().to_dict()
    for labels, group in index.groupby(by, sort=True):
        parts = [part for _, part in group.groupby("series", sort=True)]
        if not labels[2]:
            parts = merge([piece for part in parts for piece in split(part)])
        for part in parts:
            yield _name(part, whole), labels[2], part.drop(columns=[name for name in part if name.startswith("key_")])


def _name(part: pd.DataFrame, whole: dict[tuple[str, str, str], int]) -> str:
    """Name a candidate by its series if it is all of one, and by its images otherwise: no two have the same name."""
    series = sorted(part["series"].unique())
    first = part.iloc[0]
    if len(series) == 1 and part["sop"].nunique() == whole[first["patient"], first["study"], series[0]]:
        return series[0]
    return hashlib.sha256("/".join([*series, *sorted(part["sop"])]).encode()).hexdigest()[:12]


def split(part: pd.DataFrame) -> list[pd.DataFrame]:
    """Split a series that holds several acquisitions of the same positions; copies of one image are dropped first."""
    part = part.drop_duplicates("sop")
    stack = read_stack(part)
    if not stack.duplicates:
        return [part]
    for name in ("acquisition", "when"):
        pieces = [piece for _, piece in part.groupby(name, dropna=False)]
        stacks = [read_stack(piece) for piece in pieces]
        if len(pieces) > 1 and all(not one.duplicates and one.slices >= 0.5 * stack.slices for one in stacks):
            return pieces
    return [part]


def merge(parts: list[pd.DataFrame]) -> list[pd.DataFrame]:
    """Merge series of one grid whose slices continue each other into one stack."""
    merged: list[pd.DataFrame] = []
    for part in sorted(parts, key=lambda piece: float(read_stack(piece).along_mm[0])):
        for number, other in enumerate(merged):
            if _continues(other, part):
                merged[number] = pd.concat([other, part])
                break
        else:
            merged.append(part)
    return merged


def _continues(first: pd.DataFrame, second: pd.DataFrame) -> bool:
    if not _same_time(first, second):
        return False
    one, two, both = read_stack(first), read_stack(second), read_stack(pd.concat([first, second]))
    if both.duplicates or both.gap or not _on_one_line(both, pd.concat([first, second])):
        return False
    apart = one.along_mm[-1] < two.along_mm[0] or two.along_mm[-1] < one.along_mm[0]
    if apart:
        steps = [stack.steps_mm.max() for stack in (one, two) if len(stack.steps_mm)]
        joint = max(two.along_mm[0] - one.along_mm[-1], one.along_mm[0] - two.along_mm[-1])
        return not steps or joint <= 1.1 * max(steps)
    thickness = median(first["thickness_mm"])
    interleaved = both.steps_mm.max() <= UNEVEN_RATIO * both.steps_mm.min()
    return interleaved and (np.isnan(thickness) or both.step_mm >= 0.8 * thickness)


def _same_time(first: pd.DataFrame, second: pd.DataFrame) -> bool:
    times = [pd.to_datetime(part["when"], format="%Y%m%d%H%M%S", errors="coerce").min() for part in (first, second)]
    if pd.isna(times[0]) or pd.isna(times[1]):
        return True
    return abs((times[0] - times[1]).total_seconds()) <= MERGE_MINUTES * 60


def _on_one_line(stack: Stack, rows: pd.DataFrame) -> bool:
    """Tell whether the slices' corners lie on one line: series with another field of view do not continue."""
    position = rows[["x_mm", "y_mm", "z_mm"]].to_numpy(float)[stack.order]
    span = position[-1] - position[0]
    length = np.linalg.norm(span)
    if length <= SAME_POSITION_MM:
        return False
    off = np.cross(position - position[0], span / length)
    return bool(np.linalg.norm(off, axis=1).max() < 1.0)
