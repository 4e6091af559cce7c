"""How far a case is from the nearest real one, so that a synthetic case that is a copy of a patient is found.

Two cases are compared on one grid centred on their hematomas, in the better of both left-right orientations and at the
best of small shifts, so that neither mirroring nor a moved crop hides a copy::

    d = sqrt( (RMS / 25 HU)^2 + (1 - D)^2 )

RMS is the root mean square difference of the windowed Hounsfield units, D the Dice overlap of the masks (for masks of
shares: 2 sum(ab) / (sum(a^2) + sum(b^2))). 0 is the same case; 1 is either masks that do not touch in the same tissue,
or one mask on images that differ by as much as fresh blood differs from brain.

Nothing is fitted here. All pairs are first compared coarsely, by matrix products: the squares in RMS, with their
weights, expand into sums of products of one array of the first and one of the second case.
"""

from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy import ndimage

from ichor.imaging.crops import Grid
from ichor.progress import track

GRID = Grid((48, 48, 16), (2.0, 2.0, 5.0))
"""What is read of each case: 96 x 96 x 80 mm around the hematoma."""
BLOCK = (2, 2, 1)
"""Voxels of `GRID` that are averaged before comparing: noise of single voxels is no difference between patients."""
WINDOW_HU = (0.0, 80.0)
CONTRAST_HU = 25.0
"""Fresh blood (about 60 HU) over grey and white matter (about 35 HU): the unit of a difference. Our choice."""
RIM_VOXELS = (2, 2, 1)
"""Rim around the masks that is compared with them: 8 mm in a slice, 5 mm through the slices."""
CANDIDATES = 4
"""Cases that are compared exactly, of those that are nearest in the coarse comparison."""
REGIONS = ("lesion", "crop")
LEAST_DISTANCE = 0.15
"""What is closer is refused whatever the real cases are like: one mask, and 3.75 HU of difference.

Copies of 60 simulated patients, resampled to voxels of 2 or 3 mm with 3 HU of noise, lay at 0.05 to 0.12.
"""

_MIDDLE_HU = 35.0  # taken off, so that the sums stay small beside what float32 holds
_TISSUE_HU = (-40.0, 100.0)  # skull and air are not compared: their edges change by hundreds of HU with each resampling
_AT_ONCE = 256
_TURNS = tuple(product((False, True), product((-2, -1, 0, 1, 2), (-2, -1, 0, 1, 2), (-1, 0, 1))))
"""Mirroring and shift of the second case, in voxels of the coarse grid."""
_NEAR = tuple(product((-1, 0, 1), repeat=3))
"""Shifts in voxels of the finer grid (4 x 4 x 5 mm)."""


@dataclass(frozen=True)
class Compared:
    """Cases ready for comparison, all float32 ``(n, x, y, z)`` on the averaged grid.

    Attributes
    ----------
    value : numpy.ndarray
        Windowed HU, less 35 HU, in units of `CONTRAST_HU`.
    known : numpy.ndarray
        1 where there is soft tissue or blood, 0 in skull, air and outside of the image.
    region : numpy.ndarray
        1 where a difference counts, 0 elsewhere; never where nothing is known.
    mask : numpy.ndarray
        Share of the voxel that is hematoma.
    """

    value: np.ndarray
    known: np.ndarray
    region: np.ndarray
    mask: np.ndarray

    def __len__(self) -> int:
        return len(self.value)

    def __getitem__(self, part: slice | np.ndarray | int) -> "Compared":
        return Compared(self.value[part], self.known[part], self.region[part], self.mask[part])

    def reduced(self) -> "Compared":
        """Averages of two voxels along each axis; known where any part is, and weighed by the mean of what is known."""
        share = _averaged(self.known, (2, 2, 2))
        value = _averaged(self.value * self.known, (2, 2, 2)) / np.maximum(share, 1e-6)
        known = (share > 0).astype(np.float32)
        region = (_averaged(self.region, (2, 2, 2)) > 0).astype(np.float32)
        return Compared(value, known, region, _averaged(self.mask, (2, 2, 2)))


