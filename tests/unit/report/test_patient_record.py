import numpy as np
import pandas as pd
import pytest

from ichor.report.patient_page import bars
from ichor.report.patient_record import record_rows

TRAIN = pd.DataFrame(
    {
        "age_years": np.arange(1.0, 102.0),  # quartiles 26, 51, 76
        "diabetes": [1.0] * 25 + [0.0] * 75 + [np.nan],
        "location": ["deep"] * 60 + ["lobar"] * 40 + [None],
        "temperature_c": [np.nan] * 101,
    }
)


def rows(**values):
    patient = pd.Series({"age_years": np.nan, "diabetes": np.nan, "location": None, "temperature_c": np.nan} | values)
    return {row["column"]: row for row in record_rows(patient, TRAIN, [*TRAIN.columns, "nowhere"])}


def test_a_number_stands_beside_quartiles_and_the_share_below_it():
    found = rows(age_years=51.0)["age_years"]
    assert found["value"] == "51" and found["usual"] == "51 (26 to 76)" and found["below"] == "50 %"
    assert found["strip"] == {"first": pytest.approx(22.2), "third": pytest.approx(77.8), "median": 50.0, "own": 50.0}
    assert rows(age_years=500.0)["age_years"]["strip"]["own"] == 100.0, "beyond the strip it stands at its end"


def test_levels_and_yes_or_no_stand_beside_their_share():
    found = rows(diabetes=1.0, location="lobar")
    assert found["diabetes"]["usual"] == "25 % have the same" and found["diabetes"]["strip"] is None
    assert found["location"]["usual"] == "40 % have the same" and found["location"]["value"] == "lobar"


def test_what_is_not_known_is_a_dash_and_no_zero():
    found = rows()
    assert {row["value"] for row in found.values()} == {"–"} and "nowhere" not in found
    assert found["age_years"]["strip"]["own"] is None and found["location"]["usual"] == "most often deep"
    assert found["temperature_c"]["usual"] == "not known in any train patient"


def test_bars_keep_the_largest_and_add_up_the_rest():
    amounts = [0.5, -1.0, *[0.01] * 12]
    given = pd.DataFrame({"feature": [f"x{n:02d}" for n in range(14)], "value": "1", "amount": amounts})
    found = bars(given)
    assert len(found) == 11 and found[0]["name"] == "X01" and found[-1]["amount"] == "+0.04"
    assert (found[0]["left"], found[0]["width"], found[0]["positive"]) == (0.0, 50.0, False)
    assert (found[1]["left"], found[1]["width"], found[1]["positive"]) == (50.0, 25.0, True)
    assert bars(given.head(0)) == []
