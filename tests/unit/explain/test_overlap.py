import numpy as np
import pandas as pd
import pytest

from ichor.explain import choose
from ichor.explain.intervals import mean_interval
from ichor.explain.overlap import overlap, summarise
from ichor.explain.regions import head_on_grid, shares_of_regions
from ichor.explain.vocabulary import GROUPS, REGIONS
from ichor.imaging.crops import Grid

SPACING_MM = np.array([1.0, 1.0, 2.0])
GRID = Grid((40, 40, 20), (1.0, 1.0, 2.0))
CENTER = (np.array(GRID.shape) - 1) / 2


@pytest.fixture
def labels():
    """A bleed of 6 x 6 x 4 voxels and blood in a ventricle, 12 mm to its right."""
    made = np.zeros(GRID.shape, dtype=np.uint8)
    made[17:23, 17:23, 8:12] = 1
    made[34:37, 17:23, 8:12] = 2
    return made


def regions(labels, rim_mm=10.0, segmented=("iph", "ivh")):
    head = np.zeros(GRID.shape, dtype=bool)
    head[2:38, 2:38, :] = True
    image_hu = np.where(head, 32, -1000).astype(np.int16)
    return shares_of_regions(image_hu, labels, SPACING_MM, CENTER, GRID, head, rim_mm, segmented)


def test_regions_fill_the_grid_and_do_not_overlap(labels):
    found = regions(labels)
    assert list(found) == [name for name in REGIONS if name not in ("edema", "ventricles")]
    np.testing.assert_allclose(sum(found.values()), 1, atol=1e-6)
    assert found["hematoma"].sum() == pytest.approx(6 * 6 * 4)
    assert found["ventricular_blood"].sum() == pytest.approx(3 * 6 * 4)
    assert found["outside_head"].sum() == pytest.approx(40 * 40 * 20 - 36 * 36 * 20)


def test_the_rim_is_as_wide_as_it_is_said_in_millimetres(labels):
    rim = regions(labels, rim_mm=4.0)["rim"]
    assert list(np.flatnonzero(rim[:, 20, 10])) == [13, 14, 15, 16, 23, 24, 25, 26]
    assert list(np.flatnonzero(rim[20, 20, :])) == [6, 7, 12, 13], "slices of 2 mm"
    assert rim[13, 13, 10] == 0, "5.7 mm from the corner"


def test_regions_of_an_empty_mask_are_head_and_air():
    found = regions(np.zeros(GRID.shape, dtype=np.uint8))
    assert not found["hematoma"].any() and not found["rim"].any() and not found["ventricular_blood"].any()
    np.testing.assert_allclose(found["brain"] + found["elsewhere"] + found["outside_head"], 1)


def test_edema_is_a_region_where_it_is_segmented_and_part_of_the_rim_where_not(labels):
    labels[23:26, 17:23, 8:12] = 3
    told, untold = regions(labels, segmented=("iph", "ivh", "edema")), regions(labels)
    assert told["edema"].sum() == pytest.approx(3 * 6 * 4) and "edema" not in untold
    np.testing.assert_allclose(told["edema"] + told["rim"], untold["rim"], atol=1e-6)


def test_ventricles_of_a_head_are_a_region_and_taken_from_the_brain():
    spacing, shape = np.array([2.0, 2.0, 5.0]), (80, 100, 34)
    at = (np.stack(np.meshgrid(*(np.arange(n) for n in shape), indexing="ij"), -1) - np.array(shape) / 2) * spacing
    image = np.full(shape, -1000, np.int16)
    for half, hu in ((75, 900), (68, 32)):
        image[np.linalg.norm(at / [half, half + 16, half + 4], axis=-1) < 1] = hu
    horns = np.linalg.norm((np.abs(at) * [1, 1, 0] + at * [0, 0, 1] - [10, 5, 12]) / [6, 30, 12], axis=-1) < 1
    image[horns] = 6
    bleed = np.linalg.norm(at - [36, 0, 10], axis=-1) < 10
    grid = Grid(shape, tuple(spacing))
    center = (np.array(shape) - 1) / 2
    labels = bleed.astype(np.uint8)
    found = shares_of_regions(image, labels, spacing, center, grid, image > -500, 8.0)
    np.testing.assert_allclose(sum(found.values()), 1, atol=1e-5)
    assert 0.6 * horns.sum() < found["ventricles"].sum() <= horns.sum() + 1e-3
    assert not (found["ventricles"] * ~horns).any() and not (found["brain"] * found["ventricles"] > 0.01).any()
    assert found["elsewhere"][image == 900].mean() > 0.9 and found["brain"].sum() > 5 * found["rim"].sum()


