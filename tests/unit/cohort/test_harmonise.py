import openpyxl
import pandas as pd
import pytest

from ichor import tables
from ichor.cohort.harmonise import harmonise_center
from ichor.errors import StudyError
from ichor.pseudonyms import pseudonym

KEY = bytes(range(32))
SHEET_COLUMNS = ["center", "variable", "column", "unit", "codes", "missing"]
BASE = [("patient", "PatID"), ("age_years", "Age"), ("sex", "Sex", None, "M=male;F=female"), ("gcs", "GCS")]


def sheet(*rows, center="aurora"):
    return pd.DataFrame([(center, *row, *[None] * (5 - len(row))) for row in rows], columns=SHEET_COLUMNS)


def harmonise(path, text, *rows, encoding="utf-8"):
    path.write_bytes(text.encode(encoding))
    return harmonise_center("aurora", "development", path, sheet(*(rows or BASE)), KEY)


def by_id(patients, raw_id):
    return patients.set_index("patient").loc[pseudonym(KEY, "aurora", raw_id)]


def test_plain_table(tmp_path):
    patients, status = harmonise(tmp_path / "r.csv", "PatID,Age,Sex,GCS\n007,61.5,M,14\nB 2,70,f,\n")
    assert list(patients.columns) == tables.columns("patients")
    first = by_id(patients, "007")
    assert (first["age_years"], first["sex"], first["gcs"]) == (61.5, "male", 14)
    assert (first["center"], first["center_role"]) == ("aurora", "development")
    assert pd.isna(by_id(patients, "B 2")["gcs"])
    assert by_id(patients, "B 2")["sex"] == "female"
    assert status.empty


def test_no_identifier_leaves(tmp_path):
    text = (
        "PatID,Age,Sex,GCS,Smith John\n4711-MRN,61,4711-MRN,9998\n4712-MRN,430,Smith John,2024-03-01\n"
        "4713-MRN,60,Wu,3\n4714-MRN,1951,M,15\n,1952,M,15\n4711-MRN,62,F,3\n"
    )
    patients, status = harmonise(tmp_path / "r.csv", text)
    everything = patients.to_csv() + status.to_csv()
    for secret in ("4711", "4712", "4713", "MRN", "Smith", "2024-03", "9998", "Wu", "1951", "1952", "430"):
        assert secret not in everything
    assert {"unknown_code", "out_of_range", "no_patient_id", "duplicate_patient"} < set(status["reason"])


def test_unknown_code_names_row_column_and_what_is_allowed(tmp_path):
    _, status = harmonise(tmp_path / "r.csv", "PatID,Age,Sex,GCS\na,60,M,15\nb,61,X,14\nc,62,F,3\n")
    row = status.iloc[0]
    assert (row["subject"], row["reason"], row["outcome"]) == (
        pseudonym(KEY, "aurora", "b"),
        "unknown_code",
        "flagged",
    )
    assert row["detail"] == "r.csv, row 3, column 'Sex' (sex): found a text of 1 character, expected M, F"


def test_age_430_is_empty_and_flagged(tmp_path):
    patients, status = harmonise(tmp_path / "r.csv", "PatID,Age,Sex,GCS\na,430,M,15\n")
    assert pd.isna(patients["age_years"].iloc[0])
    assert patients["gcs"].iloc[0] == 15
    assert status.iloc[0]["reason"] == "out_of_range"
    expected = "r.csv, row 2, column 'Age' (age_years): found a larger number, expected a number from 0.01 to 120 years"
    assert status.iloc[0]["detail"] == expected


@pytest.mark.parametrize(
    ("gcs", "reason"),
    [("13.5", "out_of_range"), ("2", "out_of_range"), ("16", "out_of_range"), ("15T", "unknown_code")],
)
def test_what_is_no_gcs(tmp_path, gcs, reason):
    patients, status = harmonise(tmp_path / "r.csv", f"PatID,Age,Sex,GCS\na,60,M,{gcs}\n")
    assert pd.isna(patients["gcs"].iloc[0])
    assert list(status["reason"]) == [reason]


def test_units_are_converted_and_range_is_checked_in_our_unit(tmp_path):
    rows = [("patient", "id"), ("glucose_mmol_l", "Glu", "mg/dL"), ("onset_to_ct_h", "t", "min")]
    patients, status = harmonise(tmp_path / "r.csv", "id,Glu,t\na,133,90\nb,5000,30\n", *rows)
    assert by_id(patients, "a")["glucose_mmol_l"] == pytest.approx(133 / 18.02, abs=1e-6)
    assert by_id(patients, "a")["onset_to_ct_h"] == 1.5
    assert "found a larger number, expected a number from 0.5 to 80 mmol/L" in status["detail"].iloc[0]


