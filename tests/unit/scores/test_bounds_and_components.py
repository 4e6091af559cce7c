"""Bounds of scores with unknown items against every possible value, and scores beside their own parts."""

import math

import numpy as np
import pandas as pd
import pytest

from ichor.errors import StudyError
from ichor.scores.bounds import bounds
from ichor.scores.components import refuse_own_components, score_of
from ichor.scores.rows import OPTIONAL_ITEMS, SCORES, score_rows

EVERY = {
    "gcs": range(3, 16),
    "nihss": range(43),
    "age_years": range(131),
    "iph_ml": np.arange(0, 150, 0.25),
    "onset_to_ct_h": np.arange(0, 30, 0.25),
    "glucose_mmol_l": np.arange(2, 30, 0.1),
    "location": ("deep", "lobar", "infratentorial"),
}
PATIENTS = [
    dict(gcs=9, nihss=15, iph_ml=25.0, location="infratentorial", age_years=72, onset_to_ct_h=2.2, glucose_mmol_l=7.0),
    dict(gcs=14, nihss=4, iph_ml=61.0, location="lobar", age_years=44, onset_to_ct_h=7.0, glucose_mmol_l=9.0),
]


@pytest.mark.parametrize("score", sorted(SCORES))
@pytest.mark.parametrize("patient", PATIENTS)
def test_one_unknown_item_has_the_bounds_of_all_its_values(score, patient):
    function, names = SCORES[score]
    items = {name: patient.get(name, True) for name in names}
    for gap in set(names) - set(OPTIONAL_ITEMS):
        values = [function(**{**items, gap: value}).value for value in EVERY.get(gap, (False, True))]
        assert bounds(function, {**items, gap: None}) == (min(values), max(values)), gap


@pytest.mark.parametrize(
    ("score", "range_"),
    [
        ("ich", (0, 6)), ("ich_gs", (5, 13)), ("func", (0, 11)), ("max_ich", (0, 9)), ("mich_cheung_zou", (0, 6)),
        ("mich_cho", (0, 5)), ("rich", (0, 6)), ("brain", (0, 24)), ("nag", (0, 3)), ("bat", (0, 5)),
    ],
)  # fmt: skip
def test_a_patient_of_whom_nothing_is_known_has_the_whole_range(score, range_):
    function, names = SCORES[score]
    assert bounds(function, dict.fromkeys(names)) == range_


def test_rows_have_bounds_only_when_asked_and_no_points_either_way():
    rows = pd.DataFrame(
        {
            "gcs": pd.array([4, None], dtype="Int64"),
            "iph_ml": [40.0, 40.0],
            "ivh_ml": [0.0, math.nan],
            "location": ["deep", "deep"],
            "age_years": [60.0, 60.0],
        }
    )
    assert "low" not in score_rows("ich", rows)
    found = score_rows("ich", rows, with_bounds=True)
    assert found.loc[0, ["points", "low", "high"]].tolist() == [3, 3, 3]
    assert math.isnan(found.loc[1, "points"]) and found.loc[1, "reason"] == "missing_input"
    assert found.loc[1, ["low", "high"]].tolist() == [1, 4]


def test_a_score_beside_its_own_components_is_refused_with_the_reason():
    with pytest.raises(
        StudyError, match="ich_points stands beside its own components gcs, measured_location: its odds"
    ):
        refuse_own_components(["ich_points", "gcs", "hypertension", "measured_location"])
    with pytest.raises(StudyError, match="ich_points and max_ich_points share the components age_years, iph_ml"):
        refuse_own_components(["ich_points", "max_ich_points"])
    refuse_own_components(["ich_points", "hypertension", "nihss"])
    refuse_own_components(["gcs", "iph_ml", "age_years"])
    assert score_of("ich_points") == "ich" and score_of("ich") is None and score_of("set_points") is None
