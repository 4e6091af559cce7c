"""Evaluation by step: on made-up courses whose risks, deaths and losses are known."""

import numpy as np
import pandas as pd
import pytest
from tests.unit.made_trajectory import MODELS, STEPS, TARGETS, made_trajectory

from ichor import tables
from ichor.errors import StudyError
from ichor.evaluation.contradictions import contradictions
from ichor.evaluation.discrimination import delong_paired
from ichor.evaluation.evaluate import evaluate
from ichor.evaluation.steps import by_step, dead_by_h, horizon_h, parted, step_order, who_is_at_risk


@pytest.fixture(scope="module")
def study():
    made = made_trajectory(per_center=40)
    made["metrics"] = evaluate(made["predictions"], made["truth"], seed=1, bootstrap=20)[0]
    made["performance"] = by_step(made["predictions"], made["metrics"], made["steps"], seed=1, bootstrap=20)
    return made


def pick(table: pd.DataFrame, **names: str) -> pd.Series:
    rows = table[np.logical_and.reduce([table[name] == value for name, value in names.items()])]
    assert len(rows) == 1
    return rows.iloc[0]


def test_horizons_and_steps_come_from_the_names():
    assert horizon_h("survival_30d") == 720 and horizon_h("good_180d") == 4320
    with pytest.raises(StudyError, match="survival_30d"):
        horizon_h("survival")
    found = parted(pd.Series(["survival_30d@drain_removal", "survival_30d"]))
    assert found["step"].tolist() == ["drain_removal", "baseline"] and set(found["target"]) == {"survival_30d"}


def test_a_study_in_which_no_model_answered_has_an_empty_table(study):
    none, metrics = study["predictions"].iloc[:0], study["metrics"].iloc[:0]
    assert by_step(none, metrics, study["steps"], seed=1, bootstrap=20).empty
    assert contradictions({}, TARGETS, metrics, step_order(study["steps"])).empty


def test_steps_stand_in_the_order_of_their_median_time_among_those_at_risk():
    rows = [
        ("a", "drain", 60, 1),
        ("b", "drain", 300, 1),
        ("c", "drain", 9, 0),
        ("a", "day3", 96, 1),
        ("b", "day1", 48, 1),
    ]
    order = step_order(pd.DataFrame(rows, columns=["patient", "step", "time_h", "at_risk"]))
    assert order.index.tolist() == ["day1", "day3", "drain"] and order["position"].tolist() == [0, 1, 2]
    assert order.loc["drain", "time_h"] == 180


def test_every_row_of_the_metrics_is_there_once_in_the_order_of_the_steps(study):
    found, metrics = study["performance"], study["metrics"]
    assert not found.duplicated(["split", "target", "step", "model", "quantity"]).any()
    own = metrics[metrics["center"] == "all"]
    assert len(found[~found["quantity"].str.contains("ipcw|change")]) == len(own)
    first = found[(found["target"] == "good_180d") & (found["model"] == "gru") & (found["quantity"] == "auc")]
    assert first["step"].tolist() == list(STEPS) and first["time_h"].tolist() == list(STEPS.values())


def test_weights_count_everybody_at_risk_and_agree_where_nobody_was_lost(study):
    found = study["performance"]
    counts = who_is_at_risk(study["steps"], TARGETS)
    for step in STEPS:
        row = pick(found, target="survival_180d", step=step, model="gru", quantity="auc_ipcw")
        counted = pick(counts, target="survival_180d", step=step)
        assert row["n"] == counted["at_risk"] > counted["known"] and row["events"] == counted["events"]
    complete = made_trajectory(per_center=20, lost=0.0)
    metrics = evaluate(complete["predictions"], seed=1, bootstrap=0)[0]
    alike = by_step(complete["predictions"], metrics, complete["steps"], seed=1, bootstrap=0)
    for plain, weighted in (("auc", "auc_ipcw"), ("brier", "brier_ipcw"), ("prevalence", "prevalence_ipcw")):
        pair = [alike[alike["quantity"] == name].set_index(["target", "step", "model"]) for name in (plain, weighted)]
        assert np.allclose(pair[0]["estimate"], pair[1]["estimate"].reindex(pair[0].index), equal_nan=True)
        assert len(pair[0]) == len(TARGETS) * len(STEPS) * len(MODELS)


