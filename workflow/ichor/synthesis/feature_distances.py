"""Distances between two groups of cases in a space of features: Frechet distance and maximum mean discrepancy (MMD).

Both functions take any feature matrix. Which spaces are used, and why no downloaded network is among them, is said in
docs/explanation/synthesis.md. Neither number means anything by itself, and the Frechet distance of few cases is far
above 0 even between two halves of one group, so `compare` states both between equally many cases, beside the same
distance between two halves of the real cases.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ichor.evaluation.intervals import Estimate, undefined
from ichor.reasons import Reason

LEAST_CASES = 4
"""Fewer cases in a half say nothing of a distribution."""
DRAWS = 200
KEPT_VARIANCE = 1e-9  # below it a feature is constant among the real cases and has no unit


@dataclass(frozen=True)
class Standard:
    """Means and standard deviations of the real train rows; a feature that is constant among them is left out."""

    mean: np.ndarray
    sd: np.ndarray
    kept: np.ndarray

    @classmethod
    def of(cls, features: np.ndarray) -> "Standard":
        """Find them among ``(n, features)``; a feature that fewer than half of the rows have is left out too."""
        known = np.isfinite(features)
        n = np.maximum(known.sum(axis=0), 1)
        mean = np.where(known, features, 0.0).sum(axis=0) / n
        variance = np.square(np.where(known, features - mean, 0.0)).sum(axis=0) / n
        kept = (variance > KEPT_VARIANCE) & (known.mean(axis=0) >= 0.5 if len(features) else False)
        return cls(mean, np.sqrt(np.maximum(variance, KEPT_VARIANCE)), kept)

    def apply(self, features: np.ndarray) -> np.ndarray:
        """Standardised features of the rows that have them all."""
        whole = features[np.isfinite(features[:, self.kept]).all(axis=1)]
        return ((whole - self.mean) / self.sd)[:, self.kept]


def frechet(first: np.ndarray, second: np.ndarray) -> float:
    """Frechet distance of the normal distributions with the means and covariances of two groups.

    ``|m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2))`` (Dowson & Landau, J Multivariate Anal 1982;12:450-455), the
    distance of Heusel et al., NeurIPS 2017 (there on features of a network trained on photographs). The trace of the
    root is the sum of the roots of the eigenvalues of ``S1^(1/2) S2 S1^(1/2)``, which is symmetric, so it exists for
    covariances of fewer cases than features too.

    Parameters
    ----------
    first, second : array, shape (n, features)
        Two cases each at least.

    Returns
    -------
    float
        In squared units of the features; 0 for equal moments. Too large on average by an amount that falls as
        1/n (Chong & Forsyth, CVPR 2020).
    """
    first, second = np.asarray(first, float), np.asarray(second, float)
    apart = first.mean(axis=0) - second.mean(axis=0)
    a, b = (np.atleast_2d(np.cov(group, rowvar=False)) for group in (first, second))
    values, vectors = np.linalg.eigh(a)
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    shared = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ b @ root), 0)).sum()
    return float(max(0.0, apart @ apart + np.trace(a) + np.trace(b) - 2 * shared))


def rbf_kernel(bandwidth: float) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """Gaussian kernel ``exp(-|x - y|^2 / (2 bandwidth^2))``."""
    return lambda x, y: np.exp(-_squares(x, y) / (2 * bandwidth**2))


def median_distance(features: np.ndarray) -> float:
    """Median distance of pairs of cases, the usual bandwidth (Gretton et al. 2012, section 8); 1.0 if it is 0."""
    distance = np.sqrt(_squares(features, features)[np.triu_indices(len(features), 1)])
    return (float(np.median(distance)) if distance.size else 0.0) or 1.0


def mmd2(kernel: np.ndarray, n_first: int) -> float:
    """Unbiased estimate of the squared MMD: Gretton et al., J Mach Learn Res 2012;13:723-773, equation 3.

    Parameters
    ----------
    kernel : array, shape (n, n)
        Kernel of all pairs of both groups, those of the first group first.
    n_first : int
        Cases of the first group; two of each group at least.

    Returns
    -------
    float
        0 on average when both groups are of one distribution, whatever their size; then it is below 0 as often as not.
    """
    a, b, between = kernel[:n_first, :n_first], kernel[n_first:, n_first:], kernel[:n_first, n_first:]
    within = [(part.sum() - np.trace(part)) / (len(part) * (len(part) - 1)) for part in (a, b)]
    return float(within[0] + within[1] - 2 * between.mean())


def permutation_p(kernel: np.ndarray, n_first: int, rng: np.random.Generator, draws: int = DRAWS) -> float:
    """P value of the hypothesis that both groups are of one distribution (Gretton et al. 2012, section 2.3).

    The share of random divisions of all cases whose `mmd2` is at least the one that was found, the found one counted.
    """
    found = mmd2(kernel, n_first)
    larger = 0
    for _ in range(draws):
        order = rng.permutation(len(kernel))
        larger += mmd2(kernel[np.ix_(order, order)], n_first) >= found - 1e-12
    return (1 + larger) / (1 + draws)


def compare(real: np.ndarray, synthetic: np.ndarray, seed: int, draws: int = DRAWS) -> dict[str, Estimate]:
    """Compare real with synthetic cases in one space, and real with real ones.

    Parameters
    ----------
    real, synthetic : array, shape (n, features)
        Standardised features.
    seed : int
        Of the draws.
    draws : int
        Random subsets; as many permutations.

    Returns
    -------
    dict
        ``frechet``, ``frechet_halves``, ``mmd``, ``mmd_halves`` and ``mmd_p``. Each distance is the mean over random
        pairs of groups of the same size m, half of the real cases (fewer if there are fewer synthetic ones): real and
        synthetic, or real and the other real ones. Its interval holds 95 % of these pairs. They are drawn without
        replacement, because a case that stands twice in a resample is a copy, which these distances are made to see.
        `n` is m; with m below `LEAST_CASES` there is no estimate (`TOO_FEW_EVENTS`).
    """
    m = min(len(real) // 2, len(synthetic))
    names = ("frechet", "frechet_halves", "mmd", "mmd_halves", "mmd_p")
    if m < LEAST_CASES or real.shape[1] == 0:
        return {name: undefined(Reason.TOO_FEW_EVENTS)._replace(n=m) for name in names}
    rng = np.random.default_rng(seed)
    everybody = np.concatenate([real, synthetic])
    kernel = rbf_kernel(median_distance(real))(everybody, everybody)
    found: dict[str, list[float]] = {name: [] for name in names[:4]}
    for _ in range(draws):
        order = rng.permutation(len(real))
        first, other = order[:m], order[m : 2 * m]
        made = len(real) + rng.permutation(len(synthetic))[:m]
        for suffix, second in (("", made), ("_halves", other)):
            found[f"frechet{suffix}"].append(frechet(everybody[first], everybody[second]))
            both = np.r_[first, second]
            found[f"mmd{suffix}"].append(mmd2(kernel[np.ix_(both, both)], m))
    out = {
        name: Estimate(float(np.mean(values)), *map(float, np.quantile(values, (0.025, 0.975))), n=m)
        for name, values in found.items()
    }
    out["mmd_p"] = Estimate(permutation_p(kernel, len(real), rng, draws), n=len(everybody))
    return out


def _squares(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Squared distances of all pairs."""
    squares = (x * x).sum(axis=1)[:, None] + (y * y).sum(axis=1) - 2 * x @ y.T
    return np.maximum(squares, 0)
