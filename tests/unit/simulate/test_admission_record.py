import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from ichor.cohort.dictionary import variables
from ichor.cohort.feature_sets import expand
from ichor.seeds import seed_for
from ichor.simulate.admission_record import draw_admission_record
from ichor.simulate.admission_tables import ADMISSION_RECORD, HEADERS
from ichor.simulate.center import draw_center_patients
from ichor.simulate.centers import CENTERS
from ichor.simulate.patients import CaseMix, draw_patients
from ichor.simulate.record_tables import FORMATS


@pytest.fixture(scope="module")
def people():
    return draw_patients(4000, CaseMix(), np.random.default_rng(11))


@pytest.fixture(scope="module")
def drawn(people):
    return draw_admission_record(people, np.random.default_rng(12))


def test_every_value_is_in_the_range_of_the_dictionary(drawn):
    for name in drawn.columns:
        variable = variables()[name]
        if variable.values:
            assert set(drawn[name]) == set(variable.values), name
        else:
            assert drawn[name].between(variable.minimum, variable.maximum).all(), name
            assert drawn[name].nunique() > 5, name


def test_outcome_shows_only_through_the_risk(people, drawn):
    """Within patients of like risk nothing but death itself tells who fared badly."""
    logit = np.log(people["risk_poor_outcome"] / (1 - people["risk_poor_outcome"]))
    spread = people["latent"] - logit - 1.5 * (people["expansion"] - people["risk_expansion"])
    others = drawn.drop(columns="death_in_hospital")
    found = {name: abs(stats.spearmanr(others[name], spread)[0]) for name in others.columns}
    assert max(found.values()) < 0.06  # 4 standard errors of 4,000 patients
    assert 0.53 < roc_auc_score(people["poor_outcome"], drawn["white_cells_10e9_l"]) < 0.70


def test_death_in_hospital_is_that_of_the_scale(people, drawn):
    assert ((people["gos_discharge"] == 1) == (drawn["death_in_hospital"] == 1)).all()
    assert (drawn["death_in_hospital"] == people["death_30d"]).all()  # why the truth holds one risk for both


def test_it_shifts_no_other_draw():
    whole = draw_center_patients(CENTERS["cedar"], 30, seed=4)
    plain = whole.drop(columns=list(ADMISSION_RECORD))
    assert list(plain.columns)[:3] == ["patient", "age_years", "sex"]
    again = draw_center_patients(CENTERS["cedar"], 30, seed=4)
    pd.testing.assert_frame_equal(again, whole)
    old = draw_patients(30, CENTERS["cedar"].mix, np.random.default_rng(seed_for(4, "simulate", "patients", "cedar")))
    pd.testing.assert_frame_equal(plain[old.columns], old)


def test_centers_record_the_papers_variables():
    recorded = {center: set(layout.headers) for center, layout in FORMATS.items()}
    assert set(expand(["chen_2023"])) <= recorded["aurora"]
    assert set(expand(["cobo_2024"])) - recorded["aurora"] == {"head_trauma"}
    asked = {"headache", "emesis", "coma", "intraventricular_extension", "prior_cognitive_impairment"}
    assert all(asked <= names for names in recorded.values())
    assert all(set(HEADERS[center]) <= ADMISSION_RECORD for center in HEADERS)
