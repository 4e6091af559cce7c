import nibabel as nib
import numpy as np
import pytest

from ichor.imaging import brain

SPACING = np.array([1.5, 1.5, 5.0])
AXES_MM = (66.0, 84.0, 60.0)


def head(noise=4.0, brain_hu=32.0):
    shape = (128, 144, 32)
    grid = np.meshgrid(*((np.arange(n) - (n - 1) / 2) * s for n, s in zip(shape, SPACING, strict=True)), indexing="ij")
    radius = np.sqrt(sum((g / a) ** 2 for g, a in zip(grid, AXES_MM, strict=True)))
    volume = np.full(shape, -1000.0)
    volume[radius < 1.2] = 45  # scalp
    volume[radius < 1.12] = 900
    volume[radius < 1.0] = brain_hu
    volume += np.random.default_rng(0).normal(0, noise, shape)
    return np.rint(volume).astype(np.int16), radius < 1.0


def test_mask_is_the_inside_of_the_skull():
    volume, truth = head()
    mask = brain.brain_mask(volume, SPACING)
    assert mask.shape == volume.shape
    dice = 2 * (mask & truth).sum() / (mask.sum() + truth.sum())
    assert dice > 0.95


def test_measures_of_a_head():
    volume, truth = head()
    found = brain.measure_head(volume, SPACING)
    true_ml = truth.sum() * SPACING.prod() / 1000
    assert found.brain_ml == pytest.approx(true_ml, rel=0.08)
    assert found.enclosed_fraction > 0.95
    assert found.brain_hu == pytest.approx(32, abs=1)
    assert found.air_hu == pytest.approx(-1000, abs=15)
    assert not found.clipped


def test_clipping_is_noticed_and_does_not_move_the_mask():
    volume, _ = head()
    full, clipped = (brain.measure_head(v, SPACING) for v in (volume, np.clip(volume, -20, 100)))
    assert clipped.clipped and clipped.hu_min == -20 and clipped.hu_max == 100
    assert clipped.brain_ml == pytest.approx(full.brain_ml, rel=0.03)


def test_missing_offset_shows_in_the_air():
    volume, _ = head()
    assert brain.measure_head((volume + 1024).astype(np.int16), SPACING).air_hu == pytest.approx(24, abs=15)


def test_noise_and_emptiness_have_no_brain():
    noise = np.random.default_rng(0).integers(-1024, 3000, (64, 64, 20)).astype(np.int16)
    assert brain.measure_head(noise, SPACING).brain_ml < 50
    empty = np.full((64, 64, 20), -1000, np.int16)
    assert brain.measure_head(empty, SPACING).brain_ml == 0
    assert not brain.brain_mask(empty, SPACING).any()


def test_a_water_bath_without_skull_is_not_enclosed():
    volume = np.full((128, 128, 30), -1000, np.int16)
    volume[20:108, 20:108] = 30
    assert brain.measure_head(volume, SPACING).enclosed_fraction == 0


def test_real_bleeds_have_a_brain_of_human_size(real_data):
    paths = sorted((real_data / "phe_sich").glob("*_ct.nii.gz"))[:4]
    assert paths
    for path in paths:
        image = nib.as_closest_canonical(nib.load(path))
        found = brain.measure_head(np.asanyarray(image.dataobj), nib.affines.voxel_sizes(image.affine))
        assert 900 < found.brain_ml < 2100
        assert found.enclosed_fraction > 0.6
        assert 20 < found.brain_hu < 40
        assert found.clipped
