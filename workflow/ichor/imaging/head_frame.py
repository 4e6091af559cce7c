"""A frame that fits every head: midline, width, length and top of the brain, found without an atlas.

The cavity of the skull stays where it is when a bleed pushes the brain aside, so the plane about which its walls are
most like their own mirror image is where the midline belongs. Places are told in this frame: sideways from that plane,
along the length of the cavity, and down from its top, because where a scan ends below differs more than where it ends
above.
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage, optimize

from ichor.imaging.brain import HeadMaps, find_head

WIDTH_MM, LENGTH_MM = 140.0, 170.0
"""Width and length of the cavity of the simulated template, to which places are scaled; means of adults lie near."""
LEAST_ML = 300.0
"""Less brain in the scan than this gives no frame. Our choice: about a quarter of an adult's."""
FAR_MM = 8.0
"""A wall whose mirror image finds no other wall within this distance (skull base, craniotomy) counts no further."""
MOST_POINTS = 1000


@dataclass(frozen=True)
class HeadFrame:
    """Where the head lies in a scan.

    Attributes
    ----------
    midline : array, shape (3,)
        x of the midline plane in mm at (y, z) is ``midline @ (1, y, z)``; mm from the first voxel's centre.
    width_mm, length_mm : float
        Largest width and length of the cavity.
    middle_mm : float
        y halfway between front and back of the cavity, mm.
    top_mm : float
        z of the highest slice with brain, mm.
    reaches_top : bool
        False when the scan ends inside the head: then `top_mm` is only the scan's end.
    """

    midline: np.ndarray
    width_mm: float
    length_mm: float
    middle_mm: float
    top_mm: float
    reaches_top: bool

    def places(self, voxels: np.ndarray, spacing_mm: tuple[float, float, float]) -> np.ndarray:
        """Places of voxels in the frame, mm of a head of `WIDTH_MM` by `LENGTH_MM`.

        Parameters
        ----------
        voxels : array, shape (n, 3)
            Indices.
        spacing_mm : tuple of float

        Returns
        -------
        array, shape (n, 3)
            To the right of the midline, to the front of the middle, and (negative) down from the top.
        """
        x, y, z = (np.asarray(voxels, float) * np.asarray(spacing_mm, float)).T
        aside = x - (self.midline[0] + self.midline[1] * y + self.midline[2] * z)
        along = LENGTH_MM / self.length_mm
        return np.stack([aside * WIDTH_MM / self.width_mm, (y - self.middle_mm) * along, (z - self.top_mm) * along], 1)


def find_frame(
    hu: np.ndarray, spacing_mm: tuple[float, float, float], maps: HeadMaps | None = None
) -> HeadFrame | None:
    """Find the frame of a head.

    Parameters
    ----------
    hu : array, shape (X, Y, Z), HU
        Axes to the right, the front and the top.
    spacing_mm : tuple of float
    maps : HeadMaps, optional
        Of `ichor.imaging.brain.find_head`, if they are known.

    Returns
    -------
    HeadFrame or None
        None where no brain of `LEAST_ML` is found.
    """
    spacing_mm = np.asarray(spacing_mm, float)
    maps = maps or find_head(hu, spacing_mm)
    step = np.array([maps.block * spacing_mm[0], maps.block * spacing_mm[1], maps.stride * spacing_mm[2]])
    if np.count_nonzero(maps.brain) * np.prod(step) / 1000.0 < LEAST_ML:
        return None
    first = np.array([(maps.block - 1) / 2 * spacing_mm[0], (maps.block - 1) / 2 * spacing_mm[1], 0.0])
    left, right, rows, slices = _walls(maps.brain)
    width = (right - left + 1) * step[0]
    midline = _symmetry_plane(left, right, rows, slices, step, first)
    areas = np.count_nonzero(maps.brain, axis=(0, 1))
    widest = maps.brain[:, :, int(areas.argmax())].any(axis=0)
    front = first[1] + step[1] * np.flatnonzero(widest)[[0, -1]]
    top = int(np.flatnonzero(areas)[-1])
    return HeadFrame(
        midline=midline,
        width_mm=float(np.percentile(width, 98)),
        length_mm=float(front[1] - front[0]) + step[1],
        middle_mm=float(front.mean()),
        top_mm=top * step[2],
        reaches_top=top < len(areas) - 1 or areas[-1] < 0.3 * areas.max(),
    )


def _walls(brain: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """First and last brain voxel of each line along x that has any, with the line's row and slice."""
    rows, slices = np.nonzero(brain.any(axis=0))
    left = brain.argmax(axis=0)[rows, slices]
    right = brain.shape[0] - 1 - brain[::-1].argmax(axis=0)[rows, slices]
    return left, right, rows, slices


def _symmetry_plane(
    left: np.ndarray,
    right: np.ndarray,
    rows: np.ndarray,
    slices: np.ndarray,
    step: np.ndarray,
    first: np.ndarray,
) -> np.ndarray:
    """Plane x = a + b y + c z (mm) about which the walls are most like their mirror image.

    Midpoints of lines from wall to wall will not do: of a turned oval they lie on its conjugate diameter.
    """
    walls = np.concatenate([np.stack([side, rows, slices], axis=1) for side in (left, right)])
    corner, margin = walls.min(axis=0), np.ceil(FAR_MM / step).astype(int)
    walls, first = walls - corner + margin, first + (corner - margin) * step
    free = np.ones(walls.max(axis=0) + margin + 1, bool)
    free[tuple(walls.T)] = False
    away = ndimage.distance_transform_edt(free, sampling=step).astype(np.float32)
    np.minimum(away, FAR_MM, out=away)
    points = walls[:: max(1, len(walls) // MOST_POINTS)] * step
    between = (walls[: len(left), 0] + walls[len(left) :, 0]) / 2
    middle = np.array([np.median(between) * step[0], *points[:, 1:].mean(axis=0)])

    def unlike(plane: np.ndarray) -> float:
        """Mean distance of the mirrored walls from the walls."""
        normal = np.array([1.0, -plane[1], -plane[2]])
        off = (points - middle - [plane[0], 0, 0]) @ normal / (normal @ normal)
        mirrored = (points - 2.0 * off[:, None] * normal) / step
        return float(ndimage.map_coordinates(away, mirrored.T, order=1, mode="constant", cval=FAR_MM).mean())

    simplex = np.array([[0, 0, 0], [4, 0, 0], [0, 0.08, 0], [0, 0, 0.08]], float)
    options = {"initial_simplex": simplex, "maxiter": 60, "xatol": 0.01, "fatol": 1e-3}
    offset, along, up = optimize.minimize(unlike, simplex[0], method="Nelder-Mead", options=options).x
    at = middle + [offset, 0, 0] + first
    return np.array([at[0] - along * at[1] - up * at[2], along, up])
