import math

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm
from tests.unit.cohort.test_expansion_labels import EXPANSION, Study

from ichor import tables
from ichor.cohort.extent import PROBABILITIES, expansion_extent, extent_class, extent_probabilities


def extent(study, **changed):
    return expansion_extent("external", *study.tables(), expansion=EXPANSION | changed).set_index("patient")


@pytest.mark.parametrize(
    ("growth_ml", "expected"),
    [
        (-3.0, 0),
        (0.0, 0),
        (1e-7, 0),
        (0.01, 1),
        (5.1, 1),
        (25.2 - 20.1, 1),
        (5.11, 2),
        (12.5, 2),
        (12.51, 3),
        (80.0, 3),
    ],
)
def test_class_at_its_edges(growth_ml, expected):
    assert extent_class(growth_ml) == expected


def test_probabilities_far_from_zero_are_those_of_a_normal_growth():
    found = extent_probabilities(np.array([[60.0], [66.0]]), np.array([[3.0], [4.0]]), 0.0)[:, 0]
    at = [-math.inf, *((limit - 6.0) / 5.0 for limit in (0.0, 5.1, 12.5)), math.inf]
    assert found == pytest.approx(np.diff(norm.cdf(at)), abs=1e-9)
    alike = extent_probabilities(np.array([[60.0], [66.0]]), np.array([[3.0], [4.0]]), 0.9)[:, 0]
    assert alike[2] > found[2], "errors that are alike cancel in the growth"


def test_probabilities_add_up_to_one_and_agree_with_drawn_volumes():
    rng = np.random.default_rng(0)
    volumes, errors = np.array([[2.0, 30.0], [4.0, 31.0]]), np.array([[2.0, 6.0], [2.0, 8.0]])
    found = extent_probabilities(volumes, errors, 0.0)
    assert found.sum(axis=0) == pytest.approx([1.0, 1.0])
    drawn = volumes[..., None] + errors[..., None] * rng.standard_normal((2, 2, 200_000))
    for number, (before, after) in enumerate(zip(*drawn, strict=True)):
        there = (before > 0) & (after > 0)  # a volume is never below 0 mL
        classes = np.digitize((after - before)[there], [0.0, 5.1, 12.5], right=True)
        assert found[:, number] == pytest.approx(np.bincount(classes, minlength=4) / there.sum(), abs=0.005)


def test_extent_source_and_reason_of_each_patient():
    study = Study().add("a", [(20, 0), (19, 0)]).add("b", [(20, 0), (29, 0)], [(20, 0), (22, 0)]).add("c", hours=None)
    study.add("t", hours=None, onset_to_followup_ct_h=26.0, table_iph_ml=20.0, table_followup_iph_ml=40.0)
    study.add("u", [(20, 0), (27, 0)], error=None).add("f", hours=None, **{"table_expansion_over_12.5_ml": 1})
    found = extent(study)
    assert found.loc[["a", "b", "t", "u"], "extent"].tolist() == [0, 1, 3, 2]
    assert found.loc[["a", "b", "t"], "source"].tolist() == ["measured", "reference", "table_volumes"]
    assert found.loc[["c", "f", "u"], "reason"].tolist() == ["no_followup", "no_followup", "volume_error_unknown"]
    assert found.loc["b", PROBABILITIES].tolist() == [0, 1, 0, 0], "references are exact"
    assert found.loc["u", PROBABILITIES].isna().all() and found.loc["c", PROBABILITIES].isna().all()
    assert 0 < extent(study, reader_error_ml=2.0).loc["b", "probability_1"] < 1


def test_a_scan_before_the_window_gives_the_highest_class_or_none():
    study = Study().add("a", [(20, 0), (40, 0)], hours=3.0).add("b", [(20, 0), (28, 0)], hours=3.0)
    found = extent(study)
    assert found.loc["a", "extent"] == 3 and pd.isna(found.loc["b", "extent"])
    assert found.loc["b", "reason"] == "followup_out_of_window"
    assert extent(study, early_positive=False)["extent"].isna().all()


def test_a_tiny_baseline_and_blood_in_the_ventricles_change_nothing():
    found = extent(Study().add("a", [(0.2, 0), (0.9, 30)]))
    assert found.loc["a", "extent"] == 1 and found.loc["a", "reason"] is None


def test_the_table_is_read_as_it_was_written(tmp_path):
    found = expansion_extent("external", *Study().add("a", [(20, 0), (29, 0)]).tables(), expansion=EXPANSION)
    tables.write("expansion_extent", found, tmp_path / "extent.tsv")
    pd.testing.assert_frame_equal(tables.read("expansion_extent", tmp_path / "extent.tsv"), found)
