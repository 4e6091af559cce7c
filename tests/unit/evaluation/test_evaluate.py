"""The whole evaluation on made-up predictions whose truth is known."""

import math

import numpy as np
import pandas as pd
import pytest

from ichor import tables
from ichor.evaluation.evaluate import evaluate
from ichor.evaluation.measures import CLASSIFICATION
from ichor.evaluation.plausibility import leakage_alarms
from ichor.reasons import MEANING, Reason

CENTERS = dict.fromkeys(("aurora", "boreal", "cedar"), "development") | dict.fromkeys(("delta", "estuary"), "external")
SPLITS = ("external", "loco-aurora", "loco-boreal", "loco-cedar")


def study(models: int = 2, per_center: int = 30, seed: int = 0) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Predictions of models that know the true risk ever less well, and the true risk."""
    rng = np.random.default_rng(seed)
    patients = [(f"{center}-{i:04d}", center) for center in CENTERS for i in range(per_center)]
    risks = dict(zip([name for name, _ in patients], rng.beta(1.2, 1.8, len(patients)), strict=True))
    labels = {name: int(rng.random() < risk) for name, risk in risks.items()}
    rows = []
    for split in SPLITS:
        for i, (name, center) in enumerate(patients):
            if split != "external" and CENTERS[center] == "external":
                continue
            tested = center == split[5:] or (split == "external" and CENTERS[center] == "external")
            role = "test" if tested else ("tune" if i % 4 == 0 else "train")
            logit = math.log(risks[name] / (1 - risks[name]))
            rows += [
                ("outcome", "poor_outcome", f"m{m}", split, name, center, role, "baseline", labels[name],
                 1 / (1 + math.exp(-logit - rng.normal(0, 0.1 + m))), 7)
                for m in range(models)
            ]  # fmt: skip
    truth = pd.DataFrame({"patient": risks.keys(), "task": "outcome", "target": "poor_outcome", "risk": risks.values()})
    return pd.DataFrame(rows, columns=tables.columns("predictions")), truth


def pick(metrics, quantity, center="all", split="external", model="m0") -> pd.Series:
    found = metrics.query("quantity == @quantity and center == @center and split == @split and model == @model")
    assert len(found) == 1, f"{len(found)} rows of {quantity} in {center}"
    return found.iloc[0]


@pytest.fixture(scope="module")
def results():
    return evaluate(*study(), seed=1, bootstrap=200)


def test_tables_fit_their_schemas_and_rows_are_unique(results):
    for name, table in zip(("metrics", "comparisons", "curves"), results, strict=True):
        assert list(table.columns) == tables.columns(name)
        tables.validate(name, table, name)
    metrics, comparisons, _ = results
    assert not metrics.duplicated(["task", "target", "model", "split", "center", "quantity"]).any()
    assert not comparisons.duplicated(["split", "center", "model_a", "model_b", "test"]).any()
    assert set(metrics["reason"].dropna()) <= {str(reason) for reason in MEANING}


def test_every_number_has_an_interval_or_a_reason(results):
    metrics = results[0]
    without = metrics[metrics["low"].isna() & metrics["reason"].isna()]
    assert set(without["quantity"]) <= {"threshold"} | {f"{name}_tau2" for name in (
        "auc", "observed_expected", "calibration_intercept", "calibration_slope")}  # fmt: skip
    assert (metrics["low"] <= metrics["high"]).where(metrics["low"].notna(), True).all()


def test_centers_pooled_and_next_are_there(results):
    metrics = results[0]
    external = metrics[metrics["split"] == "external"]
    assert set(external["center"]) == {"delta", "estuary", "all", "pooled", "next"}
    row = pick(metrics, "auc", "next")
    assert row["n"] == 2 and pd.isna(row["events"]) and row["low"] <= pick(metrics, "auc", "pooled")["low"]
    assert pick(metrics, "auc", "delta")["n"] == 30
    assert pick(metrics, "auc", "all")["n"] == 60


def test_leave_one_center_out_is_pooled_over_its_splits(results):
    metrics = results[0]
    assert pick(metrics, "auc", "pooled", "loco")["n"] == 3
    for name in ("auc", "sensitivity"):
        alone, together = (pick(metrics, name, "boreal", split) for split in ("loco-boreal", "loco"))
        assert alone["estimate"] == together["estimate"]
    assert pick(metrics, "auc", "pooled", "loco-boreal")["reason"] == Reason.TOO_FEW_CENTERS
    assert metrics.query("split == 'loco' and quantity == 'threshold'").empty


def test_the_model_that_is_the_truth_reaches_the_signal(results):
    metrics = results[0]
    assert pick(metrics, "reachable_share")["estimate"] == pytest.approx(1, abs=0.05)
    assert pick(metrics, "reachable_share", model="m1")["estimate"] < 0.97
    slope = pick(metrics, "calibration_slope")
    assert slope["low"] < 1 < slope["high"]


def test_comparisons_pair_models_and_part_centers(results):
    comparisons = results[1]
    row = comparisons.query("split == 'external' and center == 'all' and test == 'delong_paired'").iloc[0]
    metrics = results[0]
    difference = pick(metrics, "auc")["estimate"] - pick(metrics, "auc", model="m1")["estimate"]
    assert (row["model_a"], row["model_b"], row["n"]) == ("m0", "m1", 60)
    assert row["difference"] == pytest.approx(difference)
    apart = comparisons.query("split == 'external' and test == 'delong_unpaired' and model_a == 'm1'").iloc[0]
    assert apart["center"] == "delta vs estuary" and apart["model_b"] == "m1" and apart["df"] > 1


def test_curves_are_drawn_from_the_same_patients(results):
    curves = results[2].query("split == 'external' and center == 'all' and model == 'm0'")
    kinds = set(curves["curve"])
    assert kinds == {"roc", "calibration", "calibration_smooth", "net_benefit", "net_benefit_treat_all"}
    roc = curves[curves["curve"] == "roc"]
    assert np.trapezoid(roc["y"], roc["x"]) == pytest.approx(pick(results[0], "auc")["estimate"])
    assert curves[curves["curve"] == "calibration"]["n"].sum() == 60
    benefit = curves[curves["curve"] == "net_benefit"].set_index("x")["y"]
    assert benefit[0.2] == pytest.approx(pick(results[0], "net_benefit_0.2")["estimate"])


def test_only_test_rows_are_reported_and_only_tune_rows_choose_the_threshold():
    predictions, truth = study()
    spoiled = predictions.copy()
    spoiled.loc[spoiled["role"] == "train", "probability"] = 0.5
    for before, after in zip(
        evaluate(predictions, truth, seed=1, bootstrap=50), evaluate(spoiled, truth, seed=1, bootstrap=50), strict=True
    ):
        pd.testing.assert_frame_equal(before, after)
    shifted = predictions.copy()
    shifted.loc[shifted["role"] == "test", "probability"] **= 2
    first, second = (evaluate(table, seed=1, bootstrap=0)[0] for table in (predictions, shifted))
    assert pick(first, "threshold")["estimate"] == pick(second, "threshold")["estimate"]
    assert pick(first, "brier")["estimate"] != pick(second, "brier")["estimate"]


def test_the_order_of_the_rows_and_a_second_run_change_nothing():
    predictions, truth = study()
    mixed = predictions.sample(frac=1, random_state=3)
    for first, second in zip(
        evaluate(predictions, truth, seed=5, bootstrap=60),
        evaluate(mixed, truth.sample(frac=1, random_state=4), seed=5, bootstrap=60),
        strict=True,
    ):
        pd.testing.assert_frame_equal(first, second, check_exact=True)


def test_another_model_in_the_table_changes_no_number_of_the_first():
    predictions, truth = study(models=2)
    alone = evaluate(predictions[predictions["model"] == "m1"], truth, seed=5, bootstrap=60)[0]
    beside = evaluate(predictions, truth, seed=5, bootstrap=60)[0].query("model == 'm1'").reset_index(drop=True)
    pd.testing.assert_frame_equal(alone, beside, check_exact=True)


def test_without_tune_rows_there_is_no_threshold_but_all_the_rest():
    predictions, _ = study(models=1)
    metrics = evaluate(predictions[predictions["role"] == "test"], seed=1, bootstrap=50)[0]
    for name in ("threshold", *CLASSIFICATION):
        row = pick(metrics, name)
        assert row["reason"] == Reason.NO_TUNE_ROWS and math.isnan(row["estimate"])
    assert pick(metrics, "auc")["estimate"] > 0.5
    assert pick(metrics, "reachable_share")["reason"] == Reason.NO_TRUTH


def test_a_center_with_one_class_is_missing_where_undefined_and_computed_where_not():
    predictions, truth = study(models=2)
    predictions.loc[predictions["center"] == "delta", "label"] = 0
    metrics, comparisons, curves = evaluate(predictions, truth, seed=1, bootstrap=50)
    for name in ("auc", "auprc", "calibration_slope", "sensitivity", "balanced_accuracy", "reachable_share"):
        row = pick(metrics, name, "delta")
        assert row["reason"] == Reason.ONE_CLASS and math.isnan(row["estimate"]), name
    assert pick(metrics, "observed_expected", "delta")["estimate"] == 0.0
    for name in ("brier", "specificity", "net_benefit_0.2", "prevalence"):
        assert math.isfinite(pick(metrics, name, "delta")["estimate"]), name
    assert pick(metrics, "auc", "estuary")["estimate"] > 0.5
    assert pick(metrics, "auc", "pooled")["reason"] == Reason.TOO_FEW_CENTERS
    assert (comparisons.query("center == 'delta'")["reason"] == Reason.ONE_CLASS).all()
    assert curves.query("center == 'delta' and curve == 'roc' and split == 'external'").empty


@pytest.mark.parametrize("rows", [0, 1, 2, 3, 5])
def test_tiny_tables_never_crash(rows):
    predictions, truth = study(models=2)
    few = predictions[(predictions["split"] == "external") & (predictions["role"] == "test")].head(rows)
    metrics, comparisons, curves = evaluate(few, truth, seed=1, bootstrap=20)
    assert metrics.empty == (rows == 0)
    for name, table in (("metrics", metrics), ("comparisons", comparisons), ("curves", curves)):
        tables.validate(name, table, name)


@pytest.mark.parametrize("values", [0.0, 1.0, 0.4], ids=["zeros", "ones", "constant"])
def test_extreme_and_constant_probabilities_never_crash(values):
    predictions, truth = study(models=1)
    metrics = evaluate(predictions.assign(probability=values), truth, seed=1, bootstrap=20)[0]
    assert pick(metrics, "auc")["estimate"] == 0.5
    wanted = Reason.CONSTANT_PREDICTION if values == 0.4 else Reason.EXTREME_PROBABILITY
    assert pick(metrics, "calibration_slope")["reason"] == wanted
    assert math.isfinite(pick(metrics, "brier")["estimate"])


def test_a_model_without_test_rows_does_not_disappear():
    predictions, _ = study(models=2)
    gone = (predictions["model"] == "m1") & (predictions["role"] == "test") & (predictions["split"] == "external")
    metrics = evaluate(predictions[~gone], seed=1, bootstrap=0)[0]
    row = pick(metrics, "auc", model="m1")
    assert row["n"] == 0 and row["reason"] == Reason.NO_TEST_ROWS


def test_models_are_compared_on_the_patients_that_both_predicted():
    predictions, _ = study(models=2)
    some = predictions[(predictions["model"] == "m0") | (predictions["patient"].str[-1] != "3")]
    comparisons = evaluate(some, seed=1, bootstrap=0)[1]
    row = comparisons.query("split == 'external' and center == 'all' and test == 'delong_paired'").iloc[0]
    assert row["n"] == 54


def test_seeds_of_a_model_are_one_model():
    predictions, _ = study(models=1)
    twice = pd.concat([predictions, predictions.assign(seed=8)])
    first, second = (evaluate(table, seed=1, bootstrap=20)[0] for table in (predictions, twice))
    pd.testing.assert_frame_equal(first, second)


def test_an_expansion_auc_that_is_too_good_raises_the_alarm():
    predictions, _ = study(models=2)
    predictions = predictions.assign(task="expansion", target="expansion")
    perfect = predictions["model"] == "m1"
    predictions.loc[perfect, "probability"] = 0.1 + 0.8 * predictions.loc[perfect, "label"]
    metrics = evaluate(predictions, seed=1, bootstrap=0)[0]
    alarms = leakage_alarms(metrics, alarm=0.85)
    assert "m1" in set(alarms["model"]) and (alarms["estimate"] > 0.85).all()
    assert leakage_alarms(metrics, alarm=0.85, task="outcome").empty
