import numpy as np
import pandas as pd
import pytest

from ichor import tables
from ichor.cohort.course_columns import layout_of, read_course_columns
from ichor.cohort.course_dictionary import AT_ONE_TIME, GROUPS, conversion_of, course_variables
from ichor.cohort.course_time_points import TimePoint, time_points
from ichor.cohort.read_courses import read_courses
from ichor.errors import StudyError
from ichor.pseudonyms import pseudonym

KEY = bytes(range(32))
POINTS = (TimePoint("day1", 12, 36), TimePoint("day3", 36, 108))
LONG = [("patient", "id"), ("time_h", "hours"), ("variable", "item"), ("value", "result"), ("unit", "unit")]
LONG += [("gcs", "GCS"), ("glucose_mmol_l", "GLU"), ("temperature_c", "TEMP")]


def sheet(*rows):
    columns = ["center", "variable", "column", "unit", "codes", "missing"]
    return pd.DataFrame([("aurora", *row, *[None] * (5 - len(row))) for row in rows], columns=columns)


def read(path, text, *rows, encoding="utf-8", points=POINTS):
    path.write_bytes(text.encode(encoding))
    return read_courses("aurora", path, sheet(*rows), points, KEY)


def values_of(courses, raw_id, variable):
    mine = courses[(courses["patient"] == pseudonym(KEY, "aurora", raw_id)) & (courses["variable"] == variable)]
    return dict(zip(mine["time_h"], mine["value"], strict=True))


def test_long_table_with_a_unit_in_each_row(tmp_path):
    text = (
        "id,hours,item,result,unit\n7,2,GCS,9,\n7,26,GLU,126.14,mg/dL\n7,50,GLU,7.5,mmol/L\n7,26,TEMP,100.4,degF\n"
        "7,50,TEMP,37.5,\n8,3,GCS,E3V4M6,\n8,4,CRP,12,mg/L\n"
    )
    courses, status = read(tmp_path / "c.csv", text, *LONG)
    assert values_of(courses, "7", "gcs") == {2.0: 9.0}
    assert values_of(courses, "7", "glucose_mmol_l") == {26.0: 7.0, 50.0: 7.5}
    assert values_of(courses, "7", "temperature_c") == {26.0: pytest.approx(38.0), 50.0: 37.5}
    assert values_of(courses, "8", "gcs") == {3.0: 13.0}
    assert list(status["reason"]) == ["unmapped_variable"] and "CRP" not in status.to_csv()


@pytest.mark.parametrize(
    ("time", "header", "cells", "hours"),
    [
        (("time_day", "T"), "T", ["0.5", "2", "14"], [12.0, 48.0, 336.0]),
        (("time_h", "T", "min"), "T", ["30", "90", "6000"], [0.5, 1.5, 100.0]),
        (("time_point", "T", None, "POD1=day1;3d=day3"), "T", ["POD1", "day3", "3D"], [24.0, 72.0, 72.0]),
    ],
)
def test_wide_table_by_kind_of_time(tmp_path, time, header, cells, hours):
    text = f"id;{header};GCS\n" + "".join(f"p{place};{cell};{place + 5}\n" for place, cell in enumerate(cells))
    courses, status = read(tmp_path / "c.csv", text, ("patient", "id"), time, ("gcs", "GCS"))
    for place, hour in enumerate(hours):
        assert values_of(courses, f"p{place}", "gcs") == {hour: place + 5.0}
    assert status.empty
    assert courses["time_point"].notna().all() == (time[0] == "time_point")


def test_dates_become_hours_since_each_patients_onset(tmp_path):
    rows = [
        ("patient", "住院号"),
        ("datetime", "时间", None, "format=%d.%m.%Y %H:%M"),
        ("onset_datetime", "发病"),
        ("gcs", "GCS评分", None, None, "未测"),
    ]
    text = (
        "住院号,发病,时间,GCS评分\na,31.12.2023 22:00,01.01.2024 01:30,12\na,,02.01.2024 22:00,13\n"
        "b,01.02.2024 08:00,01.02.2024 07:00,14\nb,,01.02.2024 20:00,未测\nc,,01.02.2024 20:00,10\n"
        "d,01.02.2024 08:00,1 Feb,9\ne,01.02.2024 08:00,02.02.2024 08:00,9\ne,02.02.2024 08:00,03.02.2024 08:00,9\n"
    )
    courses, status = read(tmp_path / "c.csv", text, *rows, encoding="gb18030")
    assert values_of(courses, "a", "gcs") == {3.5: 12.0, 48.0: 13.0}
    assert len(courses) == 2
    found = status.set_index("subject")["reason"]
    assert found[pseudonym(KEY, "aurora", "b")] == "measured_before_onset"
    assert {found[pseudonym(KEY, "aurora", one)] for one in "cde"} == {"course_time_unknown"}
    assert "2024" not in courses.to_csv() + status.to_csv()


