import numpy as np
import pytest

from ichor.imaging.head_frame import HeadFrame
from ichor.synthesis.transplant.geometry import (
    Move,
    Sampler,
    affine_part,
    deformation_mm,
    head_axes,
    place_in,
    target_mm,
)

FRAME = HeadFrame(np.array([70.0, 0.1, -0.05]), 130.0, 165.0, 90.0, 140.0, True)
STRAIGHT = HeadFrame(np.array([64.0, 0.0, 0.0]), 140.0, 170.0, 80.0, 120.0, True)


def move(**changes):
    plain = {"mirror": False, "angles_deg": (0.0, 0.0, 0.0), "scale": 1.0, "shift_mm": (0.0, 0.0, 0.0)}
    return Move(**(plain | {"elastic_mm": 0.0, "elastic_length_mm": 10.0, "seed": 1} | changes))


def test_a_place_in_the_head_and_back():
    place = np.array([20.0, -15.0, -60.0])
    assert FRAME.places(place_in(FRAME, place)[None], (1, 1, 1))[0] == pytest.approx(place)


def test_mirroring_goes_to_the_other_side_and_not_upside_down_or_back_to_front():
    middle = place_in(FRAME, np.array([20.0, -15.0, -60.0]))
    there = STRAIGHT.places(target_mm(FRAME, STRAIGHT, middle, move(mirror=True))[None], (1, 1, 1))[0]
    assert there == pytest.approx([-20.0, -15.0, -60.0])
    axes = head_axes(FRAME)
    assert axes.T @ axes == pytest.approx(np.eye(3)) and np.linalg.det(axes) == pytest.approx(1)
    matrix = affine_part(STRAIGHT, STRAIGHT, move(mirror=True))
    assert matrix == pytest.approx(np.diag([-1.0, 1.0, 1.0]))


def test_volume_changes_by_the_cube_of_the_scale():
    change = move(scale=1.1, angles_deg=(10.0, -7.0, 12.0))
    assert abs(np.linalg.det(affine_part(FRAME, STRAIGHT, change))) == pytest.approx(1.1**-3)


def test_the_deformation_is_as_strong_as_asked_smooth_and_folds_nothing():
    spacing = np.array([2.0, 2.0, 4.0])
    found = np.concatenate(
        [deformation_mm((40, 40, 20), spacing, move(elastic_mm=1.5, seed=k)).ravel() for k in range(20)]
    )
    assert found.std() == pytest.approx(1.5, rel=0.1)
    one = deformation_mm((40, 40, 20), spacing, move(elastic_mm=1.5))
    slopes = np.gradient(one, *spacing, axis=(1, 2, 3))
    jacobian = np.eye(3)[:, :, None, None, None] + np.stack(slopes, axis=1)
    assert np.linalg.det(np.moveaxis(jacobian, (0, 1), (-2, -1))).min() > 0.3


@pytest.mark.parametrize("thick", [1.0, 5.0])
def test_a_ball_keeps_its_volume_when_it_is_sampled_on_other_slices(thick):
    fine = np.array([1.0, 1.0, 1.0])
    grid = np.stack(np.meshgrid(*[np.arange(41)] * 3, indexing="ij")) - 20.0
    ball = (np.linalg.norm(grid, axis=0) <= 12).astype(np.float32)
    spacing = np.array([1.5, 1.5, thick])
    box = (slice(0, 40), slice(0, 40), slice(0, round(60 / thick)))
    target, center = np.array([30.0, 30.0, 30.0]), np.array([20.0, 20.0, 20.0])
    take = Sampler.between(box, spacing, fine, target, center, affine_part(STRAIGHT, STRAIGHT, move()), move())
    assert take(ball).sum() * spacing.prod() == pytest.approx(ball.sum(), rel=0.01)


@pytest.mark.parametrize("thick", [1.0, 5.0])
def test_an_array_that_is_mostly_zero_is_sampled_in_part_with_the_same_result(thick):
    rng = np.random.default_rng(0)
    values = np.zeros((60, 50, 40), np.float32)
    values[20:31, 12:30, 15:22] = rng.random((11, 18, 7))
    spacing, box = np.array([1.5, 1.5, thick]), (slice(0, 40), slice(0, 40), slice(0, round(60 / thick)))
    change = move(angles_deg=(12.0, -9.0, 20.0), scale=1.1, elastic_mm=1.5)
    matrix = affine_part(FRAME, STRAIGHT, change)
    take = Sampler.between(box, spacing, np.ones(3), np.full(3, 30.0), np.array([25.0, 20.0, 18.0]), matrix, change)
    assert np.array_equal(take.sparse(values), take(values)) and (take(values) > 0).sum() > 100
    assert not take.sparse(np.zeros_like(values)).any()