def test_an_even_map_is_no_better_than_chance(labels):
    rows = {row["region"]: row for row in overlap(np.ones(GRID.shape), regions(labels))}
    assert all(row["ratio"] == pytest.approx(1) for row in rows.values() if row["volume_share"])
    assert sum(row["share"] for row in rows.values()) == pytest.approx(1)
    assert sum(row["peak"] for row in rows.values()) == pytest.approx(1)


def test_a_map_that_lies_in_the_hematoma_is_found_there_and_negative_values_do_not_count(labels):
    values = np.where(labels == 1, 2.0, -1.0)
    values[20, 20, 10] = 5.0
    rows = {row["region"]: row for row in overlap(values, regions(labels))}
    assert rows["hematoma"]["share"] == pytest.approx(1) and rows["hematoma"]["peak"] == 1
    assert rows["hematoma"]["ratio"] == pytest.approx(40 * 40 * 20 / (6 * 6 * 4))
    assert rows["rim"]["share"] == 0 and rows["rim"]["peak"] == 0


def test_half_in_the_bleed_and_half_in_the_ventricle(labels):
    values = np.zeros(GRID.shape)
    values[20, 20, 10] = values[35, 20, 10] = 1.0
    rows = {row["region"]: row for row in overlap(values, regions(labels))}
    assert rows["hematoma"]["share"] == rows["ventricular_blood"]["share"] == pytest.approx(0.5)
    assert rows["hematoma"]["peak"] == 0.5


def test_a_map_without_positive_values_has_no_overlap(labels):
    assert all(
        np.isnan(row["share"]) and np.isnan(row["peak"]) for row in overlap(-np.ones(GRID.shape), regions(labels))
    )


def test_means_have_their_n_and_interval():
    each = pd.DataFrame(
        {
            "method": "gradient",
            "region": "hematoma",
            "share": [0.1, 0.2, 0.3],
            "ratio": [2.0, np.nan, 4.0],
            "peak": [1, 0, 1],
        }
    )
    found = summarise(each).set_index("quantity")
    assert found.loc["share", "estimate"] == pytest.approx(0.2)
    # t with 2 degrees of freedom: 4.302653; standard error 0.1 / sqrt(3)
    assert found.loc["share", "high"] == pytest.approx(0.2 + 4.302653 * 0.1 / np.sqrt(3), rel=1e-6)
    assert found.loc["share", "low"] == 0, "no share is negative"
    assert list(found["n"]) == [3, 2, 3]
    assert found.loc["peak", "estimate"] == pytest.approx(2 / 3) and found.loc["peak", "high"] < 1
    assert np.isnan(mean_interval(np.array([0.3])).high) and mean_interval(np.array([])).n == 0


def test_the_head_is_the_largest_body_with_its_air():
    image = np.full((30, 30, 4), -1000.0)
    image[5:20, 5:20] = 40
    image[10:13, 10:13] = -1000  # a sinus
    image[25:28, 5:20] = 40  # the table
    head = head_on_grid(image)
    assert head[11, 11, 1] and head[5, 5, 0] and not head[26, 10, 1] and not head[0, 0, 0]
    assert not head_on_grid(np.full((4, 4, 4), -1000.0)).any()


def test_pictured_patients_are_the_most_certain_and_the_least():
    risks = {
        "a": (1, 0.9),
        "b": (1, 0.05),
        "c": (1, 0.3),
        "d": (0, 0.02),
        "e": (0, 0.95),
        "f": (0, 0.25),
        "g": (0, 0.5),
    }
    rows = pd.DataFrame(
        [(name, *values) for name, values in risks.items()], columns=["patient", "label", "probability"]
    )
    found = choose.pictured(rows.sample(frac=1, random_state=0), 0.3, 1)
    assert dict(zip(found["group"], found["patient"], strict=True)) == dict(
        event_high="a", event_low="b", no_event_low="d", no_event_high="e", event_unsure="c", no_event_unsure="f"
    )
    assert list(found["group"]) == list(GROUPS)
    assert choose.pictured(rows.head(0), 0.3, 1).empty
    assert sorted(choose.pictured(rows.head(2), 0.3, 5)["patient"]) == ["a", "b"], "nobody twice"


def test_the_lot_of_a_patient_does_not_depend_on_who_else_is_there():
    many = pd.Series([f"p{number}" for number in range(30)])
    first = choose.drawn(many, 5, 1, "gate")
    assert len(set(first)) == 5 and first == choose.drawn(many[::-1], 5, 1, "gate")
    assert set(choose.drawn(many.drop(many.index[many == first[0]]), 5, 1, "gate")) > set(first[1:])
    assert first != choose.drawn(many, 5, 2, "gate")