def test_two_values_at_one_time_by_the_rule_of_the_dictionary(tmp_path):
    rows = [*LONG, ("heart_rate_bpm", "HR"), ("nihss", "NIHSS")]
    text = "id,hours,item,result,unit\n" + "".join(
        f"a,5,{item},{value},\n"
        for item, value in [
            ("HR", 80),
            ("TEMP", 38.5),
            ("GCS", 9),
            ("NIHSS", 4),
            ("HR", 90),
            ("TEMP", 37),
            ("GCS", 7),
            ("NIHSS", 4),
        ]
    )
    courses, status = read(tmp_path / "c.csv", text, *rows)
    assert {name: values_of(courses, "a", name)[5.0] for name in courses["variable"]} == {
        "heart_rate_bpm": 85.0, "temperature_c": 38.5, "gcs": 7.0, "nihss": 4.0,
    }  # fmt: skip
    assert list(status["reason"]) == ["two_values_at_one_time"]
    assert status["detail"][0].endswith("values: 1 of gcs, 1 of heart_rate_bpm, 1 of temperature_c")  # nihss agrees


def test_a_unit_that_changes_in_mid_course_is_not_guessed(tmp_path):
    text = "id,hours,item,result,unit\n" + "".join(
        f"{patient},{hour},GLU,{value},\n"
        for patient, course in {"a": [7.2, 12.0, 130, 75, 6.5], "b": [8, 20, 7], "c": [6.0, 95000]}.items()
        for hour, value in enumerate(course)
    )
    courses, status = read(tmp_path / "c.csv", text, *LONG)
    # 130 fits mg/dL alone, so 75 after it (possible in both) is in doubt; 12 was before, 6.5 fits mmol/L alone
    assert values_of(courses, "a", "glucose_mmol_l") == {0.0: 7.2, 1.0: 12.0, 4.0: 6.5}
    assert values_of(courses, "b", "glucose_mmol_l") == {0.0: 8.0, 1.0: 20.0, 2.0: 7.0}
    assert values_of(courses, "c", "glucose_mmol_l") == {0.0: 6.0}
    found = status.set_index("subject")
    assert found.loc[pseudonym(KEY, "aurora", "a"), ["reason", "detail"]].tolist() == [
        "unit_changes", "c.csv: values: 2 of glucose_mmol_l",
    ]  # fmt: skip
    assert found.loc[pseudonym(KEY, "aurora", "c"), "reason"] == "out_of_range"


def test_a_column_in_another_unit_is_not_used_at_all(tmp_path):
    text = "id,hours,item,result,unit\n" + "".join(
        f"p{k},1,GLU,{value},\n" for k, value in enumerate([70, 126, 180, 95, 240])
    )
    courses, status = read(tmp_path / "c.csv", text, *LONG)
    assert courses.empty and set(status["reason"]) == {"unit_suspected"}


def test_rows_out_of_order_are_sorted_and_said_once(tmp_path):
    text = (
        "id,hours,item,result,unit\na,50,GCS,12,\na,2,GCS,9,\na,2,TEMP,37,\nb,2,GCS,9,\nb,50,TEMP,38,\nb,40,GCS,10,\n"
    )
    courses, status = read(tmp_path / "c.csv", text, *LONG)
    assert values_of(courses, "a", "gcs") == {2.0: 9.0, 50.0: 12.0}
    assert list(status["reason"]) == ["times_out_of_order"]
    assert status["detail"][0] == "c.csv: rows of 1 of 2 patients are not in the order of time; sorted"


def test_nothing_of_the_cells_stands_in_courses_or_status(tmp_path):
    text = (
        "id,hours,item,result,unit\n4711-MRN,1,GCS,Smith,\n4711-MRN,x99,GCS,9,\n,1,GCS,8888,\n"
        "4711-MRN,2,GLU,7,furlong\n4711-MRN,3,Wu Li,3,\n"
    )
    courses, status = read(tmp_path / "c.csv", text, *LONG)
    for secret in ("4711", "MRN", "Smith", "x99", "8888", "furlong", "Wu"):
        assert secret not in courses.to_csv() + status.to_csv()
    assert set(status["reason"]) == {"unknown_code", "course_time_unknown", "no_patient_id", "unmapped_variable"}


