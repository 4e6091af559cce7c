import numpy as np
import pandas as pd
import pytest

from ichor import tables
from ichor.report_text.ingest import read_reports
from ichor.simulate.center import draw_center_patients, with_course
from ichor.simulate.centers import CENTERS
from ichor.simulate.exams import draw_person
from ichor.simulate.report_tables import REPORT_FORMATS, report_columns_sheet, write_reports
from ichor.simulate.report_words import LEADING, NEGATIONS, SHAPES, with_typing_errors
from ichor.simulate.reports import LANGUAGES, draw_reports

KEY = b"k" * 32


@pytest.fixture(scope="module", params=REPORT_FORMATS)
def written(request):
    """A center's name, its patients, their names and their reports."""
    center = CENTERS[request.param]
    rows = with_course(draw_center_patients(center, 80, 3), center, 3)
    rng = np.random.default_rng(5)
    people = {row["patient"]: draw_person(row, rng) for row in rows.to_dict("records")}
    return request.param, rows, people, draw_reports(rows, people, request.param, np.random.default_rng(6))


def first_reports(written):
    _, rows, _, reports = written
    first = reports[reports["complaint"] != ""].set_index("patient")
    return rows.set_index("patient").loc[first.index], first


def test_complaints_name_the_signs_that_are_there_and_deny_others(written):
    language = LANGUAGES[written[0]]
    rows, first = first_reports(written)
    stop, denied, said, there = "。" if language == "zh" else ". ", 0, 0, 0
    for (_, row), text in zip(rows.iterrows(), first["complaint"], strict=True):
        opening, _, rest = text.partition(stop)
        for name, words in LEADING.items():
            named = any(word in opening for word in words[language])
            there += row[f"sign_{name}"]
            said += named
            assert row[f"sign_{name}"] or not named
            denied += any(word.lower() in rest.lower() for word in words[language])
    assert there > 40 and said >= 0.9 * there  # the others have a typing error
    assert denied > 10 and len(NEGATIONS[language]) >= 3


def test_findings_say_what_the_scan_shows(written):
    language = LANGUAGES[written[0]]
    rows, first = first_reports(written)
    uniform = first["findings"].map(lambda text: any(word in text for word in SHAPES["homogeneous"][language]))
    varied = first["findings"].map(lambda text: any(word in text for word in SHAPES["heterogeneous"][language]))
    assert not (uniform & (rows["heterogeneity"] > 0.5)).any() and not (varied & (rows["heterogeneity"] <= 0.5)).any()
    assert (uniform | varied).mean() > 0.8  # the others have a typing error


def test_some_have_no_report_and_some_a_later_one_that_tells_the_end(written):
    _, rows, _, reports = written
    later = reports[reports["history"] == ""]
    later = later[later["findings"] != ""].set_index("patient")
    record = rows.set_index("patient")
    assert 0 < len(later) < 20 and len(reports["patient"].unique()) < len(rows)
    assert (later["time_h"] > record.loc[later.index, "onset_to_followup_ct_h"]).all()


def test_the_reader_of_reports_finds_them_and_no_name(written, repository, tmp_path):
    center, rows, people, reports = written
    write_reports(reports, center, people, tmp_path / "reports.csv")
    sheet = tables.read("report_columns", repository / "config" / "report_columns.tsv")
    found, _ = read_reports(center, tmp_path / "reports.csv", sheet, KEY, longest_characters=20000)
    first = reports[reports["complaint"] != ""]
    sections = found[found["section"] == "complaint"]
    assert len(sections) == len(first) and set(found["language"]) == {LANGUAGES[center]}
    np.testing.assert_allclose(sorted(sections["time_h"]), sorted(first["time_h"]), atol=0.02)
    for person in people.values():
        family, given = person.name.split("^")
        assert not found["text"].str.contains(f"{family} {given}|{person.patient_id}", regex=True).any()
    assert not found["text"].str.contains(r"20(?:19|20|21|22)").any()


def test_sheet_of_the_demo_is_ours(repository):
    sheet = pd.read_csv(repository / "config" / "report_columns.tsv", sep="\t", dtype=str, keep_default_na=False)
    pd.testing.assert_frame_equal(sheet, report_columns_sheet())
    assert list(REPORT_FORMATS) == list(sheet["center"].unique()) and set(LANGUAGES.values()) == {"en", "zh"}


def test_typing_errors_change_few_words_and_no_letters():
    text = "weakness " * 2000
    typed = with_typing_errors(text.strip(), "en", np.random.default_rng(1)).split(" ")
    changed = [word for word in typed if word != "weakness"]
    assert 15 < len(changed) < 70 and all(sorted(word) == sorted("weakness") for word in changed)
