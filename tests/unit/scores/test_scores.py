"""Every boundary of every score, from the published tables."""

import math
from functools import partial

import pandas as pd
import pytest

from ichor.reasons import Reason
from ichor.scores import brain as brain_module
from ichor.scores import func as func_module
from ichor.scores import ich as ich_module
from ichor.scores import modified_ich
from ichor.scores import nag as nag_module
from ichor.scores.bat import bat
from ichor.scores.brain import brain
from ichor.scores.func import func
from ichor.scores.ich import ich
from ichor.scores.ich_gs import ich_gs
from ichor.scores.max_ich import max_ich
from ichor.scores.modified_ich import mich_cheung_zou, mich_cho, rich
from ichor.scores.nag import nag
from ichor.scores.nine_point import nine_point
from ichor.scores.points import is_unknown
from ichor.scores.rows import OPTIONAL_ITEMS, SCORES, score_columns, score_rows

LOWEST = {
    "ich": partial(ich, **(ICH := dict(gcs=15, iph_ml=5, ivh=False, location="lobar", age_years=40))),
    "ich_gs": partial(ich_gs, **ICH),
    "max_ich": partial(
        max_ich, **(MAX := dict(nihss=0, age_years=40, ivh=0, anticoagulant=0, iph_ml=5, location="deep"))
    ),
    "mich_cheung_zou": partial(mich_cheung_zou, nihss=0, iph_ml=5, ivh=False, location="lobar", age_years=40),
    "mich_cho": partial(mich_cho, gcs=15, iph_ml=5, ivh_or_hydrocephalus=False),
    "rich": partial(rich, **ICH),
    "brain": partial(brain, **(BRAIN := dict(iph_ml=5, prior_ich=0, anticoagulant=0, ivh=0, onset_to_ct_h=9))),
    "nag": partial(nag, **(NAG := dict(nihss=0, anticoagulant=0, glucose_mmol_l=5))),
    "bat": partial(bat, blend=0, hypodensity=0, onset_to_ct_h=9),
    "nine_point": partial(nine_point, anticoagulant=0, onset_to_ct_h=9, iph_ml=5, spot_sign=0),
}
FUNC = dict(iph_ml=90, age_years=90, location="infratentorial", gcs=3, prior_cognitive_impairment=1)
LOWEST["func"] = partial(func, **FUNC)

