"""Features are those of the table of measures, of a grid; what cannot be measured is missing, not zero."""

import numpy as np
import pytest

from ichor.synthesis.nearest import GRID
from ichor.synthesis.radiomic_features import FEATURES, radiomic_features


def test_a_ball_of_known_size_and_density():
    axes = ((np.arange(n) - (n - 1) / 2) * step for n, step in zip(GRID.shape, GRID.spacing_mm, strict=True))
    x, y, z = np.meshgrid(*axes, indexing="ij")
    ball = x**2 + y**2 + z**2 < 20**2
    image = np.where(ball, 60, 30).astype(np.int16)
    image[ball & (x > 0)] = 70
    found = dict(zip(FEATURES, radiomic_features(image[None], ball[None].astype(float), GRID)[0], strict=True))
    assert np.expm1(found["iph_ml"]) == pytest.approx(4 / 3 * np.pi * 20**3 / 1000, rel=0.05)
    assert np.expm1(found["diameter_mm"]) == pytest.approx(40, rel=0.15)  # from voxel to voxel, whole ones
    assert found["hu_mean"] == pytest.approx(65, abs=0.1) and found["hu_sd"] == pytest.approx(5, abs=0.1)
    assert found["auto_islands"] == 0


def test_an_empty_mask_has_no_features_and_a_bleed_that_is_cut_off_no_size(bleed):
    image, mask = bleed(0)
    cut = mask.copy()
    cut[:, :24] = 1  # a half of the crop
    found = radiomic_features(np.stack([image, image]), np.stack([0 * mask, cut]), GRID)
    assert np.isnan(found[0]).all()
    assert np.isnan(found[1, FEATURES.index("iph_ml")])
    assert np.isfinite(found[1, FEATURES.index("hu_mean")])
