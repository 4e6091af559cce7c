"""A center's reports become rows without identifiers, and only what was known in time is kept."""

import pandas as pd
import pytest

from ichor import tables
from ichor.errors import StudyError
from ichor.pseudonyms import SIMULATED_KEY, pseudonym
from ichor.report_text.ingest import merge_reports, read_reports

HEAD = ["center", "field", "column", "codes"]


def sheet(**columns: str) -> pd.DataFrame:
    rows = [("north", field.rstrip("_"), column, None) for field, column in columns.items()]
    return pd.DataFrame(rows, columns=HEAD, dtype=object)


def of(raw: str) -> str:
    return pseudonym(SIMULATED_KEY, "north", raw)


def read(source, columns, longest=20000):
    return read_reports("north", source, columns, SIMULATED_KEY, longest_characters=longest)


def codes(status: pd.DataFrame) -> list[str]:
    return sorted(status["reason"])


def test_a_table_with_sections_dates_and_names(tmp_path):
    table = tmp_path / "reports.csv"
    table.write_text(
        "pid,name,ct,onset,look,sum\n"
        "P-001,Clara Weiss,2024-03-14 16:30,2024-03-14 12:00,Bleed of the thalamus. WEISS is awake.,ICH of the brain.\n"
        "P-002,Otto Kern,,2024-03-14 12:00,No shift in the scan of today.,\n"
        "P-003,Eva Lang,2024-03-14 16:30,2024-03-14 12:00,,\n"
        ",Nobody,2024-03-14 16:30,2024-03-14 12:00,Bleed.,\n"
    )
    columns = sheet(
        patient="pid", datetime="ct", onset_datetime="onset", findings="look", impression="sum", remove="name"
    )
    reports, status = read(table, columns)
    first = reports[reports["patient"] == of("P-001")].set_index("section")
    assert first["text"].to_dict() == {
        "findings": "Bleed of the thalamus. [NAME] is awake.",
        "impression": "ICH of the brain.",
    }
    assert set(first["time_h"]) == {4.5} and set(first["language"]) == {"en"}
    assert reports.loc[reports["patient"] == of("P-002"), "time_h"].isna().all()
    assert codes(status) == ["no_patient_id", "report_empty", "report_scrubbed"]
    everything = reports.to_csv() + status.to_csv()
    assert not [word for word in ("P-001", "Weiss", "WEISS", "Otto", "2024", "Nobody") if word in everything]


def test_a_folder_of_texts_in_other_encodings_with_whole_reports(tmp_path):
    (tmp_path / "7.txt").write_bytes(
        "主诉：突发头痛。影像所见：左侧丘脑高密度影，周围水肿，患者7清醒。".encode("gb18030")
    )
    (tmp_path / "8.txt").write_bytes(bytes(range(256)) * 20)
    (tmp_path / "9.txt").write_text("x" * 500)
    (tmp_path / "notes.md").write_text("not a report")
    reports, status = read(tmp_path, sheet(), longest=200)
    assert list(reports.loc[reports["patient"] == of("7"), "section"]) == ["complaint", "findings"]
    assert set(reports.loc[reports["patient"] == of("7"), "language"]) == {"zh"}
    assert reports["text"].str.len().max() == 200
    assert codes(status) == ["report_cut", "report_unreadable"]
    assert set(status.loc[status["reason"] == "report_unreadable", "subject"]) == {of("8")}


def test_a_text_that_was_decoded_wrongly_is_repaired_and_said(tmp_path):
    table = tmp_path / "reports.tsv"
    table.write_text("pid\ttext\nA1\t" + "Größere Blutung links, früher kleiner.".encode().decode("cp1252") + "\n")
    reports, status = read(table, sheet(patient="pid", text="text"))
    assert list(reports["text"]) == ["Größere Blutung links, früher kleiner."] and list(reports["language"]) == [
        "other"
    ]
    assert codes(status) == ["report_encoding_repaired"]


