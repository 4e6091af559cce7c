import pytest
import yaml

from ichor import tables
from ichor.cohort.dictionary import variables
from ichor.cohort.labels import outcome_rule
from ichor.cohort.targets import label_columns, target_of_model
from ichor.errors import StudyError
from ichor.models import registry


def test_default_and_named_target():
    assert target_of_model("outcome", {"kind": "ich_score"}, "m") == "poor_outcome"
    assert target_of_model("outcome", {"kind": "ich_score", "target": "death"}, "m") == "death"
    assert target_of_model("expansion", {"kind": "volume"}, "m") == "expansion"
    with pytest.raises(StudyError, match=r"m\.target: found 'death'; task expansion has the target expansion"):
        target_of_model("expansion", {"kind": "volume", "target": "death"}, "m")


def test_the_models_own_settings_hold_no_target():
    spec = registry.resolve({"kind": "logistic", "features": ["gcs"], "target": "death"})
    assert spec == registry.resolve({"kind": "logistic", "features": ["gcs"]})


def test_every_target_has_its_columns():
    columns = tables.columns("cohort")
    assert all({column, f"{column}_reason"} <= set(columns) for column in label_columns().values())


def test_the_config_takes_every_outcome_scale_of_the_dictionary():
    schema = yaml.safe_load((tables.SCHEMAS / "config.schema.yaml").read_text())
    named = schema["$defs"]["outcome_variable"]["enum"]
    late = [v for v in variables().values() if v.known not in ("admission", "course") and v.kind == "integer"]
    assert set(named) == {variable.name for variable in late}
    for variable in late:
        worst = {"gos": 1, "gose": 1, "mrs": 6}.get(variable.name.split("_")[0], 1)
        assert outcome_rule({"variable": variable.name, "poor": [worst]}) == (variable.name, {worst})
