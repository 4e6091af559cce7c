import pytest

from ichor.cohort.dictionary import refuse_late_predictors, variables
from ichor.cohort.feature_sets import expand, feature_sets, only_by_set
from ichor.reruns import code_parts


@pytest.mark.parametrize(("name", "count"), [("chen_2023", 21), ("cobo_2024", 42)])
def test_sets_have_the_papers_size_and_are_known_at_admission(name, count):
    columns = expand([name])
    assert len(columns) == count == len(set(columns))
    assert set(columns) <= set(variables())
    refuse_late_predictors(columns, "admission")


def test_treatment_is_in_no_set():
    assert not any("treatment" in columns for columns in feature_sets().values())


def test_expand_keeps_the_order_and_drops_doubles():
    assert expand(["iph_ml", "chen_2023", "gcs", "iph_ml", "no_such"]) == ["iph_ml", *expand(["chen_2023"]), "no_such"]
    assert expand(["gcs", "chen_2023"])[:2] == ["gcs", "age_years"]
    both = expand(["chen_2023", "cobo_2024"])
    assert len(both) == len(set(both)) == 21 + 42 - len(set(expand(["chen_2023"])) & set(expand(["cobo_2024"])))


def test_what_is_named_singly_is_told_apart():
    assert "gcs" not in only_by_set(["chen_2023", "gcs"]) and "coma" in only_by_set(["chen_2023", "gcs"])
    assert only_by_set(["gcs"]) == []


def test_a_job_depends_on_the_sets(repository):
    parts = code_parts(repository / "workflow/scripts/fit_model.py", ["ichor.models.logistic"])
    assert {"schema feature_sets", "schema patients", "ichor.cohort.feature_sets"} <= set(parts)
