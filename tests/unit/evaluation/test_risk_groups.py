"""Groups of risk: cut on tune rows, and their curves and tests."""

import numpy as np
import pandas as pd
import pytest
from lifelines.statistics import logrank_test

from ichor.evaluation.risk_groups import cut_points, group_curves, group_summary, with_groups


def fit(tune, test, split="external"):
    rows = [("tune", value) for value in tune] + [("test", value) for value in test]
    return pd.DataFrame(
        dict(task="deterioration", target="deterioration_7d", model="m", split=split, patient=f"{split}{i}",
             center="a", role=role, label=i % 2, probability=value)
        for i, (role, value) in enumerate(rows)
    )  # fmt: skip


def test_groups_are_cut_where_the_tune_rows_say():
    tune = np.linspace(0, 1, 7)  # thirds at 1/3 and 2/3
    test = [0.33, 0.34, 0.66, 0.67, 0.99]
    found = with_groups(fit(tune, test))
    assert found["group"].tolist() == ["low", "intermediate", "intermediate", "high", "high"]
    moved = with_groups(fit(tune, [*test, *[0.999] * 50]))  # more test patients move no cut point
    assert moved["group"].tolist()[:5] == found["group"].tolist() and len(moved) == 55


def test_each_fit_has_its_own_cut_points_and_a_constant_one_has_none():
    rows = pd.concat([fit([0.1, 0.2, 0.3, 0.4], [0.35], "cv-0"), fit([0.5, 0.5, 0.5], [0.9], "cv-1")])
    found = with_groups(rows).set_index("split")["group"]
    assert found["cv-0"] == "high" and found["cv-1"] is None
    assert cut_points(np.array([])) is None


def test_risk_of_a_group_by_hand():
    times, events = [1, 2, 3, 4, 2, 3, 4, 4], [1, 0, 1, 0, 0, 0, 0, 1]
    groups = ["high"] * 4 + ["low"] * 4
    curve = group_curves(times, events, groups)
    high = curve[curve["group"] == "high"].set_index("time")
    assert high.loc[1, "risk"] == pytest.approx(1 / 4)
    assert high.loc[3, "risk"] == pytest.approx(1 - 3 / 4 * 1 / 2)  # two are left at 3, one has the event
    assert (high["low"] <= high["risk"]).all() and (high["risk"] <= high["high"]).all()
    summary, _ = group_summary(times, events, groups, (2, 9))
    risks = summary.set_index(["group", "quantity"])
    assert risks.loc[("high", "risk_2"), "estimate"] == pytest.approx(1 / 4)
    assert np.isnan(risks.loc[("high", "risk_9"), "estimate"])
    assert risks.loc[("high", "risk_9"), "reason"] == "followup_too_short"
    assert risks.loc[("high", "hazard_ratio"), "reason"] == "too_few_events"


def test_log_rank_and_hazard_ratio_of_two_groups():
    rng = np.random.default_rng(4)
    groups = np.repeat(["low", "high"], 400)
    times = rng.exponential(np.where(groups == "low", 300.0, 100.0)).round(1)
    events, times = (times < 168).astype(int), np.minimum(times, 168)
    summary, test = group_summary(times, events, groups, (48, 168))
    other = logrank_test(times[:400], times[400:], events[:400], events[400:])
    assert (test["statistic"], test["p"]) == pytest.approx((other.test_statistic, other.p_value))
    ratio = summary.set_index(["group", "quantity"]).loc[("high", "hazard_ratio")]
    assert ratio["low"] < 3 < ratio["high"]  # rates 1/100 and 1/300
    at_48 = summary.set_index(["group", "quantity"])["estimate"]
    assert at_48["high", "risk_48"] == pytest.approx(1 - np.exp(-0.48), abs=0.06)


def test_a_group_of_which_everybody_had_the_event_has_a_risk_of_one_ever_after():
    summary, _ = group_summary([1, 2, 5, 5], [1, 1, 0, 1], ["high", "high", "low", "low"], (4,))
    assert summary.set_index(["group", "quantity"])["estimate"]["high", "risk_4"] == 1


def test_one_group_has_no_test():
    _, test = group_summary([1, 2], [1, 0], ["low", "low"], (1,))
    assert test["reason"] == "too_few_events" and np.isnan(test["p"])
