"""Table studies: predictions without the patient, scores as they stand, settings checked, pROC's numbers on aSAH."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from ichor.cohort.own_table import read_own_table
from ichor.errors import StudyError
from ichor.evaluation.discrimination import area, delong_paired
from ichor.evaluation.table_study import candidates_of, check_models, table_study
from ichor.report.table_study_page import write_table_findings, write_table_study, write_tables

COLUMNS = {"age": {"type": "number"}, "side": {"type": "category"}, "late": {"type": "number", "known": "later"}}
MODELS = {
    "tuned": {"kind": "logistic", "features": ["age", "side"], "tune": {"c": [1e-6, 1.0]}},
    "side_alone": {"kind": "logistic", "features": ["side"]},
}
SCORES = {"grade": "higher", "strength": "lower"}
SETTINGS = {"folds": 4, "repeats": 3, "inner_folds": 3, "columns": COLUMNS, "scores": SCORES}
FITTED = {"target": "death", "folds": 4, "repeats": 3, "inner_folds": 3, "seed": 1, "bootstrap": 20}


def made_table(size: int = 160) -> pd.DataFrame:
    """Age and grade tell the outcome, the side does not; grade is unknown in ten."""
    rng = np.random.default_rng(8)
    age = rng.normal(60, 10, size)
    label = (rng.random(size) < expit((age - 60) / 6)).astype(int)
    table = pd.DataFrame(
        {"patient": [f"p{i}" for i in range(size)], "label": pd.array(label, dtype="Int64"), "age": age}
    )
    table["side"] = rng.choice(["left", "right"], size)
    table["grade"] = np.round((age - 60) / 12 + rng.normal(size=size))
    table["strength"] = -table["grade"]
    table.loc[:9, ["grade", "strength"]] = np.nan
    table["late"] = label + 0.0
    unknown = table.iloc[[0]].assign(patient="unknown", label=pd.NA)
    return pd.concat([table, unknown.astype(table.dtypes)], ignore_index=True)


@pytest.fixture(scope="module")
def table():
    return made_table()


@pytest.fixture(scope="module")
def study(table):
    return table_study(table, models=check_models(MODELS, COLUMNS), scores=SCORES, **FITTED)


def test_every_patient_is_predicted_once_per_repeat_and_evaluated_once(study, table):
    counts = study.predictions.groupby(["model", "patient"])["seed"].nunique()
    assert (counts == 3).all() and len(counts) == 2 * 160 and study.left_out == 1
    auc = study.metrics.query("quantity == 'auc'").set_index("model")
    assert (auc.loc[["tuned", "side_alone"], "n"] == 160).all()
    means = study.predictions[study.predictions["model"] == "tuned"].groupby("patient")["probability"].mean()
    labels = table.set_index("patient")["label"].reindex(means.index).astype(int).to_numpy()
    assert auc.loc["tuned", "estimate"] == pytest.approx(area(labels, means.to_numpy()))
    assert auc.loc["tuned", "estimate"] > 0.75 > 0.6 > auc.loc["side_alone", "estimate"], "chance is not learned"
    assert study.choices.set_index("setting").loc["c=1.0", "times"] == 12, "by the inner folds: c 1e-06 knows nothing"
    slope = study.metrics.query("quantity == 'calibration_slope' and model == 'tuned'").iloc[0]
    assert slope["low"] < 1 < slope["high"]
    sensitivity = study.metrics.query("quantity == 'sensitivity' and model == 'tuned'").iloc[0]
    assert 0.5 < sensitivity["estimate"] < 1 and sensitivity["n"] == 160


def test_scores_are_ranked_as_they_stand_on_those_who_have_them(study, table):
    known = table[table["grade"].notna() & table["label"].notna()]
    expected = area(known["label"].astype(int).to_numpy(), known["grade"].to_numpy())
    auc = study.metrics.query("quantity == 'auc'").set_index("model")
    assert auc.loc["grade", "estimate"] == auc.loc["strength", "estimate"] == pytest.approx(expected)
    assert auc.loc["grade", "n"] == 150 and study.absent == {"tuned": 0, "side_alone": 0, "grade": 10, "strength": 10}
    row = study.comparisons.query("family == 'scores' and model_a == 'tuned' and model_b == 'grade'").iloc[0]
    means = study.predictions[study.predictions["model"] == "tuned"].groupby("patient")["probability"].mean()
    test = delong_paired(
        known["label"].astype(int).to_numpy(), means[known["patient"]].to_numpy(), known["grade"].to_numpy()
    )
    assert row["n"] == 150 and row["p"] == pytest.approx(test.p) and row["verdict"] == "gain"
    assert study.comparisons["family"].value_counts().to_dict() == {"scores": 4, "among_scores": 1, "among_models": 1}


def test_the_label_of_a_patient_does_not_touch_his_own_prediction(table):
    """Turning one label changes others' predictions and, with the folds kept, not one's own in any repeat."""
    models = check_models({"plain": {"kind": "logistic", "features": ["age"]}}, COLUMNS)
    few = {**FITTED, "repeats": 1}
    before = table_study(table, models=models, scores={}, **few).predictions.set_index("patient")["probability"]
    shifted = table.assign(age=table["age"].where(table["patient"] != "p50", 300.0))
    after = table_study(shifted, models=models, scores={}, **few).predictions.set_index("patient")["probability"]
    changed = set(before.index[(before - after).abs() > 1e-9])
    assert "p50" in changed and 0.6 * 160 < len(changed) < 0.9 * 160, "all but the fold that p50 was tested in"


@pytest.mark.parametrize(
    "model, said",
    [
        ({"kind": "logistic", "features": ["weight"]}, "weight is not among table_study.columns"),
        ({"kind": "logistic", "features": ["late"]}, "late is known only after the time of the prediction"),
        ({"kind": "densenet"}, "densenet looks at scans"),
        ({"kind": "logistic", "features": ["age"], "tune": {"c": 3}}, "write settings with lists of values"),
        ({"kind": "logistic", "features": ["age"], "tune": {"d": [3]}}, "unknown setting"),
    ],
)
def test_wrong_models_are_refused(model, said):
    with pytest.raises(StudyError, match=said):
        check_models({"wrong": model}, COLUMNS)


def test_later_columns_are_read_only_by_a_model_that_names_them():
    entry = {"kind": "logistic", "features": ["age", "late"], "post_baseline": ["late"]}
    (spec,) = check_models({"told": entry, "out": None}, COLUMNS)["told"].values()
    assert spec["post_baseline"] == ["late"]
    assert list(candidates_of({"kind": "logistic", "tune": {"c": [1.0, 2.0]}}, "x")) == ["c=1.0", "c=2.0"]


def test_the_page_says_what_was_found(study, tmp_path):
    said = write_table_study(
        tmp_path / "index.html", study, title="A <table>", event="death", models=MODELS, settings=SETTINGS
    )
    text = (tmp_path / "index.html").read_text()
    assert any("“Tuned” " in line and "the model ranks better" in line for line in said)
    assert "Shown to rank patients better than “grade, as it stands”: “Tuned”." in said
    assert any(line.startswith("Patients without an answer: grade, as it stands 10") for line in said)
    assert "A &lt;table&gt;" in text and text.count("Calibration") >= 2 and 'href="http' not in text
    write_table_findings(said, tmp_path / "findings.txt")
    paths = {name: tmp_path / f"{name}.tsv" for name in ("performance", "comparisons", "repeats", "choices")}
    write_tables(study, paths)
    assert pd.read_csv(paths["repeats"], sep="\t")["repeats"].tolist() == [3, 3]


def test_scores_alone_make_a_study(table, tmp_path):
    found = table_study(table, models={}, scores=SCORES, **FITTED)
    said = write_table_study(tmp_path / "i.html", found, title="T", event="death", models={}, settings=SETTINGS)
    assert "a score is no risk" in (tmp_path / "i.html").read_text() and "has the largest AUC" in said[0]
    with pytest.raises(StudyError, match="neither models nor scores"):
        table_study(table, models={}, scores={}, **FITTED)


def test_aneurysmal_hemorrhage_as_proc_says(real_data):
    """pROC 1.18: AUC .8237 of WFNS, .6120 of NDKA; DeLong's Z = 2.7978, p = .005146."""
    settings = {"patient": None, "outcome": "outcome", "events": ["Poor"], "columns": {"age": {"type": "number"}}}
    scores = {"wfns": "higher", "ndka": "higher"}
    table = read_own_table(real_data / "tables" / "asah.tsv", settings | {"scores": scores})
    assert len(table) == 113 and table["label"].sum() == 41
    study = table_study(table, models={}, scores=scores, **FITTED)
    auc = study.metrics.query("quantity == 'auc'").set_index("model")["estimate"]
    assert auc.round(4).to_dict() == {"wfns": 0.8237, "ndka": 0.6120}
    (row,) = study.comparisons.to_dict("records")
    assert row["p"] == pytest.approx(0.005146, abs=5e-7)
    labels, values = table["label"].to_numpy(dtype=int), [table[name].to_numpy() for name in scores]
    assert delong_paired(labels, *values).statistic == pytest.approx(2.7978, abs=5e-5)
