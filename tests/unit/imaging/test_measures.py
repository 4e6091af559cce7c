import nibabel as nib
import numpy as np
import pytest

from ichor.imaging.measures import LABEL_CODES, abc_half_ml, volumes_ml, voxel_volume_ml

SHEARED = np.array([[0.5, 0, 0, 0], [0, 0.5, -1.7, 0], [0, 0, 5, 0], [0, 0, 0, 1.0]])


def ellipsoid(semi_axes_mm, spacing_mm, shape):
    middle = (np.array(shape) - 1) / 2 * spacing_mm
    grid = np.stack(np.meshgrid(*(np.arange(n) for n in shape), indexing="ij"), axis=-1) * spacing_mm
    return np.linalg.norm((grid - middle) / semi_axes_mm, axis=-1) < 1


def test_volumes_count_voxels_of_each_label():
    mask = np.zeros((10, 10, 10), np.uint8)
    mask[:2], mask[5] = 1, 2
    volumes = volumes_ml(mask, np.diag([2.0, 3.0, 5.0, 1.0]), LABEL_CODES)
    assert volumes == pytest.approx({"iph": 200 * 0.03, "ivh": 100 * 0.03, "edema": 0.0, "extraaxial": 0.0})


def test_gantry_tilt_does_not_change_a_voxels_volume():
    assert voxel_volume_ml(SHEARED) == pytest.approx(0.5 * 0.5 * 5 / 1000)


def test_left_handed_axes_have_a_positive_volume():
    assert voxel_volume_ml(np.diag([-1.0, 1.0, 1.0, 1.0])) == pytest.approx(0.001)


def test_sphere_volume_is_four_thirds_pi_r_cubed():
    mask = ellipsoid([25, 25, 25], [0.5, 0.5, 0.5], (120, 120, 120)).astype(np.uint8)
    assert volumes_ml(mask, np.diag([0.5, 0.5, 0.5, 1]), ["iph"])["iph"] == pytest.approx(65.45, rel=2e-3)


def test_abc_half_of_a_box_is_by_hand():
    mask = np.zeros((40, 40, 8), bool)
    mask[5:25, 5:15, 2:6] = True  # 20 x 10 mm on four slices of 5 mm: all count fully
    diagonal = np.hypot(20, 10)
    width = 2 * 20 * 10 / diagonal  # of the rectangle, at right angles to its diagonal
    assert abc_half_ml(mask, (1.0, 1.0, 5.0)) == pytest.approx(diagonal * width * 20 / 2 / 1000)


def test_abc_half_weights_small_slices():
    mask = np.zeros((20, 20, 4), bool)
    mask[:10, :10, 0] = True
    mask[:5, :10, 1] = True  # half of the largest area: counts half
    mask[:1, :10, 2] = True  # a tenth: not counted
    full = np.zeros_like(mask)
    full[:, :, 0] = mask[:, :, 0]
    assert abc_half_ml(mask, (1, 1, 5)) == pytest.approx(1.5 * abc_half_ml(full, (1, 1, 5)))


def test_abc_half_of_an_ellipsoid_follows_from_its_slices():
    mask = ellipsoid([20, 15, 17.5], [0.5, 0.5, 3.0], (100, 80, 15))
    # Areas fall as 1 - (z / 17.5)^2: five slices above 75 % of the largest, three more on either side above 25 %.
    c_mm = (5 + 0.5 * 6) * 3.0
    assert abc_half_ml(mask, (0.5, 0.5, 3.0)) == pytest.approx(40 * 30 * c_mm / 2 / 1000, rel=0.05)


def test_nothing_found_is_zero():
    assert abc_half_ml(np.zeros((5, 5, 5), bool), (1, 1, 1)) == 0.0


def test_real_volumes_match_the_published_table(real_data):
    folder = real_data / "phe_sich"
    rows = [line.split("\t") for line in (folder / "cases.tsv").read_text().splitlines()[1:4]]
    for case, _, _, hemorrhage_ml, *_ in rows:
        image = nib.load(folder / f"{case}_labels.nii.gz")
        volume = volumes_ml(np.asarray(image.dataobj), image.affine, ["iph"])["iph"]
        assert volume == pytest.approx(float(hemorrhage_ml), abs=0.01)
