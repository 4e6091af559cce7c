import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn.metrics import roc_auc_score

from ichor import tables
from ichor.cohort.course_time_points import time_points
from ichor.cohort.read_courses import read_courses
from ichor.pseudonyms import pseudonym
from ichor.simulate.center import draw_center_patients, write_tables
from ichor.simulate.centers import CENTERS
from ichor.simulate.course_tables import COURSE_FORMATS, NAMED_VISITS, course_columns_sheet, write_courses
from ichor.simulate.courses import VISITS_H, draw_courses, until_death

KEY = b"k" * 32


def test_courses_run_in_time_and_admission_is_that_of_the_record(followed):
    rows, planned = followed
    assert (planned.groupby("patient")["time_h"].diff().dropna() >= 0).all()
    first = planned[planned["visit"] == "admission"].pivot(index="patient", columns="variable", values="value")
    record = rows.set_index("patient")
    for name in ("gcs", "nihss", "systolic_mmhg", "glucose_mmol_l"):
        np.testing.assert_array_equal(first[name], record.loc[first.index, name].astype(float))
    for visit, (low, high) in VISITS_H.items():
        assert planned.loc[planned["visit"] == visit, "time_h"].between(low - 0.1, high + 0.1).all()


def test_later_scores_tell_more_than_admission(followed):
    rows, planned = followed
    late = planned[(planned["visit"] == "day14") & (planned["variable"] == "nihss")].set_index("patient")["value"]
    record = rows.set_index("patient").loc[late.index]
    assert roc_auc_score(record["poor_outcome"], late) > roc_auc_score(record["poor_outcome"], record["nihss"]) + 0.03


def test_drains_are_of_the_operated_and_come_out_once(followed):
    rows, planned = followed
    drains = planned[planned["variable"] == "drain"]
    operated = set(rows.loc[rows["treatment"] != "conservative", "patient"])
    assert set(drains["patient"]) == operated
    assert all(
        (values.diff().dropna() <= 0).all() and values.iloc[-1] == 0 for _, values in drains.groupby("patient")["value"]
    )


def test_a_center_that_keeps_fewer_visits_has_the_same_readings(followed):
    rows, planned = followed
    fewer = draw_courses(rows, np.random.default_rng(6), frozenset(NAMED_VISITS))
    kept = planned[planned["visit"].isin(NAMED_VISITS)].reset_index(drop=True)
    pd.testing.assert_frame_equal(fewer, kept)


def test_sheet_of_the_demo_is_ours(repository):
    sheet = pd.read_csv(repository / "config" / "course_columns.tsv", sep="\t", dtype=str, keep_default_na=False)
    pd.testing.assert_frame_equal(sheet, course_columns_sheet())
    assert list(COURSE_FORMATS) == list(sheet["center"].unique())
    shared = set.intersection(*(set(one.words) for one in COURSE_FORMATS.values()))
    assert "nihss_motor" in COURSE_FORMATS["aurora"].words and "nihss_motor" not in shared


@pytest.mark.parametrize("center", COURSE_FORMATS)
def test_the_cohort_reads_what_was_drawn(center, followed, repository, tmp_path):
    """Through the reader of the hospitals' tables: the same readings come back, slips are named and cost nothing."""
    rows, planned = followed
    layout = COURSE_FORMATS[center]
    rows = rows.head(40)
    made = until_death(planned[planned["patient"].isin(rows["patient"])], rows)
    made = made[made["variable"].isin(layout.words)]
    if layout.kept is not None:
        made = made[made["visit"].isin(layout.kept)]
    onsets = {name: pd.Timestamp(2021, 3, 7, 11, 5).to_pydatetime() for name in rows["patient"]}
    write_courses(made, center, onsets, tmp_path / "courses.csv", np.random.default_rng(3))
    sheet = tables.read("course_columns", repository / "config" / "course_columns.tsv")
    points = time_points(
        yaml.safe_load((repository / "config" / "config.yaml").read_text())["trajectory"]["time_points"]
    )
    found, status = read_courses(
        center, tmp_path / "courses.csv", sheet.astype(object).where(sheet.notna(), None), points, KEY
    )
    reasons = set(status["reason"].astype(str))
    assert "two_values_at_one_time" in reasons
    assert ("unmapped_variable" in reasons) == (center == "aurora")
    assert bool({"unit_changes", "out_of_range", "unit_suspected"} & reasons) == (center == "boreal")
    made = made.assign(patient=[pseudonym(KEY, center, one) for one in made["patient"]])
    made = made[made["variable"] != "temperature_c"] if center == "boreal" else made
    scores = made[~made["variable"].isin(["heart_rate_bpm"])].sort_values(["patient", "variable", "time_h"])
    read = found[found["variable"].isin(scores["variable"].unique())].sort_values(["patient", "variable", "time_h"])
    assert list(read["patient"]) == list(scores["patient"]) and list(read["variable"]) == list(scores["variable"])
    np.testing.assert_allclose(read["value"], scores["value"], atol=0.06)
    if layout.time_kind != "time_point":
        np.testing.assert_allclose(read["time_h"], scores["time_h"], atol=0.13)


def test_tables_of_a_center_agree_with_each_other(tmp_path):
    center = CENTERS["aurora"]
    write_tables(draw_center_patients(center, 30, 9), center, 9, tmp_path)
    record = pd.read_csv(tmp_path / "records.csv").set_index("pat_id")
    courses = pd.read_csv(tmp_path / "courses.csv")
    death = courses["pat_id"].map(record["onset_to_death_h"])
    assert death.notna().any() and not (courses["hours_from_onset"] >= death).any()
    truth = pd.read_csv(tmp_path / "truth.tsv", sep="\t")
    assert {"trajectory", "deterioration", "outcome", "expansion"} == set(truth["task"])
    assert not truth.duplicated(["patient", "task", "target"]).any() and truth["risk"].between(0, 1).all()
