"""A stack of slices as its headers describe it: order along the normal, steps, extent, shear, gaps, duplicates."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

SAME_POSITION_MM = 0.05
UNEVEN_RATIO = 1.05  # steps that differ by less are rounding of the positions in the header
GAP_RATIO = 1.5
SHEAR_DEG = 0.5  # below it the shear moves a 150 mm stack by less than 1.3 mm
POSITION = ["x_mm", "y_mm", "z_mm"]
ROW = ["row_x", "row_y", "row_z"]
COLUMN = ["column_x", "column_y", "column_z"]


@dataclass(frozen=True)
class Stack:
    """Geometry of a series in DICOM's patient axes (LPS, mm).

    Attributes
    ----------
    order : ndarray
        Positions of the rows of the frame from the first slice to the last along the normal.
    along_mm : ndarray
        Distance of each slice from the origin along the normal, sorted; duplicates included.
    steps_mm : ndarray
        Distances between neighbouring distinct positions.
    normal : ndarray
        Unit vector, row direction x column direction.
    shear_deg : float
        Angle between stacking direction and normal, with the sign of its part along the columns.
    gap : bool
        Slices are missing: a step that neither the slices' thickness nor the steps beside it explain.
    duplicates : int
        Slices beyond one per position.
    """

    order: np.ndarray
    along_mm: np.ndarray
    steps_mm: np.ndarray
    normal: np.ndarray
    shear_deg: float
    gap: bool
    duplicates: int

    @property
    def slices(self) -> int:
        """Number of distinct positions."""
        return len(self.steps_mm) + 1

    @property
    def extent_mm(self) -> float:
        """Distance from the first to the last slice along the normal."""
        return float(self.along_mm[-1] - self.along_mm[0])

    @property
    def step_mm(self) -> float:
        """Median step; 0 for one position."""
        return float(np.median(self.steps_mm)) if len(self.steps_mm) else 0.0

    @property
    def uneven(self) -> bool:
        """Steps differ by more than rounding."""
        return bool(len(self.steps_mm)) and self.steps_mm.max() > UNEVEN_RATIO * self.steps_mm.min()

    @property
    def sheared(self) -> bool:
        """Slices are shifted against each other, as a tilted gantry does."""
        return abs(self.shear_deg) > SHEAR_DEG


def median(values: pd.Series) -> float:
    """Median of the values that are there; NaN when there is none."""
    values = values.dropna()
    return float(values.median()) if len(values) else float("nan")


def vectors(rows: pd.DataFrame, names: Sequence[str]) -> np.ndarray:
    """Some columns as numbers, shape (rows, names); many times faster than pandas gives them together."""
    return np.stack([rows[name].to_numpy(float) for name in names], axis=1)


def orthonormal(rows: pd.DataFrame) -> np.ndarray:
    """Tell for each row whether its row and column directions are unit vectors at right angles, bool."""
    row, column = vectors(rows, ROW), vectors(rows, COLUMN)
    lengths = np.abs(np.linalg.norm(row, axis=1) - 1) + np.abs(np.linalg.norm(column, axis=1) - 1)
    return (lengths < 1e-2) & (np.abs((row * column).sum(axis=1)) < 1e-2)


def normals(rows: pd.DataFrame) -> np.ndarray:
    """Slice normal of each row, shape (n, 3)."""
    return np.cross(vectors(rows, ROW), vectors(rows, COLUMN))


def read_stack(rows: pd.DataFrame) -> Stack:
    """Describe the stack that the rows of an index form.

    Parameters
    ----------
    rows : DataFrame
        Rows of one candidate, with position and orientation; at least one.
    """
    normal = normals(rows.iloc[:1])[0]
    normal = normal / np.linalg.norm(normal)
    position = vectors(rows, POSITION)
    along = position @ normal
    order = np.lexsort((rows["instance"].to_numpy(float), along))
    along = along[order]
    keep = np.concatenate([[True], np.diff(along) > SAME_POSITION_MM])
    steps = np.diff(along[keep])
    thickness = rows["thickness_mm"].to_numpy(float)[order][keep]
    return Stack(
        order=order,
        along_mm=along,
        steps_mm=steps,
        normal=normal,
        shear_deg=_shear_deg(position[order], normal, vectors(rows, COLUMN)[0]),
        gap=_has_gap(steps, thickness),
        duplicates=int((~keep).sum()),
    )


def off_line_mm(rows: pd.DataFrame) -> float:
    """Largest distance of a slice's corner from the line through the first and the last one, mm.

    Parameters
    ----------
    rows : DataFrame
        Slices in spatial order. A tilted gantry moves the corners along a line too.
    """
    position = vectors(rows, POSITION)
    span = position[-1] - position[0]
    length = float(np.linalg.norm(span))
    if length <= SAME_POSITION_MM:
        return 0.0
    return float(np.linalg.norm(np.cross(position - position[0], span / length), axis=1).max())


def _shear_deg(position: np.ndarray, normal: np.ndarray, column: np.ndarray) -> float:
    span = position[-1] - position[0]
    along = float(span @ normal)
    if along <= SAME_POSITION_MM:
        return 0.0
    across = span - along * normal
    angle = float(np.degrees(np.arctan2(np.linalg.norm(across), along)))
    return angle if across @ column >= 0 else -angle


def _has_gap(steps: np.ndarray, thickness: np.ndarray) -> bool:
    """Find steps that are too long.

    A step is explained by slices as thick as it is (two-block protocols), or, where the thickness is not given,
    by a neighbouring step of the same size.
    """
    if len(steps) < 2:
        return False
    typical = float(np.median(steps))
    for k in np.flatnonzero(steps > GAP_RATIO * typical):
        around = thickness[k : k + 2]
        if np.isfinite(around).all() and around.max() > 0:
            if steps[k] > GAP_RATIO * around.max():
                return True
            continue
        beside = steps[max(0, k - 1) : k + 2]
        if np.sum(np.abs(beside - steps[k]) < 0.2 * steps[k]) < 2:
            return True
    if np.isfinite(thickness).all() and (steps > GAP_RATIO * np.maximum(thickness[:-1], thickness[1:])).any():
        # every second slice lost at places: steps vary although the slices are equally thick
        return bool(steps.max() > GAP_RATIO * steps.min() and np.ptp(thickness) < 0.1 * thickness.max())
    return False
