"""A fingerprint of the brain in a scan, to find the same scan under two names after resampling, cropping or windowing.

What is kept is what two scans of different heads do not share: the pattern of fluid, tissue and clot inside the brain.
Skull, face and scalp are left out. The brain is found on a 3 mm grid, laid on a grid of 5 mm cells that hangs
on the brain itself (not on the image's field of view), freed of differences over more than 8 mm, and kept as the 14 x
16 lowest frequencies in the slice of 22 layers, one byte each. ``docs/explanation/same-scan-twice.md`` gives the
distances that were measured between scans of different people, visits of one person and copies of one scan.
"""

import base64

import numpy as np
from scipy import fft, ndimage

LOW_HU, HIGH_HU = 10, 70
"""Everything is clipped to this range first, so that scans windowed to 0 to 80 HU or wider stay what they were."""
TISSUE_HU = (15.0, 65.0)
SAMPLE_MM = 3.0
CELL_MM = 5.0
GRID = (32, 38, 22)
"""Cells: 160 x 190 mm around the brain's middle, 110 mm down from 30 mm above its uppermost 60 mL."""
ANCHOR_ML = (60.0, 500.0)
"""The layers between these volumes, counted from the top, set the grid's place: scans that end lower fit as well."""
ABOVE_MM = 30.0
LEAST_BRAIN_ML = 400.0
KEPT = (14, 16, 22)
FINE_MM, COARSE_MM = (2.0, 2.0, 3.0), (8.0, 8.0, 8.0)
"""Standard deviations of the two Gaussians whose difference is kept."""
COMPARED = (14, 16, 9)
"""Lowest frequencies that are compared; along the head finer ones depend on the slice thickness."""


def fingerprint(data: np.ndarray, spacing_mm: np.ndarray) -> np.ndarray | None:
    """Fingerprint of a scan.

    Parameters
    ----------
    data : ndarray
        int16, HU, axes to the right, anterior and superior (RAS+).
    spacing_mm : ndarray
        Voxel size along the three axes, mm.

    Returns
    -------
    ndarray or None
        int8, shape `KEPT`; None when less than 400 mL of brain are found.
    """
    samples, step, first = _even(*_samples(data, np.asarray(spacing_mm, float)))
    smooth = _smooth(samples)
    brain = _brain(smooth)
    layers_ml = brain.sum(axis=(0, 1)) * float(np.prod(step)) / 1000.0
    above_ml = np.append(np.cumsum(layers_ml[::-1])[::-1], 0.0)
    if above_ml[0] < LEAST_BRAIN_ML:
        return None
    borders = first[2] + step[2] * (np.arange(above_ml.size) - 0.5)
    upper, lower = np.interp(ANCHOR_ML, above_ml[::-1], borders[::-1])
    inside = brain @ _overlap(1, lower, upper - lower, brain.shape[2], step[2], first[2])[0]
    middle = [
        (inside.sum(axis=1 - axis) @ (first[axis] + step[axis] * np.arange(brain.shape[axis]))) / inside.sum()
        for axis in (0, 1)
    ]
    corner = [middle[axis] - GRID[axis] * CELL_MM / 2 for axis in (0, 1)]
    corner.append(upper + ABOVE_MM - GRID[2] * CELL_MM)
    cells = _pattern(smooth, brain)
    for axis in range(3):
        weights = _overlap(GRID[axis], corner[axis], CELL_MM, cells.shape[axis], step[axis], first[axis])
        cells = np.moveaxis(np.tensordot(weights, cells, (1, axis)), 0, axis)
    return _compress(cells)


