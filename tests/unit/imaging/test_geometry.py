import numpy as np
import pytest

from ichor.imaging import geometry


def box(spacing=(0.5, 0.5, 5.0), origin=(10.0, -20.0, 30.0)):
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = origin
    return affine


def turned(degrees):
    angle = np.radians(degrees)
    turn = np.eye(4)
    turn[1:3, 1:3] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    return turn


def test_volume_of_a_thousand_voxels():
    mask = np.zeros((20, 20, 20), bool)
    mask[:10, :10, :10] = True
    assert geometry.volume_ml(mask, box()) == pytest.approx(1000 * 1.25 / 1000)


def test_volume_does_not_depend_on_pose_or_shear():
    sheared = box()
    sheared[1, 2] = 1.7  # the slices lean as under a tilted gantry
    for affine in (box(), turned(20) @ box(), turned(-10) @ sheared):
        assert geometry.voxel_volume_ml(affine) == pytest.approx(0.00125)


def test_extent_is_measured_along_the_normal():
    assert geometry.extent_mm((4, 4, 29), box()) == pytest.approx(28 * 5)
    assert geometry.extent_mm((4, 4, 29), turned(18.5) @ box()) == pytest.approx(28 * 5)
    tilted = np.eye(4)  # slices turned by 18.5 degrees, table moves along z by 4.22 mm
    angle = np.radians(18.5)
    tilted[:3, 1] = [0, np.cos(angle), np.sin(angle)]
    tilted[:3, 2] = [0, 0, 4.22]
    assert geometry.extent_mm((4, 4, 11), tilted) == pytest.approx(10 * 4.22 * np.cos(angle))
    assert geometry.shear_deg(tilted) == pytest.approx(18.5)
    assert geometry.shear_deg(turned(18.5) @ box()) == pytest.approx(0, abs=1e-6)


def test_canonical_keeps_every_voxel_in_its_place():
    data = np.arange(24).reshape(2, 3, 4)
    affine = np.array([[0, -2.0, 0, 5], [0, 0, 3.0, 6], [-4.0, 0, 0, 7], [0, 0, 0, 1]])
    moved, new = geometry.to_canonical(data, affine)
    assert (np.diag(new)[:3] > 0).all() and np.allclose(new[:3, :3], np.diag(np.diag(new)[:3]))
    for index in np.ndindex(data.shape):
        there = np.linalg.inv(new) @ affine @ [*index, 1]
        assert moved[tuple(np.rint(there[:3]).astype(int))] == data[index]


def test_canonical_refuses_a_direction_of_zero_length():
    with pytest.raises(ValueError, match="zero length"):
        geometry.to_canonical(np.zeros((2, 2, 2)), np.diag([1.0, 0.0, 1.0, 1.0]))


def test_same_grid_sees_a_shift_of_a_millimetre_and_a_flip():
    shape = (10, 12, 14)
    assert geometry.same_grid(shape, box(), shape, box(origin=(10.05, -20, 30)))
    assert not geometry.same_grid(shape, box(), shape, box(origin=(11, -20, 30)))
    assert not geometry.same_grid(shape, box(), (10, 12, 15), box())
    flipped = box(spacing=(-0.5, 0.5, 5.0), origin=(10 + 0.5 * 9, -20, 30))
    assert not geometry.same_grid(shape, box(), shape, flipped)


def test_resampling_a_linear_field_is_exact_inside():
    affine, target = box((2, 2, 5), (0, 0, 0)), box((1.5, 1.0, 2.5), (3, 4, 5))
    i, j, k = np.meshgrid(*(np.arange(n) for n in (20, 20, 20)), indexing="ij")
    field = 3.0 * (2 * i) - 2.0 * (2 * j) + 0.5 * (5 * k)
    out = geometry.resample_to_grid(field, affine, (8, 9, 10), target, order=1)
    a, b, c = np.meshgrid(*(np.arange(n) for n in (8, 9, 10)), indexing="ij")
    expected = 3.0 * (3 + 1.5 * a) - 2.0 * (4 + b) + 0.5 * (5 + 2.5 * c)
    assert np.allclose(out, expected, atol=1e-3)


def test_labels_keep_type_and_volume_on_a_finer_grid():
    mask = np.zeros((30, 30, 12), np.uint8)
    mask[8:20, 9:21, 3:9] = 2
    fine = box((0.25, 0.25, 2.5), (10 - 0.125, -20 - 0.125, 30 - 1.25))  # each voxel halved along every axis
    out = geometry.resample_to_grid(mask, box(), (60, 60, 24), fine, order=0)
    assert out.dtype == np.uint8 and set(np.unique(out)) == {0, 2}
    assert geometry.volume_ml(out, fine) == pytest.approx(geometry.volume_ml(mask, box()))


def test_resampling_onto_the_same_grid_changes_nothing():
    data = np.random.default_rng(0).integers(-1000, 1000, (9, 8, 7)).astype(np.int16)
    affine = turned(13) @ box()
    for order in (0, 1):
        assert (geometry.resample_to_grid(data, affine, data.shape, affine, order=order) == data).all()


def test_cubic_order_is_refused():
    with pytest.raises(ValueError, match="order must be"):
        geometry.resample_to_grid(np.zeros((2, 2, 2)), box(), (2, 2, 2), box(), order=3)


def test_overlap_of_shifted_boxes():
    shape = (11, 11, 11)
    half = np.eye(4)
    half[0, 3] = 5
    assert geometry.overlap_fraction(shape, np.eye(4), shape, half) == pytest.approx(0.5)
    far = np.eye(4)
    far[2, 3] = 100
    assert geometry.overlap_fraction(shape, np.eye(4), shape, far) == 0
