import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from ichor.simulate.courses import draw_courses
from ichor.simulate.patients import CaseMix, draw_patients
from ichor.simulate.reports import draw_reports


@pytest.fixture(scope="module")
def drawn():
    rows = draw_patients(600, CaseMix(), np.random.default_rng(2))
    rows.insert(0, "patient", [f"p{i}" for i in range(len(rows))])
    return rows


def test_courses_run_in_time_and_end_with_death(drawn):
    table = draw_courses(drawn, np.random.default_rng(3))
    assert (table.groupby("patient")["day"].diff().dropna() > 0).all()
    steps = table.groupby("patient").size()
    died = drawn.set_index("patient")["death_30d"]
    assert steps[died[died == 0].index].min() == 5
    assert steps[died[died == 1].index].mean() < 5


def test_later_courses_tell_more_than_admission(drawn):
    table = draw_courses(drawn, np.random.default_rng(3))
    late = table[table["step"] == "day7"].set_index("patient")["gcs"].dropna()
    rows = drawn.set_index("patient").loc[late.index]
    assert roc_auc_score(rows["poor_outcome"], -late) > roc_auc_score(rows["poor_outcome"], -rows["gcs"])


def test_reports_say_what_the_scan_shows(drawn):
    reports = draw_reports(drawn, np.random.default_rng(4))
    text = reports["findings"]
    assert (text.str.contains("hypodensities") == (drawn["heterogeneity"] > 0.5)).all()
    assert (text.str.contains("ventricles\\.") == (drawn["ivh_ml"] > 0)).all()


def test_deterioration_follows_its_risk(drawn):
    reports = draw_reports(drawn, np.random.default_rng(4))
    assert reports["deterioration_7d"].mean() == pytest.approx(0.38, abs=0.07)
    assert roc_auc_score(reports["deterioration_7d"], reports["risk_deterioration"]) > 0.7
