"""What no center's data can feed is left out; all else stays."""

import pandas as pd

from ichor.available_models import available
from ichor.models import registry

MODELS = {
    "outcome": {"age": {"kind": "logistic"}},
    "trajectory": {"forest": {"kind": "random_forest"}},
    "deterioration": {"record": {"kind": "logistic"}, "words": {"kind": "words"}},
}


def centers(courses: list, reports: list) -> pd.DataFrame:
    return pd.DataFrame({"courses": courses, "reports": reports}, dtype=object)


def names(models: dict) -> dict:
    return {task: sorted(named) for task, named in models.items()}


def family(monkeypatch) -> None:
    known = registry.family
    monkeypatch.setattr(registry, "family", lambda kind: "text" if kind == "words" else known(kind))


def test_a_study_without_courses_and_reports_keeps_the_models_of_scan_and_record(monkeypatch):
    family(monkeypatch)
    columns = pd.DataFrame({"variable": ["age_years"]})
    kept, remarks = available(MODELS, centers([None, None], [None, None]), columns)
    assert names(kept) == {"outcome": ["age"], "trajectory": [], "deterioration": []}
    assert ["trajectory" in remarks[0], "deterioration" in remarks[1], len(remarks)] == [True, True, 2]


def test_one_center_with_courses_is_enough_and_text_needs_reports(monkeypatch):
    family(monkeypatch)
    columns = pd.DataFrame({"variable": ["age_years"]})
    kept, remarks = available(MODELS, centers([None, "courses.csv"], [None, None]), columns)
    assert names(kept) == {"outcome": ["age"], "trajectory": ["forest"], "deterioration": ["record"]}
    assert len(remarks) == 1 and "words" in remarks[0]


def test_a_label_in_the_centers_own_table_is_enough_for_deterioration(monkeypatch):
    family(monkeypatch)
    columns = pd.DataFrame({"variable": ["table_deterioration"]})
    kept, remarks = available(MODELS, centers([None], ["reports"]), columns)
    assert names(kept)["deterioration"] == ["record", "words"] and names(kept)["trajectory"] == []
    assert len(remarks) == 1
