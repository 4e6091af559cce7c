"""Landmark models: what each row reads, whom they are fitted on, and answers that other software and formulas give."""

import json

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from ichor.cohort.sequences import SequenceSet
from ichor.errors import StudyError
from ichor.models import registry
from ichor.models.landmark import first_known, landmark_rows, last_known
from ichor.models.landmark_cox import horizon_h
from ichor.scores.ich import ich

KINDS = ("landmark_logistic", "landmark_cox", "landmark_forest", "landmark_boosting", "landmark_score")
SMALL = {"landmark_forest": {"trees": 15}, "landmark_boosting": {"rounds": 20}, "landmark_score": {"score": "gcs"}}
GAP = np.nan


def model(kind, **settings):
    spec = registry.resolve({"kind": kind, **SMALL.get(kind, {}), **settings})
    return registry.load(kind).Model(spec)


def made_courses(n=300, steps=3, seed=0) -> SequenceSet:
    """Death comes at a rate that GCS at the last step tells; a third of the values are unknown, some are lost early."""
    rng = np.random.default_rng(seed)
    gcs = np.clip(np.round(rng.normal(10, 3, (n, 1)) + rng.normal(0, 1, (n, steps)).cumsum(axis=1)), 3, 15)
    values = np.stack([gcs, rng.normal(size=(n, steps))], axis=2).astype(np.float32)
    values[rng.random(values.shape) < 0.3] = GAP
    time_h = np.tile(np.array([24.0, 72.0, 168.0][:steps], dtype=np.float32), (n, 1))
    rate = 0.06 * expit(1.2 * (8 - gcs[:, -1])) + 0.002  # per day, after the last step
    died_h = 24 * rng.exponential(1 / rate) + time_h[:, -1]
    followup_h = rng.uniform(0, 7000, n) + time_h[:, -1]
    died = died_h <= followup_h
    death_h = np.where(died, died_h, GAP)
    last_h = np.where(died, died_h, followup_h)
    names = np.tile(np.array(["day1", "day3", "day7"][:steps], dtype=object), (n, 1))
    labels = np.full((n, steps, 2), GAP, dtype=np.float32)
    for place, hours in enumerate((720, 4320)):
        alive = np.where(last_h >= hours, 1.0, np.where(died, 0.0, GAP))
        labels[:, :, place] = alive[:, None]
    record = {"age_years": rng.normal(65, 10, n), "ivh_ml": 0.0, "location": "deep", "prior_cognitive_impairment": 0}
    keys = {"split": "external", "patient": [f"p{i}" for i in range(n)], "center": "a", "role": "train"}
    return SequenceSet(
        pd.DataFrame(keys | record), names, time_h, values, ("gcs", "noise"), np.ones((n, steps), dtype=bool), labels,
        ("survival_30d", "survival_180d"), True, last_h, death_h,
    )  # fmt: skip


@pytest.fixture(scope="module")
def courses():
    return made_courses()


def altered(sequences: SequenceSet, **fields) -> SequenceSet:
    return SequenceSet(**{**sequences.__dict__, **fields})


def test_the_last_value_is_carried_forward_and_never_backward():
    values = np.array([[[GAP], [3.0], [GAP], [5.0]]])
    np.testing.assert_array_equal(last_known(values).ravel(), [GAP, 3, 3, 5])
    np.testing.assert_array_equal(first_known(values).ravel(), [GAP, 3, 3, 3])


def test_a_row_holds_last_values_changes_record_and_time(courses):
    rows = landmark_rows(courses.take([0]), ["gcs"], ["age_years"], changes=True)
    assert list(rows) == ["gcs", "gcs_change", "age_years_at_admission", "log_time_h"]
    np.testing.assert_allclose(np.expm1(rows["log_time_h"]), [24, 72, 168], rtol=1e-6)
    assert rows["age_years_at_admission"].nunique() == 1
    with pytest.raises(StudyError, match="have no sodium"):
        landmark_rows(courses, ["sodium"], [])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("steps", ["together", "apart"])
def test_nothing_later_than_a_step_and_no_outcome_moves_its_answer(courses, kind, steps):
    made = model(kind, steps=steps)
    made.fit(courses.take(range(200)), courses.take(range(200, 250)), 3)
    test = courses.take(range(250, 300))
    before = made.predict(test)
    later = test.values.copy()
    later[:, 2] = 7.0
    after = made.predict(altered(test, values=later, labels=np.full_like(test.labels, GAP), death_h=None))
    np.testing.assert_array_equal(before[:, :2], after[:, :2])
    assert not np.array_equal(before[:, 2], after[:, 2], equal_nan=True), "the last step reads the last step"
    known = before[np.isfinite(before)]
    assert known.size > 200 and ((known >= 0) & (known <= 1)).all()
    arrays, facts = made.state()
    again = type(made).from_state(made.spec, arrays, json.loads(json.dumps(facts)))
    np.testing.assert_array_equal(again.predict(test), before)
    if kind == "landmark_boosting":  # its trees are bytes, equal too
        assert all(array.dtype == np.uint8 for array in arrays.values())


