import numpy as np
import pytest
from scipy import ndimage

from ichor.errors import StudyError
from ichor.synthesis import registry
from ichor.synthesis.cases import SyntheticCase, write_cases
from ichor.synthesis.diffusion.acceptance import AcceptSettings, Unfit, image_and_mask
from ichor.synthesis.diffusion.crops import CropSpec, to_channels
from ichor.training.data import InputSpec, load_views

SPEC = CropSpec.from_settings(registry.resolve({"kind": "diffusion"}))
SHAPE, SPACING_MM = SPEC.learned.grid.shape, SPEC.learned.grid.spacing_mm


def ball(radius_mm, at_mm=(0.0, 0.0, 0.0)):
    """Share of each voxel in a ball, its middle in mm from the middle of the grid; smooth at the edge."""
    axes = [(np.arange(n) - (n - 1) / 2) * step - by for n, step, by in zip(SHAPE, SPACING_MM, at_mm, strict=True)]
    distance = np.sqrt(sum(np.square(axis) for axis in np.meshgrid(*axes, indexing="ij")))
    return np.clip((radius_mm - distance) / 2 + 0.5, 0, 1)


def channels(*balls, hu=70.0, ivh=None):
    iph = np.clip(sum(balls), 0, 1)
    ivh = np.zeros(SHAPE) if ivh is None else ivh
    rng = np.random.default_rng(0)
    image = 30 + (hu - 30) * np.maximum(iph, ivh) + rng.normal(0, 2, SHAPE)
    return to_channels(image, np.rint(np.stack([iph, ivh]) * 255).astype(np.uint8), SPEC.window_hu)


def test_a_ball_becomes_a_bleed_of_its_volume():
    image, mask, spacing_mm = image_and_mask(channels(ball(15)), SPEC, 1.0)
    assert image.dtype == np.int16 and mask.dtype == np.uint8 and spacing_mm == (1.0, 1.0, 5.0)
    assert image.shape == mask.shape == (64, 64, 12)
    assert (mask == 1).sum() * 5 / 1000 == pytest.approx(4 / 3 * np.pi * 1.5**3, rel=0.03)
    assert image[mask == 1].mean() == pytest.approx(70, abs=3) and image[mask == 0].mean() == pytest.approx(30, abs=3)


def test_the_case_is_cut_around_the_bleed():
    mask = image_and_mask(channels(ball(15, (6, -5, 5))), SPEC, 1.0)[1]
    middle = ndimage.center_of_mass(mask)
    np.testing.assert_allclose(middle, (np.array(mask.shape) - 1) / 2, atol=0.51)


def test_only_the_largest_piece_is_kept_and_ventricles_stay():
    drawn = channels(ball(12), ball(5, (24, 0, 0)), ivh=ball(6, (0, 24, 0)))
    mask = image_and_mask(drawn, SPEC, 1.0)[1]
    assert ndimage.label(mask == 1)[1] == 1
    assert (mask == 1).sum() * 5 / 1000 == pytest.approx(4 / 3 * np.pi * 1.2**3, rel=0.05)
    assert (mask == 2).any()


def test_a_bleed_that_reaches_out_of_the_case_is_centred_by_what_is_inside():
    long = [ball(11, (0, y, 0)) for y in range(-24, 41, 6)]
    bleed = image_and_mask(channels(*long), SPEC, 1.0)[1] == 1
    assert bleed[:, -1].any()
    np.testing.assert_allclose(ndimage.center_of_mass(bleed), (np.array(bleed.shape) - 1) / 2, atol=1.01)


@pytest.mark.parametrize(
    ("drawn", "words"),
    [
        (channels(np.zeros(SHAPE)), "no bleed"),
        (channels(ball(5)), "too small"),
        (channels(ball(10, (25, 0, 0))), "off the middle"),
        (channels(ball(12), hu=20.0), "not brighter"),
    ],
)
def test_what_is_no_case_says_why(drawn, words):
    with pytest.raises(Unfit, match=words):
        image_and_mask(drawn, SPEC, 1.0)


def test_no_voxel_leaves_the_window():
    drawn = channels(ball(15)) * 3
    image = image_and_mask(drawn, SPEC, 1.0)[0]
    assert image.min() >= 0 and image.max() <= 100


def test_a_written_case_is_read_back_as_it_was_drawn(tmp_path):
    drawn = channels(ball(15))
    case = SyntheticCase(*image_and_mask(drawn, SPEC, 1.0), 1, (), 0)
    table = write_cases([case], tmp_path, "s", "g")
    view = {"view": "crop", "size_mm": [64.0, 64.0, 60.0], "spacing_mm": [2.0, 2.0, 5.0], "mask_labels": ["iph"]}
    views, outcome = load_views(table, InputSpec.from_settings(view | {"windows_hu": [[0, 100]], "inside": False}), "x")
    assert outcome["usable"].all()
    inner = (slice(4, -4), slice(4, -4), slice(2, -2))
    np.testing.assert_allclose(views.image_hu[0], (drawn[0] + 1)[inner] * 50, atol=0.51)  # rounded to whole HU
    share = (drawn[1] + 1)[inner] / 2
    assert np.abs(views.masks[0, 0] / 255 - share).max() < 0.5
    partly = (views.masks[0, 0] > 20) & (views.masks[0, 0] < 235)
    assert partly.sum() > 50  # the edge keeps voxels that are filled in part


def test_settings_that_mean_nothing_are_refused():
    for changes in ({"min_volume_ml": -1.0}, {"redraws": -1}):
        with pytest.raises(StudyError, match="0 or more"):
            AcceptSettings(**{"min_volume_ml": 1.0, "redraws": 2} | changes)
