import nibabel as nib
import numpy as np
import pytest

from ichor.errors import StudyError
from ichor.imaging.augment import AugmentRanges, draw_change
from ichor.imaging.crops import Grid
from ichor.training.data import InputSpec, channels_of, load_views, view_of

SETTINGS = {
    "view": "crop",
    "size_mm": [80, 80, 64],
    "spacing_mm": [5, 5, 8],
    "windows_hu": [[0, 100], [20, 80]],
    "mask_labels": ["iph", "ivh"],
    "inside": False,
}


def test_views_are_small_and_centred_on_the_bleed(phantoms):
    spec = InputSpec.from_settings(SETTINGS)
    views, outcome = load_views(phantoms.head(5), spec, "test")
    assert outcome["usable"].all() and len(views) == 5
    assert views.image_hu.dtype == np.int16 and views.image_hu.shape == (5, 16, 16, 8)
    assert views.masks.dtype == np.uint8 and views.masks.shape == (5, 2, 16, 16, 8)
    for mask, volume_ml in zip(views.masks[:, 0], phantoms["iph_ml"], strict=False):
        middle = np.argwhere(mask).mean(axis=0) - (np.array(mask.shape) - 1) / 2
        assert np.abs(middle).max() < 0.75
        assert mask.sum() / 255 * 5 * 5 * 8 / 1000 == pytest.approx(volume_ml, rel=0.01)
    assert not views.masks[:, 1].any()


def test_channels_are_windows_then_masks(phantoms):
    spec = InputSpec.from_settings(SETTINGS)
    views, _ = load_views(phantoms.head(2), spec, "test")
    channels = channels_of(views.image_hu[0], views.masks[0], spec)
    assert channels.shape == (4, 16, 16, 8) and channels.dtype == np.float32 and spec.channels == 4
    assert channels.min() >= 0 and channels.max() <= 1
    np.testing.assert_allclose(channels[0], np.clip(views.image_hu[0] / 100, 0, 1), atol=1e-6)
    np.testing.assert_allclose(channels[2], views.masks[0, 0] / 255, atol=1e-6)


def test_image_and_mask_move_together(phantoms):
    spec = InputSpec.from_settings(SETTINGS | {"windows_hu": [[40, 80]], "mask_labels": ["iph"]})
    views, _ = load_views(phantoms.iloc[1:2], spec, "test")  # a dense bleed
    change = draw_change(AugmentRanges(brightness=0, contrast=0, noise=0), np.random.default_rng(11))
    image, mask = channels_of(views.image_hu[0], views.masks[0], spec, change)
    still = channels_of(views.image_hu[0], views.masks[0], spec)[1]
    assert not np.allclose(mask, still)
    inside, outside = image[mask > 0.99].mean(), image[mask == 0]
    assert inside > 0.7 and np.median(outside) < 0.1


def test_orientation_of_the_file_does_not_matter(phantoms, tmp_path):
    spec = InputSpec.from_settings(SETTINGS)
    row = phantoms.head(1).copy()
    for name in ("image", "mask"):
        image = nib.load(row[name][0])
        turned = image.as_reoriented(np.array([[1, -1], [0, 1], [2, -1]]))
        nib.save(turned, tmp_path / f"{name}.nii.gz")
        row[name] = str(tmp_path / f"{name}.nii.gz")
    straight, _ = load_views(phantoms.head(1), spec, "test")
    turned, _ = load_views(row, spec, "test")
    np.testing.assert_array_equal(straight.image_hu, turned.image_hu)
    np.testing.assert_array_equal(straight.masks, turned.masks)


def test_whole_head_needs_no_mask(phantoms):
    spec = InputSpec.from_settings(SETTINGS | {"view": "head", "mask_labels": []})
    views, outcome = load_views(phantoms.head(2).assign(mask=None), spec, "test")
    assert outcome["usable"].all() and views.masks.shape == (2, 0, 16, 16, 8)


def test_a_mask_of_another_grid_is_not_used(phantoms, tmp_path):
    mask = nib.load(phantoms["mask"][0])
    shifted = mask.affine.copy()
    shifted[0, 3] += 5
    nib.save(nib.Nifti1Image(np.asanyarray(mask.dataobj), shifted), tmp_path / "m.nii.gz")
    views, outcome = load_views(
        phantoms.head(1).assign(mask=str(tmp_path / "m.nii.gz")), InputSpec.from_settings(SETTINGS), "test"
    )
    assert len(views) == 0 and outcome["reason"].tolist() == ["segmentation_failed"]


def test_512_matrix_scan_becomes_a_view_quickly():
    import time

    rng = np.random.default_rng(0)
    image = rng.integers(-20, 90, size=(512, 512, 32)).astype(np.int16)
    labels = np.zeros(image.shape, np.uint8)
    labels[200:280, 220:300, 10:16] = 1
    spec = InputSpec.from_settings(
        SETTINGS | {"size_mm": [96, 96, 80], "spacing_mm": [2, 2, 5], "mask_labels": ["iph"]}
    )
    started = time.perf_counter()
    view, masks = view_of(image, labels, np.array([0.45, 0.45, 5.0]), spec)
    assert time.perf_counter() - started < 1
    assert view.shape == (48, 48, 16) and masks.max() == 255


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"view": "brain"}, "crop or head"),
        ({"mask_labels": ["edema"]}, "edema"),
        ({"windows_hu": [[80, 20]]}, "upper end"),
        ({"windows_hu": [], "mask_labels": []}, "channel"),
    ],
)
def test_wrong_input_settings_are_named(change, said):
    with pytest.raises(StudyError, match=said):
        InputSpec.from_settings(SETTINGS | change)


def test_grid_follows_size_and_spacing():
    assert InputSpec.from_settings(SETTINGS).grid == Grid((16, 16, 8), (5.0, 5.0, 8.0))


def test_inside_channels_are_the_windows_times_the_mask(phantoms):
    spec = InputSpec.from_settings(SETTINGS | {"inside": True})
    views, _ = load_views(phantoms.head(1), spec, "test")
    for change in (None, draw_change(AugmentRanges(), np.random.default_rng(1))):
        channels = channels_of(views.image_hu[0], views.masks[0], spec, change)
        assert len(channels) == spec.channels == 6
        np.testing.assert_array_equal(channels[4:], channels[:2] * channels[2])
    with pytest.raises(StudyError, match="needs a mask"):
        InputSpec.from_settings(SETTINGS | {"inside": True, "mask_labels": []})