@pytest.mark.parametrize("word", ["-9", "unknown", "UNKNOWN", "", "NA", "n/a", "-9.0", "#N/A"])
def test_missing_words(tmp_path, word):
    rows = [("patient", "id"), ("gcs", "GCS", None, None, "-9;unknown")]
    patients, status = harmonise(tmp_path / "r.csv", f"id,GCS,x\na,{word},1\n", *rows)
    assert pd.isna(patients["gcs"].iloc[0])
    assert list(status["reason"]) == ["unmapped_column"]


def test_a_code_wins_over_the_usual_missing_words(tmp_path):
    rows = [("patient", "id"), ("smoking", "Smk", None, "NA=0;yes=1")]
    patients, _ = harmonise(tmp_path / "r.csv", "id,Smk\na,NA\nb,yes\n", *rows)
    assert by_id(patients, "a")["smoking"] == 0


def test_codes_of_a_number_and_of_yes_no(tmp_path):
    rows = [("patient", "id"), ("gcs", "GCS", None, "intubated=3"), ("diabetes", "DM", None, "y=1;n=0")]
    patients, status = harmonise(tmp_path / "r.csv", "id,GCS,DM\na,intubated,Y\nb,12,n\nc,12,1\n", *rows)
    assert (by_id(patients, "a")["gcs"], by_id(patients, "a")["diabetes"]) == (3, 1)
    assert by_id(patients, "b")["diabetes"] == 0
    assert pd.isna(by_id(patients, "c")["diabetes"])  # the center codes y and n: a 1 may mean anything
    assert list(status["reason"]) == ["unknown_code"]


@pytest.mark.parametrize(
    ("text", "value"),
    [("7,4", 7.4), (" 7.4 ", 7.4), ("7.40", 7.4), ("1e1", 10), ("7", 7), ("7,412", None), ("7.4.1", None)],
)
def test_decimal_comma_is_read_and_thousands_are_not_guessed(tmp_path, text, value):
    rows = [("patient", "id"), ("glucose_mmol_l", "Glu")]
    patients, _ = harmonise(tmp_path / "r.csv", f"id;Glu\na;{text}\n", *rows)
    found = patients["glucose_mmol_l"].iloc[0]
    assert pd.isna(found) if value is None else found == pytest.approx(value)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiter_is_found_though_another_one_is_more_frequent(tmp_path, delimiter):
    header = delimiter.join(["PatID", '"Name, first, middle, title; other"', "Age", "Sex", "GCS"])
    row = delimiter.join(["a", '"x,y;z|w"', "60", "M", "15"])
    patients, _ = harmonise(tmp_path / "r.csv", f"{header}\n{row}\n")
    assert patients["gcs"].tolist() == [15]


def test_delimiter_is_the_one_that_gives_the_mapped_headers(tmp_path):
    patients, _ = harmonise(tmp_path / "r.csv", "PatID;Age;Sex;GCS;seen by a, b, c, d, e or f\na;60;M;15;a\n")
    assert patients["gcs"].tolist() == [15]


@pytest.mark.parametrize(
    ("encoding", "male", "column"),
    [
        ("utf-8", "männlich", "Größe"),
        ("utf-8-sig", "男", "性别"),
        ("utf-16", "男", "性别"),
        ("gb18030", "男", "性别"),
        ("latin-1", "männlich", "Größe"),
    ],
)
def test_encodings(tmp_path, encoding, male, column):
    rows = [("patient", "PatID"), ("sex", column, None, f"{male}=male")]
    patients, status = harmonise(tmp_path / "r.csv", f"PatID,{column}\na,{male}\n", *rows, encoding=encoding)
    assert patients["sex"].tolist() == ["male"]
    assert status.empty


