"""Trajectory studies: every visit predicted without its patient, by patient compared, and the page that says so."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from tests.made_visits import made_visits

from ichor.cohort.own_courses import read_own_courses
from ichor.errors import StudyError
from ichor.evaluation.course_folds import cross_validate
from ichor.evaluation.discrimination import area
from ichor.evaluation.trajectory_study import ALL, check_models, trajectory_study
from ichor.evaluation.visit_comparisons import compare_visits
from ichor.report.trajectory_study_page import write_findings, write_tables, write_trajectory_study
from ichor.training.sequence_fit import fit_sequences

COLUMNS = {"sick": {"type": "number", "of": "visit"}, "noise": {"type": "number", "of": "visit"}}
COLUMNS["age"] = {"type": "number", "of": "patient"}
SETTINGS = {
    "patient": "id", "time": "day", "unit": "d", "followup": "last", "ended": "status", "events": ["dead"],
    "horizon": 100, "columns": COLUMNS, "folds": 4, "repeats": 2, "inner_folds": 3,
}  # fmt: skip
MODELS = {
    "landmark_cox": {"kind": "landmark_cox"},
    "landmark_logistic": {"kind": "landmark_logistic"},
    "noise_alone": {"kind": "landmark_score", "score": "noise"},
    "sick": {"kind": "landmark_score", "score": "sick"},
    "out": None,
}
OPTIONS = {"folds": 4, "repeats": 2, "inner_folds": 3, "seed": 3}


@pytest.fixture(scope="module")
def courses(tmp_path_factory):
    path = tmp_path_factory.mktemp("visits") / "visits.csv"
    made_visits().to_csv(path, index=False)
    return read_own_courses(path, SETTINGS)


@pytest.fixture(scope="module")
def study(courses):
    models = check_models(MODELS, COLUMNS)
    return trajectory_study(courses, models=models, fit=fit_sequences, horizon_h=2400.0, bootstrap=50, **OPTIONS)


def test_no_model_sees_the_patients_that_it_is_tested_on_nor_their_outcomes(courses):
    seen = []

    def fit(train, tune, spec, seed):
        roles = {"train": set(train.patients["patient"]), "tune": set(tune.patients["patient"])}
        assert not roles["train"] & roles["tune"] and set(train.patients["role"]) == {"train"}

        def predict(sequences):
            assert np.isnan(sequences.labels).all() and sequences.death_h is None and sequences.followup_h is None
            seen.append((roles, set(sequences.patients["patient"])))
            return np.full((2, *sequences.labels.shape), 0.7)

        return SimpleNamespace(predict=predict)

    found = cross_validate(courses.sequences, {"flat": {}}, fit, **OPTIONS)
    everybody = set(courses.sequences.patients["patient"])
    tested = [patients for roles, patients in seen if patients != roles["tune"]]
    assert len(tested) == 8, "tune rows and test rows of each fold and repeat"
    for (roles, patients), partner in zip(seen[1::2], seen[::2], strict=True):
        assert not patients & (roles["train"] | roles["tune"]) and partner[1] == roles["tune"]
        assert patients | roles["train"] | roles["tune"] == everybody
    assert sorted(p for patients in tested[:4] for p in patients) == sorted(everybody)
    counts = found.groupby(["patient", "position"])["repeat"].nunique()
    assert (counts == 2).all() and len(counts) == courses.counts["visits"]
    np.testing.assert_allclose(found["risk"].astype(float), 0.3)


def test_a_future_visit_and_another_fold_do_not_move_a_prediction_of_the_past(courses):
    models = check_models({"one": MODELS["landmark_cox"]}, COLUMNS)
    before = cross_validate(courses.sequences, models, fit_sequences, **(OPTIONS | {"repeats": 1}))
    values = courses.sequences.values.copy()
    patient = int(np.argmax((courses.sequences.steps != "").sum(axis=1)))
    values[patient, 2:] = 5.0
    changed = replace(courses.sequences, values=values)
    after = cross_validate(changed, models, fit_sequences, **(OPTIONS | {"repeats": 1}))
    moved = ~np.isclose(before["risk"].astype(float), after["risk"].astype(float), atol=1e-12)
    own = (before["patient"] == courses.sequences.patients["patient"].iloc[patient]).to_numpy()
    assert moved[own & (before["position"] >= 2)].all() and not moved[own & (before["position"] < 2)].any()
    fold = before.loc[own, "fold"].iloc[0]
    assert not moved[~own & (before["fold"] == fold)].any(), "those tested with this patient know nothing of the change"


def test_all_visits_are_measured_by_patient_and_the_better_model_is_found(study, courses):
    auc = study.metrics.query("quantity == 'auc'").set_index(["step", "model"])
    own = study.rows[(study.rows["model"] == "landmark_cox") & study.rows["label"].notna()]
    assert auc.loc[(ALL, "landmark_cox"), "estimate"] == pytest.approx(
        area(own["label"].to_numpy(int), own["risk"].to_numpy(float))
    )
    assert auc.loc[(ALL, "landmark_cox"), "n"] == courses.counts["known"] == len(own)
    assert auc.loc[(ALL, "landmark_cox"), "estimate"] > 0.7 > 0.6 > auc.loc[(ALL, "noise_alone"), "estimate"]
    assert "visit1" in auc.index.get_level_values("step")
    row = study.comparisons.query("model_a == 'landmark_cox' and model_b == 'noise_alone'").iloc[0]
    assert row["verdict"] == "gain" and row["p_holm"] >= row["p"] and row["brier_high"] < 0
    answered = study.absent["noise_alone"]
    assert 0 < answered < courses.counts["visits"] and study.absent["landmark_cox"] == 0
    assert row["visits"] < courses.counts["known"], "visits that both models answered"
    ipcw = study.metrics.query("quantity == 'prevalence_ipcw' and model == 'landmark_cox' and step == @ALL").iloc[0]
    naive = study.metrics.query("quantity == 'prevalence' and model == 'landmark_cox' and step == @ALL").iloc[0]
    assert ipcw["estimate"] < naive["estimate"], "who dies early is known to the end"
    slope = study.metrics.query("quantity == 'calibration_slope' and model == 'landmark_cox' and step == @ALL").iloc[0]
    assert slope["low"] < 1 < slope["high"]


def test_predictions_are_of_survival_and_a_row_per_repeat(study, courses):
    table = study.predictions
    assert set(table["target"]) == {"survival_100d"} and set(table["seed"]) == {0, 1}
    own = table[table["model"] == "sick"]
    assert len(own) == 2 * courses.counts["known"] and own["label"].mean() > 0.5
    assert area(own["label"].to_numpy(), own["probability"].to_numpy()) > 0.6


def test_copied_visits_leave_a_comparison_as_it_is(study):
    known = study.rows.dropna(subset=["label", "risk"])
    more = pd.concat([known, known.assign(position=known["position"] + 100)])
    few, many = (
        compare_visits(rows, "landmark_cox", "landmark_logistic", bootstrap=50, seed=1) for rows in (known, more)
    )
    assert many["p"] == pytest.approx(few["p"]) and many["brier_low"] == pytest.approx(few["brier_low"])
    assert many["visits"] == 2 * few["visits"] and many["events"] == few["events"]


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ({"kind": "logistic"}, "logistic is no model of time courses"),
        ({"kind": "landmark_cox", "horizon_from": "onset"}, "write step"),
        (
            {"kind": "landmark_logistic", "variables": ["age"]},
            "age is not among trajectory_study.columns with of: visit",
        ),
        ({"kind": "landmark_logistic", "record": ["weight"]}, "weight is not among"),
        ({"kind": "landmark_score", "score": "age"}, "age is of the patient"),
    ],
)
def test_wrong_models_are_refused(model, said):
    with pytest.raises(StudyError, match=said):
        check_models({"wrong": model}, COLUMNS)


def test_too_few_patients_for_the_folds_are_told(courses):
    models = check_models({"one": MODELS["sick"]}, COLUMNS)
    with pytest.raises(StudyError, match="are too few for 30 folds"):
        cross_validate(courses.sequences, models, fit_sequences, **(OPTIONS | {"folds": 30}))
    with pytest.raises(StudyError, match="no model is named"):
        check_models({"out": None}, COLUMNS)


def test_the_page_says_what_was_found_and_that_no_network_wins(study, tmp_path):
    models = check_models(MODELS, COLUMNS)
    said = write_trajectory_study(tmp_path / "index.html", study, title="A <table>", models=models, settings=SETTINGS)
    text = (tmp_path / "index.html").read_text()
    assert said[0].startswith("AUC over all visits, by patient: ") and "have a follow-up that ends" in " ".join(said)
    assert "A &lt;table&gt;" in text and "100 days" in text and 'href="http' not in text and "Visit 1" in text
    network = models["landmark_cox"] | {"kind": "gru"}  # as if it were one, for the words
    rows = study.comparisons.assign(family="networks")
    rows = rows[rows["model_a"] == "landmark_cox"]
    told = write_trajectory_study(
        tmp_path / "again.html", replace(study, comparisons=rows), title="T",
        models=models | {"landmark_cox": network}, settings=SETTINGS,
    )  # fmt: skip
    (line,) = [line for line in told if line.startswith("The best of the simpler models on this table is ")]
    best = rows.loc[rows["auc_b"].idxmax(), "verdict"]
    assert "no difference is shown" in line if best in ("none", "undecided") else "ranks visits" in line
    assert "ranks visits better than “Noise alone”" in line and "nearer to what happened than those of" in line
    write_findings(said, tmp_path / "findings.txt")
    paths = {name: tmp_path / f"{name}.tsv" for name in ("performance", "comparisons", "repeats")}
    write_tables(study, paths)
    assert pd.read_csv(paths["repeats"], sep="\t")["repeats"].tolist() == [2, 2, 2, 2]


def test_real_visits_of_biliary_cirrhosis(real_data, repository):
    """312 patients, 1,945 visits; Cox on last values ranks visits about as published scores of this disease do."""
    import yaml

    settings = yaml.safe_load((repository / "config/pbcseq.yaml").read_text())["trajectory_study"] | {"unit": "d"}
    found = read_own_courses(real_data / "tables" / "pbcseq.tsv", settings)
    assert found.counts == {
        "patients": 312, "visits": 1945, "late_visits": 0, "patients_without_followup": 0, "events": 140, "known": 1754,
        "cut": 191, "visit_events": 265,
    }  # fmt: skip
    few = {name: settings["models"][name] for name in ("landmark_cox", "landmark_logistic", "bilirubin")}
    options = {"folds": 5, "repeats": 1, "inner_folds": 5, "seed": 1, "bootstrap": 20, "horizon_h": 730 * 24.0}
    models = check_models(few, settings["columns"])
    study = trajectory_study(found, models=models, fit=fit_sequences, **options)
    auc = study.metrics.query("quantity == 'auc' and step == @ALL").set_index("model")["estimate"]
    assert auc["landmark_cox"] > 0.88 and auc["landmark_logistic"] > 0.88 > auc["bilirubin"] > 0.8
    row = study.comparisons.query("model_a == 'landmark_cox' and model_b == 'bilirubin'").iloc[0]
    assert row["difference"] > 0 and row["p_holm"] < 0.05
