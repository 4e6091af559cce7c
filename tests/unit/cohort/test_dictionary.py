import pytest

from ichor import tables
from ichor.cohort.dictionary import TIMES, known_at, refuse_late_predictors, unit_factor, variables
from ichor.errors import StudyError


def test_every_property_of_the_dictionary_is_complete():
    properties = tables.schema("patients")["properties"]
    for name, rule in properties.items():
        assert rule["description"].endswith("."), name
        if name in ("patient", "center", "center_role"):
            continue
        assert "unit" in rule, name
        assert rule["known"] in TIMES, name
        assert "null" in rule["type"], name
        assert "enum" in rule or {"minimum", "maximum"} <= set(rule), name
        assert variables()[name].allowed


@pytest.mark.parametrize(
    ("name", "unit", "theirs", "ours"),
    [
        ("glucose_mmol_l", "mg/dL", 133, 7.380688),
        ("glucose_mmol_l", "MG/DL", 18.02, 1),
        ("glucose_mmol_l", "mmol/l", 7.4, 7.4),
        ("glucose_mmol_l", None, 7.4, 7.4),
        ("systolic_mmhg", "kPa", 20, 150.0124),
        ("onset_to_ct_h", "min", 90, 1.5),
        ("onset_to_surgery_h", "days", 2, 48),
        ("age_years", " months ", 18, 1.5),
    ],
)
def test_units(name, unit, theirs, ours):
    assert theirs * unit_factor(name, unit) == pytest.approx(ours, rel=1e-6)


@pytest.mark.parametrize(
    ("name", "unit", "says"),
    [
        ("glucose_mmol_l", "mg/l", "expected mmol/L or mg/dL"),
        ("sex", "kg", "has no unit"),
        ("glucos_mmol_l", "mg/dL", "did you mean glucose_mmol_l"),
    ],
)
def test_unknown_unit_says_what_is_known(name, unit, says):
    with pytest.raises(StudyError, match=says):
        unit_factor(name, unit)


def test_known_at():
    assert known_at("gcs") == "admission"
    assert known_at("iph_ml") == "admission"
    assert known_at("treatment") == "course"
    assert known_at("followup_iph_ml") == "course"
    assert known_at("mrs_180d") == "180d"
    with pytest.raises(StudyError, match="did you mean systolic_mmhg"):
        known_at("systolic_mmgh")


def test_admission_predictors_pass():
    early = [name for name, variable in variables().items() if variable.known == "admission"]
    refuse_late_predictors([*early, "iph_ml", "ivh_ml"], "admission")
    refuse_late_predictors(["treatment", "onset_to_surgery_h"], "discharge")


@pytest.mark.parametrize(
    "late",
    ["treatment", "onset_to_surgery_h", "onset_to_followup_ct_h", "gos_discharge", "death_30d", "mrs_90d", "growth_ml"]
    + ["followup_iph_ml", "growth_ratio"],
)
def test_late_predictor_is_refused(late):
    with pytest.raises(StudyError, match=f"{late} is known at .* after the time of the prediction"):
        refuse_late_predictors(["gcs", late], "admission")


@pytest.mark.parametrize(
    "name",
    ["label_expansion", "label_poor_outcome"]
    + ["table_iph_ml", "table_followup_iph_ml", "table_expansion_standard", "table_expansion_absolute_12.5"],
)
def test_a_label_is_never_a_predictor(name):
    with pytest.raises(StudyError, match="is a label"):
        refuse_late_predictors([name], "180d")


@pytest.mark.parametrize("name", ["center", "role", "fold", "center_role", "patient"])
def test_what_is_no_variable_is_refused(name):
    with pytest.raises(StudyError, match="unknown variable"):
        refuse_late_predictors([name], "180d")


def test_unknown_time_is_refused():
    with pytest.raises(StudyError, match="expected one of admission, course"):
        refuse_late_predictors(["gcs"], "day7")
