from dataclasses import replace

import nibabel as nib
import numpy as np
import pydicom
import pytest

from ichor.imaging import crops
from ichor.imaging.skull_strip import brain_to_bone, foramen_slice, without_neck
from ichor.imaging.stripped import NoBrainError, kept_voxels, resample_within
from ichor.imaging.volume_cache import Volume
from ichor.simulate import scanner
from ichor.simulate.anatomy import build_template, compose_head, draw_individual
from ichor.simulate.bleeds import BleedPlan, bleed

SPACING = np.array([230 / 128, 230 / 128, 5.0])
FORAMEN_MM = -67.0  # height of the simulated floor of the posterior fossa


@pytest.fixture(scope="module")
def head():
    """A simulated head with two bleeds: HU, what the skull holds, height in the head's frame (mm), bleeds; RAS+."""
    rng = np.random.default_rng(4)
    template = build_template(128, rng)
    person = draw_individual(62.0, rng)
    plan = BleedPlan((44.0, -18.0, 24.0), 0.3, 0.3, False, (25.0, 25.0), (3.0, 3.0), (10.0, 10.0))
    bled = bleed(template, compose_head(template, person), plan, rng)[0]
    at_rim = _ball(template.grid, (-64.0, 0.0, 24.0), 16.0) * template.shell.cavity  # half of it lies in the bone
    bled = replace(bled, hu=bled.hu + (70.0 - bled.hu) * at_rim)
    machine = scanner.Scanner(field_of_view_mm=230.0)
    pose = scanner.Pose((0.0, 0.0, 0.0), (0.0, 0.0, 0.0))
    scan = scanner.scan_head(template, bled, person.scale, pose, machine, 128, rng)
    sampling = scanner._sampling(scanner._to_index(template, person.scale, pose), scan.affine, 3)
    heights = np.broadcast_to(template.grid.axes[2], template.grid.shape).astype(np.float32)
    of_head = [scanner._sample(part, sampling, scan.hu.shape, 3, 0.0) for part in (template.shell.cavity, at_rim)]
    height = scanner._sample(heights, sampling, scan.hu.shape, 3, -200.0)
    directions = [slice(None, None, int(np.sign(scan.affine[axis, axis]))) for axis in range(3)]
    shown = [part.transpose(2, 1, 0)[tuple(directions)] for part in (np.rint(scan.hu), *of_head, height)]
    labels = scan.labels.transpose(2, 1, 0)[tuple(directions)]
    hu, inside, rim, height = shown
    return hu.astype(np.int16), inside > 0.5, height, {"in the brain": labels > 0, "at the rim": rim > 0.5}


def _ball(grid, center_mm, radius_mm):
    x, y, z = grid.axes
    away = sum((axis - at) ** 2 for axis, at in zip((x, y, z), center_mm, strict=True)) ** 0.5
    return np.clip((radius_mm - away) / 2 + 0.5, 0, 1).astype(np.float32)


def test_what_the_skull_holds_is_kept_and_the_rest_removed(head):
    hu, inside, height, bleeds = head
    found, above = brain_to_bone(hu, SPACING), height > FORAMEN_MM
    assert np.count_nonzero(found & inside & above) > 0.97 * np.count_nonzero(inside & above)
    outside = ~inside & (hu > -200)
    assert np.count_nonzero(found & outside & above) < 0.015 * np.count_nonzero(outside)
    for bled in bleeds.values():
        assert np.count_nonzero(bled) > 300
        assert np.count_nonzero(found & bled) >= 0.995 * np.count_nonzero(bled)


def test_a_scan_that_was_clipped_keeps_its_brain_and_its_bleed(head):
    hu, inside, height, bleeds = head
    found, above = brain_to_bone(np.clip(hu, -20, 100), SPACING), height > FORAMEN_MM
    assert np.count_nonzero(found & inside & above) > 0.9 * np.count_nonzero(inside & above)
    assert np.count_nonzero(found & bleeds["in the brain"]) > 0.99 * np.count_nonzero(bleeds["in the brain"])


def test_the_foramen_is_where_the_simulated_skull_ends(head):
    hu, inside, height, _ = head
    found = brain_to_bone(hu, SPACING)
    cut = foramen_slice(found, SPACING)
    middle = height[:, :, cut][inside[:, :, cut]].mean()
    assert -80 < middle < -57  # within two slices of 5 mm
    above = without_neck(found, SPACING)
    assert not above[:, :, : cut + 1].any() and (above[:, :, cut + 1 :] == found[:, :, cut + 1 :]).all()
    assert foramen_slice(found[:, :, cut + 3 :], SPACING) is None  # a scan that ends above it


def test_without_a_brain_there_is_no_mask(head):
    hu = head[0]
    assert not brain_to_bone(np.full((64, 64, 20), -1000, np.int16), SPACING).any()
    vertex = Volume(hu[:, :, -5:], np.diag([*SPACING, 1]))
    with pytest.raises(NoBrainError, match="300 mL"):
        kept_voxels(vertex, strip=True, cut=False)


def test_a_cut_alone_keeps_the_skull(head):
    hu = head[0]
    image = Volume(hu, np.diag([*SPACING, 1]))
    kept = kept_voxels(image, strip=False, cut=True)
    cut = foramen_slice(brain_to_bone(hu, SPACING), SPACING)
    assert not kept[:, :, : cut + 1].any() and kept[:, :, cut + 1 :].all()


def test_the_rim_of_what_is_kept_takes_nothing_of_what_lies_beside():
    volume = np.full((8, 4, 4), 40, np.int16)
    volume[5:] = 1000  # bone
    kept = volume == 40
    grid = crops.Grid((4, 2, 2), (2.0, 2.0, 2.0))
    view = resample_within(Volume(volume, np.eye(4)), kept, np.array([3.5, 1.5, 1.5]), grid)
    np.testing.assert_allclose(view[:3], 40)  # the third voxel is half bone
    np.testing.assert_array_equal(view[3], crops.AIR_HU)


def test_real_bleeds_are_kept_whole(real_data):
    for case in ("0001", "0012", "0034", "0103"):
        scan, drawn = (
            nib.as_closest_canonical(nib.load(real_data / f"phe_sich/{case}_{name}.nii.gz"))
            for name in ("ct", "labels")
        )
        spacing = np.array(scan.header.get_zooms(), float)
        kept = without_neck(brain_to_bone(np.asanyarray(scan.dataobj).astype(np.int16), spacing), spacing)
        assert kept[np.asanyarray(drawn.dataobj) > 0].mean() > 0.999
        assert 900 < np.count_nonzero(kept) * np.prod(spacing) / 1000 < 2000


def test_foramen_of_a_real_head(real_data):
    """Looked at: slice 4 of 28 shows the foramen closed by bone, with the cord in it; those below show the neck."""
    files = sorted((real_data / "dcm_qa_ct/GE_human_tilt_varspacing").rglob("*"))
    slices = [pydicom.dcmread(file) for file in files if file.is_file() and file.suffix not in (".md", ".txt", ".json")]
    slices = sorted((one for one in slices if "PixelData" in one), key=lambda one: float(one.ImagePositionPatient[2]))
    hu = np.stack([one.pixel_array * one.RescaleSlope + one.RescaleIntercept for one in slices], axis=-1)
    hu = np.clip(hu.transpose(1, 0, 2)[::-1, ::-1], -1024, 3071).astype(np.int16)
    spacing = np.array([*slices[0].PixelSpacing, 5.0], float)
    assert len(slices) == 28
    assert foramen_slice(brain_to_bone(hu, spacing), spacing) == 4