# score, changed items, points above the lowest possible
BOUNDARIES = [
    *[("ich", {"gcs": gcs}, points) for gcs, points in [(3, 2), (4, 2), (5, 1), (12, 1), (13, 0), (15, 0)]],
    *[("ich", {"iph_ml": ml}, points) for ml, points in [(0, 0), (29.99, 0), (30, 1), (200, 1)]],
    *[("ich", {"age_years": age}, points) for age, points in [(79, 0), (79.99, 0), (80, 1), (101, 1)]],
    *[("ich", {"location": where}, points) for where, points in [("deep", 0), ("lobar", 0), ("infratentorial", 1)]],
    ("ich", {"ivh": True}, 1),
    *[("ich_gs", {"gcs": gcs}, points) for gcs, points in [(3, 2), (8, 2), (9, 1), (12, 1), (13, 0)]],
    *[("ich_gs", {"iph_ml": ml}, points) for ml, points in [(39.99, 0), (40, 1), (70, 1), (70.01, 2)]],
    *[
        ("ich_gs", {"iph_ml": ml, "location": "infratentorial"}, 1 + points)
        for ml, points in [(9.99, 0), (10, 1), (20, 1), (20.01, 2)]
    ],
    *[("ich_gs", {"age_years": age}, points) for age, points in [(44, 0), (44.9, 0), (45, 1), (64, 1), (65, 2)]],
    ("ich_gs", {"ivh": True}, 1),
    *[("func", {"iph_ml": ml}, points) for ml, points in [(29.99, 4), (30, 2), (60, 2), (60.01, 0)]],
    *[("func", {"age_years": age}, points) for age, points in [(69, 2), (69.9, 2), (70, 1), (79, 1), (80, 0)]],
    *[("func", {"location": where}, points) for where, points in [("lobar", 2), ("deep", 1), ("infratentorial", 0)]],
    *[("func", {"gcs": gcs}, points) for gcs, points in [(8, 0), (9, 2)]],
    ("func", {"prior_cognitive_impairment": 0}, 1),
    *[("max_ich", {"nihss": n}, p) for n, p in [(6, 0), (7, 1), (13, 1), (14, 2), (20, 2), (21, 3), (42, 3)]],
    *[("max_ich", {"age_years": a}, p) for a, p in [(69, 0), (69.9, 0), (70, 1), (74, 1), (75, 2), (79, 2), (80, 3)]],
    *[("max_ich", {"iph_ml": ml}, points) for ml, points in [(9.99, 0), (10, 1)]],
    *[("max_ich", {"iph_ml": ml, "location": "infratentorial"}, points) for ml, points in [(9.99, 0), (10, 1)]],
    *[("max_ich", {"iph_ml": ml, "location": "lobar"}, points) for ml, points in [(10, 0), (29.99, 0), (30, 1)]],
    ("max_ich", {"ivh": 1}, 1),
    ("max_ich", {"anticoagulant": 1}, 1),
    *[("mich_cheung_zou", {"nihss": n}, p) for n, p in [(10, 0), (11, 1), (20, 1), (21, 2), (41, 2), (42, 2)]],
    *[("mich_cheung_zou", {"iph_ml": ml}, points) for ml, points in [(29.99, 0), (30, 1)]],
    *[("mich_cheung_zou", {"age_years": age}, points) for age, points in [(79.99, 0), (80, 1)]],
    *[("mich_cheung_zou", {"location": where}, p) for where, p in [("deep", 0), ("lobar", 0), ("infratentorial", 1)]],
    ("mich_cheung_zou", {"ivh": True}, 1),
    *[("mich_cho", {"gcs": gcs}, points) for gcs, points in [(3, 2), (8, 2), (9, 1), (12, 1), (13, 0)]],
    *[("mich_cho", {"iph_ml": ml}, points) for ml, points in [(20, 0), (20.01, 1), (50, 1), (50.01, 2), (51, 2)]],
    ("mich_cho", {"ivh_or_hydrocephalus": True}, 1),
    *[("rich", {"gcs": gcs}, points) for gcs, points in [(4, 2), (5, 1), (12, 1), (13, 0)]],
    *[("rich", {"iph_ml": ml}, points) for ml, points in [(29.99, 0), (30, 1)]],
    *[("rich", {"age_years": age}, points) for age, points in [(69, 0), (69.99, 0), (70, 1), (80, 1)]],
    *[("rich", {"location": where}, points) for where, points in [("deep", 0), ("infratentorial", 1)]],
    ("rich", {"ivh": True}, 1),
    *[("brain", {"iph_ml": ml}, points) for ml, points in [(10, 0), (10.01, 5), (20, 5), (20.01, 7)]],
    *[
        ("brain", {"onset_to_ct_h": hours}, points)
        for hours, points in [(0, 5), (1, 5), (1.01, 4), (2, 4), (2.5, 3), (3, 3), (4, 2), (5, 1), (5.01, 0), (48, 0)]
    ],
    ("brain", {"prior_ich": 1}, 4),
    ("brain", {"anticoagulant": 1}, 6),
    ("brain", {"ivh": 1}, 2),
    *[("nag", {"nihss": n}, points) for n, points in [(9, 0), (10, 1)]],
    *[("nag", {"glucose_mmol_l": g / 18.02}, points) for g, points in [(132.9, 0), (133, 1)]],
    ("nag", {"glucose_mmol_l": round(133 / 18.02, 6)}, 1),
    ("nag", {"glucose_mmol_l": 7.4}, 1),
    ("nag", {"anticoagulant": 1}, 1),
    ("bat", {"blend": 1}, 1),
    ("bat", {"hypodensity": 1}, 2),
    *[("bat", {"onset_to_ct_h": hours}, points) for hours, points in [(0, 2), (2.49, 2), (2.5, 0), (2.51, 0)]],
    ("nine_point", {"anticoagulant": 1}, 2),
    *[("nine_point", {"onset_to_ct_h": hours}, points) for hours, points in [(0, 2), (6, 2), (6.01, 0)]],
    *[("nine_point", {"iph_ml": ml}, points) for ml, points in [(29.99, 0), (30, 1), (60, 1), (60.01, 2)]],
    *[("nine_point", {"spot_sign": s}, points) for s, points in [(1, 3), (None, 1), (math.nan, 1), (pd.NA, 1)]],
]
FLOOR = {"ich_gs": 5}


