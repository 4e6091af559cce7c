import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from ichor.errors import StudyError
from ichor.imaging.augment import AugmentRanges, draw_change
from ichor.imaging.crops import Grid
from ichor.imaging.geometry import spacing_mm
from ichor.imaging.volume_cache import Volume
from ichor.imaging.voxels import image_sha256, voxel_sha256
from ichor.training import data
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


def test_a_scan_of_512_by_512_becomes_a_view_of_the_grid():
    rng = np.random.default_rng(0)
    image = rng.integers(-20, 90, size=(512, 512, 32)).astype(np.int16)
    labels = np.zeros(image.shape, np.uint8)
    labels[200:280, 220:300, 10:16] = 1
    spec = InputSpec.from_settings(
        SETTINGS | {"size_mm": [96, 96, 80], "spacing_mm": [2, 2, 5], "mask_labels": ["iph"]}
    )
    view, masks = view_of(Volume(image, np.diag([0.45, 0.45, 5.0, 1.0])), labels, spec)
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


@pytest.fixture(scope="module")
def hashed(phantoms):
    """Some phantoms with the content hash of their scans, as the cohort table has it."""
    rows = phantoms.head(6).copy()
    images = [nib.load(path) for path in rows["image"]]
    rows["image_sha256"] = [
        image_sha256(voxel_sha256(np.asanyarray(image.dataobj)), spacing_mm(image.affine)) for image in images
    ]
    return rows


@pytest.mark.parametrize(
    "change", [{}, {"view": "head"}, {"spacing_mm": [2.5, 2.5, 4.0]}, {"view": "head", "mask_labels": []}]
)
def test_views_from_the_cache_are_bit_for_bit_those_from_the_files(hashed, tmp_path, change):
    spec = InputSpec.from_settings(SETTINGS | change)
    plain, outcome = load_views(hashed, spec, "test")
    for _ in range(2):  # the first time makes the entries
        kept, kept_outcome = load_views(hashed, spec, "test", tmp_path / "volumes")
        assert kept.image_hu.tobytes() == plain.image_hu.tobytes() and kept.masks.tobytes() == plain.masks.tobytes()
        assert kept_outcome.equals(outcome)
    assert len(list((tmp_path / "volumes").glob("??/*.volume"))) == len(hashed)


def test_all_models_share_one_entry_per_scan(hashed, tmp_path, monkeypatch):
    for change in ({}, {"view": "head"}, {"size_mm": [40, 40, 40]}):
        load_views(hashed, InputSpec.from_settings(SETTINGS | change), "test", tmp_path / "volumes")
        assert len(list((tmp_path / "volumes").glob("??/*.volume"))) == len(hashed)
        monkeypatch.setattr(nib.Nifti1Image, "dataobj", property(_no_int16_voxels))


def _no_int16_voxels(image):
    """Voxels of masks only: those of a scan have to come from the cache."""
    if image.get_data_dtype() == np.int16:
        return _HeaderOnly(image)
    return image._dataobj


class _HeaderOnly:
    def __init__(self, image):
        self.slope, self.inter = image._dataobj.slope, image._dataobj.inter

    def __array__(self, *_):
        raise AssertionError("the voxels of a scan were read from its file")


def test_a_scan_that_was_changed_after_its_table_was_written_is_set_aside(hashed, tmp_path):
    rows = hashed.assign(image_sha256=hashed["image_sha256"].to_list()[1:] + ["0" * 64])
    views, outcome = load_views(rows, InputSpec.from_settings(SETTINGS), "test", tmp_path / "volumes")
    assert len(views) == 0 and set(outcome["reason"]) == {"unreadable_file"}
    assert outcome["detail"].str.contains("scans table").all()


def test_an_empty_label_is_an_empty_channel(hashed, tmp_path):
    row = hashed.head(1)
    mask = nib.load(row["mask"].iloc[0])
    nib.save(nib.Nifti1Image(np.zeros(mask.shape, np.uint8), mask.affine), tmp_path / "empty.nii.gz")
    rows, spec = row.assign(mask=str(tmp_path / "empty.nii.gz")), InputSpec.from_settings(SETTINGS | {"view": "head"})
    views, _ = load_views(rows, spec, "test")
    assert len(views) == 1 and not views.masks.any()
    _, outcome = load_views(rows, InputSpec.from_settings(SETTINGS), "test")
    assert outcome["reason"].tolist() == ["empty_mask"]


@pytest.fixture
def named(hashed):
    """The same rows with the content hash of their masks, as the cohort table has it."""
    masks = [nib.load(path) for path in hashed["mask"]]
    return hashed.assign(mask_sha256=[voxel_sha256(np.asanyarray(mask.dataobj)) for mask in masks])


def views_in(folder):
    return sorted((folder / "views").glob("??/*.view"))


