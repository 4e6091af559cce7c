"""Automatic proxies of the signs on non-contrast CT that foretell growth of a hematoma.

Each follows a written definition as far as a rule can; none is a reader's call, so every name begins with ``auto_`` and
stands beside the numbers that decided it. Signs are read slice by slice, as a reader does, in the mask of the
parenchymal bleed with its holes filled and the outermost `RIM_MM` left out: there, partial volume alone makes voxels
darker. Hounsfield units are medians of 3 x 3 voxels.

==================  ===============================================================================================
blend               Li et al., Stroke 2015;46:2119-2123: darker part beside a brighter one, >= 18 HU apart, not enclosed
black hole          Li et al., Stroke 2016;47:1777-1781: dark hole enclosed by the bleed, >= 28 HU apart
swirl               Ng et al. 2018: iso- or hypodense inside of the bleed on two contiguous slices of 5 mm
hypodensity         Boulouis et al., JAMA Neurol 2016;73:961-968: any dark region strictly enclosed by the bleed
island              Li et al., Stroke 2017;48:3019-3025: three or more small bleeds, all separate from the main one
satellite           Shimoda et al. 2017: small focus (<= 10 mm) separate from the main bleed on a slice, <= 20 mm away
==================  ===============================================================================================
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from ichor.imaging.shape import TOUCHING, crop_to, largest_diameter_mm, main_piece

BLEND_HU, BLACK_HOLE_HU = 18.0, 28.0
DARK_HU = 12.0
"""A voxel this far below the median of the bleed is dark. Our choice: two to three times the noise of a median of nine
voxels; the definitions of swirl and hypodensity leave it to the eye."""
LEAST_DARK_MM2 = 15.0
"""Smaller dark areas on a slice are not counted. Our choice."""
SWIRL_HU = 40.0
"""Isodense to brain or darker: grey matter has about 37 HU. Our choice."""
SWIRL_MM, SWIRL_SLICES = 10.0, 2
BLEND_SHARE = 0.1
"""Least share of the area of a slice's bleed that the darker part takes up. Our choice."""
BLEND_OPEN_SHARE = 0.2
"""Least share of the darker part's outline that borders on the outside of the bleed; less counts as enclosed."""
RIM_MM = 2.0
LEAST_AREA_MM2, LEAST_ML = 100.0, 0.05
"""Slices with less bleed show no blend sign; separate pieces with less are noise of the mask. Our choices."""
ISLANDS = 3
SATELLITE_DIAMETER_MM, SATELLITE_DISTANCE_MM = 10.0, 20.0
PLUS = ndimage.generate_binary_structure(2, 1)


@dataclass(frozen=True)
class Markers:
    """Automatic markers and what decided them; 1 when the criterion is met, else 0.

    Attributes
    ----------
    blend_hu : float
        Largest difference of mean HU between a bright and an adjoining dark part that is not enclosed; 0 for none.
    black_hole_hu : float
        Largest difference of mean HU between an enclosed dark area and the bleed around it; 0 for none.
    swirl_mm : float
        Largest extent through the slices of a region enclosed on each slice that is as dark as brain, mm.
    hypodensity_mm2 : float
        Largest enclosed dark area on a slice, mm2.
    islands, satellites : int
        Separate pieces in space; small separate foci near the main bleed, the largest number on one slice.
    satellite_mm : float
        Distance of the nearest of them from the main bleed, between voxel centres, mm; NaN for none.
    """

    blend: int
    blend_hu: float
    black_hole: int
    black_hole_hu: float
    swirl: int
    swirl_mm: float
    hypodensity: int
    hypodensity_mm2: float
    island: int
    islands: int
    satellite: int
    satellites: int
    satellite_mm: float


