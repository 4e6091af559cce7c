"""Mean of a score by day and group: the last score of each day, of those who have one."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from ichor.evaluation.score_courses import score_by_group


def test_the_last_score_of_a_window_counts_and_who_has_none_takes_no_part():
    people = pd.DataFrame(dict(patient=list("abcd"), group=["high", "high", "high", "low"], nihss=[10.0, 14, None, 5]))
    rows = [
        ("a", 20.0, "nihss", 30.0), ("a", 35.9, "nihss", 12.0),  # day 1: the later one
        ("b", 30.0, "nihss", 16.0), ("c", 30.0, "nihss", 20.0), ("d", 30.0, "gcs", 3.0),
        ("a", 36.0, "nihss", 8.0), ("e", 40.0, "nihss", 42.0), ("b", 400.0, "nihss", 1.0),
    ]  # fmt: skip
    courses = pd.DataFrame(rows, columns=["patient", "time_h", "variable", "value"])
    found = score_by_group(courses, people).set_index(["group", "day"])
    assert found.loc[("high", "Admission"), ["n", "mean"]].tolist() == [2, 12.0]
    first = found.loc[("high", "Day 1")]
    assert (first["n"], first["mean"]) == (3, 16.0)
    expected = stats.t.interval(0.95, 2, 16.0, stats.sem([12.0, 16.0, 20.0]))
    assert (first["low"], first["high"]) == pytest.approx(expected)
    alone = found.loc[("high", "Day 2")]
    assert (alone["n"], alone["mean"]) == (1, 8.0) and np.isnan(alone["low"])
    assert [key for key in found.index if key[0] == "low"] == [("low", "Admission")]
    assert "Day 14" not in found.index.get_level_values("day")  # 400 h is later
