"""The table of exclusions under the cohort flow."""

import pandas as pd

from ichor.report.flow import table

COLUMNS = ["step", "split", "target", "kind", "reason", "unit", "center", "count"]


def test_centers_stand_in_the_order_of_the_patients_not_of_the_first_exclusion():
    rows = [
        ("select", "", "", "set_aside", "localizer", "series", "north", 2),
        ("select", "", "", "set_aside", "localizer", "series", "all", 2),
        ("convert", "", "", "set_aside", "missing_slices", "series", "east", 1),
        ("convert", "", "", "set_aside", "missing_slices", "series", "all", 1),
        *(("patients", "", "", "accepted", "", "patient", center, 5) for center in ("east", "north", "west", "all")),
    ]
    found = table(pd.DataFrame(rows, columns=COLUMNS))
    assert list(found.columns) == ["step", "split", "target", "reason", "unit", "east", "north", "all"]
    assert found.set_index("reason").loc["missing_slices", "east"] == 1