def test_leaving_out_the_lost_makes_survival_too_rare(study):
    row = {"target": "survival_180d", "step": "surgery", "model": "gru"}
    plain = pick(study["performance"], quantity="prevalence", **row)["estimate"]
    assert pick(study["performance"], quantity="prevalence_ipcw", **row)["estimate"] > plain + 0.03


def test_change_is_on_the_patients_of_both_steps(study):
    rows = study["predictions"].query("model == 'gru' and target == 'survival_180d' and role == 'test'")
    first, last = (rows[rows["time"] == step].set_index("patient") for step in ("surgery", "day14"))
    both = last.index.intersection(first.index)
    test = delong_paired(last.loc[both, "label"], last.loc[both, "probability"], first.loc[both, "probability"])
    found = pick(study["performance"], target="survival_180d", step="day14", model="gru", quantity="auc_change")
    assert found["estimate"] == pytest.approx(test.difference) and found["low"] == pytest.approx(test.low)
    assert found["n"] == len(both) < len(first)


def test_everybody_with_a_step_is_counted_once(study):
    counts = who_is_at_risk(study["steps"], TARGETS)
    tables.validate("trajectory_counts", counts, "counts")
    assert (counts["patients"] == counts[["at_risk", "dead", "lost"]].sum(axis=1)).all()
    assert (counts["at_risk"] == counts[["known", "unknown"]].sum(axis=1)).all()
    assert counts["patients"].eq(80).all() and counts["lost"].max() > 0 and counts["dead"].max() > 0


def test_products_never_contradict_and_separate_answers_are_counted(study):
    found = contradictions(study["risks"], TARGETS, study["metrics"], step_order(study["steps"]))
    tables.validate("contradictions", found, "contradictions")
    assert (found.loc[found["model"] != "landmark_logistic", "risks"] == 0).all()
    row = pick(found, model="landmark_logistic", step="day3", target="survival_180d")
    rows = study["risks"]["landmark_logistic"].query(
        "role == 'test' and at_risk == 1 and step == 'day3'", engine="python"
    )
    wide = rows.pivot(index="patient", columns="target", values="probability")
    excess = wide["survival_180d"] - wide["survival_30d"]
    assert row["risks"] == (excess > 0).sum() > 0 and row["n"] == len(wide)
    assert row["largest"] == pytest.approx(excess.max())


def test_decisions_contradict_by_their_thresholds(study):
    risks = study["risks"]["gru"].query("role == 'test' and at_risk == 1 and step == 'day3'", engine="python")
    wide = risks.pivot(index="patient", columns="target", values="probability")
    rows = [
        {"task": "trajectory", "target": f"{target}@day3", "model": "gru", "split": "external", "center": "all",
         "quantity": "threshold", "estimate": limit}
        for target, limit in (("survival_30d", 0.9), ("survival_180d", 0.5))
    ]  # fmt: skip
    found = contradictions({"gru": study["risks"]["gru"]}, TARGETS, pd.DataFrame(rows), step_order(study["steps"]))
    expected = ((wide["survival_180d"] >= 0.5) & (wide["survival_30d"] < 0.9)).sum()
    assert pick(found, step="day3", target="survival_180d")["decisions"] == expected > 0
    assert pd.isna(pick(found, step="day3", target="good_180d")["decisions"])


def test_a_death_without_a_time_counts_at_the_first_horizon_by_which_it_happened():
    rows = {
        "death_h": [100.0, np.nan, np.nan, np.nan],
        "label_survival_180d": pd.array([0, 0, 0, None], dtype="Int64"),
        "label_survival_30d": pd.array([0, 0, 1, 1], dtype="Int64"),
    }
    assert dead_by_h(pd.DataFrame(rows)).fillna(-1).tolist() == [100, 720, 4320, -1]


def test_folds_are_put_together_with_everybody_at_risk():
    made = made_trajectory(per_center=25)
    split = {"delta": "cv-0", "estuary": "cv-1"}
    steps, predictions = (
        table[table["role"] == "test"].assign(split=lambda rows: rows["center"].map(split))
        for table in (made["steps"], made["predictions"].query("model == 'gru' and target == 'survival_180d'"))
    )
    metrics = evaluate(predictions, seed=1, bootstrap=0)[0]
    found = by_step(predictions, metrics, steps, seed=1, bootstrap=0)
    n = [pick(found, split=name, step="day3", quantity="auc_ipcw")["n"] for name in ("cv-0", "cv-1", "cv")]
    assert n[0] + n[1] == n[2] and min(n) > 0