@pytest.mark.parametrize(("score", "items", "points"), BOUNDARIES)
def test_boundary(score, items, points):
    assert LOWEST[score](**items).value == FLOOR.get(score, 0) + points


@pytest.mark.parametrize(
    ("score", "worst", "points"),
    [
        ("ich", dict(gcs=3, iph_ml=60, ivh=1, location="infratentorial", age_years=85), 6),
        ("ich_gs", dict(gcs=3, iph_ml=30, ivh=1, location="infratentorial", age_years=85), 13),
        ("func", dict(iph_ml=5, age_years=40, location="lobar", gcs=15, prior_cognitive_impairment=0), 11),
        ("max_ich", dict(nihss=42, age_years=85, ivh=1, anticoagulant=1, iph_ml=60), 9),
        ("mich_cheung_zou", dict(nihss=42, iph_ml=60, ivh=1, location="infratentorial", age_years=85), 6),
        ("mich_cho", dict(gcs=3, iph_ml=60, ivh_or_hydrocephalus=1), 5),
        ("rich", dict(gcs=3, iph_ml=60, ivh=1, location="infratentorial", age_years=70), 6),
        ("brain", dict(iph_ml=60, prior_ich=1, anticoagulant=1, ivh=1, onset_to_ct_h=0.5), 24),
        ("nag", dict(nihss=42, anticoagulant=1, glucose_mmol_l=20), 3),
        ("bat", dict(blend=1, hypodensity=1, onset_to_ct_h=1), 5),
        ("nine_point", dict(anticoagulant=1, onset_to_ct_h=1, iph_ml=90, spot_sign=1), 9),
    ],
)
def test_highest_sum(score, worst, points):
    assert LOWEST[score](**worst).value == points


@pytest.mark.parametrize("unknown", [None, math.nan, pd.NA])
@pytest.mark.parametrize("score", sorted(SCORES))
def test_unknown_item_is_missing_with_its_name(score, unknown):
    for item in set(SCORES[score][1]) - set(OPTIONAL_ITEMS):
        found = LOWEST[score](**{item: unknown})
        assert math.isnan(found.value)
        assert found.reason is Reason.MISSING_INPUT
        assert found.missing == (item,)


def test_zero_and_false_are_known():
    assert not any(is_unknown(value) for value in (0, 0.0, False, "", "deep"))


@pytest.mark.parametrize(
    ("score", "items"),
    [
        ("ich", {"gcs": 2}),
        ("ich", {"gcs": 16}),
        ("ich_gs", {"iph_ml": -1}),
        ("func", {"location": "thalamus"}),
        ("max_ich", {"nihss": 43}),
        ("brain", {"onset_to_ct_h": -0.1}),
        ("ich", {"age_years": 430}),
        ("bat", {"onset_to_ct_h": -1}),
        ("nine_point", {"iph_ml": -1}),
    ],
)
def test_impossible_item_is_refused(score, items):
    with pytest.raises(ValueError, match="outside|none of"):
        LOWEST[score](**items)


def test_brain_risk_meets_the_printed_ends():
    assert brain_module.expansion_risk(0) == pytest.approx(0.034, abs=0.0008)
    assert brain_module.expansion_risk(24) == pytest.approx(0.858, abs=0.0008)
    assert math.isnan(brain_module.expansion_risk(math.nan))


