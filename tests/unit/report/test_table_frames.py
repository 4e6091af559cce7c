import numpy as np
import pandas as pd

from ichor.report import table_frames
from ichor.segmentation.agreement import GROUP_COLUMNS


def group_row(**known):
    return dict.fromkeys(GROUP_COLUMNS, np.nan) | {"split": "external", "group": "size", "label": "iph"} | known


def notes_of(cells):
    """What stands in each cell: the estimate, or why there is none."""
    return [cell if isinstance(cell, str) else cell.get("estimate") or cell.get("text") for cell in cells]


def test_agreement_says_of_each_gap_why_it_is_one():
    rows = [
        group_row(level="none", n=2, n_dice=0, n_hd95=0, bias_ml=0.0, within_10_percent=1.0, within_mdd=1.0),
        group_row(level="30 mL or more", n=0, n_dice=0, n_hd95=0),
        group_row(level="none", label="ivh", n=2, n_dice=0, n_hd95=0, bias_ml=0.0, within_10_percent=0.5),
    ]
    iph, ivh = table_frames.agreement_groups(pd.DataFrame(rows))["bodies"]
    empty, without = (notes_of(row["cells"]) for row in iph["rows"])
    assert iph["rows"][0]["name"] == "reference: none"
    assert empty[0] == "Both masks are empty." and empty[4:9] == [
        "0.0",
        *["Too few scans, or volumes all alike."] * 2,
        "100",
        "100",
    ]
    assert without[0] == without[4] == without[8] != empty[0] and "no reference mask" in without[0]
    assert ivh["rows"][0]["cells"][8] == {"kind": "none"}  # not published


def test_availability_counts_what_is_known():
    measures = pd.DataFrame({column: [1.0, None] for column in table_frames.MEASURES.values()})
    rows = table_frames.availability(measures)["rows"]
    assert rows[0]["cells"][1:] == ["1", "50 %"] and len(rows) == len(table_frames.MEASURES)
    assert table_frames.availability(measures.head(0)) is None


def test_patients_are_told_with_printed_units_and_three_digits_at_most():
    value = dict(level=None, kind="number", n=9, missing=2, count=None, percent=None, standardized_difference=0.1)
    rows = [
        dict(variable="creatinine_umol_l", unit="umol/L", center="all", median=87.25, q1=70.5, q3=100.84) | value,
        dict(variable="systolic_mmhg", unit="mmHg", center="all", median=168.5, q1=99.96, q3=189.6) | value,
    ]
    found = [row["cells"] for row in table_frames.table_one(pd.DataFrame(rows))["rows"]]
    assert found[0][0] == "Creatinine, µmol/L" and found[1][0] == "Systolic pressure, mmHg"
    assert found[0][1]["text"] == "87.2" and found[0][1]["small"] == ["70.5 to 101", "2 unknown"]
    assert found[1][1]["small"][0] == "100 to 190"
