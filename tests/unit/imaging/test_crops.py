import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from ichor.imaging.crops import (
    AIR_HU,
    Grid,
    axis_weights,
    filled_box,
    head_center,
    hematoma_center,
    resample_to_grid,
)


def test_grid_rounds_to_whole_voxels():
    assert Grid.from_size([96, 96, 80], [2, 2, 5]) == Grid((48, 48, 16), (2.0, 2.0, 5.0))
    assert Grid.from_size([97, 95, 1], [2, 2, 5]).shape == (48, 48, 1)


def test_same_grid_gives_the_volume_back():
    volume = np.random.default_rng(0).normal(size=(6, 7, 4)).astype(np.float32)
    grid = Grid((6, 7, 4), (1.0, 2.0, 5.0))
    same = resample_to_grid(volume, np.array([1.0, 2.0, 5.0]), (np.array(volume.shape) - 1) / 2, grid)
    np.testing.assert_allclose(same, volume, atol=1e-6)


def test_coarser_grid_is_the_mean_of_its_voxels():
    volume = np.random.default_rng(0).normal(size=(8, 6, 4)).astype(np.float32)
    grid = Grid((4, 3, 2), (2.0, 2.0, 2.0))
    made = resample_to_grid(volume, np.ones(3), (np.array(volume.shape) - 1) / 2, grid)
    np.testing.assert_allclose(made, volume.reshape(4, 2, 3, 2, 2, 2).mean(axis=(1, 3, 5)), atol=1e-6)


def test_finer_grid_is_linear_interpolation():
    volume = np.random.default_rng(1).normal(size=(9, 9, 5)).astype(np.float32)
    grid = Grid((7, 7, 6), (0.7, 0.9, 2.5))
    spacing, center = np.array([1.0, 1.0, 5.0]), np.array([4.2, 3.9, 1.8])
    made = resample_to_grid(volume, spacing, center, grid)
    at = np.meshgrid(
        *(
            center[axis] + (np.arange(n) - (n - 1) / 2) * grid.spacing_mm[axis] / spacing[axis]
            for axis, n in enumerate(grid.shape)
        ),
        indexing="ij",
    )
    expected = ndimage.map_coordinates(volume, at, order=1, mode="nearest")
    np.testing.assert_allclose(made, expected, atol=1e-5)


def test_what_lies_outside_the_scan_is_the_fill_value():
    volume = np.full((4, 4, 4), 40.0, dtype=np.float32)
    made = resample_to_grid(volume, np.ones(3), np.full(3, 1.5), Grid((8, 8, 8), (1.0, 1.0, 1.0)), fill=AIR_HU)
    inside = np.zeros((8, 8, 8), dtype=bool)
    inside[2:6, 2:6, 2:6] = True
    np.testing.assert_array_equal(made, np.where(inside, 40.0, AIR_HU))


def test_a_grid_that_misses_the_scan_is_all_fill():
    made = resample_to_grid(np.ones((4, 4, 4)), np.ones(3), np.array([90.0, 1.5, 1.5]), Grid((3, 3, 3), (1.0,) * 3), -7)
    np.testing.assert_array_equal(made, np.full((3, 3, 3), -7.0))


@settings(max_examples=50, deadline=None)
@given(
    n_in=st.integers(1, 40),
    spacing_in=st.floats(0.3, 8),
    n_out=st.integers(1, 40),
    spacing_out=st.floats(0.3, 8),
    shift=st.floats(-3, 3),
)
def test_weights_are_shares(n_in, spacing_in, n_out, spacing_out, shift):
    weights = axis_weights(n_in, spacing_in, (n_in - 1) / 2 + shift, n_out, spacing_out)
    assert weights.shape == (n_out, n_in)
    assert weights.min() >= 0 and weights.sum(axis=1).max() <= 1 + 1e-5


def test_a_mask_keeps_its_volume():
    rng = np.random.default_rng(2)
    mask = ndimage.gaussian_filter(rng.normal(size=(64, 64, 20)), (6, 6, 2)) > 0.01
    mask[[0, -1]] = mask[:, [0, -1]] = mask[:, :, [0, -1]] = False
    spacing = np.array([0.9, 0.9, 5.0])
    share = resample_to_grid(mask, spacing, (np.array(mask.shape) - 1) / 2, Grid((32, 32, 20), (2.0, 2.0, 5.0)))
    expected = mask.sum() * spacing.prod()
    assert share.sum() * 2 * 2 * 5 == pytest.approx(expected, rel=1e-4)