def test_ids_are_written_as_in_the_clinical_table(tmp_path):
    rows = [("patient", "id", None, "digits=5"), ("time_h", "h"), ("gcs", "GCS", None, "T3=3")]
    courses, _ = read(tmp_path / "c.csv", "id,h,GCS\n42,1,T3\n", *rows)
    assert values_of(courses, "00042", "gcs") == {1.0: 3.0}


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([("time_h", "h"), ("gcs", "G")], "patient"),
        ([("patient", "i"), ("gcs", "G")], "time_h, time_day, time_point, datetime, found none"),
        ([("patient", "i"), ("time_h", "h"), ("time_day", "d"), ("gcs", "G")], "found time_h, time_day"),
        ([("patient", "i"), ("datetime", "d"), ("gcs", "G")], "onset_datetime belong together"),
        ([("patient", "i"), ("time_h", "h"), ("variable", "v"), ("gcs", "G")], "found variable"),
        ([("patient", "i"), ("time_h", "h"), ("glukose_mmol_l", "G")], "did you mean glucose_mmol_l"),
        ([("patient", "i"), ("time_h", "h"), ("glucose_mmol_l", "G", "mg")], "expected mmol/L, mg/dL"),
        ([("patient", "i"), ("time_point", "h", None, "POD1=day2"), ("gcs", "G")], "did you mean day"),
        ([("patient", "i"), ("time_h", "h"), ("gcs", "G"), ("gcs", "H")], "mapped twice"),
        ([("patient", "i"), ("time_h", "h")], "no row names a variable"),
    ],
)
def test_a_wrong_sheet_is_told_before_any_job(rows, words):
    with pytest.raises(StudyError, match=words):
        layout_of("aurora", sheet(*rows), POINTS)


def test_only_centers_that_bring_courses_need_rows(tmp_path):
    path = tmp_path / "course_columns.tsv"
    tables.write("course_columns", sheet(("patient", "i"), ("time_h", "h"), ("gcs", "G")), path)
    centers = pd.DataFrame({"courses": ["c.csv", None]}, index=["aurora", "boreal"])
    assert len(read_course_columns(path, centers, POINTS)) == 3
    with pytest.raises(StudyError, match="center boreal: no row says which column is the patient id"):
        read_course_columns(path, centers.fillna("c.csv"), POINTS)
    with pytest.raises(StudyError, match="row 2, column center: unknown center 'aurora'"):
        read_course_columns(path, centers.drop("aurora"), POINTS)


def test_a_column_that_the_table_lacks_stops(tmp_path):
    with pytest.raises(StudyError, match="no column among its 2 with the header 'GCS'"):
        read(tmp_path / "c.csv", "id,h\na,1\n", ("patient", "id"), ("time_h", "h"), ("gcs", "GCS"))


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ([], "empty list"),
        ([{"name": "a", "from_h": 5, "to_h": 5}], "must end after it starts"),
        ([{"name": "a", "from_h": 5}], "both from_h and to_h"),
        ([{"name": "a"}], "write from_h and to_h, or the variable"),
        ([{"name": "a", "variable": "gcs"}], "gcs is no event; expected one of drain"),
        ([{"name": "a", "variable": "drain"}, {"name": "a", "from_h": 1, "to_h": 2}], "stands twice"),
    ],
)
def test_wrong_time_points_are_told(entries, words):
    with pytest.raises(StudyError, match=words):
        time_points(entries)


def test_the_dictionary_is_whole():
    for name, variable in course_variables().items():
        assert variable.group in GROUPS and variable.at_one_time in AT_ONE_TIME, name
        assert (variable.kind == "event") == (variable.happens_at is not None) and variable.kind in ("level", "event")
        assert variable.minimum < variable.maximum and variable.description.endswith("."), name
        assert conversion_of(name, variable.unit).factor == 1.0
    assert conversion_of("glucose_mmol_l", "furlong") is None
    assert np.isclose(
        (212 - conversion_of("temperature_c", "degf").subtract) * conversion_of("temperature_c", "degF").factor, 100
    )
