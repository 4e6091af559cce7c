"""The experiment of Yu et al.: its printed table from patients, every verdict, choices that look at tune rows alone."""

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.multitest import multipletests
from tests.unit.made_study import SPECS, specs, study_predictions, study_truth

from ichor.errors import StudyError
from ichor.evaluation import printed_expansion as printed
from ichor.evaluation.expansion_study import expansion_study
from ichor.evaluation.multiple_tests import holm
from ichor.evaluation.plausibility import matching_confusions
from ichor.evaluation.prior_arms import corrections
from ichor.evaluation.study_arms import study_models
from ichor.evaluation.study_comparisons import compare_arms, verdict

SETTINGS = {"seed": 1, "bootstrap": 10, "simulated": True, "bundles": {}}


def test_the_printed_table_comes_out_of_patients_arranged_as_the_paper_did():
    """All nine rows of table 3, from the one whole-number confusion matrix that each of them allows."""
    names = {"1:1": "vit_1_1", "1:2": "vit_1_2", "1:4": "vit"}
    parts = []
    for row in printed.TABLE_3:
        events, others = printed.COUNTS[row.cohort]
        wanted = {q: getattr(row, q) for q in ("accuracy", "sensitivity", "specificity", "npv", "ppv")}
        (cells,) = matching_confusions(events, others, wanted)
        tp, fp, fn, tn = cells
        called = np.r_[np.ones(tp), np.zeros(fn), np.ones(fp), np.zeros(tn)]
        part = pd.DataFrame({"label": np.r_[np.ones(events), np.zeros(others)].astype(int)})
        part = part.assign(probability=np.where(called == 1, 0.8, 0.2), model=names[row.arm], center=row.cohort)
        part["patient"] = [f"{row.cohort}{i}" for i in range(len(part))]
        role = np.where(np.arange(len(part)) % 4 == 0, "tune", "train") if row.cohort == "train" else "test"
        parts.append(part.assign(role=role))
    table = pd.concat(parts).assign(task="expansion", target="expansion", split="external", time="baseline", seed=0)
    found = expansion_study(table, models=specs("vit", "vit_1_2", "vit_1_1"), **SETTINGS).table_3
    found = found[found["cohort"] != "external"]
    assert len(found) == 9 and found["printed_auc"].notna().all()
    for quantity in ("accuracy", "sensitivity", "specificity", "npv", "ppv"):
        np.testing.assert_allclose(found[quantity], found[f"printed_{quantity}"].astype(float), atol=0.000501)
    np.testing.assert_allclose(found["auc"], (found["sensitivity"] + found["specificity"]) / 2)
    assert found.groupby("cohort")[["n", "events"]].first().to_numpy().tolist() == [[1103, 218], [513, 112], [404, 81]]


@pytest.fixture(scope="module")
def study():
    predictions = study_predictions({"vit": 0.8, "vit_1_2": 1.6, "vit_focal": 0.1, "vit_record": 1.6, "volume": 0.5})
    models = specs("vit_focal", "vit", "vit_1_2", "vit_record", "volume", "logistic")
    bundles = {
        "vit_1_2": {
            "prior_logit": np.log(1 / 3),
            "prior_logit_seen": np.log(1 / 2),
            "balance": {"ratio": "1:2", "synthetic": 37, "missing": 0},
        },
        "logistic": {"reason": "too_few_events: 1 of 9"},
    }
    truth = study_truth(predictions, "vit_1_2")
    return expansion_study(predictions, models=models, **SETTINGS | {"bundles": bundles}, truth=truth)


def test_cohorts_and_models_are_in_order_and_nothing_disappears(study):
    assert [(m.name, m.part, m.arm) for m in study.models] == [
        ("vit", "arm", "none"),
        ("vit_focal", "arm", "focal"),
        ("vit_1_2", "arm", "synthetic 1:2"),
        ("vit_record", "network", ""),
        ("volume", "floor", ""),
    ]
    assert study.left_out == {"logistic": "too_few_events: 1 of 9"}
    assert list(study.table_3["cohort"].drop_duplicates()) == ["development", "external 1", "external 2", "external"]
    sizes = study.table_3.groupby("cohort")["n"].unique()
    assert sizes["development"] == [300] and sizes["external 1"] == [150] and sizes["external"] == [300]
    own = study.table_3[study.table_3["model"] == "vit"]
    assert own["threshold"].nunique() == 1, "one threshold for all patients"


