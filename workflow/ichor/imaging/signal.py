"""How sound the intensities of a scan are: wrapped values, burned-in text, noise, contrast agent, slices that differ.

All measures are fast (a few milliseconds for 512 x 512 x 32 voxels) and in HU, mm or mL, so that a limit can be named
beside each. The limits are in `ichor.dicom.checks`.
"""

from dataclasses import dataclass, replace

import numpy as np

from ichor.imaging.brain import FULL_RANGE_HU, HeadMaps
from ichor.imaging.flat_morphology import close, erode

DARKEST_HU = -1300  # below air and its noise; one or two values there are padding, many are wrapped numbers
BRIGHTEST_HU = 16000  # extended scales reach 31,743 HU inside metal; what wraps lies there by the thousand
PADDING_VALUES = 4
SAMPLED = 4  # every fourth row and column is looked at for values that cannot be
BORDER_HU = 2000  # around the head there is air, padding and plastic
TEXT_HU = 200
ENHANCED_HU = 120  # clot ends at about 95 HU, where its hematocrit does; noise adds to it
DENSE_HU = 45.0  # means of 2 mm blocks: where it is worth to look at single voxels
SKULL_MM = 9.0  # skull, and what it blurs into, are at the edge of what the skull encloses
VERTEX_MM = 20.0  # below the top of the brain the skull is cut at a slant and fills whole slices
HOLE_MM = 6.0  # half the width of holes in the brain mask that vessels may make
NOISE_SLICES = 6
TISSUE_HU = -300
PAD_HU = -1024  # what conversion writes outside of what was scanned
SHOWN = 0.02  # share of a slice that a head, or its vertex, takes
BRAIN_HU = (0, 90)
LEAST_BRAIN = 2000  # coarse voxels; with less of a brain mask the noise inside the skull is measured


@dataclass(frozen=True)
class RawMeasures:
    """What is seen in the slices as they were stored, before anything is clipped or moved.

    Attributes
    ----------
    wrapped_fraction : float
        Share of voxels with values that cannot be: far below air without being padding, or far above bone.
    bright_border_fraction : float
        Share of the border of the slices that is brighter than 2000 HU.
    text_pixels : int
        Pixels that are bright and have the very same value in slices far from each other, as text has; 0 where bone was
        clipped, which then looks the same.
    """

    wrapped_fraction: float
    bright_border_fraction: float
    text_pixels: int


@dataclass(frozen=True)
class SignalMeasures:
    """What is seen in the head.

    Attributes
    ----------
    noise_hu : float
        Standard deviation of noise that has the mean difference of neighbouring voxels in the brain, scaled to slices
        of 5 mm; NaN without brain.
    enhanced_ml : float
        Volume above 120 HU inside the brain: in the upper half of its height without the top 20 mm, and 9 mm and more
        from the skull's outside.
    empty_slices : int
        Slices with nothing but air between others that show something.
    level_step_hu : float
        Largest median difference between neighbouring slices, places of padding left out.
    """

    noise_hu: float
    enhanced_ml: float
    empty_slices: int
    level_step_hu: float


def measure_raw(data: np.ndarray) -> RawMeasures:
    """Measure decoded slices, shape (columns, rows, slices), HU, in the order of the scan."""
    lowest, highest = float(data.min()), float(data.max())
    return RawMeasures(
        _wrapped_fraction(data) if lowest < DARKEST_HU or highest > BRIGHTEST_HU else 0.0,
        _bright_border_fraction(data) if highest > BORDER_HU else 0.0,
        _text_pixels(data) if highest > TEXT_HU and (lowest <= FULL_RANGE_HU[0] or highest >= FULL_RANGE_HU[1]) else 0,
    )


def _wrapped_fraction(data: np.ndarray) -> float:
    part = data[::SAMPLED, ::SAMPLED]
    part = part[np.isfinite(part)]
    dark = part[part < DARKEST_HU]
    values, counts = np.unique(dark, return_counts=True)
    wrapped = int(np.sort(counts)[:-PADDING_VALUES].sum()) if len(values) > PADDING_VALUES else 0
    return float(wrapped + np.count_nonzero(part > BRIGHTEST_HU)) / max(1, part.size)


def _bright_border_fraction(data: np.ndarray) -> float:
    sides = [data[:2], data[-2:], data[:, :2], data[:, -2:]]
    return sum(int(np.count_nonzero(side > BORDER_HU)) for side in sides) / max(1, sum(side.size for side in sides))


def _text_pixels(data: np.ndarray) -> int:
    """Count pixels that are alike in six slices from one end to the other; noise makes all others differ."""
    count = data.shape[2]
    if count < NOISE_SLICES:
        return 0
    chosen = np.linspace(0, count - 1, NOISE_SLICES).round().astype(int)
    first = data[:, :, chosen[0]]
    same = first > TEXT_HU
    for k in chosen[1:]:
        same &= data[:, :, k] == first
    return int(np.count_nonzero(same))


