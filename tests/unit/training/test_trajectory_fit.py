"""Models of time courses from tables to bundle to tables."""

import numpy as np
import pandas as pd
import pytest
from tests.unit.made_patients_with_courses import made_tables

from ichor import tables
from ichor.cohort.fences import LeakError
from ichor.cohort.targets import TRAJECTORY
from ichor.errors import StudyError
from ichor.training import bundle
from ichor.training.sequence_predict import predict_trajectory
from ichor.training.trajectory_fit import fit_trajectory, record_rows

SPEC = {"kind": "gru", "record": ["age_years"], "width": 8, "training": {"epochs": 4, "seeds": 2}}


def fit(made, folder, **changes):
    options = {"model": "gru", "spec": SPEC, "seed": 5, "device": "cpu"} | changes
    return fit_trajectory(*made, checkpoint_dir=folder / "state", bundle_dir=folder / "bundle", **options)


@pytest.fixture(scope="module")
def made():
    return made_tables()


@pytest.fixture(scope="module")
def folder(made, tmp_path_factory):
    folder = tmp_path_factory.mktemp("trajectory")
    assert fit(made, folder).empty
    return folder


def test_only_steps_at_risk_with_a_known_outcome_are_scored_and_all_steps_are_shown(made, folder):
    steps = made[0]
    found = predict_trajectory(*made, folder / "bundle", device="cpu")
    long = steps.melt(["patient", "step", "at_risk"], [f"label_{target}" for target in TRAJECTORY], "target", "label")
    long["target"] = long["target"].str.removeprefix("label_")
    scored = long[(long["at_risk"] == 1) & long["label"].notna()].sort_values(["patient", "step", "target"])
    assert 0 < len(scored) < len(long)
    predictions = found.predictions.sort_values(["patient", "time", "target"])
    assert (
        predictions[["patient", "time", "target"]].values.tolist()
        == scored[["patient", "step", "target"]].values.tolist()
    )
    assert predictions["label"].tolist() == scored["label"].astype(int).tolist()
    risks = found.trajectory_risks
    assert len(risks) == len(long) and risks["label"].isna().any()
    assert risks["probability"].between(risks["low"], risks["high"]).all() and (risks["low"] < risks["high"]).any()
    wide = risks.pivot(index=["patient", "position"], columns="target", values="probability")
    assert (wide["survival_30d"] >= wide["survival_180d"]).all() and (wide["survival_180d"] >= wide["good_180d"]).all()
    assert found.status.empty
    for name, table in (("predictions", predictions), ("trajectory_risks", risks)):
        tables.validate(name, table, name)


def test_test_patients_change_nothing_that_is_kept(made, folder, tmp_path):
    steps, values, cohort = (table.copy() for table in made)
    tested = set(cohort.loc[cohort["role"] == "test", "patient"])
    values.loc[values["patient"].isin(tested), "value"] = 1e6
    steps.loc[steps["patient"].isin(tested), [f"label_{target}" for target in TRAJECTORY]] = 0
    cohort.loc[cohort["role"] == "test", "age_years"] = 999.0
    fit((steps, values, cohort), tmp_path)
    (first, said), (second, again) = (bundle.read(place / "bundle") for place in (folder, tmp_path))
    assert all(np.array_equal(first[name], second[name]) for name in first)
    assert said["state"] == again["state"] and said["fitted_on"] == again["fitted_on"]


def test_a_later_value_changes_no_earlier_answer(made, folder):
    steps, values, cohort = made
    before = predict_trajectory(steps, values, cohort, folder / "bundle", device="cpu").trajectory_risks
    later = values.assign(value=values["value"].where(values["position"] < 2, 50.0))
    after = predict_trajectory(steps, later, cohort, folder / "bundle", device="cpu").trajectory_risks
    early = before["position"] < 2
    pd.testing.assert_frame_equal(before[early], after[early])
    assert (before.loc[~early, "probability"] != after.loc[~early, "probability"]).any()


def test_steps_of_another_split_stop_the_fit(made, tmp_path):
    steps, values, cohort = made
    with pytest.raises(LeakError):
        fit((steps.assign(split="cv-0"), values, cohort), tmp_path)


def test_without_events_there_is_no_model_and_it_is_said(made, tmp_path):
    steps, values, cohort = made
    alive = steps.assign(**{f"label_{target}": 1 for target in TRAJECTORY})
    status = fit((alive, values, cohort), tmp_path)
    assert status["reason"].tolist() == ["too_few_events"] and "survival_30d 0 and 54" in status["detail"][0]
    found = predict_trajectory(*made, tmp_path / "bundle")
    assert found.predictions.empty and found.trajectory_risks.empty and found.status.empty


def test_patients_without_an_answer_are_named_with_their_steps(made, tmp_path):
    """NIHSS as it stands cannot answer before the first one is known."""
    spec = {"kind": "landmark_score", "score": "nihss", "record": []}
    assert fit(made, tmp_path, model="nihss", spec=spec).empty
    found = predict_trajectory(*made, tmp_path / "bundle")
    first = made[1][made[1]["variable"] == "nihss"].groupby("patient")["position"].min()
    steps = made[0][made[0]["at_risk"] == 1]
    unknown = steps[steps["position"] < steps["patient"].map(first).fillna(99)]
    assert set(found.status["subject"]) == set(unknown["patient"]) and len(unknown)
    assert (found.status["reason"] == "missing_input").all()
    scored = steps.drop(unknown.index).melt("patient", [f"label_{target}" for target in TRAJECTORY]).dropna()
    assert len(found.predictions) == len(scored)


def test_wrong_kinds_and_late_columns_are_refused(made, tmp_path):
    with pytest.raises(StudyError, match="logistic reads no time courses; write one of: gru, landmark_"):
        fit(made, tmp_path, spec={"kind": "logistic", "features": ["gcs"]})
    with pytest.raises(StudyError, match="mrs_180d"):
        fit(made, tmp_path, spec={**SPEC, "record": ["mrs_180d"]})


def test_what_a_model_reads_of_the_cohort(made):
    assert list(record_rows(made[2], SPEC)) == ["split", "patient", "center", "role", "age_years"]