def test_gain_harm_and_their_family(study):
    table = study.comparisons
    arms = table[(table["family"] == "arms") & (table["cohort"] == "external")].set_index("model_a")
    assert (arms["model_b"] == "vit").all()
    assert arms["verdict"].to_dict() == {"vit_focal": "harm", "vit_1_2": "gain"}
    np.testing.assert_allclose(arms["difference"], arms["auc_a"] - arms["auc_b"])
    np.testing.assert_allclose(arms["p_holm"], multipletests(arms["p"], method="holm")[1])
    floors = table[(table["family"] == "floors") & (table["cohort"] == "external 2")]
    assert set(floors["model_b"]) == {"vit_record", "volume"} and set(floors["model_a"]) == {"vit_1_2"}
    assert set(floors["center"]) == {"estuary"} and (floors["n"] == 150).all()


def test_the_correction_moves_the_intercept_and_leaves_slope_and_ranks(study):
    rows = study.calibration[study.calibration["model"] == "vit_1_2"]
    own = rows[rows["cohort"] == "external"].set_index("correction")
    assert set(own.index) == {"with", "without"}
    shift = np.log(1 / 2) - np.log(1 / 3)
    moved = own.loc["with", "calibration_intercept"] - own.loc["without", "calibration_intercept"]
    assert moved == pytest.approx(shift, abs=1e-6)
    assert own.loc["with", "calibration_slope"] == pytest.approx(own.loc["without", "calibration_slope"], abs=1e-6)
    assert own.loc["without", "observed_expected"] < own.loc["with", "observed_expected"]
    others = study.calibration[study.calibration["model"] != "vit_1_2"]
    assert set(others["correction"]) == {"as predicted"}
    assert "vit_1_2|without" in set(study.metrics["model"])
    assert not study.table_3["model"].str.contains("|", regex=False).any()


def test_simulated_patients_tell_what_could_be_reached(study):
    external = study.table_3[study.table_3["cohort"] == "external"].set_index("model")
    assert external.loc["vit_1_2", "reachable_image_share"] == 1
    assert external.loc["vit", "reachable_image_share"] < 1
    assert study.alarms.empty


def test_nothing_external_touches_the_choice():
    predictions = study_predictions({"vit": 0.4, "vit_1_2": 1.5})
    models = specs("vit", "vit_1_2")
    tune = predictions["role"] == "tune"
    before = expansion_study(predictions, models=models, **SETTINGS).choice
    assert (before["chosen"], before["winner"], before["n"]) == ("vit_1_2", "vit_1_2", 150)
    test = predictions["role"] == "test"
    turned = predictions.assign(probability=np.where(test, 1 - predictions["probability"], predictions["probability"]))
    after = expansion_study(turned, models=models, **SETTINGS).choice
    assert after["winner"] == "vit", "upside down, the stronger arm is the worse one"
    assert {k: v for k, v in after.items() if k != "winner"} == {k: v for k, v in before.items() if k != "winner"}
    swapped = predictions.copy()
    swapped.loc[tune, "probability"] = 1 - swapped.loc[tune, "probability"]
    assert expansion_study(swapped, models=models, **SETTINGS).choice["chosen"] == "vit"


def test_equal_arms_choose_the_simplest_and_tell_no_difference():
    one = study_predictions({"vit": 1.0})
    both = pd.concat([one, one.assign(model="vit_1_2")])
    found = expansion_study(both, models=specs("vit_1_2", "vit"), **SETTINGS)
    assert found.choice["chosen"] == "vit"
    row = found.comparisons[found.comparisons["cohort"] == "external"].iloc[0]
    assert row["difference"] == 0 and row["p_holm"] == 1 and row["verdict"] == "none"


def test_any_subset_of_models_will_do():
    predictions = study_predictions({"vit_1_2": 1.0, "vit_1_1": 1.0, "volume": 0.5}, per_center=60)
    without = expansion_study(predictions, models=specs("vit_1_2", "vit_1_1", "volume"), **SETTINGS)
    assert not (without.comparisons["family"] == "arms").any(), "there is no arm without balancing"
    assert (without.comparisons["family"] == "floors").any()
    floors = predictions[predictions["model"] == "volume"]
    alone = expansion_study(floors, models=specs("volume", "vit"), **SETTINGS)
    assert alone.comparisons.empty and alone.choice == {} and alone.left_out == {"vit": "no predictions"}
    assert (alone.calibration["correction"] == "as predicted").all()
    with pytest.raises(StudyError, match="role development and external"):
        expansion_study(floors[floors["role"] != "test"], models=specs("volume"), **SETTINGS)


def test_without_tune_patients_there_is_neither_choice_nor_threshold():
    predictions = study_predictions({"vit": 1.0, "vit_1_2": 1.0}, per_center=40)
    found = expansion_study(predictions[predictions["role"] != "tune"], models=specs("vit", "vit_1_2"), **SETTINGS)
    assert "chosen" not in found.choice
    assert found.table_3["sensitivity"].isna().all() and found.table_3["auc"].notna().all()
    assert found.table_3["reasons"].str.contains("sensitivity: no_tune_rows").all()


