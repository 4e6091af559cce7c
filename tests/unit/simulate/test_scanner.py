import numpy as np
import pytest

from ichor.simulate.anatomy import draw_individual
from ichor.simulate.bleeds import BleedPlan, bleed
from ichor.simulate.scanner import Pose, Scanner, orthogonal_affine, pad_outside, scan_head, scout, stack_affine

STRAIGHT = Pose((0.0, 0.0, 0.0), (0.0, 0.0, 0.0))
TURNED = Pose((4.0, -3.0, 6.0), (2.0, -3.0, 1.0))


@pytest.fixture(scope="module")
def bled(template, head):
    plan = BleedPlan((28.0, 0.0, 4.0), 0.1, 0.3, False, (25.0, 25.0), (4.0, 4.0), (8.0, 8.0))
    return bleed(template, head, plan, np.random.default_rng(1))[0]


def scan(template, bled, scanner, pose=STRAIGHT, scale=(1.0, 1.0, 1.0), matrix=96):
    return scan_head(template, bled, scale, pose, scanner, matrix, np.random.default_rng(2))


def label_ml(acquisition, value):
    return (acquisition.labels == value).sum() * abs(np.linalg.det(acquisition.label_affine[:3, :3])) / 1000


@pytest.mark.parametrize("tilt", [0.0, 14.0])
@pytest.mark.parametrize("pose", [STRAIGHT, TURNED])
def test_label_volumes_are_the_true_ones(template, bled, tilt, pose):
    scale = (0.97, 0.95, 1.01)
    acquisition = scan(template, bled, Scanner(tilt_deg=tilt), pose, scale)
    truth = bled.iph.sum() * template.grid.voxel_ml * np.prod(scale)
    assert label_ml(acquisition, 1) == pytest.approx(truth, rel=0.02)


def test_tilted_stack_moves_along_the_table(template):
    affine, slices = stack_affine(Scanner(tilt_deg=14.0), 96, 1.0)
    assert affine[:3, 2] @ (1, 0, 0) == 0 and affine[1, 2] == 0
    normal = np.cross(affine[:3, 0], affine[:3, 1])
    normal /= np.linalg.norm(normal)
    assert abs(affine[:3, 2] @ normal) == pytest.approx(5.0)
    assert slices * 5.0 >= 160


def test_orthogonal_stack_keeps_every_plane_and_holds_every_pixel():
    affine, slices = stack_affine(Scanner(tilt_deg=14.0), 96, 1.0)
    straight, extra = orthogonal_affine(affine, slices)
    assert straight[:3, 2] @ straight[:3, 1] == pytest.approx(0, abs=1e-9)
    corners = np.array([[0, j, k, 1] for j in (0, 95) for k in (0, slices - 1)], float)
    index = (np.linalg.inv(straight) @ affine @ corners.T).T
    np.testing.assert_allclose(index[:, 2], corners[:, 2], atol=1e-9)
    assert index[:, 1].min() > -1e-6 and index[:, 1].max() < 96 + extra - 1 + 1e-6


def test_untilted_label_grid_is_the_image_grid(template, bled):
    acquisition = scan(template, bled, Scanner())
    np.testing.assert_array_equal(acquisition.affine, acquisition.label_affine)
    assert acquisition.labels.shape == acquisition.hu.shape


def test_clot_is_bright_under_its_label(template, bled):
    acquisition = scan(template, bled, Scanner(), TURNED)
    clot = acquisition.hu[acquisition.labels == 1]
    assert 50 < np.median(clot) < 75


def test_noise_in_the_brain_is_as_asked(template, bled):
    quiet, loud = (scan(template, bled, Scanner(noise_hu=n)) for n in (0.0, 4.0))
    middle = slice(20, 24), slice(38, 60), slice(38, 60)
    assert (loud.hu - quiet.hu)[middle].std() == pytest.approx(4.0, rel=0.5)


def test_bed_lies_behind_the_head(template, bled):
    hu = scan(template, bled, Scanner(holder="arc")).hu
    top = hu[-1]
    assert (top[: len(top) // 2] > 0).sum() == 0 or (top[len(top) * 3 // 4 :] > 0).sum() > 10


def test_padding_lies_outside_the_circle(template, bled):
    hu = scan(template, bled, Scanner()).hu
    pad_outside(hu, -3024.0)
    assert (hu[:, 0, 0] == -3024.0).all() and (hu[:, 48, 48] != -3024.0).all()
    assert (hu == -3024.0).mean() == pytest.approx(1 - np.pi / 4, abs=0.03)


def test_scout_shows_the_vertex_on_top(template, bled):
    image = scout(scan(template, bled, Scanner()).hu)
    assert image[0].max() < image[len(image) // 2].max()


def test_same_seed_same_scan(template, bled):
    individual = draw_individual(60, np.random.default_rng(1))
    first, second = (scan(template, bled, Scanner(), TURNED, individual.scale) for _ in range(2))
    np.testing.assert_array_equal(first.hu, second.hu)