def markers(hu: np.ndarray, mask: np.ndarray, spacing_mm: tuple[float, float, float]) -> Markers:
    """Look for the automatic markers.

    Parameters
    ----------
    hu : array, shape (X, Y, Z), HU
        The third axis runs through the slices.
    mask : array of bool, shape (X, Y, Z)
        Parenchymal hemorrhage, not empty.
    spacing_mm : tuple of float
    """
    box = crop_to(mask, margin=2)
    hu, mask = hu[box].astype(np.float32), mask[box]
    main = main_piece(mask)
    smooth = ndimage.median_filter(hu, size=(3, 3, 1))
    filled = np.stack([ndimage.binary_fill_holes(main[:, :, k]) for k in range(mask.shape[2])], axis=2)
    clot_hu = float(np.median(smooth[main]))
    dark = [_dark_areas(smooth[:, :, k], filled[:, :, k], clot_hu, spacing_mm) for k in range(mask.shape[2])]
    blend_hu = max(_blend_hu(smooth[:, :, k], filled[:, :, k], spacing_mm) for k in range(mask.shape[2]))
    hole_hu = max((contrast for areas in dark for _, contrast in areas), default=0.0)
    dark_mm2 = max((np.count_nonzero(area) for areas in dark for area, _ in areas), default=0) * _pixel(spacing_mm)
    swirl_mm, swirl_slices = _swirl(smooth, dark, spacing_mm)
    islands = _islands(mask, spacing_mm)
    satellites, nearest_mm = _satellites(mask, spacing_mm)
    return Markers(
        blend=int(blend_hu >= BLEND_HU),
        blend_hu=blend_hu,
        black_hole=int(hole_hu >= BLACK_HOLE_HU),
        black_hole_hu=hole_hu,
        swirl=int(swirl_slices >= SWIRL_SLICES and swirl_mm >= SWIRL_MM),
        swirl_mm=swirl_mm,
        hypodensity=int(dark_mm2 > 0),
        hypodensity_mm2=float(dark_mm2),
        island=int(islands >= ISLANDS),
        islands=islands,
        satellite=int(satellites > 0),
        satellites=satellites,
        satellite_mm=nearest_mm,
    )


def _pixel(spacing_mm: tuple[float, float, float]) -> float:
    return float(spacing_mm[0] * spacing_mm[1])


def _core(area: np.ndarray, spacing_mm: tuple[float, float, float]) -> np.ndarray:
    """An area without its rim."""
    steps = max(1, round(RIM_MM / float(min(spacing_mm[:2]))))
    return ndimage.binary_erosion(area, PLUS, iterations=steps)


def _dark_areas(
    plane: np.ndarray, bleed: np.ndarray, clot_hu: float, spacing_mm: tuple[float, float, float]
) -> list[tuple[np.ndarray, float]]:
    """Dark areas enclosed by the bleed on a slice, each with its contrast to the bleed around it, HU."""
    if np.count_nonzero(bleed) * _pixel(spacing_mm) < LEAST_AREA_MM2:
        return []
    core = _core(bleed, spacing_mm)
    pieces, count = ndimage.label((plane < clot_hu - DARK_HU) & bleed)
    found = []
    for piece in range(1, count + 1):
        area = pieces == piece
        if np.count_nonzero(area) * _pixel(spacing_mm) < LEAST_DARK_MM2 or (area & ~core).any():
            continue  # too small, or it reaches the rim: not enclosed
        around = ndimage.binary_dilation(area, PLUS, iterations=3) & (pieces == 0) & bleed
        if around.any():
            found.append((area, float(plane[around].mean() - plane[area].mean())))
    return found


