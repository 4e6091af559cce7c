import numpy as np
import pandas as pd
import pytest

from ichor import tables
from ichor.cohort.extent import PROBABILITIES
from ichor.evaluation.extent_evaluation import extent_evaluation
from ichor.evaluation.ordinal_trend import concordance, trend_z

CENTERS = ("aurora", "boreal")


def made(n=80, seed=4, skill=1.0):
    """Predictions of two models, and extents that are taken for exact."""
    rng = np.random.default_rng(seed)
    extent = rng.choice(4, n, p=[0.2, 0.4, 0.2, 0.2])
    who = [dict(split="external", patient=f"p{i:03d}", center=CENTERS[i % 2], role="test") for i in range(n)]
    shared = dict(task="expansion", target="expansion", time="baseline", seed=0)
    predictions = [
        dict(one | shared, model=model, label=int(value > 2), probability=float(risk))
        for model, slope in (("vit", skill), ("volume", 0.0))
        for one, value, risk in zip(who, extent, 1 / (1 + np.exp(2 - slope * extent + rng.normal(size=n))), strict=True)
    ]
    exact = [dict(zip(PROBABILITIES, np.eye(4)[value], strict=True)) for value in extent]
    extents = [
        dict(one | chances, extent=int(value), source="measured")
        for one, value, chances in zip(who, extent, exact, strict=True)
    ]  # fmt: skip
    return tables.frame("predictions", predictions), tables.frame("expansion_extent", extents)


def run(predictions, extents, draws=60):
    found = extent_evaluation(predictions, extents, seed=3, draws=draws)
    assert tables.validate("label_sensitivity", found, "test") is not None
    return found.fillna({"model": ""}).set_index(["model", "center", "definition", "quantity"]).sort_index()


def test_concordance_trend_and_mean_risk_of_each_model():
    predictions, extents = made()
    found = run(predictions, extents)
    for model in ("vit", "volume"):
        risks, classes = predictions.loc[predictions["model"] == model, "probability"].to_numpy(), extents["extent"]
        c, z = (found.loc[(model, "all", "extent", name)] for name in ("ordinal_c", "trend_z"))
        assert c["estimate"] == pytest.approx(concordance(classes.to_numpy(int), risks)) and c["n"] == 80
        assert c["low"] < c["estimate"] < c["high"]
        assert z["estimate"] == pytest.approx(trend_z(classes.to_numpy(int), risks)) and np.isnan(z["low"])
        for number in range(4):
            row = found.loc[(model, "all", f"extent_{number}", "mean_risk")]
            assert row["estimate"] == pytest.approx(risks[classes == number].mean())
            assert row["n"] == (classes == number).sum() and row["low"] < row["estimate"] < row["high"]
    assert found.loc[("vit", "all", "extent", "trend_z"), "estimate"] > 4
    assert found.loc[("volume", "all", "extent", "ordinal_c"), "low"] < 0.5


def test_extents_that_are_sure_are_not_redrawn_and_those_that_are_not_lower_the_concordance():
    predictions, extents = made()
    found = run(predictions, extents)
    plain, drawn = (found.loc[("vit", "all", "extent", name)] for name in ("ordinal_c", "ordinal_c_drawn"))
    assert drawn[["estimate", "low", "high"]].tolist() == pytest.approx(plain[["estimate", "low", "high"]].tolist())
    unsure = run(predictions, extents.assign(**dict.fromkeys(PROBABILITIES, 0.25)), draws=300)
    assert unsure.loc[("vit", "all", "extent", "ordinal_c_drawn"), "estimate"] == pytest.approx(0.5, abs=0.02)
    assert unsure.loc[("vit", "all", "extent", "ordinal_c"), "estimate"] == pytest.approx(plain["estimate"])


def test_shares_of_the_classes_and_of_unsure_extents():
    predictions, extents = made(n=40)
    chances = np.eye(4)[extents["extent"].to_numpy(int)]
    chances[:10] = [0.05, 0.05, 0.89, 0.01]
    found = run(predictions, extents.assign(role="train", **dict(zip(PROBABILITIES, chances.T, strict=True))))
    counts = [found.loc[("", "all", f"extent_{k}", "extent_share"), ["events", "n"]].tolist() for k in range(4)]
    assert counts == [[(extents["extent"] == k).sum(), 40] for k in range(4)]
    row = found.loc[("", "all", "extent", "uncertain_share")]
    assert (row["events"], row["n"]) == (10, 40)
    assert found.loc[("", "aurora", "extent", "uncertain_share"), "events"] == 5


def test_what_cannot_be_told_has_a_reason():
    predictions, extents = made()
    same = run(
        predictions,
        extents.assign(extent=1, probability_0=0.0, probability_1=1.0, probability_2=0.0, probability_3=0.0),
    )
    rows = same.loc[("vit", "all")]
    assert rows.loc[("extent", "ordinal_c"), "reason"] == rows.loc[("extent", "trend_z"), "reason"] == "one_class"
    assert rows.loc[("extent", "ordinal_c_drawn"), "reason"] == "one_class"
    assert rows.loc[("extent_3", "mean_risk"), "reason"] == "empty_denominator"
    unknown = run(predictions, extents.assign(**dict.fromkeys(PROBABILITIES, None), reason="volume_error_unknown"))
    for model, quantity in (("vit", "ordinal_c_drawn"), ("", "uncertain_share")):
        assert unknown.loc[(model, "all", "extent", quantity), "reason"] == "volume_error_unknown"
    assert unknown.loc[("vit", "all", "extent", "ordinal_c"), "estimate"] > 0.5
    nobody = run(tables.empty("predictions"), extents.assign(extent=None, reason="no_followup"), draws=10)
    assert set(nobody["n"]) == {0} and set(nobody["reason"]) == {"label_missing"}
    assert extent_evaluation(tables.empty("predictions"), tables.empty("expansion_extent"), seed=3).empty


def test_train_rows_are_not_evaluated_and_draws_do_not_depend_on_the_model():
    predictions, extents = made()
    assert set(run(predictions.assign(role="tune"), extents).index.get_level_values("model")) == {""}
    vit = predictions[predictions["model"] == "vit"]
    found = run(pd.concat([vit, vit.assign(model="twin")], ignore_index=True), extents)
    numbers = ["estimate", "low", "high"]
    assert np.array_equal(found.loc["vit", numbers].to_numpy(), found.loc["twin", numbers].to_numpy(), equal_nan=True)
