import numpy as np
import pandas as pd
import pytest
from scipy import stats

from ichor import tables
from ichor.evaluation.bootstrap import weighted_auc
from ichor.evaluation.discrimination import area, auc
from ichor.evaluation.label_sensitivity import label_sensitivity


def made(n=80, centers=("aurora", "boreal"), seed=4, split="external"):
    """Predictions of two models, and labels by two definitions; the second is the first with every label turned."""
    rng = np.random.default_rng(seed)
    patients = [f"{split}p{i:03d}" for i in range(n)]
    center = [centers[i % len(centers)] for i in range(n)]
    y = (rng.random(n) < 0.3).astype(int)
    shared = dict(task="expansion", target="expansion", split=split, time="baseline", role="test", seed=0)
    predictions = [
        dict(shared, model=model, patient=p, center=c, label=int(one), probability=float(value))
        for model, skill in (("vit", 1.5), ("volume", 0.3))
        for p, c, one, value in zip(
            patients, center, y, 1 / (1 + np.exp(-skill * (y - 0.5) - rng.standard_normal(n))), strict=True
        )
    ]
    labels = [
        dict(split=split, patient=p, center=c, role="test", definition=name, label=int(value), source="measured",
             probability=float(value))
        for name, values in (("standard", y), ("turned", 1 - y))
        for p, c, value in zip(patients, center, values, strict=True)
    ]  # fmt: skip
    return tables.frame("predictions", predictions), tables.frame("expansion_labels", labels)


def run(predictions, labels, draws=60):
    found = label_sensitivity(predictions, labels, seed=3, draws=draws)
    assert tables.validate("label_sensitivity", found, "test") is not None
    return found.fillna({"model": ""}).set_index(["model", "split", "center", "definition", "quantity"]).sort_index()


def of_model(predictions, model="vit"):
    own = predictions[predictions["model"] == model]
    return own["label"].to_numpy(dtype=int), own["probability"].to_numpy()


def test_auc_under_each_definition():
    predictions, labels = made()
    found = run(predictions, labels)
    y, p = of_model(predictions)
    expected = auc(y, p)
    row = found.loc[("vit", "external", "all", "standard", "auc")]
    assert row[["estimate", "low", "high"]].tolist() == pytest.approx(list(expected[:3]))
    assert (row["n"], row["events"]) == (80, y.sum())
    turned = found.loc[("vit", "external", "all", "turned", "auc")]
    assert turned["estimate"] == pytest.approx(1 - expected.estimate)
    assert turned["events"] == 80 - y.sum()
    assert set(found.loc[("vit", "external")].index.get_level_values(0)) == {"aurora", "boreal", "all"}


def test_certain_labels_leave_the_spread_of_patients_alone():
    predictions, labels = made()
    found = run(predictions, labels, draws=400)
    y, p = of_model(predictions)
    redrawn = found.loc[("vit", "external", "all", "standard", "auc_redrawn")]
    assert redrawn[["estimate", "low", "high"]].tolist() == pytest.approx([area(y, p)] * 3)
    drawn, plain = (found.loc[("vit", "external", "all", "standard", name)] for name in ("auc_drawn", "auc"))
    assert drawn["estimate"] == pytest.approx(plain["estimate"])
    assert (drawn["high"] - drawn["low"]) == pytest.approx(plain["high"] - plain["low"], rel=0.3)


def test_coin_toss_labels_have_chance_auc_and_a_wider_interval():
    predictions, labels = made()
    found = run(predictions, labels.assign(probability=0.5), draws=400)
    row, alone = (found.loc[("vit", "external", "all", "standard", name)] for name in ("auc_drawn", "auc_redrawn"))
    assert row["estimate"] == pytest.approx(0.5, abs=0.02)
    assert row["low"] < alone["low"] < 0.5 < alone["high"] < row["high"]
    # labels alone: the AUC of random labels has the Mann-Whitney variance (n + 1) / (12 n1 n0)
    expected = stats.norm.ppf(0.975) * np.sqrt(81 / (12 * 40 * 40))
    assert (alone["high"] - alone["low"]) / 2 == pytest.approx(expected, rel=0.25)
    assert row["events"] == 40


def test_labels_of_each_resample_are_its_own():
    p, weights = np.array([0.9, 0.6, 0.3]), np.ones((2, 3))
    both = weighted_auc(np.array([[True, False, False], [False, False, True]]), p, weights)
    assert both.tolist() == [1.0, 0.0]


