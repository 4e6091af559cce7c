import numpy as np
import pytest

from ichor.segmentation.brain_box import MARGIN_MM, brain_box
from ichor.segmentation.preprocess import head_box
from ichor.segmentation.scan import read_scan

SPACING_MM = (5.0, 1.0, 1.0)
BRAIN_MM, SKULL_MM, SCALP_MM = 65.0, 72.0, 80.0
NOTHING = (0.0, 0.0, 0.0)


def head(shape=(20, 220, 240), at=(110, 120), brain_hu=35.0, brain_mm=BRAIN_MM, slices=None):
    """Round brain, skull, fat and skin from the inside to the outside, air and a thin head holder; (z, y, x)."""
    y, x = np.meshgrid(*(np.arange(n) for n in shape[1:]), indexing="ij")
    radius = np.hypot(y - at[0], x - at[1])
    plane = np.full(shape[1:], -1000.0)
    for outer, value in ((SCALP_MM, 40.0), (SCALP_MM - 2, -90.0), (SKULL_MM, 900.0), (brain_mm, brain_hu)):
        plane[radius < outer] = value
    plane[3:5] = 300.0
    return np.repeat(plane[None], slices or shape[0], axis=0).astype(np.float32)


def test_the_box_is_the_brains_with_a_margin_and_keeps_all_slices():
    z, y, x = brain_box(head(), SPACING_MM, NOTHING)
    assert z == slice(None)
    for side, middle in ((y, 110), (x, 120)):  # the brain is found on blocks of 2 mm
        assert side.start == pytest.approx(middle - BRAIN_MM - MARGIN_MM, abs=4)
        assert side.stop == pytest.approx(middle + BRAIN_MM + MARGIN_MM, abs=4)
        assert side.start <= middle - BRAIN_MM - MARGIN_MM / 2 and side.stop >= middle + BRAIN_MM + MARGIN_MM / 2


def test_it_is_smaller_than_the_heads():
    hu = head()
    assert hu[brain_box(hu, SPACING_MM, NOTHING)].size < 0.9 * hu[head_box(hu, SPACING_MM)].size


def test_it_is_at_least_a_tile_around_the_brain():
    z, y, x = brain_box(head(), SPACING_MM, (80.0, 180.0, 170.0))
    assert y.stop - y.start == 180 and x.stop - x.start == 170
    assert (y.start + y.stop) / 2 == pytest.approx(110, abs=2) and (x.start + x.stop) / 2 == pytest.approx(120, abs=2)


def test_what_the_scan_lacks_at_one_end_is_taken_at_the_other():
    _, y, _ = brain_box(head(at=(85, 120)), SPACING_MM, (80.0, 200.0, 170.0))
    assert (y.start, y.stop) == (0, 200)
    _, y, _ = brain_box(head(at=(135, 120)), SPACING_MM, (80.0, 200.0, 170.0))
    assert (y.start, y.stop) == (20, 220)
    _, y, _ = brain_box(head(), SPACING_MM, (80.0, 900.0, 170.0))
    assert (y.start, y.stop) == (0, 220)


@pytest.mark.parametrize(
    "hu",
    [
        head(slices=5),  # 330 mL
        head(brain_hu=-5.0),  # no tissue inside
        np.full((6, 60, 60), -1000.0, np.float32),
        np.full((2, 3, 3), 40.0, np.float32),
    ],
)
def test_without_a_brain_inside_bone_it_is_the_heads_box(hu):
    assert brain_box(hu, SPACING_MM, NOTHING) == head_box(hu, SPACING_MM)


def test_the_box_holds_every_real_bleed_and_its_edema(real_data):
    for path in sorted((real_data / "phe_sich").glob("*_ct.nii.gz"))[::10]:
        scan = read_scan(path)
        drawn = read_scan(str(path).replace("_ct", "_labels")).hu > 0
        box = brain_box(scan.hu, scan.spacing_mm, NOTHING)
        assert drawn[box].sum() == drawn.sum(), path.name
        assert scan.hu[box].size < scan.hu[head_box(scan.hu, scan.spacing_mm)].size