def test_ids_get_back_the_zeros_that_a_spreadsheet_took(tmp_path):
    (tmp_path / "r.csv").write_text("pid,text\n77,A bleed of the brain.\n")
    columns = sheet(patient="pid", text="text")
    columns.loc[columns["field"] == "patient", "codes"] = "digits=5"
    assert list(read(tmp_path / "r.csv", columns)[0]["patient"]) == [of("00077")]


def test_a_date_is_read_as_the_sheet_says_and_never_guessed(tmp_path):
    (tmp_path / "r.csv").write_text("pid,text,when,onset\n1,A bleed of the brain.,03/04/2024 16:30,03/04/2024 12:00\n")
    columns = sheet(patient="pid", text="text", datetime="when", onset_datetime="onset")
    assert read(tmp_path / "r.csv", columns)[0]["time_h"].isna().all()  # April or March?
    columns.loc[columns["field"].str.endswith("datetime"), "codes"] = "format=%d/%m/%Y %H:%M"
    assert list(read(tmp_path / "r.csv", columns)[0]["time_h"]) == [4.5]
    columns.loc[columns["field"] == "datetime", "codes"] = "d/m/y"
    with pytest.raises(StudyError, match="field datetime, column codes"):
        read(tmp_path / "r.csv", columns)


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"patient": "pid"}, "field text"),
        ({"text": "t"}, "field patient"),
        ({"patient": "pid", "text": "t", "findings": "f"}, "not both"),
        ({"patient": "pid", "text": "t", "datetime": "d"}, "belong together"),
        ({"patient": "pid", "text": "t", "datetime": "d", "onset_datetime": "o", "time_h": "h"}, "keep one"),
        ({"patient": "pid", "text": "t", "text_": "u"}, "named twice"),
        ({"patient": "pid", "text": "absent"}, "no column 'absent'"),
    ],
)
def test_a_wrong_sheet_is_explained(tmp_path, columns, words):
    (tmp_path / "r.csv").write_text("pid,t,f,d,o,h,u\n1,a,b,,,,\n")
    with pytest.raises(StudyError, match=words):
        read(tmp_path / "r.csv", sheet(**columns))


def rows(*given: tuple) -> pd.DataFrame:
    named = ["patient", "time_h", "section", "text"]
    return tables.frame("reports", [dict(zip(named, row, strict=True), center="north", language="en") for row in given])


PATIENTS = pd.DataFrame({"patient": ["a", "b", "c"], "onset_to_ct_h": [2.0, 3.0, None]})
GIVEN = rows(
    ("a", 1.0, "complaint", "headache"),
    ("a", 2.5, "findings", "draft"),
    ("a", 3.0, "findings", "final"),
    ("a", 8.1, "findings", "worse after the scan"),
    ("b", 9.0, "findings", "at the limit"),
    ("b", None, "history", "some day"),
    ("c", 1.0, "findings", "no scan time"),
)


def test_the_latest_text_of_each_section_that_was_known_in_time_is_kept():
    kept, status = merge_reports([GIVEN], PATIENTS, hours_after_ct=6.0, undated="refuse")
    assert list(kept["text"]) == ["headache", "final", "at the limit"]
    assert codes(status) == ["report_superseded", "report_too_late", "report_undated", "report_undated"]


def test_undated_reports_are_read_only_if_the_study_says_so_and_never_instead_of_a_dated_one():
    again = pd.concat([GIVEN, rows(("a", None, "findings", "undated"))], ignore_index=True)
    kept, status = merge_reports([again], PATIENTS, hours_after_ct=6.0, undated="baseline")
    assert list(kept["text"]) == ["headache", "final", "at the limit", "some day", "no scan time"]
    assert codes(status) == ["report_superseded", "report_superseded", "report_too_late"]


def test_no_reports_at_all():
    kept, status = merge_reports([], PATIENTS, hours_after_ct=6.0, undated="refuse")
    assert kept.empty and status.empty and read(None, sheet())[0].empty