def prepare(image_hu: np.ndarray, mask: np.ndarray, region: str = "lesion") -> Compared:
    """Window and average cases that lie on `GRID`.

    Parameters
    ----------
    image_hu : array, shape (n, x, y, z)
        HU; -1000 outside of the image.
    mask : array, shape (n, x, y, z)
        Share of the voxel that is hematoma, 0 to 1.
    region : {"lesion", "crop"}
        Where images are compared: inside either mask and a rim around it, or in the whole crop. ``"crop"`` is for
        cases whose lesion is a real one by design: there a copy is lesion *and* brain of one patient.

    Raises
    ------
    ValueError
        On an unknown region or shapes that differ.
    """
    if region not in REGIONS:
        raise ValueError(f"region: found {region!r}; write {' or '.join(REGIONS)}")
    image_hu, mask = np.asarray(image_hu), np.asarray(mask, np.float32)
    if image_hu.shape != mask.shape or image_hu.ndim != 4:
        raise ValueError(f"images {image_hu.shape} and masks {mask.shape} must be (n, x, y, z) both")
    value = (np.clip(image_hu, *WINDOW_HU).astype(np.float32) - _MIDDLE_HU) / CONTRAST_HU
    tissue = (image_hu > _TISSUE_HU[0]) & (image_hu < _TISSUE_HU[1])
    away = ndimage.minimum_filter(tissue.view(np.uint8), (1, 3, 3, 3), mode="constant")
    known = (_averaged(away) == 1).astype(np.float32)
    share = _averaged(mask)
    if region == "crop":
        place = known
    else:
        size = (1, *(2 * rim + 1 for rim in RIM_VOXELS))
        place = ndimage.maximum_filter((share > 0).view(np.uint8), size, mode="constant").astype(np.float32) * known
    return Compared(_averaged(value), known, place, share)


class Pairs:
    """All pairs of two groups: compared coarsely at every shift, and exactly where they could be nearest.

    The coarse comparison averages once more (8 x 8 x 10 mm) and tries both orientations and shifts of up to
    16 x 16 x 10 mm, because the center of a hematoma moves when a part of it is cut off or counted as a piece of its
    own. For the `CANDIDATES` nearest of each case, shifts of one voxel around the best coarse one are tried on the
    finer grid.

    Parameters
    ----------
    first, second : Compared
        Of the same region.
    description : str
        What the progress line calls it; without, there is none.
    itself : bool
        Whether the groups are one, whose cases must not be compared with themselves.
    """

    def __init__(self, first: Compared, second: Compared, description: str = "", *, itself: bool = False) -> None:
        self._first, self._second = first, second
        self._coarse = np.full((len(first), len(second)), np.inf, np.float32)
        self._turn = np.zeros(self._coarse.shape, np.int16)
        self._exact: dict[tuple[int, int], tuple[float, bool]] = {}
        small, other = first.reduced(), second.reduced()
        starts = range(0, len(second), _AT_ONCE)
        steps = [(start, turn) for start in starts for turn in range(len(_TURNS))]
        for start, turn in track(steps, description, total=len(steps)) if description else steps:
            moved = _moved(other[start : start + _AT_ONCE], *_TURNS[turn])
            columns = slice(start, start + len(moved))
            for row in range(0, len(first), _AT_ONCE):
                rows = slice(row, min(row + _AT_ONCE, len(first)))
                found = _of_pairs(small[rows], moved)
                closer = found < self._coarse[rows, columns]
                self._coarse[rows, columns][closer] = found[closer]
                self._turn[rows, columns][closer] = turn
        if itself:
            np.fill_diagonal(self._coarse, np.inf)

    def nearest(self, among: np.ndarray | None = None) -> "Nearest":
        """Nearest of the second group for each case of the first; `among` (bool) leaves out some of the second."""
        return self._nearest(self._coarse, among, lambda own, other: (own, other))

    def nearest_of_second(self, among: np.ndarray | None = None) -> "Nearest":
        """Nearest of the first group for each case of the second; `among` (bool) leaves out some of the first."""
        return self._nearest(self._coarse.T, among, lambda own, other: (other, own))

    def _nearest(self, coarse: np.ndarray, among: np.ndarray | None, pair) -> "Nearest":
        places = np.arange(coarse.shape[1]) if among is None else np.flatnonzero(among)
        distance, index = np.full(len(coarse), np.inf), np.zeros(len(coarse), int)
        mirrored = np.zeros(len(coarse), bool)
        for own in range(len(coarse)):
            candidates = places[np.argsort(coarse[own, places], kind="stable")[:CANDIDATES]]
            for other in candidates:
                if np.isfinite(coarse[own, other]):
                    found, turned = self._exactly(*pair(own, int(other)))
                    if found < distance[own]:
                        distance[own], index[own], mirrored[own] = found, other, turned
        return Nearest(distance, index, mirrored)

    def _exactly(self, i: int, j: int) -> tuple[float, bool]:
        """Distance of one pair at the best shift near its best coarse one, and whether the second is mirrored."""
        if (i, j) not in self._exact:
            mirror, coarse = _TURNS[self._turn[i, j]]
            a = vars(self._first[i]).values()
            b = [array[::-1] if mirror else array for array in vars(self._second[j]).values()]
            shifts = (tuple(2 * step + more for step, more in zip(coarse, near, strict=True)) for near in _NEAR)
            self._exact[i, j] = min(_at_shift(tuple(a), b, shift) for shift in shifts), mirror
        return self._exact[i, j]