def test_only_train_rows_at_risk_with_a_known_label_are_learned_from(courses):
    def answers(sequences):
        made = model("landmark_logistic")
        made.fit(sequences, sequences.take([]), 0)
        return made.predict(courses)

    gone = courses.at_risk.copy()
    gone[:40] = False
    values = courses.values.copy()
    values[:40] = 1000.0
    changed = altered(courses, at_risk=gone, values=values)
    np.testing.assert_array_equal(answers(changed), answers(courses.take(range(40, 300))))


def test_logistic_regression_apart_is_scikit_learns_on_the_rows_of_the_step(courses):
    from sklearn.linear_model import LogisticRegression

    full = altered(courses, values=np.nan_to_num(courses.values, nan=9.0))
    made = model("landmark_logistic", steps="apart", variables=["gcs"], c=1e6)
    made.fit(full, full.take([]), 0)
    known = np.isfinite(full.labels[:, 1, 0])
    gcs, label = full.values[known, 1, 0][:, None].astype(float), full.labels[known, 1, 0]
    theirs = LogisticRegression(C=1e6, tol=1e-8).fit(gcs, label).predict_proba(gcs)[:, 1]
    np.testing.assert_allclose(made.predict(full)[known, 1, 0], theirs, atol=1e-4)


def test_cox_at_one_step_is_breslows_formula_with_lifelines_coefficient(courses):
    from lifelines import CoxPHFitter

    last = altered(courses, values=np.nan_to_num(courses.values, nan=9.0))
    one = altered(
        last, steps=last.steps[:, 2:], time_h=last.time_h[:, 2:], values=last.values[:, 2:],
        at_risk=last.at_risk[:, 2:], labels=last.labels[:, 2:],
    )  # fmt: skip
    made = model("landmark_cox", variables=["gcs"], c=1e8)
    made.fit(one, one.take([]), 0)
    limit = 4320 - 168.0
    seen = one.followup_h - 168.0
    time, event = np.minimum(seen, limit), np.isfinite(one.death_h) & (seen <= limit)
    gcs = one.values[:, 0, 0].astype(float)
    data = pd.DataFrame({"gcs": gcs, "time": time, "event": event})
    beta = CoxPHFitter().fit(data, "time", "event").params_["gcs"]
    risk = np.exp(beta * gcs)
    after = 720 - 168.0
    hazard = sum(1 / risk[time >= at].sum() for at in time[event & (time <= after)])  # no ties in time
    np.testing.assert_allclose(made.predict(one)[:, 0, 0], np.exp(-hazard * risk), rtol=1e-4)
    found = made.predict(one)[:, 0]
    assert (found[:, 0] >= found[:, 1]).all(), "survival falls with time"


def test_cox_uses_those_who_were_lost_and_says_what_it_cannot_answer(courses):
    early = (np.arange(len(courses)) % 2 == 0) & (courses.followup_h > 400)  # half are lost at hour 400
    death_h = np.where(early, GAP, courses.death_h)
    cut = altered(courses, death_h=death_h, followup_h=np.where(early, 400.0, courses.followup_h))
    made, without = model("landmark_cox"), model("landmark_cox")
    made.fit(cut, cut, 0)
    without.fit(cut.take(~early), cut, 0)
    truth = model("landmark_cox")
    truth.fit(courses, courses, 0)
    found, biased, best = (np.nanmean(each.predict(courses)[:, :, 0]) for each in (made, without, truth))
    assert abs(found - best) < 0.02 < 0.04 < best - biased, "who dies early is known to the end, who lives is not"
    renamed = altered(courses, targets=("survival_30d", "good_180d"))
    made.fit(renamed, renamed, 0)
    found = made.predict(renamed)
    assert np.isfinite(found[:, :, 0]).all() and np.isnan(found[:, :, 1]).all()
    one = np.full(len(courses), GAP)
    one[np.nanargmin(courses.death_h)] = np.nanmin(courses.death_h)
    alone = model("landmark_cox")
    alone.fit(altered(courses, death_h=one, at_risk=courses.at_risk & (courses.steps == "day1")), courses, 0)
    found = alone.predict(courses)[:, :, 1]
    assert (np.ptp(found, axis=0) == 0).all() and ((0.99 < found) & (found < 1)).all(), "the same hazard for everybody"
    nobody = altered(courses, death_h=np.full(len(courses), GAP))
    silent = model("landmark_cox")
    silent.fit(nobody, nobody, 0)
    assert "no train patient at risk has a time of death" in silent.remarks[0]
    assert np.isnan(silent.predict(courses)).all()
    with pytest.raises(StudyError, match="have no follow-up"):
        made.fit(altered(courses, death_h=None), courses, 0)
    assert (horizon_h("survival_36h"), horizon_h("survival_30d"), horizon_h("good_180d")) == (36, 720, None)


