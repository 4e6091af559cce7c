"""Outcome studies: the same rows for all, a choice that looks at tune rows alone, seeds, and what a model misses."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from tests.unit.made_outcome_study import SPECS, outcome_predictions, outcome_truth, specs

from ichor.errors import StudyError
from ichor.evaluation import printed_outcome as printed
from ichor.evaluation.discrimination import area, delong_paired
from ichor.evaluation.gate_weights import gate_weights
from ichor.evaluation.missed_signal import adds, missed_variables
from ichor.evaluation.outcome_models import choose, outcome_models
from ichor.evaluation.outcome_study import outcome_study
from ichor.evaluation.seed_spread import member_predictions, seed_spread

SETTINGS = {"target": "poor_outcome", "bundles": {}, "seed": 1, "bootstrap": 10}
SKILL = {"densenet_gmu": 1.8, "densenet_concat": 1.0, "densenet_image": 0.6, "logistic_gcs_age": 1.1, "ich": 0.8}


@pytest.fixture(scope="module")
def predictions():
    return outcome_predictions(SKILL | {"with_treatment": 3.0, "max_ich": 0.7})


@pytest.fixture(scope="module")
def study(predictions):
    test = predictions["role"] == "test"
    first = predictions["patient"].isin([f"delta{i}" for i in range(30)])
    rare = predictions["patient"].str.endswith(("0", "5"))
    gone = ((predictions["model"] == "ich") & first & test) | ((predictions["model"] == "max_ich") & ~rare & test)
    models = specs("ich", "max_ich", *(name for name in SKILL if name != "ich"), "with_treatment", "random_forest")
    truth = outcome_truth(predictions, "densenet_gmu")
    bundles = {"random_forest": {"reason": "too_few_events: 1 of 9"}}
    return outcome_study(predictions[~gone], models=models, truth=truth, **SETTINGS | {"bundles": bundles})


def test_models_are_sorted_by_what_they_read():
    assert {model.name: model.part for model in outcome_models(SPECS)} == {
        "densenet_gmu": "fusion", "densenet_concat": "fusion", "densenet_image": "image", "logistic_gcs_age": "tabular",
        "random_forest": "tabular", "with_treatment": "tabular", "ich": "score", "max_ich": "score",
    }  # fmt: skip


def test_all_models_stand_on_the_patients_that_all_have_predicted(study, predictions):
    """The ICH score lacks 30 of 300; max-ICH has 60 and would take the others' patients away."""
    assert study.same == {"n": 270, "events": 162, "tested": 300, "apart": {"max_ich": 60}}
    same = study.performance[(study.performance["cohort"] == "tested") & (study.performance["rows"] == "same")]
    assert set(same.loc[same["model"] != "max_ich", "n"]) == {270}
    assert same.set_index("model").loc["max_ich", "n"] == 54, "of its 60 those among the 270"
    own = study.performance[(study.performance["cohort"] == "tested") & (study.performance["rows"] == "own")]
    own = own.set_index("model")
    assert (
        own["n"].to_dict() | {"ich": 270, "max_ich": 60} == own["n"].to_dict() and own.loc["densenet_gmu", "n"] == 300
    )
    mine = predictions[(predictions["model"] == "densenet_gmu") & (predictions["role"] == "test")]
    expected = area(mine["label"].to_numpy(), mine["probability"].to_numpy())
    assert own.loc["densenet_gmu", "auc"] == pytest.approx(expected)
    assert study.left_out == {"random_forest": "too_few_events: 1 of 9"}
    assert list(study.performance["cohort"].drop_duplicates()) == [
        "development", "center", "tested", "pooled", "next",
    ]  # fmt: skip


def test_the_lead_is_held_against_every_other_model_by_delongs_test(study, predictions):
    assert study.lead == "densenet_gmu" and {t["model"] for t in study.choice.values()} == {
        "densenet_gmu", "densenet_image", "logistic_gcs_age", "ich",
    }  # fmt: skip
    lead = study.comparisons[(study.comparisons["family"] == "lead") & (study.comparisons["cohort"] == "tested")]
    assert set(lead["model_b"]) == set(SKILL) - {"densenet_gmu"} | {"with_treatment", "max_ich"}
    row = lead.set_index("model_b").loc["logistic_gcs_age"]
    test = predictions[predictions["role"] == "test"].pivot(
        index=["patient", "label"], columns="model", values="probability"
    )
    test = test[[not p.startswith("delta") or int(p[5:]) >= 30 for p in test.index.get_level_values("patient")]]
    labels = test.index.get_level_values("label").to_numpy()
    expected = delong_paired(labels, test["densenet_gmu"].to_numpy(), test["logistic_gcs_age"].to_numpy())
    assert row["difference"] == pytest.approx(expected.difference) and row["p"] == pytest.approx(expected.p)
    assert row["verdict"] == "gain" and row["p_holm"] >= row["p"]
    pairs = study.comparisons[study.comparisons["family"] == "pairs"]
    assert len(pairs) == 7 * 6 / 2 and set(pairs["cohort"]) == {"tested"}