def _samples(data: np.ndarray, spacing_mm: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Clipped samples at most 3 mm apart, each the mean of four voxels of its slice; their step and first place, mm."""
    stride = np.maximum(1, (SAMPLE_MM / spacing_mm + 1e-6).astype(int))
    near, far = stride[:2] // 4, 3 * stride[:2] // 4
    size = data.shape[0] // stride[0], data.shape[1] // stride[1]
    total = np.int16(0)
    for i in (near[0], far[0]):
        for j in (near[1], far[1]):
            part = data[i :: stride[0], j :: stride[1], :: stride[2]][: size[0], : size[1]]
            total = total + np.clip(part, LOW_HU, HIGH_HU)  # keeps the order of the axes in memory, which is faster
    first = np.append((near + far) / 2, 0.0) * spacing_mm
    return np.ascontiguousarray(total, np.float32) * np.float32(0.25), stride * spacing_mm, first


def _even(samples: np.ndarray, step: np.ndarray, first: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The same on a grid of exactly 3 mm in the slice, so that erosion reaches equally far in every scan."""
    step, first = step.copy(), first.copy()
    for axis in (0, 1):
        corner = first[axis] - step[axis] / 2
        cells = max(1, int(samples.shape[axis] * step[axis] / SAMPLE_MM))
        weights = _overlap(cells, corner, SAMPLE_MM, samples.shape[axis], step[axis], first[axis])
        samples = np.moveaxis(np.tensordot(weights, samples, (1, axis)), 0, axis)
        step[axis], first[axis] = SAMPLE_MM, corner + SAMPLE_MM / 2
    return np.ascontiguousarray(samples), step, first


def _smooth(field: np.ndarray) -> np.ndarray:
    """Weights 1, 2, 1 along both axes of the slice."""
    out = field.copy()
    out[1:-1] = (field[:-2] + 2 * field[1:-1] + field[2:]) * np.float32(0.25)
    mixed = out.copy()
    mixed[:, 1:-1] = (out[:, :-2] + 2 * out[:, 1:-1] + out[:, 2:]) * np.float32(0.25)
    return mixed


def _spread(mask: np.ndarray, rule: np.ufunc) -> np.ndarray:
    """Erode (``logical_and``) or dilate (``logical_or``) a mask by one sample in the slice, square neighbourhood."""
    out = mask.copy()
    rule(out[1:], mask[:-1], out=out[1:])
    rule(out[:-1], mask[1:], out=out[:-1])
    both = out.copy()
    rule(both[:, 1:], out[:, :-1], out=both[:, 1:])
    rule(both[:, :-1], out[:, 1:], out=both[:, :-1])
    return both


def _brain(smooth: np.ndarray) -> np.ndarray:
    """Largest piece of soft tissue that holds together when two samples are taken off its border."""
    tissue = (smooth > TISSUE_HU[0]) & (smooth < TISSUE_HU[1])
    pieces, count = ndimage.label(_spread(_spread(tissue, np.logical_and), np.logical_and))
    if count == 0:
        return np.zeros_like(tissue)
    sizes = np.bincount(pieces.ravel())
    sizes[0] = 0
    core = pieces == sizes.argmax()
    return _spread(_spread(core, np.logical_or), np.logical_or) & tissue


def _pattern(smooth: np.ndarray, brain: np.ndarray) -> np.ndarray:
    """What differs from the brain's median inside the brain, faded out towards its border; 0 elsewhere."""
    inner = _smooth(_smooth(_spread(brain, np.logical_and).astype(np.float32)))
    return inner * np.clip(smooth - np.median(smooth[brain]), -15, 25)


def _overlap(cells: int, start: float, cell_mm: float, samples: int, step: float, first: float) -> np.ndarray:
    """Share of each cell that each sample covers along one axis, shape (cells, samples)."""
    low = first - step / 2 + step * np.arange(samples)
    edges = start + cell_mm * np.arange(cells + 1)
    common = np.minimum(edges[1:, None], low + step) - np.maximum(edges[:-1, None], low)
    return (np.clip(common, 0, None) / cell_mm).astype(np.float32)


def _compress(cells: np.ndarray) -> np.ndarray:
    fine, coarse = (
        ndimage.gaussian_filter(cells, [s / CELL_MM for s in sigma], mode="constant") for sigma in (FINE_MM, COARSE_MM)
    )
    waves = fft.dctn(fine - coarse, axes=(0, 1), norm="ortho")[: KEPT[0], : KEPT[1]]
    return np.rint(waves * (127.0 / max(float(np.abs(waves).max()), 1e-6))).astype(np.int8)


def to_text(found: np.ndarray) -> str:
    """Fingerprint as text (base64)."""
    return base64.b64encode(found.tobytes()).decode()


def from_bytes(content: bytes) -> np.ndarray:
    """Fingerprint of its bytes.

    Raises
    ------
    ValueError
        If it is not one.
    """
    if len(content) != int(np.prod(KEPT)):
        raise ValueError(f"a fingerprint has {int(np.prod(KEPT))} bytes, found {len(content)}")
    return np.frombuffer(content, np.int8).reshape(KEPT)


def vectors(prints: np.ndarray, shift: float = 0.0, waves: tuple[int, int, int] = COMPARED) -> np.ndarray:
    """Unit vectors whose products are correlations of fingerprints.

    Waves count by the square root of their height: else a few long ones, which the ventricles of many heads share,
    would outweigh the many short ones, in which heads differ.

    Parameters
    ----------
    prints : ndarray
        Shape (scans, *KEPT).
    shift : float
        Cells of 5 mm by which the layers are moved along the head first, -2 to 2.
    waves : tuple of int
        How many of the lowest frequencies are used along each axis.

    Returns
    -------
    ndarray
        float32, shape (scans, product of `waves`).
    """
    layers = KEPT[2]
    places = np.arange(layers) + shift
    low = np.floor(places).astype(int)
    part = (places - low).astype(np.float32)
    move = np.zeros((layers, layers), np.float32)
    for offset, weight in ((0, 1 - part), (1, part)):
        there = (low + offset >= 0) & (low + offset < layers)
        move[low[there] + offset, np.nonzero(there)[0]] += weight[there]
    along = fft.dct(np.eye(layers, dtype=np.float32), axis=0, norm="ortho")[: waves[2]].T
    found = prints[:, : waves[0], : waves[1]].astype(np.float32) @ (move @ along)
    flat = found.reshape(len(prints), -1)
    flat = np.copysign(np.sqrt(np.abs(flat)), flat)
    return flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-9)


def signs(prints: np.ndarray, shift: float = 0.0) -> np.ndarray:
    """Signs (-1 or 1, float32) of `vectors`: all that a list of fingerprints to be given away holds."""
    return np.where(vectors(prints, shift) > 0, np.float32(1), np.float32(-1))


def signs_to_text(found: np.ndarray) -> str:
    """One row of `signs` as text (base64)."""
    return base64.b64encode(np.packbits(found > 0).tobytes()).decode()


def signs_from_text(text: str) -> np.ndarray:
    """Signs from their text.

    Raises
    ------
    ValueError
        If it is not such a text.
    """
    content, bits = base64.b64decode(text, validate=True), int(np.prod(COMPARED))
    if len(content) != bits // 8:
        raise ValueError(f"a public fingerprint has {bits // 8} bytes, found {len(content)}")
    return np.unpackbits(np.frombuffer(content, np.uint8)).astype(np.float32) * 2 - 1