def test_an_auc_too_good_to_be_true_is_told_of_real_patients():
    predictions = study_predictions({"vit": 3.0, "volume": 0.5})
    real = expansion_study(predictions, models=specs("vit", "volume"), **SETTINGS | {"simulated": False})
    assert set(real.alarms["model"]) == {"vit"} and {"all", "delta", "estuary"} == set(real.alarms["center"])
    high = expansion_study(predictions, models=specs("vit"), auc_alarm=0.999, **SETTINGS | {"simulated": False})
    assert high.alarms.empty


def row(**changes):
    base = {"n": 300, "events": 80, "difference": 0.01, "low": -0.02, "high": 0.03, "p_holm": 0.6}
    return base | changes


@pytest.mark.parametrize(
    "changes, expected",
    [
        ({}, "none"),
        ({"high": 0.053}, "undecided"),
        ({"low": 0.01, "high": 0.08, "difference": 0.05, "p_holm": 0.02}, "gain"),
        ({"low": 0.01, "high": 0.08, "difference": 0.05, "p_holm": 0.06}, "undecided"),
        ({"low": -0.08, "high": -0.01, "difference": -0.05, "p_holm": 0.02}, "harm"),
        ({"events": 19, "p_holm": 0.001}, "too_few"),
        ({"events": 281, "p_holm": 0.001}, "too_few"),
        ({"low": np.nan, "high": np.nan, "p_holm": np.nan}, "too_few"),
    ],
)
def test_verdicts_at_their_edges(changes, expected):
    assert verdict(row(**changes)) == expected


def test_a_comparison_with_few_events_is_not_tested_and_does_not_count():
    rows = study_predictions({"vit": 0.5, "vit_1_2": 1.5}, per_center=60)  # 15 events a center
    table = compare_arms(rows[rows["role"] == "test"], study_models(specs("vit", "vit_1_2")), None)
    by_center = table[table["cohort"] != "external"]
    assert (by_center["verdict"] == "too_few").all() and by_center["p"].isna().all()
    assert table.loc[table["cohort"] == "external", "events"].item() == 30


def test_only_patients_that_both_models_predicted_are_compared():
    rows = study_predictions({"vit": 0.5, "vit_1_2": 1.5})
    rows = rows[rows["role"] == "test"]
    lost = (rows["model"] == "vit_1_2") & rows["patient"].isin(["delta0", "delta149"])
    table = compare_arms(rows[~lost], study_models(specs("vit", "vit_1_2")), None)
    assert table.set_index("cohort")["n"].to_dict() == {"external": 298, "external 1": 148, "external 2": 150}


def test_holm_against_statsmodels():
    rng = np.random.default_rng(1)
    for size in (1, 2, 7):
        p = rng.random(size) ** 2
        np.testing.assert_allclose(holm(p), multipletests(p, method="holm")[1])
    found = holm(np.array([0.01, np.nan, 0.04]))
    assert found[0] == pytest.approx(0.02) and np.isnan(found[1]) and found[2] == pytest.approx(0.04)
    assert holm(np.array([])).size == 0


def test_arms_differ_in_their_balance_alone():
    deeper = SPECS["vit_focal"] | {"training": {"epochs": 9, "seeds": 1}}
    found = study_models(specs("vit_1_1", "vit", "vit_record") | {"vit_focal": deeper})
    parts = {m.name: m.part for m in found}
    assert parts == {"vit": "arm", "vit_1_1": "arm", "vit_record": "network", "vit_focal": "network"}


def test_two_generators_are_told_apart():
    other = SPECS["vit_1_2"] | {"balance": SPECS["vit_1_2"]["balance"] | {"generator": "diffusion"}}
    arms = {m.name: m.arm for m in study_models(specs("vit", "vit_1_2") | {"vit_d": other})}
    assert arms == {"vit": "none", "vit_1_2": "synthetic 1:2 (t)", "vit_d": "synthetic 1:2 (diffusion)"}


def test_an_uncorrected_arm_is_corrected_for_comparison():
    off = SPECS["vit_1_2"] | {"balance": SPECS["vit_1_2"]["balance"] | {"correct_prior": False}}
    predictions = study_predictions({"vit_1_2": 1.0}, per_center=5)
    seen, real = np.log(0.5 / 0.5), np.log(0.2 / 0.8)
    bundles = {"vit_1_2": {"prior_logit": real, "prior_logit_seen": seen}}
    found = corrections(predictions, study_models({"vit_1_2": off}), bundles)
    assert set(found["model"]) == {"vit_1_2|with"}
    odds = predictions["probability"] / (1 - predictions["probability"])
    corrected = found["probability"] / (1 - found["probability"])
    np.testing.assert_allclose(corrected, odds.to_numpy() * 0.25, rtol=1e-9)
    alike = {"vit_1_2": {"prior_logit": real, "prior_logit_seen": real}}
    assert corrections(predictions, study_models({"vit_1_2": off}), alike).empty