def test_a_view_is_made_once_for_each_scan_and_setting(named, tmp_path, monkeypatch):
    spec = InputSpec.from_settings(SETTINGS)
    first, outcome = load_views(named, spec, "test", tmp_path)
    assert len(views_in(tmp_path)) == len(named)
    load_views(named, InputSpec.from_settings(SETTINGS | {"windows_hu": [[0, 90]]}), "test", tmp_path)
    assert len(views_in(tmp_path)) == len(named)  # windows are applied to batches
    load_views(named, InputSpec.from_settings(SETTINGS | {"size_mm": [60, 80, 64]}), "test", tmp_path)
    assert len(views_in(tmp_path)) == 2 * len(named)
    monkeypatch.setattr(data, "read_scan", None)
    again, told = load_views(named, spec, "test", tmp_path)
    assert told.equals(outcome)
    assert again.image_hu.tobytes() == first.image_hu.tobytes() and again.masks.tobytes() == first.masks.tobytes()


def test_another_mask_is_another_view_and_a_changed_file_is_not_kept(named, tmp_path):
    spec, row = InputSpec.from_settings(SETTINGS), named.head(1)
    plain, _ = load_views(row, spec, "test", tmp_path / "kept")
    mask = nib.load(row["mask"].iloc[0])
    voxels = np.roll(np.asanyarray(mask.dataobj), 3, axis=0)
    nib.save(nib.Nifti1Image(voxels, mask.affine), tmp_path / "m.nii.gz")
    moved = row.assign(mask=str(tmp_path / "m.nii.gz"))
    load_views(moved, spec, "test", tmp_path / "other")
    assert not views_in(tmp_path / "other")  # its file is not what the table names
    views, _ = load_views(moved.assign(mask_sha256=voxel_sha256(voxels)), spec, "test", tmp_path / "kept")
    assert len(views_in(tmp_path / "kept")) == 2 and not np.array_equal(views.image_hu, plain.image_hu)


def test_the_name_of_a_folder_tells_nothing(named, tmp_path):
    """Cobo et al.'s cohort comes with the outcome in its folders' names; a view is named by content alone."""
    spec, seen = InputSpec.from_settings(SETTINGS), []
    for folder in ("GOOD_PROGNOSIS", "POOR_PROGNOSIS"):
        (tmp_path / folder).mkdir()
        path = shutil.copy(named["image"].iloc[0], tmp_path / folder / "1.nii.gz")
        views, _ = load_views(named.head(1).assign(image=str(path)), spec, "test", tmp_path / "volumes")
        seen.append(views.image_hu.tobytes())
    assert seen[0] == seen[1] and len(views_in(tmp_path / "volumes")) == 1


STRIPPED = SETTINGS | {"view": "head", "size_mm": [180, 200, 96], "mask_labels": [], "skull_strip": "morphology"}


def test_a_stripped_view_shows_the_brain_and_its_bleed_and_air(phantoms):
    rows = phantoms.head(4)
    whole, _ = load_views(rows, InputSpec.from_settings(STRIPPED | {"skull_strip": "none"}), "test")
    stripped, outcome = load_views(rows, InputSpec.from_settings(STRIPPED), "test")
    assert outcome["usable"].all()
    bone, air = whole.image_hu > 600, whole.image_hu < -900
    assert bone.sum() > 500 and (stripped.image_hu[bone | air] == -1000).mean() > 0.99
    bleed = np.argwhere(whole.image_hu[1] > 65) if whole.image_hu[1].max() > 65 else []
    dense = (whole.image_hu > 60) & (whole.image_hu < 95)
    assert len(bleed) and (stripped.image_hu[dense] > 50).mean() > 0.95
    assert stripped.image_hu.max() < 500


def test_brain_masks_of_another_program_take_the_place_of_ours(named, tmp_path):
    row, folder = named.head(2), tmp_path / "masks"
    folder.mkdir()
    scan = nib.load(row["image"].iloc[0])
    half = np.zeros(scan.shape, np.uint8)
    half[:18] = 1
    name = Path(row["image"].iloc[0]).name
    nib.save(nib.Nifti1Image(half, scan.affine), folder / name)
    spec = InputSpec.from_settings(STRIPPED | {"skull_strip": str(folder)})
    views, outcome = load_views(row, spec, "test", tmp_path / "volumes")
    assert outcome["usable"].tolist() == [True, False] and outcome["reason"].iloc[1] == "no_brain_mask"
    assert (views.image_hu[0, 18:] == -1000).all() and (views.image_hu[0, :18] > -1000).any()
    nib.save(nib.Nifti1Image(1 - half, scan.affine), folder / name)  # corrected: the old view is not used
    views, _ = load_views(row, spec, "test", tmp_path / "volumes")
    assert (views.image_hu[0, :17] == -1000).all()
    with pytest.raises(StudyError, match="no folder"):
        load_views(row, InputSpec.from_settings(STRIPPED | {"skull_strip": str(tmp_path / "absent")}), "test")
