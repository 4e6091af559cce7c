"""Reading undoes what each simulated center does to its courses: layout, times, words, units, slips."""

from datetime import datetime

import numpy as np
import pandas as pd
import pytest
import yaml

from ichor.cohort.course_time_points import time_points
from ichor.cohort.read_courses import read_courses
from ichor.pseudonyms import pseudonym
from ichor.simulate.course_tables import COURSE_FORMATS, course_columns_sheet, write_courses

KEY = bytes(32)
ROUNDING = {"kPa": 0.05, "mg/dL": 0.01}


@pytest.fixture(scope="module")
def points(repository):
    return time_points(yaml.safe_load((repository / "config/config.yaml").read_text())["trajectory"]["time_points"])


def readings(center):
    """Readings of 30 patients at the visits that the center makes."""
    rng = np.random.default_rng(11)
    visits = {"admission": 3.4, "day1": 28.1, "day2": 44.9, "day3": 70.2, "day7": 155.0, "day14": 321.5}
    ranges = {"gcs": (3, 15), "nihss": (0, 42), "nihss_motor": (0, 16), "drain": (0, 1), "temperature_c": (35, 41)}
    rows = [
        (f"p{patient:02d}", visit, time, name, float(rng.integers(*ranges.get(name, (95, 150)), endpoint=True)))
        for patient in range(30)
        for visit, time in visits.items()
        if COURSE_FORMATS[center].kept is None or visit in COURSE_FORMATS[center].kept
        for name in COURSE_FORMATS[center].words
    ]
    table = pd.DataFrame(rows, columns=["patient", "visit", "time_h", "variable", "value"])
    table["value"] = table["value"].where(table["variable"] != "glucose_mmol_l", table["value"] / 10)
    return table


@pytest.mark.parametrize("center", sorted(COURSE_FORMATS))
def test_every_reading_comes_back(center, points, tmp_path):
    drawn = readings(center)
    onsets = dict.fromkeys(drawn["patient"], datetime(2023, 12, 31, 21, 17))
    write_courses(drawn, center, onsets, tmp_path / "courses.csv", np.random.default_rng(4))
    sheet = course_columns_sheet().replace("", None)
    found, status = read_courses(center, tmp_path / "courses.csv", sheet, points, KEY)
    named = COURSE_FORMATS[center].time_kind == "time_point"
    middle = {"admission": 6.0} | {point.name: point.middle_h for point in points}
    drawn["patient"] = [pseudonym(KEY, center, one) for one in drawn["patient"]]
    drawn["time_h"] = drawn["visit"].map(middle) if named else drawn["time_h"]
    assert set(status["reason"]) <= {
        "two_values_at_one_time", "times_out_of_order", "unit_changes", "unmapped_variable",
    }  # fmt: skip
    doubted = set(status.loc[status["reason"] == "unit_changes", "subject"])
    assert len(doubted) == (center == "boreal")
    drawn = drawn[~((drawn["variable"] == "temperature_c") & drawn["patient"].isin(doubted) & (drawn["time_h"] > 48))]
    keys = ["patient", "variable", "time_h"]
    both = [part.sort_values(keys, ignore_index=True) for part in (drawn, found)]
    assert both[0][["patient", "variable"]].equals(both[1][["patient", "variable"]])
    # days are written to 0.01, of two heart rates at one time, 2 apart, the mean is taken
    np.testing.assert_allclose(both[1]["time_h"], both[0]["time_h"], atol=0.13)
    beats = both[0]["variable"] == "heart_rate_bpm"
    off = (both[1]["value"] - both[0]["value"]).abs()
    assert off[~beats].max() <= 0.06 and off[beats].isin([0.0, 1.0]).all() and 0 < off[beats].sum() < 0.1 * beats.sum()