def test_a_horizon_counted_from_the_step_does_not_depend_on_the_step_time(courses):
    made = model("landmark_cox", horizon_from="step", variables=["gcs"])
    made.fit(courses, courses, 0)
    for fits in made.fits.values():
        for fit in fits.values():
            fit.coefficients[:] = 0.0
    found = made.predict(courses)
    assert np.ptp(found[:, :, 0]) == 0 and 0 < found[0, 0, 0] < 1


def test_a_score_takes_its_items_from_the_course_then_from_admission(courses):
    values = courses.values[:2].copy()
    values[:, :, 0] = [[GAP, 4, GAP], [14, GAP, 6]]
    few = altered(courses.take([0, 1]), values=values)
    few.patients["iph_ml"], few.patients["gcs"] = [35.0, np.nan], [12.0, np.nan]
    made = model("landmark_score", score="ich", variables=["gcs", "iph_ml"])
    made.variables = ("gcs", "iph_ml")
    points = made.design(few)["points"].to_numpy().reshape(2, 3)
    ages = few.patients["age_years"]
    said = [ich(gcs=gcs, iph_ml=35, ivh=False, location="deep", age_years=ages[0]).value for gcs in (12, 4, 4)]
    np.testing.assert_array_equal(points[0], said)
    assert np.isnan(points[1]).all(), "a volume that nobody knows is not made up"
    plain = model("landmark_score", score="gcs")
    plain.variables = ("gcs",)
    np.testing.assert_array_equal(plain.design(few)["points"].to_numpy().reshape(2, 3)[1], [14, 14, 6])


def test_a_target_with_one_label_and_a_step_with_few_have_no_fit_of_their_own(courses):
    labels = courses.labels.copy()
    labels[:, :, 1] = 1.0
    labels[:295, 0, 0] = GAP
    made = model("landmark_logistic", steps="apart")
    made.fit(altered(courses, labels=labels), courses.take([]), 0)
    assert set(made.fits["survival_30d"]) == {"all steps", "day3", "day7"} and not made.fits["survival_180d"]
    assert made.remarks == ["does not answer survival_180d: too few train patients of one of both answers"]
    found = made.predict(courses)
    assert np.isfinite(found[:, :, 0]).all() and np.isnan(found[:, :, 1]).all()
    empty = altered(courses, steps=np.where(courses.steps == "day7", "", courses.steps))
    assert np.isnan(made.predict(empty)[:, 2]).all()


def test_a_variable_that_no_train_row_has_is_left_out_and_told(courses):
    empty = altered(courses, values=courses.values.copy(), variables=("gcs", "drain"))
    empty.values[:, :, 1] = GAP
    made, plain = (model("landmark_cox", variables=names) for names in (["gcs", "drain", "sodium"], ["gcs"]))
    for each in (made, plain):
        each.fit(empty, empty, 0)
    assert made.remarks == ["fitted without drain, sodium, of which no train row has a value"] and not plain.remarks
    np.testing.assert_array_equal(made.predict(empty), plain.predict(empty))


@pytest.mark.parametrize("kind", KINDS)
def test_a_hospital_that_never_measured_it_gets_no_answer_and_is_told(courses, kind):
    empty = altered(courses, values=np.full_like(courses.values, GAP))
    fitted = model(kind, **({} if kind == "landmark_score" else {"record": []}))
    fitted.fit(empty, empty.take(np.arange(0)), seed=1)
    answers = fitted.predict(empty)
    if kind == "landmark_score":
        assert np.isnan(answers).all()
    else:  # the time since onset is left to learn from
        assert np.isfinite(answers[courses.at_risk]).all()
    assert fitted.remarks


def test_wrong_settings_are_refused():
    with pytest.raises(StudyError, match="together or apart"):
        model("landmark_forest", steps="alone")
    with pytest.raises(StudyError, match="onset or step"):
        model("landmark_cox", horizon_from="visit")
