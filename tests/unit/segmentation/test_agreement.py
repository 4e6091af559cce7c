import numpy as np
import pandas as pd
import pytest

from ichor.segmentation.agreement import concordance, dice, limits_of_agreement, summarise_agreement


def cube(start, size=10, shape=(32, 32, 32)):
    mask = np.zeros(shape, dtype=bool)
    mask[start : start + size, 5 : 5 + size, 5 : 5 + size] = True
    return mask


@pytest.mark.parametrize("shift", [0, 1, 3, 9, 10, 15])
def test_dice_of_shifted_cubes_is_their_overlap(shift):
    assert dice(cube(4), cube(4 + shift)) == pytest.approx(max(0, 10 - shift) / 10)


def test_dice_of_concentric_spheres_is_that_of_their_volumes():
    grid = np.linalg.norm(np.stack(np.meshgrid(*[np.arange(121) - 60.0] * 3, indexing="ij")), axis=0)
    r, s = 40.0, 50.0
    assert dice(grid < r, grid < s) == pytest.approx(2 * r**3 / (r**3 + s**3), rel=2e-3)


def test_two_empty_masks_have_no_dice_one_empty_mask_has_zero():
    empty = np.zeros((32, 32, 32), bool)
    assert np.isnan(dice(empty, empty))
    assert dice(empty, cube(4)) == 0.0


def test_masks_of_different_shape_are_refused():
    with pytest.raises(ValueError, match="cannot be compared"):
        dice(np.zeros((2, 2), bool), np.zeros((2, 3), bool))


def test_limits_of_agreement_by_hand():
    bias, low, high = limits_of_agreement(np.array([1.0, 2.0, 3.0]))
    assert (bias, low, high) == pytest.approx((2.0, 2 - 1.96, 2 + 1.96))
    assert np.isnan(limits_of_agreement(np.array([]))).all()


def test_concordance_by_hand():
    x = np.array([1.0, 2.0, 3.0, 4.0])
    assert concordance(x, x) == pytest.approx(1.0)
    assert concordance(x, -x + 5) == pytest.approx(-1.0)
    variance = x.var()
    assert concordance(x, x + 2) == pytest.approx(2 * variance / (2 * variance + 4))  # a shift costs agreement
    assert np.isnan(concordance(np.ones(3), np.ones(3)))


def masks_table():
    rows = [
        # center, iph, reference, dice, ivh, reference, dice
        ("a", 10.0, 12.0, 0.8, 0.0, 0.0, np.nan),  # both empty: counted in volumes, not in Dice
        ("a", 20.0, 20.0, 0.9, 1.0, 0.0, 0.0),
        ("b", 30.0, 26.0, 0.7, 2.0, 4.0, 0.5),
        ("b", np.nan, 26.0, np.nan, np.nan, 4.0, np.nan),  # failed
        ("b", 5.0, np.nan, np.nan, 0.0, np.nan, np.nan),  # no reference
    ]
    names = ["center", "iph_ml", "reference_iph_ml", "dice_iph", "ivh_ml", "reference_ivh_ml", "dice_ivh"]
    return pd.DataFrame(rows, columns=names).assign(split="external")


def test_summary_counts_what_can_be_compared():
    summary = summarise_agreement(masks_table()).set_index(["center", "label"])
    assert summary.loc[("all", "iph"), ["n", "n_dice"]].tolist() == [3, 3]
    assert summary.loc[("a", "ivh"), ["n", "n_dice"]].tolist() == [2, 1]
    assert summary.loc[("all", "iph"), ["dice_q1", "dice_median", "dice_q3"]].tolist() == pytest.approx(
        [0.75, 0.8, 0.85]
    )
    assert summary.loc[("all", "iph"), "bias_ml"] == pytest.approx((-2 + 0 + 4) / 3)
    assert summary.loc[("a", "iph"), "loa_high_ml"] == pytest.approx(-1 + 1.96 * np.sqrt(2))
    assert np.isnan(summary.loc[("b", "iph"), "ccc"])


def test_summary_of_no_reference_at_all_is_empty_numbers_not_zeros():
    table = masks_table().assign(reference_iph_ml=np.nan, dice_iph=np.nan)
    row = summarise_agreement(table, ["iph"]).iloc[-1]
    assert row["n"] == 0 and np.isnan(row["dice_median"]) and np.isnan(row["bias_ml"])
