import numpy as np
import pandas as pd
import pytest
import torch
from monai.metrics import compute_hausdorff_distance, compute_surface_dice

from ichor import tables
from ichor.segmentation.agreement import (
    TOLERANCE_MM,
    compare_masks,
    concordance,
    dice,
    intraclass_correlation,
    limits_of_agreement,
    size_class,
    summarise_agreement,
    summarise_groups,
)

SHROUT_FLEISS = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
"""Table 2 of Shrout and Fleiss, Psychol Bull 1979;86:420-428: six targets, four judges."""


def cube(start, size=10, shape=(32, 32, 32)):
    mask = np.zeros(shape, dtype=bool)
    mask[start : start + size, 5 : 5 + size, 5 : 5 + size] = True
    return mask


def ball(radius_mm, spacing_mm, shape=(64, 64, 24), off_mm=(0, 0, 0)):
    middle = (np.array(shape) - 1) / 2 * spacing_mm + off_mm
    grid = np.stack(np.meshgrid(*(np.arange(n) for n in shape), indexing="ij"), axis=-1) * spacing_mm
    return np.linalg.norm(grid - middle, axis=-1) < radius_mm


@pytest.mark.parametrize("shift", [0, 1, 3, 9, 10, 15])
def test_dice_of_shifted_cubes_is_their_overlap(shift):
    assert dice(cube(4), cube(4 + shift)) == pytest.approx(max(0, 10 - shift) / 10)


def test_dice_of_concentric_spheres_is_that_of_their_volumes():
    grid = np.linalg.norm(np.stack(np.meshgrid(*[np.arange(121) - 60.0] * 3, indexing="ij")), axis=0)
    r, s = 40.0, 50.0
    assert dice(grid < r, grid < s) == pytest.approx(2 * r**3 / (r**3 + s**3), rel=2e-3)


def test_masks_of_different_shape_are_refused():
    with pytest.raises(ValueError, match="cannot be compared"):
        dice(np.zeros((2, 2), bool), np.zeros((2, 3), bool))


def test_what_is_said_of_empty_masks_is_what_is_written():
    empty, full = np.zeros((32, 32, 32), bool), cube(4)
    columns = ["emptiness", "dice", "nsd", "hd95_mm", "difference_ml", "difference_percent"]
    said = pd.DataFrame(
        [compare_masks(p, r, (1, 1, 1), 0.001) for p, r in ((empty, empty), (empty, full), (full, empty))]
    )[columns]
    written = pd.DataFrame(
        [
            ("both_empty", np.nan, np.nan, np.nan, 0.0, np.nan),
            ("prediction_empty", 0.0, 0.0, np.nan, -1.0, -100.0),
            ("reference_empty", 0.0, 0.0, np.nan, 1.0, np.nan),
        ],
        columns=columns,
    )
    pd.testing.assert_frame_equal(said, written)


def test_surfaces_of_concentric_balls_are_their_radii_apart():
    spacing = (0.8, 0.8, 0.8)
    shape = (64, 64, 64)
    small, large = ball(18, spacing, shape), ball(21, spacing, shape)
    case = compare_masks(small, large, spacing, 0.000512)
    assert case["hd95_mm"] == pytest.approx(3.0, abs=0.8)  # to a voxel
    assert case["nsd"] < 0.01 and compare_masks(small, small, spacing, 0.000512)["nsd"] == 1.0


@pytest.mark.parametrize("slices", [1, 2])
def test_distance_through_the_slices_counts_their_thickness(slices):
    spacing = (0.5, 0.5, 5.0)
    first = np.zeros((40, 40, 20), bool)
    first[10:30, 10:30, 5:10] = True
    second = np.roll(first, slices, axis=2)
    # The two faces of 18 x 18 are far more than a twentieth of the surface, so the percentile is the full shift.
    assert compare_masks(first, second, spacing, 0.00125)["hd95_mm"] == pytest.approx(5.0 * slices)
    sideways = np.roll(first, slices, axis=0)
    assert compare_masks(first, sideways, spacing, 0.00125)["hd95_mm"] <= 0.5 * slices


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (0.5, 0.5, 5.0), (1.8, 1.8, 4.0)])
@pytest.mark.parametrize("seed", [0, 1])
def test_surface_measures_are_those_of_monai(spacing, seed):
    rng = np.random.default_rng(seed)
    reference = ball(11, spacing, off_mm=rng.uniform(-3, 3, 3))
    prediction = ball(rng.uniform(8, 14), spacing, off_mm=rng.uniform(-4, 4, 3))
    prediction ^= (rng.random(prediction.shape) < 0.02) & ball(13, spacing)
    case = compare_masks(prediction, reference, spacing, 0.001)
    first, second = (torch.from_numpy(mask[None, None].astype(np.float32)) for mask in (prediction, reference))
    options = {"include_background": True, "spacing": spacing}
    assert case["nsd"] == pytest.approx(float(compute_surface_dice(first, second, [TOLERANCE_MM], **options)), abs=1e-5)
    assert case["hd95_mm"] == pytest.approx(
        float(compute_hausdorff_distance(first, second, percentile=95, **options)), abs=1e-4
    )


def test_what_lies_around_does_not_change_a_case():
    wide = compare_masks(cube(4, shape=(60, 50, 40)), cube(6, shape=(60, 50, 40)), (1, 2, 3), 0.006)
    near = compare_masks(cube(4, shape=(17, 16, 16)), cube(6, shape=(17, 16, 16)), (1, 2, 3), 0.006)
    assert wide == near


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


def test_intraclass_correlation_of_the_published_example():
    assert intraclass_correlation(np.array(SHROUT_FLEISS)) == pytest.approx(0.29, abs=0.005)


