"""How alike two attribution maps are: rank correlation and structural similarity of their absolute values.

Adebayo et al., NeurIPS 2018 (arXiv 1810.03292), compare maps by these two measures.
"""

import numpy as np
from scipy.stats import rankdata

MEASURES = ("spearman", "ssim")
WINDOW = 7
"""Voxels of SSIM's window (Wang et al., IEEE Trans Image Process 2004;13:600-612, as in scikit-image)."""
BRIGHTEST = 99.9
"""Percentile that becomes 1 before SSIM is taken, so that one voxel does not decide how bright the rest is."""


def of_maps(first: np.ndarray, second: np.ndarray, subject) -> dict[str, float]:
    """Both measures of two maps inside the head of a `ichor.explain.gate.Subject`."""
    return {"spearman": spearman(first, second, subject.head), "ssim": ssim(first, second, subject.head)}


def of_records(first: np.ndarray, second: np.ndarray, subject) -> dict[str, float]:
    """Rank correlation of the attributions to the features of a record, with their signs, -1 to 1.

    A feature's bar points to one side, so that the sign is part of what is shown; there is no SSIM, because the
    features have no neighbours.
    """
    ranks = [rankdata(values) for values in (first, second)]
    constant = [len(own) < 2 or np.ptp(own) == 0 for own in ranks]
    return {"spearman": float(all(constant)) if any(constant) else float(np.corrcoef(*ranks)[0, 1])}


def spearman(first: np.ndarray, second: np.ndarray, where: np.ndarray) -> float:
    """Rank correlation of the absolute values inside a mask, -1 to 1.

    A map that is constant there has no ranks: two such maps are alike (1), one of them is like no other (0).
    """
    ranks = [rankdata(np.abs(values[where])) for values in (first, second)]
    constant = [np.ptp(own) == 0 if len(own) else True for own in ranks]
    if any(constant):
        return float(all(constant))
    return float(np.corrcoef(*ranks)[0, 1])


def ssim(first: np.ndarray, second: np.ndarray, where: np.ndarray) -> float:
    """Mean structural similarity of the absolute values inside a mask, each map scaled to [0, 1]; -1 to 1.

    Parameters
    ----------
    first, second : numpy.ndarray
        ``(x, y, z)``.
    where : numpy.ndarray
        bool ``(x, y, z)``, at least one voxel.
    """
    from skimage.metrics import structural_similarity

    scaled = [_thick(_scaled(np.abs(values), where)) for values in (first, second)]
    shortest = min(scaled[0].shape)
    window = min(WINDOW, shortest - 1 + shortest % 2)
    _, local = structural_similarity(*scaled, win_size=window, data_range=1.0, full=True)
    return float(local[tuple(slice(0, size) for size in where.shape)][where].mean())


def _scaled(values: np.ndarray, where: np.ndarray) -> np.ndarray:
    top = np.percentile(values[where], BRIGHTEST)
    top = top if top > 0 else values[where].max()
    return np.clip(values / top, 0, 1).astype(np.float64) if top > 0 else np.zeros(values.shape)


def _thick(values: np.ndarray) -> np.ndarray:
    """Repeat the values along axes that are thinner than the smallest window, three voxels."""
    for axis, size in enumerate(values.shape):
        if size < 3:
            values = np.concatenate([values] * 3, axis=axis)
    return values
