"""Made-up hematoma-centred crops for tests of synthetic cases."""

import numpy as np
import pytest
from scipy import ndimage

from ichor.synthesis import nearest

X, Y, Z = np.meshgrid(
    *((np.arange(n) - (n - 1) / 2) * step for n, step in zip(nearest.GRID.shape, nearest.GRID.spacing_mm, strict=True)),
    indexing="ij",
)


def _bleed(seed):
    """A brain with a fluid space and a bleed, about 96 x 96 x 80 mm: image in HU and mask."""
    rng = np.random.default_rng(seed)

    def field(size):
        noise = ndimage.gaussian_filter(rng.normal(size=X.shape), size)
        return noise / noise.std()

    radii = rng.uniform(8, 20, 3)
    inside = (X / radii[0]) ** 2 + (Y / radii[1]) ** 2 + (Z / radii[2]) ** 2 < 1 + 0.3 * field((3, 3, 1))
    image = 35 + 3 * field((2, 2, 1))
    to_fluid = rng.uniform(15, 35) * rng.choice([-1, 1])
    image[(np.abs(X - to_fluid) < 6) & (np.abs(Y - rng.uniform(-20, 20)) < rng.uniform(10, 30))] = 8
    image[inside] = rng.uniform(52, 68) + 6 * field((3, 3, 1))[inside]
    return np.rint(image + rng.normal(0, 3, X.shape)).astype(np.int16), inside.astype(np.float32)


@pytest.fixture(scope="session")
def bleed():
    """Make a crop from a seed: image in HU and mask, on the grid on which cases are compared."""
    return _bleed
