"""An axial slice as people look at it: the patient's right on the left, the front on top, square pixels."""

import numpy as np
from scipy import ndimage

WINDOW_HU = (0.0, 80.0)
"""The usual brain window: level 40, width 80."""
RIM_MM = 14.0
"""What lies further from the brain (nose, ears, holder) is blacked out, so that no face is shown."""


def places(
    middle: tuple[float, float], side: int, step_mm: float, spacing_mm: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Voxel coordinates of the columns (to the patient's left) and rows (to the back) of a square picture.

    Parameters
    ----------
    middle : (float, float)
        Voxel in the picture's middle.
    side : int
        Pixels of the picture's side.
    step_mm : float
        Size of a pixel.
    spacing_mm : ndarray
        Voxel size along the first two axes (RAS+).
    """
    offsets = (np.arange(side) - (side - 1) / 2) * step_mm
    x, y = (middle[axis] + offsets / spacing_mm[axis] for axis in (0, 1))
    return x[::-1], y[::-1]


def middle_of(mask: np.ndarray) -> tuple[float, float]:
    """Middle of a mask's extent along the first two axes, voxels; of the grid when the mask is empty."""
    found = [
        np.flatnonzero(mask.any(axis=tuple(other for other in range(mask.ndim) if other != axis))) for axis in (0, 1)
    ]
    ends = [(own[0], own[-1]) if own.size else (0, mask.shape[axis] - 1) for axis, own in enumerate(found)]
    return (ends[0][0] + ends[0][1]) / 2, (ends[1][0] + ends[1][1]) / 2


def gray(plane: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Gray values, 0 to 1, of a slice in the brain window at all pairs of places; rows down: `y`."""
    low, high = WINDOW_HU
    return sample(np.clip((plane.astype(np.float32) - low) / (high - low), 0, 1), x, y)


def inside(mask: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Where a slice's mask is, at all pairs of places."""
    return sample(mask.astype(np.float32), x, y) > 0.5


def near(shown: np.ndarray, step_mm: float) -> np.ndarray:
    """Pixels at most `RIM_MM` from a mask (along rows and columns)."""
    rim = 2 * round(RIM_MM / step_mm) + 1
    return ndimage.maximum_filter1d(ndimage.maximum_filter1d(shown.view(np.uint8), rim, 0), rim, 1).astype(bool)


def edge(shown: np.ndarray, width: int = 1) -> np.ndarray:
    """Outermost pixels of a mask, as many as `width`."""
    return shown & ~ndimage.binary_erosion(shown, iterations=width)


def sample(plane: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Linear interpolation at all pairs of places (voxels), rows down: `y`; 0 outside."""
    first, second = _weights(x, plane.shape[0]), _weights(y, plane.shape[1])
    return (first @ plane @ second.T).T


def _weights(at: np.ndarray, size: int) -> np.ndarray:
    """Weights of linear interpolation along one axis; of neighbouring voxels when the steps are larger than these."""
    step = max(1.0, abs(float(at[1] - at[0])))
    weights = np.clip(1 - np.abs(at[:, None] - np.arange(size)) / step, 0, None).astype(np.float32)
    outside = (at < -0.5) | (at > size - 0.5)
    weights /= np.maximum(weights.sum(axis=1, keepdims=True), 1e-6)
    weights[outside] = 0
    return weights