def test_workbook(tmp_path):
    book = openpyxl.Workbook()
    book.active.title = "notes"
    book.active.append(["exported by", "somebody"])
    records = book.create_sheet("records")
    records.append(["PatID", "Age", "Sex", "GCS"])
    records.append([17, 61.5, "M", 14.0])
    records.append([None, None, None, None])
    records.append(["018", 430, "F", None])
    book.save(tmp_path / "r.xlsx")
    patients, status = harmonise_center("aurora", "external", tmp_path / "r.xlsx", sheet(*BASE), KEY)
    assert by_id(patients, "17")["age_years"] == 61.5
    assert by_id(patients, "17")["gcs"] == 14
    assert pd.isna(by_id(patients, "018")["age_years"])
    assert "row 4" in status["detail"].iloc[0]


def test_a_broken_workbook_says_so(tmp_path):
    (tmp_path / "r.xlsx").write_bytes(b"PatID,Age")
    with pytest.raises(StudyError, match="r.xlsx: cannot be read as a table .BadZipFile."):
        harmonise_center("aurora", "external", tmp_path / "r.xlsx", sheet(*BASE), KEY)


def test_absent_column_names_sheet_row_column_and_place_of_the_closest_header(tmp_path):
    with pytest.raises(StudyError) as error:
        harmonise(tmp_path / "r.csv", "PatID,age,Sex,GCS\na,60,M,15\n")
    text = str(error.value)
    place = "center aurora and variable age_years"
    for part in ("columns sheet", place, "no column 'Age'", "did you mean the header of its column 2?"):
        assert part in text


def test_a_table_without_headers_does_not_show_its_first_patient(tmp_path):
    with pytest.raises(StudyError, match="it has 4 columns") as error:
        harmonise(tmp_path / "r.csv", "4711-MRN,Smith John,M,15\n4712-MRN,Wang,F,3\n")
    assert "4711" not in str(error.value) and "Smith" not in str(error.value)


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([("age_years", "Age")], "no row says which column is its patient id"),
        ([("patient", "PatID"), ("agee", "Age")], "unknown variable 'agee'; did you mean age_years"),
        ([("patient", "PatID"), ("age_years", "Age", "weeks")], "unit 'weeks' is not known for age_years"),
        ([("patient", "PatID"), ("sex", "Sex", None, "M:male")], "expected pairs such as M=male;F=female"),
        (
            [("patient", "PatID"), ("sex", "Sex", None, "M=man")],
            "'M=man' gives sex the value 'man'; expected one of male",
        ),
        ([("patient", "PatID"), ("gcs", "GCS", None, "x=low")], "must give gcs a whole number from 3 to 15"),
        ([("patient", "PatID"), ("gcs", "GCS"), ("gcs", "Age")], "mapped twice, to 'GCS' and 'Age'"),
        ([("patient", "PatID"), ("gcs", None)], "the header of gcs in the center's table is missing"),
    ],
)
def test_wrong_columns_sheet(tmp_path, rows, says):
    with pytest.raises(StudyError, match=says):
        harmonise(tmp_path / "r.csv", "PatID,Age,Sex,GCS\na,60,M,15\n", *rows)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("r.csv", "PatID,Age,Sex,GCS\na,60,M,15,extra\n", "row 2: found 5 cells, the header .row 1. has 4"),
        ("r.csv", "PatID,Age,Sex,GCS,Age\na,60,M,15,60\n", "2 columns have the header 'Age'"),
        ("r.xls", "", "expected a table in CSV, TSV or XLSX"),
    ],
)
def test_wrong_table(tmp_path, name, content, says):
    with pytest.raises(StudyError, match=says):
        harmonise(tmp_path / name, content)


def test_table_that_is_not_there(tmp_path):
    with pytest.raises(StudyError, match="nowhere.csv: no such file"):
        harmonise_center("aurora", "external", tmp_path / "nowhere.csv", sheet(*BASE), KEY)


def test_center_without_table():
    patients, status = harmonise_center("aurora", "external", None, sheet(*BASE), KEY)
    assert patients.empty
    assert list(patients.columns) == tables.columns("patients")
    assert status[["center", "subject", "reason"]].values.tolist() == [["aurora", "", "no_table"]]


@pytest.mark.parametrize("content", ["", "\n\n", "PatID,Age,Sex,GCS\n"])
def test_empty_table(tmp_path, content):
    patients, status = harmonise(tmp_path / "r.csv", content)
    assert patients.empty
    assert list(status["reason"]) == ["no_table"]


