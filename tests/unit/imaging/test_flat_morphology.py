import numpy as np
import pytest
from scipy import ndimage

from ichor.imaging.flat_morphology import close, dilate, erode, fill_holes

CROSS = ndimage.generate_binary_structure(2, 1)[:, :, None]


def masks():
    rng = np.random.default_rng(0)
    for share in (0.45, 0.5, 0.55):
        yield ndimage.gaussian_filter(rng.random((40, 37, 5)), (1.5, 1.5, 0)) > share
    yield np.zeros((20, 21, 3), bool)
    yield np.ones((20, 21, 3), bool)


@pytest.mark.parametrize("steps", [1, 2, 5])
def test_the_same_as_scipy(steps):
    for mask in masks():
        assert (erode(mask, steps) == ndimage.binary_erosion(mask, CROSS, steps)).all()
        assert (dilate(mask, steps) == ndimage.binary_dilation(mask, CROSS, steps)).all()
        padded = np.pad(mask, ((steps, steps), (steps, steps), (0, 0)))
        wanted = ndimage.binary_closing(padded, CROSS, steps)[steps:-steps, steps:-steps]
        assert (close(mask, steps) == wanted).all()


def test_holes_are_filled_slice_by_slice():
    for mask in masks():
        wanted = [ndimage.binary_fill_holes(mask[:, :, k]) for k in range(mask.shape[2])]
        assert (fill_holes(mask) == np.stack(wanted, axis=2)).all()


def test_the_mask_that_is_given_stays_as_it_was():
    for mask in masks():
        before = mask.copy()
        for change in (lambda m: erode(m, 2), lambda m: dilate(m, 2), lambda m: close(m, 2), fill_holes):
            change(mask)
            assert (mask == before).all()
