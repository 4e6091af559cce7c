"""A user's table without scans: what is read, and what is refused with row and column."""

import pandas as pd
import pytest

from ichor.cohort.own_table import read_own_table
from ichor.errors import StudyError

ROWS = ["row 2", "row 3", "row 4", "row 5"]
SETTINGS = {
    "patient": "id",
    "outcome": "state",
    "events": ["dead", 3],
    "columns": {"age": {"type": "number", "missing": [999]}, "side": {"type": "category", "missing": ["?"]}},
    "scores": {"grade": "higher"},
}
TEXT = (
    "id\tstate\tage\tside\tgrade\tname\n"
    "a\tdead\t50\tleft\t3\tx\n"
    "b\talive\t999\t?\t1\tx\n"
    "c\t\t60\tright\tNA\tx\n"
    "d\t3\t 70 \tleft\t5\tx\n"
)


def written(tmp_path, text, name="table.tsv"):
    path = tmp_path / name
    path.write_text(text)
    return path


@pytest.mark.parametrize("kind", ["tsv", "csv", "parquet"])
def test_values_are_read_by_their_description_from_every_kind_of_file(tmp_path, kind):
    path = written(
        tmp_path, TEXT if kind == "tsv" else TEXT.replace("\t", ","), f"table.{'csv' if kind == 'parquet' else kind}"
    )
    if kind == "parquet":
        frame = pd.read_csv(path, skipinitialspace=True)
        path = tmp_path / "table.parquet"
        frame.to_parquet(path)
    found = read_own_table(path, SETTINGS)
    assert list(found) == ["patient", "label", "age", "side", "grade"] and list(found["patient"]) == ROWS, (
        "no identifier"
    )
    assert found["label"].tolist() == [1, 0, pd.NA, 1] and found["age"].fillna(-1).tolist() == [50, -1, 60, 70]
    assert found["side"].tolist() == ["left", None, "right", "left"] and found["grade"].isna().tolist() == [0, 0, 1, 0]


def test_rows_are_patients_where_no_column_names_them(tmp_path):
    found = read_own_table(written(tmp_path, TEXT), SETTINGS | {"patient": None})
    assert found["patient"].tolist() == ROWS


@pytest.mark.parametrize(
    "text, changes, said",
    [
        (TEXT, {"outcome": None}, "outcome and events are needed"),
        (TEXT, {"columns": {"weight": {"type": "number"}}}, "found no column weight; it has id, state, age"),
        (TEXT, {"columns": {"side": {"type": "number"}}}, r"row 2, column side: found 'left', no number"),
        (TEXT, {"events": ["gone"]}, r"column state: no row has the event \(gone\); found 3, alive, dead"),
        (TEXT, {"events": ["dead", "alive", "3"]}, "every row has the event"),
        (TEXT.replace("\nd\t", "\nb\t"), {}, r"row 5: a second row of one patient \(id, first in row 3\)"),
        (TEXT.replace("\nd\t", "\n\t"), {}, "row 5: no id"),
        (TEXT.replace("name", "label"), {"columns": {"label": {"type": "category"}}}, "label is a name of ours"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(tmp_path, text, changes, said):
    with pytest.raises(StudyError, match=said):
        read_own_table(written(tmp_path, text), SETTINGS | changes)


def test_other_files_are_refused(tmp_path):
    with pytest.raises(StudyError, match="give .tsv, .csv or .parquet"):
        read_own_table(tmp_path / "table.xlsx", SETTINGS)
    with pytest.raises(StudyError, match="could not be read"):
        read_own_table(tmp_path / "absent.tsv", SETTINGS)