def test_draws_are_the_same_for_every_model_and_again():
    predictions, labels = made()
    same = predictions[predictions["model"] == "vit"]
    twin = pd.concat([same, same.assign(model="twin")], ignore_index=True)
    noisy = labels.assign(probability=np.linspace(0.05, 0.95, len(labels)))
    found = run(twin, noisy)
    numbers = ["estimate", "low", "high"]
    assert (found.loc["vit", numbers].to_numpy() == found.loc["twin", numbers].to_numpy()).all()
    pd.testing.assert_frame_equal(run(twin, noisy), found)


def test_share_of_labels_within_their_uncertainty():
    predictions, labels = made(n=40)
    chances = np.tile([0.0, 0.1, 0.11, 0.5, 0.89, 0.9, 1.0, np.nan], 10)
    found = run(predictions, labels.assign(probability=chances))
    row = found.loc[("", "external", "all", "standard", "uncertain_share")]
    assert (row["events"], row["n"], row["estimate"]) == (15, 35, 15 / 35)
    centers = [found.loc[("", "external", c, "standard", "uncertain_share"), "n"] for c in ("aurora", "boreal")]
    assert sum(centers) == 35


def test_patients_without_a_label_by_a_definition_are_left_out_of_it():
    predictions, labels = made()
    gone = (labels["definition"] == "turned") & (labels.index % 4 == 0)
    labels.loc[gone, ["label", "probability"]] = None
    found = run(predictions, labels)
    assert found.loc[("vit", "external", "all", "turned", "auc"), "n"] == 60
    assert found.loc[("vit", "external", "all", "standard", "auc"), "n"] == 80


def test_unknown_errors_are_told():
    predictions, labels = made()
    found = run(predictions, labels.assign(probability=np.nan, reason="volume_error_unknown"))
    for model, quantity in (("vit", "auc_drawn"), ("vit", "auc_redrawn"), ("", "uncertain_share")):
        row = found.loc[(model, "external", "all", "standard", quantity)]
        assert (row["reason"], row["n"]) == ("volume_error_unknown", 0) and np.isnan(row["estimate"])
    assert found.loc[("vit", "external", "all", "standard", "auc"), "estimate"] > 0.5


def test_a_center_without_a_case():
    predictions, labels = made()
    labels.loc[labels["center"] == "boreal", ["label", "probability"]] = [0, 0.0]
    found = run(predictions, labels)
    for quantity in ("auc", "auc_drawn", "auc_redrawn"):
        row = found.loc[("vit", "external", "boreal", "standard", quantity)]
        assert row["reason"] == "one_class" and np.isnan(row["estimate"])
    assert found.loc[("vit", "external", "all", "standard", "auc"), "estimate"] > 0.5


def test_no_follow_up_anywhere_and_no_predictions():
    _, labels = made(n=6)
    nothing = labels.assign(label=None, probability=None, source=None, reason="no_followup")
    found = label_sensitivity(tables.empty("predictions"), nothing, seed=3, draws=10)
    assert set(found["quantity"]) == {"uncertain_share"}
    assert set(found["n"]) == {0} and found["estimate"].isna().all()
    assert set(found["reason"]) == {"label_missing"}
    assert label_sensitivity(tables.empty("predictions"), tables.empty("expansion_labels"), seed=3).empty


def test_parts_of_a_scheme_are_put_together():
    parts = [made(n=30, centers=(name,), split=f"loco-{name}", seed=i) for i, name in enumerate(("aurora", "boreal"))]
    predictions, labels = (pd.concat([part[i] for part in parts], ignore_index=True) for i in range(2))
    found = run(predictions, labels)
    assert found.loc[("vit", "loco", "all", "standard", "auc"), "n"] == 60
    assert found.loc[("vit", "loco-aurora", "all", "standard", "auc"), "n"] == 30


def test_train_rows_are_not_evaluated():
    predictions, labels = made()
    found = run(predictions.assign(role="tune"), labels)
    assert set(found.index.get_level_values("quantity")) == {"uncertain_share"}


def test_without_draws():
    predictions, labels = made(n=20)
    assert set(run(predictions, labels, draws=0).index.get_level_values("quantity")) == {"auc", "uncertain_share"}
