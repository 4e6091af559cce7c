import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from ichor.cohort.fences import LeakError
from ichor.errors import StudyError
from ichor.synthesis import registry
from ichor.synthesis.diffusion.crops import Crops, CropSpec, draw_batch, from_channels, load_crops, to_channels
from ichor.synthesis.diffusion.networks import NO_CLASS
from ichor.training.data import Views

INPUT = {"size_mm": [16.0, 16.0, 10.0], "margin_mm": [4.0, 4.0, 5.0], "mask_labels": ["iph"]}


def crop_spec(shift_mm=2.0, flip=True, **changes):
    spec = registry.resolve(
        {"kind": "diffusion", "input": INPUT | changes, "augment": {"shift_mm": shift_mm, "flip": flip}}
    )
    return CropSpec.from_settings(spec)


def test_grids_hold_margin_and_room_for_shifts():
    spec = crop_spec()
    assert spec.shape == (8, 8, 2) and spec.learned.grid.shape == (12, 12, 4)
    assert spec.shift == (1, 1, 0)  # 2 mm is no whole slice of 5 mm
    assert spec.with_room_for_shifts().grid.shape == (14, 14, 4)


def test_channels_go_from_minus_one_to_one_and_back():
    image = np.array([[[-1000, 0, 25, 100, 900]]])
    made = to_channels(image, np.array([[[[0, 51, 255, 0, 0]]]], np.uint8), (0.0, 100.0))
    np.testing.assert_allclose(made[0, 0, 0], [-1, -1, -0.5, 1, 1])
    np.testing.assert_allclose(made[1, 0, 0], [-1, -0.6, 1, -1, -1], atol=1e-6)
    hu, shares = from_channels(made, (0.0, 100.0))
    np.testing.assert_allclose(hu[0, 0], [0, 0, 25, 100, 100], atol=1e-4)
    np.testing.assert_allclose(shares[0, 0, 0], [0, 0.2, 1, 0, 0], atol=1e-6)


def ramps(spec):
    """Crops whose HU rise by 100 from left to right, by 5 from back to front, by 1 from below."""
    x, y, z = np.meshgrid(*(np.arange(n) for n in spec.with_room_for_shifts().grid.shape), indexing="ij")
    image = (x * 100 + y * 5 + z).astype(np.int16)
    masks = np.broadcast_to((x > 8).astype(np.uint8) * 255, (2, 1, *x.shape)).copy()
    return Crops(Views(np.stack([image, image]), masks), np.array([0, 1]))


def test_crops_are_mirrored_left_to_right_only_and_shifted_by_whole_voxels():
    spec = crop_spec(window_hu=[0.0, 2000.0])
    crops, rng = ramps(spec), np.random.default_rng(1)
    batch = np.concatenate([draw_batch(crops, spec, 2, rng)[0] for _ in range(60)])
    hu = (batch[:, 0] + 1) * 1000
    along_x, along_y, along_z = (np.diff(hu, axis=axis).mean(axis=(1, 2, 3)) for axis in (1, 2, 3))
    mirrored = along_x < 0
    assert 0.3 < mirrored.mean() < 0.7
    np.testing.assert_allclose(np.abs(along_x), 100, rtol=1e-3)
    np.testing.assert_allclose(along_y, 5, rtol=1e-2)  # never turned: the head lies on its back
    np.testing.assert_allclose(along_z, 1, rtol=0.1)
    corner = np.where(mirrored, hu[:, -1, 0, 0], hu[:, 0, 0, 0])
    assert set(np.rint(corner).astype(int)) == {x * 100 + y * 5 for x in range(3) for y in range(3)}
    assert ((batch[:, 1] > 0) == (np.rint(hu) // 100 > 8)).all()  # the mask moves with its image


def test_without_changes_a_crop_is_the_middle_of_its_view():
    spec = crop_spec(shift_mm=0.0, flip=False, window_hu=[0.0, 2000.0])
    crops = ramps(spec)
    batch, classes = draw_batch(crops, spec, 2, np.random.default_rng(1))
    np.testing.assert_allclose((batch[:, 0] + 1) * 1000, crops.views.image_hu, atol=0.01)
    assert sorted(classes) == [0, 1]


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    folder, rows = tmp_path_factory.mktemp("crops"), []
    for number, label in enumerate((0, 1, 1, None)):
        mask = np.zeros((20, 20, 8), np.uint8)
        mask[8:12, 8:12, 3:5] = 1
        paths = {"image": mask * 30 + number, "mask": mask}
        for name, array in paths.items():
            paths[name] = str(folder / f"{number}-{name}.nii.gz")
            nib.save(nib.Nifti1Image(array.astype(np.int16), np.diag([2.0, 2.0, 5.0, 1.0])), paths[name])
        rows.append({"split": "s", "role": "train", "patient": f"p{number}", "label_expansion": label, **paths})
    return pd.DataFrame(rows).astype({"label_expansion": "Int64"})


def test_a_conditional_generator_reads_all_rows_and_he_only_those_that_expanded(rows):
    crops, used = load_crops(rows, crop_spec(), "conditional")
    assert crops.classes.tolist() == [0, 1, 1, NO_CLASS] and len(used) == 4
    crops, used = load_crops(rows, crop_spec(), "he_only")
    assert crops.classes.tolist() == [NO_CLASS, NO_CLASS] and used["patient"].tolist() == ["p1", "p2"]
    assert sorted(np.unique(crops.views.image_hu[0])) == [1, 31]


@pytest.mark.parametrize("changes", [{"role": "tune"}, {"role": "test"}, {"split": "other"}])
def test_rows_that_are_no_train_rows_of_one_split_are_a_leak(rows, changes):
    leaking = pd.concat([rows, rows.iloc[:1].assign(**changes)])
    with pytest.raises(LeakError, match="learns from the train rows of one split; found"):
        load_crops(leaking, crop_spec(), "conditional")


def test_too_few_crops_say_what_to_do(rows):
    for some, classes in ((rows.iloc[:2], "he_only"), (rows.iloc[1:], "conditional"), (rows.iloc[:1], "conditional")):
        with pytest.raises(StudyError, match="kind: transplant"):
            load_crops(some, crop_spec(), classes)
    with pytest.raises(StudyError, match="he_only or conditional"):
        load_crops(rows, crop_spec(), "both")


def test_settings_that_make_no_case_are_refused():
    with pytest.raises(StudyError, match=r"write \[iph\]"):
        crop_spec(mask_labels=["ivh"])
    with pytest.raises(StudyError, match="lengths from 0 on"):
        crop_spec(margin_mm=[-1.0, 0.0, 0.0])