def test_nothing_but_tune_rows_chooses_and_what_is_known_later_is_never_chosen(predictions):
    models = outcome_models(specs("densenet_gmu", "densenet_concat", "logistic_gcs_age", "with_treatment"))
    before = choose(predictions, models)
    assert before["tabular"] == {"model": "logistic_gcs_age"} | {
        k: before["tabular"][k] for k in ("loss", "auc", "n", "events")
    }
    others = predictions["role"] != "tune"
    upside_down = predictions["probability"].where(~others, 1 - predictions["probability"])
    assert choose(predictions.assign(probability=upside_down), models) == before
    turned = predictions["probability"].where(others, 1 - predictions["probability"])
    assert choose(predictions.assign(probability=turned), models)["fusion"]["model"] == "densenet_concat"
    alone = choose(predictions[others], models)
    assert "fusion" not in alone and alone["tabular"] == {"model": "logistic_gcs_age"}, "one candidate needs no choice"


def test_folds_of_patients_are_a_study_where_no_center_is_external(predictions):
    rows = predictions[predictions["role"] == "test"]
    folds = rows.assign(split=np.where(rows["center"] == "delta", "cv-0", "cv-1"))
    found = outcome_study(folds, models=specs("densenet_gmu", "ich"), **SETTINGS)
    assert found.split == "cv" and found.same["n"] == 300
    whole = found.performance.query("cohort == 'tested' and rows == 'same'").set_index("model")
    assert whole.loc["ich", "auc"] == area(
        *(rows[rows["model"] == "ich"][c].to_numpy() for c in ("label", "probability"))
    )
    with pytest.raises(StudyError, match="no model has a prediction of a test patient for death"):
        outcome_study(predictions, models=specs("ich"), **SETTINGS | {"target": "death"})


def test_spread_over_seeds_from_details_and_from_rows():
    rng = np.random.default_rng(3)
    label = np.repeat([0, 1], 40)
    logits = [label + rng.normal(size=80) for _ in range(3)]
    base = pd.DataFrame({"patient": [f"p{i}" for i in range(80)], "label": label, "center": "a", "role": "test"})
    base = base.assign(task="outcome", target="death", model="net", split="external", time="baseline")
    mean = np.mean([expit(x) for x in logits], axis=0)
    rows = pd.concat([base.assign(seed=k, probability=expit(x)) for k, x in enumerate(logits)])
    (spread,) = seed_spread(member_predictions(rows, None)).to_dict("records")
    areas = [area(label, x) for x in logits]
    assert spread["seeds"] == 3 and spread["auc"] == pytest.approx(area(label, mean))
    assert spread["auc_mean"] == pytest.approx(np.mean(areas)) and spread["auc_sd"] == pytest.approx(
        np.std(areas, ddof=1)
    )
    assert (spread["auc_least"], spread["auc_most"]) == pytest.approx((min(areas), max(areas)))
    details = pd.concat([base.assign(quantity=f"probability_seed_{k}", value=expit(x)) for k, x in enumerate(logits)])
    details = pd.concat([details, base.assign(quantity="gate_image_mean", value=np.linspace(0, 1, 80))])
    again = seed_spread(member_predictions(base.assign(seed=7, probability=mean), details.drop(columns="label")))
    pd.testing.assert_frame_equal(again, pd.DataFrame([spread]))
    gate = gate_weights(details).set_index("center")
    assert gate.loc["all", ["n", "median", "q1"]].tolist() == pytest.approx([80, 0.5, 0.25])


def test_what_a_model_misses_of_the_true_risk_is_named():
    rng = np.random.default_rng(4)
    age, gcs, noise = rng.normal(size=(3, 200))
    names = [f"p{i}" for i in range(200)]
    rows = pd.DataFrame({"model": "net", "patient": names, "probability": expit(gcs)})
    variables = pd.DataFrame({"age": age, "gcs": gcs, "noise": noise, "words": "x"}, index=names)
    found = missed_variables(rows, pd.Series(expit(2 * gcs + age), index=names), variables)
    assert found["variable"].iloc[0] == "age" and found["correlation"].iloc[0] == pytest.approx(1, abs=0.02)
    assert (found.set_index("variable").loc[["gcs", "noise"], "correlation"].abs() < 0.2).all()
    label = (rng.random(200) < expit(2 * gcs + 2 * age)).astype(int)
    both = [rows.assign(label=label), rows.assign(label=label, model="record", probability=expit(age))]
    table = pd.concat(both)
    assert adds(table, "net", "record")["p"] < 1e-6
    same = pd.concat([both[0], both[0].assign(model="twin", probability=expit(gcs + 0.3 * noise))])
    assert adds(same, "net", "twin")["p"] > 0.01
    told = rows.assign(label=label, model="told", probability=expit(9.0 * (2 * label - 1) + noise))
    assert np.isnan(adds(pd.concat([both[0], told]), "net", "told")["p"]), "separated: the fit has no finite maximum"


def test_printed_figures_belong_to_models_like_theirs():
    like = {name: [row.auc for row in printed.printed_of(spec)] for name, spec in SPECS.items()}
    assert like == {
        "densenet_image": [0.886, 0.69], "densenet_gmu": [0.903], "densenet_concat": [], "logistic_gcs_age": [0.80],
        "random_forest": [], "with_treatment": [], "ich": [0.777], "max_ich": [],
    }  # fmt: skip
    for score, expected in (("ich", 0.7327), ("ich_gs", 0.7229)):
        counts = printed.RATES[score]
        points = np.concatenate([np.full(n, point) for point, (_, n) in counts.items()])
        label = np.concatenate([np.r_[np.ones(events), np.zeros(n - events)] for events, n in counts.values()])
        assert label.sum() == 1278 and label.size == 1990
        assert area(label, points.astype(float)) == pytest.approx(expected, abs=5e-5)
