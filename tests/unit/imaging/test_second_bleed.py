import numpy as np
import pytest

from ichor.imaging.scan_measures import measure_scan
from ichor.imaging.shape import second_piece
from ichor.reasons import Reason

AFFINE = np.diag([1.0, 1.0, 5.0, 1.0])  # 0.005 mL a voxel


def remarks_of(*boxes):
    """Remarks on a mask of boxes (start, edges in voxels) of parenchymal blood in a scan without a head."""
    mask = np.zeros((60, 60, 12), np.uint8)
    for (x, y, z), (a, b, c) in boxes:
        mask[x : x + a, y : y + b, z : z + c] = 1
    row, remarks = measure_scan(np.full(mask.shape, 60, np.int16), mask, AFFINE, ["iph"], None)
    assert row["iph_ml"] == pytest.approx(np.count_nonzero(mask) * 0.005)
    return dict(remarks)


MAIN = ((5, 5, 2), (20, 20, 5))  # 10 mL


@pytest.mark.parametrize(
    ("second", "flagged"),
    [
        (((40, 40, 4), (10, 10, 2)), True),  # 1.0 mL, a tenth
        (((40, 40, 4), (11, 9, 2)), False),  # 0.99 mL
        (((25, 25, 6), (10, 10, 2)), False),  # shares a corner: one piece
    ],
)
def test_a_second_bleed_from_one_milliliter_and_a_tenth(second, flagged):
    found = remarks_of(MAIN, second)
    assert (Reason.SEVERAL_BLEEDS in found) is flagged
    if flagged:
        assert found[Reason.SEVERAL_BLEEDS] == "separate pieces of 10.0 and 1.0 mL; volumes are sums"


def test_a_second_piece_of_less_than_a_tenth_of_a_large_bleed_is_an_island():
    large = ((2, 2, 1), (30, 30, 6))  # 27 mL
    assert Reason.SEVERAL_BLEEDS not in remarks_of(large, ((40, 40, 4), (20, 13, 2)))  # 2.6 mL
    assert Reason.SEVERAL_BLEEDS in remarks_of(large, ((40, 40, 4), (20, 14, 2)))  # 2.8 mL


def test_one_bleed_and_none():
    assert Reason.SEVERAL_BLEEDS not in remarks_of(MAIN)
    assert Reason.SEVERAL_BLEEDS not in remarks_of()
    assert second_piece(np.zeros((2, 2, 2), bool)) == (0, 0)