def test_published_rates():
    assert [ich_module.mortality_30d(points) for points in range(7)] == [0, 0.13, 0.26, 0.72, 0.97, 1, 1]
    assert [nag_module.expansion_risk(points) for points in range(4)] == [0.04, 0.25, 0.60, 1.0]
    cheung_zou = [modified_ich.mortality_30d_cheung_zou(points) for points in range(7)]
    assert cheung_zou == [0, 0.04, 0.06, 0.30, 0.65, 1, 1]
    assert list(modified_ich.GOOD_OUTCOME_CHEUNG_ZOU.values()) == [0.90, 0.52, 0.30, 0.10, 0, 0, 0]
    assert [modified_ich.mortality_90d_rich(points) for points in range(7)] == [0.06, 0.15, 0.25, 0.51, 0.75, 1, 1]
    assert [func_module.INDEPENDENCE_90D[points] for points in (0, 4, 5, 7, 8, 9, 10, 11)] == [
        0, 0, 0.13, 0.13, 0.42, 0.66, 0.66, 0.82
    ]  # fmt: skip
    assert [func_module.INDEPENDENCE_90D_SURVIVORS[p] for p in (4, 7, 8, 10, 11)] == [0, 0.29, 0.48, 0.75, 0.95]
    assert func_module.dependence_90d(11) == pytest.approx(0.18)
    for risk in (
        func_module.dependence_90d,
        ich_module.mortality_30d,
        modified_ich.mortality_30d_cheung_zou,
        modified_ich.mortality_90d_rich,
    ):
        assert math.isnan(risk(math.nan))
    assert math.isnan(nag_module.expansion_risk(math.nan))


def cohort_rows(**columns):
    rows = pd.DataFrame(
        dict(
            gcs=pd.array([15, 4, None], dtype="Int64"),
            nihss=pd.array([2, 25, 8], dtype="Int64"),
            iph_ml=[5.0, 40.0, 12.0],
            ivh_ml=[0.05, 3.0, 0.0],
            location=["lobar", "infratentorial", None],
            age_years=[50.0, 82.0, 66.0],
            prior_ich=pd.array([0, 1, 0], dtype="Int64"),
            anticoagulant=pd.array([0, 1, None], dtype="Int64"),
            prior_cognitive_impairment=pd.array([0, 0, None], dtype="Int64"),
            onset_to_ct_h=[2.0, 0.5, 7.0],
            glucose_mmol_l=[6.0, 9.0, 7.0],
            auto_blend=pd.array([0, 1, None], dtype="Int64"),
            auto_hypodensity=pd.array([0, 1, 1], dtype="Int64"),
            spot_sign=pd.array([None, 1, None], dtype="Int64"),
        ),
        index=[10, 20, 30],
    )
    return rows.assign(**columns)


def test_score_rows_of_a_cohort():
    found = score_rows("ich", cohort_rows())
    assert list(found.index) == [10, 20, 30]
    assert found["points"].tolist()[:2] == [0.0, 6.0]  # 0.05 mL in the ventricles is no hemorrhage there
    assert math.isnan(found["points"].iloc[2])
    assert found["reason"].tolist() == [None, None, "missing_input"]
    assert found["missing"].tolist() == ["", "", "gcs;location"]


def test_score_rows_of_every_score_know_their_columns():
    expected = {"ich": 6, "ich_gs": 13, "func": 3, "max_ich": 9, "mich_cheung_zou": 6, "mich_cho": 4, "rich": 6}
    expected |= {"brain": 24, "nag": 3, "bat": 5, "nine_point": 8}
    for score in SCORES:
        assert set(score_columns(score)) <= set(cohort_rows().columns)
        assert score_rows(score, cohort_rows()).loc[20, "points"] == expected[score]


def test_score_rows_of_no_patient():
    assert score_rows("nag", cohort_rows().iloc[:0]).empty


def test_ivh_threshold_is_an_argument():
    assert score_rows("ich", cohort_rows(), ivh_present_ml=0.01).loc[10, "points"] == 1


def test_every_item_is_known_on_admission():
    from ichor.cohort.dictionary import refuse_late_predictors

    for score in SCORES:
        refuse_late_predictors(score_columns(score), "admission")
