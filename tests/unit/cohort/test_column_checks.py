"""Bad input of a clinical table: named, with a code, and survived."""

import pandas as pd
import pytest

from ichor.cohort.harmonise import harmonise_center
from ichor.errors import StudyError

SHEET = ["center", "variable", "column", "unit", "codes", "missing"]


def harmonise(tmp_path, values, variable, unit=None, codes=None, policy="empty"):
    """A center with one column beside the id; the values it keeps, in the order of its rows, and what is said."""
    rows = [("north", "patient", "id", None, None, None), ("north", variable, "x", unit, codes, None)]
    table = pd.DataFrame({"id": [f"p{n}" for n in range(len(values))], "x": values})
    table.to_csv(tmp_path / "t.csv", index=False)
    patients, status = harmonise_center(
        "north", "external", tmp_path / "t.csv", pd.DataFrame(rows, columns=SHEET), bytes(32), None, policy
    )
    return sorted(patients[variable].dropna().tolist()), status


def reasons(status):
    return status["reason"].tolist()


@pytest.mark.parametrize(
    ("variable", "unit", "values", "says"),
    [
        ("glucose_mmol_l", None, [70, 110, 133, 150, 240, 98], "5 of 6 numbers are impossible in mmol/L, 6 .* mg/dL"),
        ("systolic_mmhg", None, ["22,8", "19.5", 24, 21, 30], "5 of 5 numbers are impossible in mmHg, 5 .* in kPa"),
        ("systolic_mmhg", "kPa", [171, 190, 155, 140, 165], "5 of 5 numbers are impossible in kPa, 5 .* in mmHg"),
        ("hemoglobin_g_l", None, [13.4, 12.1, 15, 9.8, 14], "impossible in g/L, 5 are possible in g/dL"),
    ],
)
def test_a_column_in_another_unit_is_emptied_as_a_whole(tmp_path, variable, unit, values, says):
    kept, status = harmonise(tmp_path, values, variable, unit)
    assert kept == [] and reasons(status) == ["unit_suspected"]
    assert status["subject"].tolist() == [""] and status["detail"].str.contains(says).all()


def test_the_right_unit_is_not_doubted(tmp_path):
    kept, status = harmonise(tmp_path, [70, 110, 133, 150, 240, 98], "glucose_mmol_l", "mg/dL")
    assert len(kept) == 6 and kept[0] == pytest.approx(70 / 18.02) and status.empty


@pytest.mark.parametrize(
    "values",
    [
        [7, 8, 6.5, 133, 150, 240],  # no more than half
        [133, 150, 240, 98],  # too few to tell
        [9000, 9100, 9200, 9999, 8888],  # impossible in either unit
    ],
)
def test_single_numbers_are_refused_one_by_one(tmp_path, values):
    kept, status = harmonise(tmp_path, values, "glucose_mmol_l")
    assert set(reasons(status)) == {"out_of_range"} and len(kept) + len(status) == len(values)


def test_gos_e_in_a_column_of_gos(tmp_path):
    kept, status = harmonise(tmp_path, [1, 4, 7, 8, 3, 2], "gos_discharge")
    assert kept == [] and reasons(status) == ["scale_mixed"]
    kept, status = harmonise(tmp_path, [1, 4, 7, 5, 3, 2], "gos_discharge")  # a slip of the pen
    assert kept == [1, 2, 3, 4, 5] and reasons(status) == ["out_of_range"]
    fold = "1=1;2=2;3=3;4=3;5=4;6=4;7=5;8=5"
    kept, status = harmonise(tmp_path, [1, 4, 7, 8, 3, 2], "gos_discharge", codes=fold)
    assert kept == [1, 2, 3, 3, 5, 5] and status.empty
    kept, status = harmonise(tmp_path, [1, 4, 7, 8, 3, 2], "gose_discharge")
    assert kept == [1, 2, 3, 4, 7, 8] and status.empty


def test_a_column_without_any_value(tmp_path):
    kept, status = harmonise(tmp_path, ["", "NA", "", "", ""], "inr")
    assert kept == [] and reasons(status) == ["column_empty"]
    assert harmonise(tmp_path, ["", "", "", "", ""], "onset_to_surgery_h")[1].empty
    assert harmonise(tmp_path, ["", "", "", "", 1.1], "inr")[1].empty
    assert harmonise(tmp_path, ["", ""], "inr")[1].empty


def test_gcs_of_the_intubated(tmp_path):
    written = ["3T", "E1VTM4", "10T", "E3V4M6", 2, 14]
    kept, status = harmonise(tmp_path, written, "gcs")
    assert kept == [13, 14]
    assert sorted(reasons(status)) == ["gcs_intubated"] * 3 + ["out_of_range"]
    kept, status = harmonise(tmp_path, written, "gcs", policy="verbal_1")
    assert kept == [3, 6, 10, 13, 14]
    assert sorted(reasons(status)) == ["gcs_intubated"] * 3 + ["out_of_range"]  # said, though there is a number
    assert status["detail"].str.contains("the verbal part counts 1").sum() == 3
    kept, status = harmonise(tmp_path, ["3T", 14], "gcs", codes="3T=3")
    assert kept == [3, 14] and status.empty
    with pytest.raises(StudyError, match="cohort.gcs_intubated: found 'guess', expected empty or verbal_1"):
        harmonise(tmp_path, [14], "gcs", policy="guess")


def test_age_0_is_nobodys_age(tmp_path):
    kept, status = harmonise(tmp_path, [0, 61, 0.25], "age_years")
    assert kept == [0.25, 61] and reasons(status) == ["out_of_range"]


def test_an_outcome_before_the_onset_takes_all_outcomes_of_the_patient_along(tmp_path):
    table = "id,age,days,gos,dead,tx\na,61,-12,1,1,craniotomy\nb,70,90,4,0,conservative\nc,55,,3,0,conservative\n"
    (tmp_path / "t.csv").write_text(table)
    names = dict(patient="id", age_years="age", onset_to_outcome_days="days", gos_90d="gos", death_in_hospital="dead")
    rows = [("north", name, column, None, None, None) for name, column in (names | {"treatment": "tx"}).items()]
    patients, status = harmonise_center(
        "north", "external", tmp_path / "t.csv", pd.DataFrame(rows, columns=SHEET), bytes(32)
    )
    assert reasons(status) == ["outcome_before_onset"]
    one = patients.set_index("patient").loc[status["subject"].iloc[0]]
    assert one[["gos_90d", "death_in_hospital", "onset_to_outcome_days"]].isna().all()
    assert one[["age_years", "treatment"]].tolist() == [61, "craniotomy"]
    assert sorted(patients["gos_90d"].dropna()) == [3, 4]
