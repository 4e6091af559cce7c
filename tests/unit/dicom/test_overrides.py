"""The sheet of overrides is checked, wins over the rules, is recorded, and names of it that match nothing stop."""

import pandas as pd
import pytest
from phantom_series import Scan, write_series

from ichor import tables
from ichor.dicom import select
from ichor.dicom.overrides import of_center, read_overrides
from ichor.dicom.select import select_center
from ichor.errors import StudyError
from ichor.private_tables import write_private

COLUMNS = ["center", "patient", "time_point", "series", "action", "note"]


@pytest.fixture
def sheet(tmp_path):
    def write(*rows):
        path = tmp_path / "overrides.tsv"
        pd.DataFrame(rows, columns=COLUMNS).to_csv(path, sep="\t", index=False)
        return read_overrides(path, ["aurora", "boreal"])

    return write


WRONG = {
    "unknown center": (
        ["cedar", "p", "", "s", "refuse", ""],
        "row 2, column center: 'cedar' is none of aurora, boreal",
    ),
    "use without time point": (["aurora", "p", "", "s", "use", ""], "row 2, column time_point: .*needs one"),
    "refusal with time point": (["aurora", "p", "baseline", "s", "refuse", ""], "row 2, column time_point: .*empty"),
    "unknown action": (["aurora", "p", "", "s", "take", ""], "row 2, column action: expected one of use, refuse"),
    "no series": (["aurora", "p", "", "", "refuse", ""], "row 2, column series: a value is required"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_rows_stop_and_name_row_and_column(name, sheet):
    row, message = WRONG[name]
    with pytest.raises(StudyError, match=message):
        sheet(row)


@pytest.mark.parametrize(
    "rows",
    [
        (["aurora", "p", "", "s", "refuse", ""], ["aurora", "p", "baseline", "s", "use", ""]),
        (["aurora", "p", "baseline", "s", "use", ""], ["aurora", "p", "baseline", "t", "use", ""]),
    ],
)
def test_rows_that_contradict_each_other_stop(rows, sheet):
    with pytest.raises(StudyError, match="rows 2 and 3: .* is named more than once"):
        sheet(*rows)


def test_a_center_gets_its_rows_alone_in_one_order(sheet):
    rows = [["boreal", "q", "", "t", "refuse", ""], ["aurora", "p", "", "s", "refuse", "why"]]
    rows.append(["aurora", "a", "baseline", "u", "use", ""])
    one, two = sheet(*rows), sheet(*reversed(rows))
    assert of_center(one, "aurora") == of_center(two, "aurora")
    assert of_center(one, "boreal") == [dict(patient="q", time_point="", series="t", action="refuse", note="")]
    assert of_center(read_overrides(None, ["aurora"]), "aurora") == []


@pytest.fixture
def center(tmp_path, index):
    """Select a center of two patients with a better and a worse series each; `overrides` are rows of the sheet."""
    for patient in ("P1", "P2"):
        for number, thickness in enumerate((5.0, 9.0)):
            scan = Scan(patient_id=patient, rows=4, columns=4, study_uid=f"1.2.{patient[1]}", thickness_mm=thickness)
            scan.along_mm = [10.0 * k for k in range(12)]
            write_series(tmp_path / "in" / patient / f"{number}", scan)
    scout = Scan(patient_id="P1", rows=4, columns=4, study_uid="1.2.1", image_type=("ORIGINAL", "PRIMARY", "LOCALIZER"))
    write_series(tmp_path / "in" / "P1" / "scout", scout)
    rows, _ = index(tmp_path / "in")
    write_private(rows, tmp_path / "index")
    out = [tmp_path / f"{shard}" for shard in range(2)]

    def run(*overrides, **options):
        said = [dict(zip(COLUMNS[1:], row, strict=True)) for row in overrides]
        return select_center(tmp_path / "index", None, out, center="aurora", overrides=said, **options)[0]

    return run


def pick(public, patient, thickness):
    rows = public[(public["patient"] == patient) & (public["thickness_mm"] == thickness)]
    return rows[rows["score_coverage"] > 0].iloc[0]


def test_what_the_sheet_says_is_done_and_recorded(center):
    plain = center()
    first, second = sorted(plain["patient"].unique())
    assert pick(plain, first, 5.0)["outcome"] == pick(plain, second, 5.0)["outcome"] == "accepted"
    use = [first, "baseline", pick(plain, first, 9.0)["series"], "use", "less motion"]
    refuse = [second, "", pick(plain, second, 5.0)["series"], "refuse", ""]
    public = center(use, refuse)
    taken = public[public["outcome"] == "accepted"].set_index("patient")
    assert taken["thickness_mm"].to_dict() == {first: 9.0, second: 9.0}
    assert taken["override"].to_dict() == {first: "use: less motion", second: ""}
    assert pick(public, second, 5.0)[["reason", "override"]].tolist() == ["refused_by_override", "refuse"]
    assert pick(public, first, 5.0)["reason"] == "not_chosen"
    tables.validate("selection", public, "public")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda row: ["0" * 12, *row[1:]], "patient 000000000000, .*no such patient; the center has [0-9a-f]{12}"),
        (
            lambda row: [*row[:2], "0" * 12, *row[3:]],
            "series 000000000000: the patient has no such series; found [0-9a-f]",
        ),
    ],
)
def test_a_row_that_matches_nothing_stops_and_says_what_there_is(change, message, center):
    series = pick(center(), center()["patient"].min(), 9.0)
    with pytest.raises(StudyError, match=message):
        center(change([series["patient"], "baseline", series["series"], "use", ""]))


def test_a_localizer_cannot_be_used(center):
    scout = center().query("reason == 'localizer'").iloc[0]
    with pytest.raises(StudyError, match="found no volume"):
        center([scout["patient"], "baseline", scout["series"], "use", ""])


def test_only_the_shard_of_the_patient_is_chosen_again(center, tmp_path, monkeypatch):
    chosen, real = [], select.select_series
    monkeypatch.setattr(
        select, "select_series", lambda files, *a, **o: chosen.extend(files["patient"].unique()) or real(files, *a, **o)
    )
    plain = center(work_dir=tmp_path / "work")
    assert set(chosen) == set(plain["patient"])
    chosen.clear()
    row = pick(plain, plain["patient"].min(), 9.0)
    center([row["patient"], "baseline", row["series"], "use", ""], work_dir=tmp_path / "work")
    same_shard = {name for name in plain["patient"] if int(name, 16) % 2 == int(row["patient"], 16) % 2}
    assert set(chosen) == same_shard