def test_center_is_that_of_the_largest_bleed():
    mask = np.zeros((20, 20, 10), dtype=np.uint8)
    mask[2:7, 3:8, 2:5] = 1
    mask[15:17, 15:17, 8] = 1
    np.testing.assert_allclose(hematoma_center(mask), [4, 5, 3])
    np.testing.assert_allclose(hematoma_center(mask.astype(bool)), [4, 5, 3])
    assert hematoma_center(np.zeros((4, 4, 4), dtype=bool)) is None


def test_bleed_at_the_border_is_padded_with_air():
    image = np.full((30, 30, 10), 35.0)
    crop = resample_to_grid(image, np.ones(3), np.array([0.0, 0.0, 0.0]), Grid((10, 10, 4), (1.0,) * 3), fill=AIR_HU)
    assert (crop[:4] == AIR_HU).all() and crop[-1, -1, -1] == 35


def head_phantom(shape, spacing_mm, center_mm):
    at = np.stack(np.meshgrid(*(np.arange(n) for n in shape), indexing="ij"), axis=-1) * spacing_mm
    radius = np.linalg.norm((at - center_mm) / [70, 85, 60], axis=-1)
    image = np.select([radius < 0.9, radius < 1.0, radius < 1.08], [35.0, 1000.0, 20.0], default=-1000.0)
    image[:, 4:6] = 60.0  # a bed of soft-tissue density under the head
    return image


@pytest.mark.parametrize("spacing_mm", [(1.5, 1.5, 5.0), (3.0, 3.0, 2.0)])
def test_head_center_is_found_beside_the_bed_and_off_the_middle(spacing_mm):
    spacing = np.array(spacing_mm)
    shape = tuple(np.rint(np.array([240, 270, 150]) / spacing).astype(int))
    center_mm = np.array([105.0, 150.0, 70.0])
    found_mm = head_center(head_phantom(shape, spacing, center_mm), spacing) * spacing
    np.testing.assert_allclose(found_mm, center_mm, atol=4)


def test_a_volume_without_tissue_has_its_middle_as_center():
    np.testing.assert_allclose(head_center(np.full((11, 21, 5), -1000.0), np.ones(3)), [5, 10, 2])


def test_real_head_is_centred(real_data):
    import nibabel as nib

    scans = sorted((real_data / "phe_sich").rglob("*_ct.nii.gz"))
    if not scans:
        pytest.skip("no NIfTI head in the real data")
    image = nib.as_closest_canonical(nib.load(scans[0]))
    image_hu, spacing = np.asanyarray(image.dataobj), np.array(image.header.get_zooms()[:3])
    from_middle_mm = (head_center(image_hu, spacing) - (np.array(image_hu.shape) - 1) / 2) * spacing
    assert np.abs(from_middle_mm).max() < 45


@pytest.mark.parametrize("center", [(9.3, 12.1, 5.2), (0.0, 0.0, 0.0), (60.0, 12.0, 5.0)])
@pytest.mark.parametrize("spacing_mm", [(2.5, 2.5, 9.0), (0.4, 0.6, 1.0)])
def test_sparing_the_empty_part_changes_nothing(center, spacing_mm):
    mask = np.zeros((20, 25, 10), dtype=bool)
    mask[7:12, 9:20, 3:6] = np.random.default_rng(2).random((5, 11, 3)) > 0.4
    grid = Grid((12, 14, 5), spacing_mm)
    whole = resample_to_grid(mask, np.array([1.0, 1.0, 5.0]), np.array(center), grid)
    spared = resample_to_grid(mask, np.array([1.0, 1.0, 5.0]), np.array(center), grid, within=filled_box(mask))
    np.testing.assert_allclose(spared, whole, atol=1e-6)
    nothing = (slice(0, 0),) * 3
    assert not resample_to_grid(mask & False, np.ones(3), np.array(center), grid, within=nothing).any()


def test_filled_box_is_the_smallest_with_all_of_the_mask():
    mask = np.zeros((6, 7, 8), dtype=bool)
    assert filled_box(mask) is None
    mask[2, 3, 4] = mask[4, 3, 7] = True
    assert filled_box(mask) == (slice(2, 5), slice(3, 4), slice(4, 8))