@dataclass(frozen=True)
class Nearest:
    """Nearest case of another group, for each case of a group.

    Attributes
    ----------
    distance : numpy.ndarray
        float64 ``(n,)``, infinite where nothing could be compared.
    index : numpy.ndarray
        int ``(n,)``, place in the other group; without meaning where the distance is infinite.
    mirrored : numpy.ndarray
        bool ``(n,)``, whether it is nearest mirrored.
    """

    distance: np.ndarray
    index: np.ndarray
    mirrored: np.ndarray


def refusal_distance(real_to_real: np.ndarray, quantile: float) -> float:
    """Distance below which a synthetic case is refused as a copy.

    Parameters
    ----------
    real_to_real : array, shape (n,)
        Distance of each of the split's train cases to the nearest other one.
    quantile : float
        Share of the real cases that are closer than this to another real one, 0 to 1.

    Returns
    -------
    float
        That quantile, `LEAST_DISTANCE` at least.
    """
    known = np.asarray(real_to_real, float)
    known = known[np.isfinite(known)]
    return max(LEAST_DISTANCE, float(np.quantile(known, quantile))) if known.size else LEAST_DISTANCE


def _averaged(arrays: np.ndarray, block: tuple[int, int, int] = BLOCK) -> np.ndarray:
    """Mean of each block of voxels."""
    n, *shape = arrays.shape
    parts = [part for size, step in zip(shape, block, strict=True) for part in (size // step, step)]
    return arrays.reshape(n, *parts).mean(axis=(2, 4, 6), dtype=np.float32)


def _overlap(shift: tuple[int, int, int]) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Parts of two grids that lie on each other when the second is shifted."""
    first = tuple(slice(max(0, step), min(0, step) or None) for step in shift)
    return first, tuple(slice(max(0, -step), min(0, -step) or None) for step in shift)


def _at_shift(first: tuple[np.ndarray, ...], second: list[np.ndarray], shift: tuple[int, int, int]) -> float:
    """Distance of one pair when the second is shifted by whole voxels; arrays in the order of `Compared`."""
    to, origin = _overlap(shift)
    a, known_a, region_a, mask_a = (array[to] for array in first)
    b, known_b, region_b, mask_b = (array[origin] for array in second)
    weight = np.maximum(region_a, region_b) * known_a * known_b
    voxels = float(weight.sum(dtype=float))
    if voxels < 0.5:
        return float("inf")
    mean_square = float((weight * np.square(a - b)).sum(dtype=float)) / voxels
    sizes = float(np.square(first[3]).sum(dtype=float) + np.square(second[3]).sum(dtype=float))
    dice = 2 * float((mask_a * mask_b).sum(dtype=float)) / sizes if sizes else 1.0
    return float(np.hypot(np.sqrt(mean_square), 1 - dice))


def _moved(cases: Compared, mirror: bool, shift: tuple[int, int, int]) -> Compared:
    """Mirror left-right, then shift; what comes in from outside is unknown and in no mask."""
    to, origin = _overlap(shift)

    def one(arrays: np.ndarray) -> np.ndarray:
        out = np.zeros_like(arrays)
        out[:, *to] = (arrays[:, ::-1] if mirror else arrays)[:, *origin]
        return out

    return Compared(one(cases.value), one(cases.known), one(cases.region), one(cases.mask))


def _of_pairs(first: Compared, second: Compared) -> np.ndarray:
    """Distances as they lie.

    With the regions r, what is known k (r <= k) and values a and b, the weight of a voxel is r_a or r_b where both are
    known, which is r_a (k_b - r_b) + k_a r_b; its product with (a - b)^2 is a sum of six products.
    """
    a, ka, ra, ma = (array.reshape(len(first), -1) for array in vars(first).values())
    b, kb, rb, mb = (array.reshape(len(second), -1) for array in vars(second).values())
    only = kb - rb
    squares = np.concatenate([ra * a * a, ka * a * a, -2 * ra * a, -2 * ka * a, ra, ka], axis=1) @ (
        np.concatenate([only, rb, only * b, rb * b, only * b * b, rb * b * b], axis=1).T
    )
    voxels = ra @ only.T + ka @ rb.T
    overlap, sizes = ma @ mb.T, (ma * ma).sum(axis=1)[:, None] + (mb * mb).sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean_square = np.where(voxels > 0.5, np.maximum(squares, 0) / voxels, np.inf)
        dice = np.where(sizes > 0, 2 * overlap / sizes, 1.0)
    return np.sqrt(mean_square + np.square(1 - np.minimum(dice, 1)))