def _blend_hu(plane: np.ndarray, bleed: np.ndarray, spacing_mm: tuple[float, float, float]) -> float:
    """Difference of the two parts of a slice's bleed, HU; 0 where the darker one is small or enclosed."""
    core = _core(bleed, spacing_mm)
    if np.count_nonzero(bleed) * _pixel(spacing_mm) < LEAST_AREA_MM2 or not core.any():
        return 0.0
    cut = _two_groups(plane[core])
    low = _main_area(ndimage.binary_opening(core & (plane < cut), PLUS))
    high = _main_area(ndimage.binary_opening(core & (plane >= cut), PLUS))
    sizes = np.count_nonzero(low), np.count_nonzero(high)
    if not sizes[1] or sizes[0] < BLEND_SHARE * np.count_nonzero(core):
        return 0.0
    beside = ndimage.binary_dilation(low, PLUS) & ~low
    if not (ndimage.binary_dilation(low, PLUS, iterations=2) & high).any():
        return 0.0
    if np.count_nonzero(beside & ~core) < BLEND_OPEN_SHARE * np.count_nonzero(beside):
        return 0.0
    return float(plane[high].mean() - plane[low].mean())


def _main_area(area: np.ndarray) -> np.ndarray:
    """Largest connected piece of an area."""
    return main_piece(area[:, :, None])[:, :, 0]


def _two_groups(values: np.ndarray) -> float:
    """Threshold that parts values into the two groups farthest apart (Otsu, IEEE Trans SMC 1979;9:62-66)."""
    values = np.sort(values.astype(float))
    count = np.arange(1, len(values))
    below = np.cumsum(values)[:-1]
    gap = (values.sum() - below) / (len(values) - count) - below / count
    best = int((count * (len(values) - count) * gap**2).argmax()) if len(count) else 0
    return float(values[best : best + 2].mean())


def _swirl(
    smooth: np.ndarray, dark: list[list[tuple[np.ndarray, float]]], spacing_mm: tuple[float, float, float]
) -> tuple[float, int]:
    """Extent in mm and in slices of the longest run of slices whose enclosed, brain-dark areas overlap."""
    region = np.zeros(smooth.shape, bool)
    for k, areas in enumerate(dark):
        for area, _ in areas:
            if smooth[:, :, k][area].mean() <= SWIRL_HU:
                region[:, :, k] |= area
    pieces, _ = ndimage.label(region)
    spans = [box[2].stop - box[2].start for box in ndimage.find_objects(pieces)]
    slices = max(spans, default=0)
    return slices * float(spacing_mm[2]), slices


def _islands(mask: np.ndarray, spacing_mm: tuple[float, float, float]) -> int:
    """Number of pieces beside the largest one."""
    pieces, _ = ndimage.label(mask, TOUCHING)
    sizes = np.sort(np.bincount(pieces.ravel())[1:])[:-1] * float(np.prod(spacing_mm)) / 1000.0
    return int(np.count_nonzero(sizes >= LEAST_ML))


def _satellites(mask: np.ndarray, spacing_mm: tuple[float, float, float]) -> tuple[int, float]:
    """Small separate foci on a slice: their largest number on one slice, and the smallest distance, mm."""
    most, nearest = 0, float("nan")
    for k in range(mask.shape[2]):
        pieces, count = ndimage.label(mask[:, :, k], np.ones((3, 3)))
        if count < 2:
            continue
        sizes = np.bincount(pieces.ravel())
        sizes[0] = 0
        main = int(sizes.argmax())
        if sizes[main] * _pixel(spacing_mm) < LEAST_AREA_MM2:
            continue  # the end of the bleed, not the main bleed with something beside it
        away = ndimage.distance_transform_edt(pieces != main, sampling=spacing_mm[:2])
        found = 0
        for piece in (p for p in range(1, count + 1) if p != main):
            area = pieces == piece
            distance = float(away[area].min())
            if sizes[piece] * float(np.prod(spacing_mm)) / 1000.0 < LEAST_ML or distance > SATELLITE_DISTANCE_MM:
                continue
            if largest_diameter_mm(area[:, :, None], (*spacing_mm[:2], 1e-3)) <= SATELLITE_DIAMETER_MM:
                found += 1
                nearest = distance if np.isnan(nearest) else min(nearest, distance)
        most = max(most, found)
    return most, nearest