def test_intraclass_correlation_by_hand():
    x = np.array([1.0, 2.0, 3.0, 4.0])
    assert intraclass_correlation(np.stack([x, x], 1)) == pytest.approx(1.0)
    # Shifted by d: MS between = 2 var(ddof 1), MS error = 0, MS raters = n d^2 / 2, so ICC = 2 v / (2 v + d^2).
    v, d = x.var(ddof=1), 2.0
    assert intraclass_correlation(np.stack([x, x + d], 1)) == pytest.approx(2 * v / (2 * v + d**2))
    assert np.isnan(intraclass_correlation(np.ones((1, 2)))) and np.isnan(intraclass_correlation(np.ones((4, 2))))


@pytest.mark.parametrize("seed", range(3))
def test_intraclass_correlation_is_what_an_analysis_of_variance_gives(seed):
    """The mean squares of statsmodels' two-way analysis, put into Shrout and Fleiss's formula."""
    import statsmodels.formula.api as models
    from statsmodels.stats.anova import anova_lm

    rng = np.random.default_rng(seed)
    ratings = rng.normal(20, 8, (12, 1)) + rng.normal(0, [1.0, 3.0], (12, 2)) + [0.0, 1.5]
    long = pd.DataFrame({"v": ratings.ravel(), "case": np.repeat(range(12), 2), "rater": np.tile([0, 1], 12)})
    table = anova_lm(models.ols("v ~ C(case) + C(rater)", long).fit())
    between, raters, error = (table["sum_sq"] / table["df"]).loc[["C(case)", "C(rater)", "Residual"]]
    expected = (between - error) / (between + error + 2 * (raters - error) / 12)
    assert intraclass_correlation(ratings) == pytest.approx(expected)


def test_a_size_ends_where_the_next_begins():
    sizes = [size_class(volume) for volume in (0.0, 0.01, 9.99, 10.0, 29.99, 30.0, 150.0)]
    assert sizes == ["none", *["under 10 mL"] * 2, *["10 to 30 mL"] * 2, *["30 mL or more"] * 2]


def agreement_cases():
    rows = [
        # center, label, predicted, reference, dice
        ("a", "iph", 10.0, 12.0, 0.8),
        ("a", "iph", 20.0, 20.0, 0.9),
        ("b", "iph", 30.0, 36.0, 0.7),
        ("a", "ivh", 0.0, 0.0, np.nan),  # both empty: counted in volumes, not in Dice
        ("a", "ivh", 1.0, 0.0, 0.0),
        ("b", "ivh", 2.0, 4.0, 0.5),
    ]
    cases = pd.DataFrame(rows, columns=["center", "label", "predicted_ml", "reference_ml", "dice"])
    cases = cases.assign(
        split="external", patient="p", time_point="baseline", manufacturer=["GE", None] * 3, location=None, nsd=0.5
    )
    cases["difference_ml"] = cases["predicted_ml"] - cases["reference_ml"]
    cases["size"] = cases["reference_ml"].map(size_class)
    return tables.validate("agreement_cases", cases.assign(emptiness=None, hd95_mm=2.0, difference_percent=0.0), "made")


MASKS = pd.DataFrame({"split": "external", "center": ["a", "b", "c"]})


def test_summary_counts_what_can_be_compared():
    summary = summarise_agreement(agreement_cases(), MASKS).set_index(["center", "label"])
    assert summary.loc[("all", "iph"), ["n", "n_dice"]].tolist() == [3, 3]
    assert summary.loc[("a", "ivh"), ["n", "n_dice"]].tolist() == [2, 1]
    assert summary.loc[("all", "iph"), ["dice_q1", "dice_median", "dice_q3"]].tolist() == pytest.approx(
        [0.75, 0.8, 0.85]
    )
    assert summary.loc[("all", "iph"), "bias_ml"] == pytest.approx((-2 + 0 - 6) / 3)
    assert summary.loc[("a", "iph"), "loa_high_ml"] == pytest.approx(-1 + 1.96 * np.sqrt(2))
    assert np.isnan(summary.loc[("b", "iph"), "ccc"])


def test_shares_within_a_tenth_and_within_what_readers_differ_by():
    summary = summarise_agreement(agreement_cases(), MASKS).set_index(["center", "label"])
    assert summary.loc[("all", "iph"), "within_10_percent"] == pytest.approx(1 / 3)
    assert summary.loc[("all", "iph"), "within_mdd"] == pytest.approx(2 / 3)  # 0 and 2 mL, not 6 mL
    assert summary.loc[("all", "ivh"), "within_10_percent"] == pytest.approx(1 / 3)  # the two empty ones agree
    assert np.isnan(summary.loc[("all", "ivh"), "within_mdd"])  # not published


def test_a_center_without_reference_is_empty_numbers_not_zeros():
    row = summarise_agreement(agreement_cases(), MASKS).set_index(["center", "label"]).loc[("c", "iph")]
    assert row["n"] == 0 and row.drop(["split", "n", "n_dice", "n_hd95"]).isna().all()


def test_groups_hold_every_case_once():
    groups = summarise_groups(agreement_cases())
    iph = groups[(groups["label"] == "iph") & (groups["group"] == "size")].set_index("level")
    assert iph["n"].to_dict() == {"10 to 30 mL": 2, "30 mL or more": 1}
    ivh = groups[(groups["label"] == "ivh") & (groups["group"] == "size")]
    assert list(ivh["level"]) == ["none", "under 10 mL"]  # from small to large
    assert iph.loc["30 mL or more", "bias_ml"] == -6
    scanners = groups[groups["group"] == "manufacturer"]
    assert scanners["n"].sum() == 3 and set(scanners["level"]) == {"GE"}  # of an unknown scanner nothing is said
