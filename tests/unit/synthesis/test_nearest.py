"""Copies of a real case are found however they are hidden; the matrix products equal the definition voxel by voxel."""

import numpy as np
import pytest
from scipy import ndimage

from ichor.synthesis import nearest

X, Y, Z = np.meshgrid(
    *((np.arange(n) - (n - 1) / 2) * step for n, step in zip(nearest.GRID.shape, nearest.GRID.spacing_mm, strict=True)),
    indexing="ij",
)


@pytest.fixture(scope="module")
def real(bleed):
    """12 real cases."""
    return tuple(np.stack(arrays) for arrays in zip(*(bleed(seed) for seed in range(12)), strict=True))


def moved(array, fill):
    """Two voxels to the right, one to the back and one up: 4, 2 and 5 mm."""
    return ndimage.shift(array.astype(float), (2, -1, 1), order=0, cval=fill)


def copies(image, mask):
    noise = np.random.default_rng(0).normal(0, 2, image.shape)
    return {
        "exact": (image, mask),
        "mirrored": (image[::-1], mask[::-1]),
        "shifted": (moved(image, -1000), moved(mask, 0)),
        "noise of 2 HU": (image + noise, mask),
        "mirrored, shifted, noise": (moved((image + noise)[::-1], -1000), moved(mask[::-1], 0)),
    }


@pytest.mark.parametrize("region", nearest.REGIONS)
def test_copies_are_refused_and_independent_bleeds_are_not(real, bleed, region):
    compared = nearest.prepare(*real, region)
    limit = nearest.refusal_distance(nearest.Pairs(compared, compared, itself=True).nearest().distance, 0.01)
    hidden = copies(real[0][5], real[1][5])
    made = [*hidden.values(), *(bleed(seed) for seed in range(100, 105))]
    synthetic = nearest.prepare(*(np.stack(arrays) for arrays in zip(*made, strict=True)), region)
    found = nearest.Pairs(synthetic, compared).nearest()
    refused = dict(zip([*hidden, *range(5)], found.distance < limit, strict=True))
    assert {name: refused[name] for name in hidden} == dict.fromkeys(hidden, True)
    assert not any(refused[name] for name in range(5))
    assert (found.index[:5] == 5).all()
    assert found.mirrored[:5].tolist() == [False, True, False, False, True]


def direct(a, b, region):
    """The definition in the module's head, for one pair as it lies."""
    images, masks = (np.stack(arrays) for arrays in zip(a, b, strict=True))
    one = nearest.prepare(images, masks, region)
    place = (one.region[0] + one.region[1] > 0) & (one.known[0] * one.known[1] > 0)
    rms = np.sqrt(np.mean((one.value[0].astype(float) - one.value[1])[place] ** 2))
    first, second = one.mask.astype(float)
    return np.hypot(rms, 1 - 2 * (first * second).sum() / ((first**2).sum() + (second**2).sum()))


@pytest.mark.parametrize("region", nearest.REGIONS)
def test_matrix_products_and_single_pairs_give_the_definition(bleed, region):
    a, b = bleed(1), bleed(2)
    a[0][:7] = -1000  # outside of one image
    pair = [nearest.prepare(image[None], mask[None], region) for image, mask in (a, b)]
    assert nearest._of_pairs(*pair)[0, 0] == pytest.approx(direct(a, b, region), rel=1e-5)
    one, other = (tuple(vars(case[0]).values()) for case in pair)
    assert nearest._at_shift(one, list(other), (0, 0, 0)) == pytest.approx(direct(a, b, region), rel=1e-5)


def test_distance_is_one_for_one_mask_on_images_that_differ_by_the_contrast_of_blood():
    mask = ((X**2 + Y**2 + Z**2) < 15**2).astype(np.float32)
    images = np.stack([np.full(X.shape, 30), np.full(X.shape, 55)])
    compared = nearest.prepare(images, np.stack([mask, mask]))
    assert nearest.Pairs(compared, compared).nearest().distance == pytest.approx([0, 0], abs=1e-6)
    assert nearest.Pairs(compared, compared, itself=True).nearest().distance == pytest.approx([1, 1], abs=1e-6)


def test_distance_of_masks_that_never_touch_is_one_and_of_air_alone_infinite():
    masks = np.zeros((2, *X.shape), np.float32)
    masks[0, 4:8, 4:8, 4:6] = masks[1, 26:30, 40:44, 10:12] = 1
    compared = nearest.prepare(np.full(masks.shape, 35), masks)
    assert nearest.Pairs(compared[:1], compared[1:]).nearest().distance == pytest.approx([1], abs=1e-6)
    air = nearest.prepare(np.full(masks.shape, -1000), masks)
    assert np.isinf(nearest.Pairs(air, air).nearest().distance).all()


def test_a_copy_that_lies_elsewhere_in_its_crop_is_found(bleed):
    """As if a part of the hematoma had been cut off, so that its center is another one: 16 and 12 mm."""
    image, mask = bleed(3)
    elsewhere = [
        ndimage.shift(array.astype(float), (8, -6, 0), order=0, cval=c) for array, c in ((image, -1000), (mask, 0))
    ]
    compared = nearest.prepare(image[None], mask[None])
    assert nearest.Pairs(nearest.prepare(*(a[None] for a in elsewhere)), compared).nearest().distance[0] < 0.15


def test_the_nearest_is_that_of_all_pairs_compared_exactly(real, monkeypatch):
    compared = nearest.prepare(*real)[:7]
    few = nearest.Pairs(compared[:4], compared[4:])
    monkeypatch.setattr(nearest, "CANDIDATES", 7)
    monkeypatch.setattr(nearest, "_AT_ONCE", 2)
    every = nearest.Pairs(compared[:4], compared[4:])
    for among in (None, np.array([True, False, True])):
        assert few.nearest(among).distance == pytest.approx(every.nearest(among).distance)
    both = few.nearest_of_second(), every.nearest_of_second()
    assert both[0].distance == pytest.approx(both[1].distance)
    assert both[0].distance.shape == (3,)
    assert few.nearest(np.array([False, False, True])).index.tolist() == [2] * 4


def test_refusal_distance_is_the_quantile_of_real_distances_and_has_a_floor():
    assert nearest.refusal_distance(np.array([0.2, 0.2, 0.6, np.inf]), 0.75) == pytest.approx(0.4)
    assert nearest.refusal_distance(np.zeros(3), 0.5) == nearest.LEAST_DISTANCE
    assert nearest.refusal_distance(np.array([np.inf]), 0.01) == nearest.LEAST_DISTANCE


def test_a_region_that_is_not_known_is_refused():
    with pytest.raises(ValueError, match="lesion or crop"):
        nearest.prepare(np.zeros((1, *X.shape)), np.zeros((1, *X.shape)), "brain")
