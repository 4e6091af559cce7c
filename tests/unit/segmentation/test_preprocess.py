import numpy as np
import pytest
import torch
from nnunetv2.preprocessing.normalization.default_normalization_schemes import CTNormalization

from ichor.segmentation.preprocess import Grid, head_box, normalise, prepare_image, prepare_mask, resample, restore
from ichor.segmentation.scan import read_scan

THICK = Grid(spacing_mm=(5.0, 2.0, 2.0), keep_slices=True, clip_hu=(0.0, 100.0), shift_hu=0.0, scale_hu=25.0)


def head(shape=(6, 100, 120), radius_mm=70.0, spacing_mm=2.0):
    """Head of 40 HU with skull, in the middle of a field of view with a thin head holder below."""
    y, x = np.meshgrid(*(np.arange(n) * spacing_mm for n in shape[1:]), indexing="ij")
    distance = np.hypot(y - shape[1] * spacing_mm / 2, x - shape[2] * spacing_mm / 2)
    plane = np.where(distance < radius_mm, 40.0, -1000.0)
    plane[(distance >= radius_mm - 6) & (distance < radius_mm)] = 1000.0
    plane[3:5] = 500.0
    return np.repeat(plane[None].astype(np.float32), shape[0], axis=0)


def test_box_holds_the_head_and_leaves_the_holder_out():
    hu = head()
    z, y, x = head_box(hu, (5.0, 2.0, 2.0))
    assert (z.start, z.stop) == (None, None)
    assert 5 < y.start <= 15 and 85 <= y.stop <= 95  # head: 15 ... 85
    assert x.start <= 25 and x.stop >= 95


def test_box_of_a_scan_without_head_is_the_whole_scan():
    hu = np.full((3, 20, 20), -1000.0, np.float32)
    assert hu[head_box(hu, (5, 2, 2))].shape == hu.shape


def test_normalisation_is_nnunets():
    numbers = {"percentile_00_5": 12.0, "percentile_99_5": 88.0, "mean": 55.5, "std": 11.25}
    grid = Grid((5.0, 1.0, 1.0), True, (12.0, 88.0), 55.5, 11.25)
    hu = np.random.default_rng(0).normal(40, 60, (1, 8, 9, 10)).astype(np.float32)
    theirs = CTNormalization(use_mask_for_norm=False, intensityproperties=numbers).run(hu.copy())
    assert np.allclose(normalise(hu, grid), theirs, atol=1e-6)


def test_an_image_already_on_the_grid_is_only_cropped_and_scaled():
    hu = head()
    image, box = prepare_image(hu, (5.0, 2.0, 2.0), THICK)
    assert np.array_equal(image[0].numpy(), normalise(hu[box], THICK))


def test_kept_slices_are_never_mixed():
    hu = np.zeros((4, 40, 40), np.float32)
    hu[2] = 80.0
    image, _ = prepare_image(hu, (3.3, 1.0, 1.0), THICK)  # another slice distance than the grid's
    assert image.shape == (1, 4, 20, 20)
    assert torch.allclose(image.amax(dim=(0, 2, 3)), torch.tensor([0.0, 0.0, 3.2, 0.0]))


def test_slices_are_resampled_when_the_plan_says_so():
    image, _ = prepare_image(
        np.zeros((10, 20, 20), np.float32), (2.5, 2.0, 2.0), Grid((5.0, 2.0, 2.0), False, (0, 100), 0, 25)
    )
    assert image.shape == (1, 5, 20, 20)


@pytest.mark.parametrize("spacing_mm", [0.45, 0.9, 1.7])
def test_a_masks_volume_survives_the_grid_and_back(spacing_mm):
    n = round(200 / spacing_mm)
    y, x = np.meshgrid(*[(np.arange(n) + 0.5) * spacing_mm] * 2, indexing="ij")
    discs = np.random.default_rng(0).uniform([80, 80, 15], [120, 120, 40], (24, 3))
    mask = np.stack([np.hypot(y - at_y, x - at_x) < r for at_y, at_x, r in discs]).astype(np.int8)
    box, shape = (slice(None),) * 3, THICK.shape(mask.shape, (5.0, spacing_mm, spacing_mm))
    target = prepare_mask(mask, 1, box, shape)
    assert target.shape == (1, 24, 100, 100) and target.dtype == torch.int8
    onehot = torch.stack([(target[0] == k).float() for k in (0, 1)])
    back = restore(onehot, box, mask.shape)
    assert back.sum() == pytest.approx(mask.sum(), rel=0.005)
    assert (back != mask).mean() < 0.01


@pytest.mark.parametrize("slice_mm", [2.5, 5.0, 8.0])  # the plan's slices are 5 mm apart
def test_no_slice_gets_the_mask_of_its_neighbour(slice_mm):
    mask = np.zeros((7, 90, 90), np.int8)
    mask[0, 10:30, 10:30] = mask[3, 40:70, 20:50] = mask[4, 5:15, 60:80] = 1  # slices 1, 2, 5 and 6 show nothing
    box, spacing_mm = (slice(None),) * 3, (slice_mm, 1.3, 1.3)
    target = prepare_mask(mask, 1, box, THICK.shape(mask.shape, spacing_mm))
    assert target.shape[1] == 7
    assert target[0].any(dim=2).any(dim=1).tolist() == [True, False, False, True, True, False, False]
    back = restore(torch.stack([(target[0] == label).float() for label in (0, 1)]), box, mask.shape)
    assert back.any(axis=(1, 2)).tolist() == mask.any(axis=(1, 2)).tolist()
    assert not (back[3] & mask[4]).any() and not (back[4] & mask[3]).any()  # nor is one mixed into the other


def test_outside_the_box_is_background():
    box = (slice(None), slice(2, 5), slice(1, 4))
    probabilities = torch.zeros((2, 2, 3, 3))
    probabilities[1] = 1.0
    full = restore(probabilities, box, (2, 8, 8))
    assert full.sum() == 2 * 9 and full[box].all()


@pytest.mark.parametrize("shape", [(9, 30, 40), (9, 61, 55)])
def test_only_slices_with_a_label_are_resampled_and_none_is_missed(shape):
    """The oracle: every slice resampled, then the likeliest label."""
    generator = torch.Generator().manual_seed(4)
    logits = torch.randn((3, 9, 47, 44), generator=generator)
    logits[0, [0, 3, 4, 8]] += 20.0  # nothing but background
    probabilities = logits.softmax(dim=0)
    full = restore(probabilities, (slice(None),) * 3, shape)
    assert full.any(axis=(1, 2)).tolist() == [False, True, True, False, False, True, True, True, False]
    assert np.array_equal(full, resample(probabilities, shape).argmax(dim=0).numpy())
    probabilities[0] = 2.0
    assert not restore(probabilities, (slice(None),) * 3, shape).any()


def test_halving_averages_noise_instead_of_sampling_it():
    noise = torch.randn((1, 2, 200, 200), generator=torch.Generator().manual_seed(0))
    assert resample(noise, (2, 100, 100)).std() < 0.6


def test_box_holds_every_real_bleed(real_data):
    for case in ("0001", "0011", "0036"):
        scan = read_scan(real_data / "phe_sich" / f"{case}_ct.nii.gz")
        labels = read_scan(real_data / "phe_sich" / f"{case}_labels.nii.gz").hu
        box = head_box(scan.hu, scan.spacing_mm)
        assert labels[box].astype(bool).sum() == labels.astype(bool).sum()
        assert scan.hu[box].size < 0.8 * scan.hu.size
