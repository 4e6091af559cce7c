"""The score is the sum of written parts, each of which moves with what it is about and with nothing else."""

import numpy as np
import pandas as pd
import pytest

from ichor.dicom.score import PARTS, score_parts
from ichor.dicom.stack import read_stack

BEST = dict(image_type=20, kernel=20, contrast=10, coverage=20, thickness=15, slices=5, regularity=10)


def series(along=None, thickness=5.0, shear=0.0, **columns):
    along = np.arange(30) * 5.0 if along is None else np.asarray(along, float)
    rows = pd.DataFrame(
        dict(
            x_mm=0.0, y_mm=shear * along, z_mm=along, row_x=1.0, row_y=0.0, row_z=0.0, column_x=0.0, column_y=1.0,
            column_z=0.0, thickness_mm=thickness, instance=np.arange(len(along)), kernel="H31s", contrast=False,
            image_type="ORIGINAL\\PRIMARY\\AXIAL", description_is_bone=False,
        )
    )  # fmt: skip
    return rows.assign(**columns)


def parts(rows):
    return score_parts(read_stack(rows), rows)


def test_a_five_millimetre_head_in_a_soft_kernel_has_all_points():
    assert parts(series()) == BEST and sum(BEST.values()) == 100 and tuple(BEST) == PARTS


@pytest.mark.parametrize(
    ("change", "part", "points"),
    [
        (dict(image_type="DERIVED\\SECONDARY\\AXIAL"), "image_type", 6.67),
        (dict(image_type="ORIGINAL\\PRIMARY\\VOLUME\\NONE"), "image_type", 20),
        (dict(image_type=""), "image_type", 0),
        (dict(kernel=""), "kernel", 10),
        (dict(kernel="other"), "kernel", 10),
        (dict(kernel="H60s"), "kernel", 0),
        (dict(description_is_bone=True), "kernel", 0),
        (dict(contrast=True), "contrast", 0),
        (dict(along=np.arange(30) * 2.4 + 0.0), "coverage", 20 * (29 * 2.4 + 5) / 150),
        (dict(along=np.arange(31) * 5.0, thickness=4.0), "thickness", 12),
        (dict(thickness=12.0), "thickness", 0),
        (dict(along=np.arange(15) * 11.0), "slices", 3.75),
        (dict(along=np.r_[np.arange(29) * 5.0, 149.0]), "regularity", 6),
        (dict(along=np.r_[np.arange(30) * 5.0, 0.0]), "regularity", 7),
        (dict(shear=0.2), "regularity", 7),
    ],
)
def test_each_part_moves_alone(change, part, points):
    found = parts(series(**change))
    assert found[part] == pytest.approx(points, abs=0.01)
    assert {name: value for name, value in found.items() if name != part} == {
        name: value for name, value in BEST.items() if name != part
    }


def test_what_is_no_volume_has_no_points_for_its_geometry():
    found = score_parts(None, series(image_type="ORIGINAL\\PRIMARY\\LOCALIZER", kernel=""))
    assert found == dict(image_type=13.33, kernel=10, contrast=10, coverage=0, thickness=0, slices=0, regularity=0)