def test_contradicting_rows_of_a_patient_are_set_aside(tmp_path):
    patients, status = harmonise(tmp_path / "r.csv", "PatID,Age,Sex,GCS\na,60,M,15\nb,50,F,3\na,61,M,15\n")
    assert list(patients["patient"]) == [pseudonym(KEY, "aurora", "b")]
    row = status.iloc[0]
    assert (row["reason"], row["outcome"]) == ("duplicate_patient", "set_aside")
    assert row["detail"] == "r.csv, rows 2, 4 differ in age_years"


def test_agreeing_rows_fill_each_others_gaps(tmp_path):
    patients, status = harmonise(tmp_path / "r.csv", "PatID,Age,Sex,GCS\na,60,,15\n a ,60,M,\n")
    assert patients[["age_years", "sex", "gcs"]].values.tolist() == [[60, "male", 15]]
    assert (status["reason"].iloc[0], status["outcome"].iloc[0]) == ("duplicate_patient", "flagged")


def test_row_without_patient_id(tmp_path):
    patients, status = harmonise(tmp_path / "r.csv", "PatID,Age,Sex,GCS\n,60,M,15\nb,50,F,3\n,,,\n")
    assert len(patients) == 1
    assert status[["reason", "outcome"]].values.tolist() == [["no_patient_id", "set_aside"]]


def test_followup_before_baseline(tmp_path):
    rows = [("patient", "id"), ("onset_to_ct_h", "t1"), ("onset_to_followup_ct_h", "t2")]
    patients, status = harmonise(tmp_path / "r.csv", "id,t1,t2\na,3,2\nb,3,27\nc,3,\nd,4,4\n", *rows)
    assert sorted(patients["onset_to_followup_ct_h"].dropna()) == [27]
    assert patients["onset_to_ct_h"].notna().all()
    assert list(status["reason"]) == ["followup_before_baseline"] * 2


def test_unmapped_columns_are_numbered(tmp_path):
    _, status = harmonise(tmp_path / "r.csv", "PatID,Age,Sex,GCS,Ward,Weight\na,60,M,15,3,80\n")
    assert status["detail"].tolist() == ["r.csv: not in the columns sheet: column 5, 6"]


def test_quoted_line_breaks_do_not_break_rows(tmp_path):
    patients, _ = harmonise(tmp_path / "r.csv", 'PatID,Note,Age,Sex,GCS\na,"two\nlines",60,M,15\nb,,61,F,3\n')
    assert len(patients) == 2


def test_only_the_centers_rows_of_the_sheet_are_used(tmp_path):
    (tmp_path / "r.csv").write_text("PatID,Age,Sex,GCS\na,60,M,15\n")
    both = pd.concat([sheet(("patient", "elsewhere"), center="boreal"), sheet(*BASE)])
    patients, _ = harmonise_center("aurora", "external", tmp_path / "r.csv", both, KEY)
    assert len(patients) == 1


def test_result_survives_writing_and_reading(tmp_path):
    patients, status = harmonise(tmp_path / "r.csv", "PatID,Age,Sex,GCS\na,60.25,M,15\nb,430,,\n")
    tables.write("patients", patients, tmp_path / "patients.tsv")
    tables.write("status", status, tmp_path / "status.tsv")
    pd.testing.assert_frame_equal(tables.read("patients", tmp_path / "patients.tsv"), patients)


def test_volumes_and_a_finished_label_of_the_center(tmp_path):
    rows = [
        ("patient", "PatID"),
        ("table_iph_ml", "V1", "mm3"),
        ("table_followup_iph_ml", "V2", "mm3"),
        ("table_expansion_strict", "HE", None, "yes=1;no=0"),
    ]
    patients, status = harmonise(
        tmp_path / "r.csv", "PatID,V1,V2,HE\na,20100,26100,yes\nb,3000,,no\nc,,,maybe\n", *rows
    )
    assert by_id(patients, "a")[["table_iph_ml", "table_followup_iph_ml", "table_expansion_strict"]].tolist() == [
        20.1,
        26.1,
        1,
    ]
    assert by_id(patients, "b")["table_expansion_strict"] == 0
    assert pd.isna(by_id(patients, "b")["table_followup_iph_ml"])
    assert pd.isna(by_id(patients, "c")["table_expansion_strict"])
    assert list(status["reason"]) == ["unknown_code"]


def test_a_finished_label_by_no_definition_is_refused(tmp_path):
    with pytest.raises(StudyError, match="unknown variable 'table_expansion'; did you mean table_expansion_"):
        harmonise(tmp_path / "r.csv", "PatID,HE\na,1\n", ("patient", "PatID"), ("table_expansion", "HE"))