def measure_signal(volume: np.ndarray, spacing_mm: np.ndarray, maps: HeadMaps) -> SignalMeasures:
    """Measure a scan in RAS+, int16 HU, with the maps that `ichor.imaging.brain.find_head` made of it."""
    if np.count_nonzero(maps.brain) < LEAST_BRAIN:  # noise itself can destroy the brain mask
        inside = erode(maps.skull, max(1, round(SKULL_MM / maps.pixel_mm))) & ~maps.bone
        level = float(np.median(maps.small[inside])) if inside.any() else float("nan")
        maps = replace(maps, brain=inside & (BRAIN_HU[0] < level < BRAIN_HU[1]))
    areas = maps.brain.sum(axis=(0, 1))
    return SignalMeasures(
        noise_hu=_noise_hu(volume, spacing_mm, maps, areas),
        enhanced_ml=_enhanced_ml(volume, spacing_mm, maps, areas),
        empty_slices=_empty_slices(maps.small),
        level_step_hu=_level_step_hu(maps.small),
    )


def _extent(areas: np.ndarray) -> tuple[int, int]:
    """First slice with a fair part of the brain, and the one after the last."""
    found = np.flatnonzero(areas > 0.2 * areas.max()) if areas.size and areas.max() else np.array([], int)
    return (int(found[0]), int(found[-1]) + 1) if len(found) else (0, 0)


def _noise_hu(volume: np.ndarray, spacing_mm: np.ndarray, maps: HeadMaps, areas: np.ndarray) -> float:
    start, end = _extent(areas)
    if end - start < 3:
        return float("nan")
    chosen = np.unique(np.linspace(start + 1, end - 2, NOISE_SLICES).round().astype(int))
    found = []
    for k in chosen:
        plane = volume[:, :, k * maps.stride]
        brain = maps.brain[:, :, k]
        step = max(1, maps.block // 2)
        # one or a few pixels of each coarse voxel, and their right-hand neighbours
        here = plane[: brain.shape[0] * maps.block - 1 : maps.block, : brain.shape[1] * maps.block : step]
        beside = plane[1 : brain.shape[0] * maps.block : maps.block, : brain.shape[1] * maps.block : step]
        inside = brain.repeat(maps.block // step + (maps.block % step > 0), axis=1)[: len(here), : here.shape[1]]
        if inside.shape == here.shape:
            found.append((beside.astype(np.int32) - here)[inside])
    differences = np.concatenate(found) if found else np.empty(0)
    if differences.size < 200:
        return float("nan")
    # Gaussian noise of sigma differs by 2 sigma / sqrt(pi) on average; edges of bone and clot count up to 100 HU
    sigma = float(np.minimum(np.abs(differences), 100).mean()) * np.sqrt(np.pi) / 2
    return sigma * float(np.sqrt(min(float(spacing_mm[2]), 5.0) / 5.0))


def _enhanced_ml(volume: np.ndarray, spacing_mm: np.ndarray, maps: HeadMaps, areas: np.ndarray) -> float:
    start, end = _extent(areas)
    first = (start + end) // 2
    part = slice(first, end - round(VERTEX_MM / (maps.stride * float(spacing_mm[2]))))
    dense = maps.small[:, :, part] > DENSE_HU
    if not dense.any():
        return 0.0
    dense &= erode(maps.skull[:, :, part], max(1, round(SKULL_MM / maps.pixel_mm)))
    dense &= close(maps.brain[:, :, part], max(1, round(HOLE_MM / maps.pixel_mm)))
    columns, rows, slices = np.nonzero(dense)
    columns, rows, slices = columns * maps.block, rows * maps.block, (slices + first) * maps.stride
    count = 0
    for across in range(maps.block):
        for along in range(maps.block):
            count += int(np.count_nonzero(volume[columns + across, rows + along, slices] > ENHANCED_HU))
    return count * maps.stride * float(np.prod(spacing_mm)) / 1000


def _empty_slices(small: np.ndarray) -> int:
    shown = (small > TISSUE_HU).mean(axis=(0, 1))
    found = np.flatnonzero(shown > SHOWN)
    return int(np.count_nonzero(shown[found[0] : found[-1]] < SHOWN / 10)) if len(found) else 0


def _level_step_hu(small: np.ndarray) -> float:
    """Median difference at places that are padding in neither slice: hardly any changes tissue from slice to slice."""
    shown, largest = small > PAD_HU + 0.5, 0.0
    for k in range(small.shape[2] - 1):
        both = shown[:, :, k] & shown[:, :, k + 1]
        if both.mean() > SHOWN:
            largest = max(largest, abs(float(np.median(small[:, :, k + 1][both] - small[:, :, k][both]))))
    return largest
