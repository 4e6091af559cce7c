import math

import numpy as np
import pandas as pd
import pytest

from ichor.errors import StudyError
from ichor.evaluation.association import odds_ratios
from ichor.evaluation.bootstrap import Resamples
from ichor.evaluation.survival import cox, kaplan_meier, log_rank, survival_at
from ichor.evaluation.utility import decision_curve, net_benefit
from ichor.reasons import Reason


def test_kaplan_meier_by_hand():
    curve = kaplan_meier(np.array([1, 2, 2, 3, 4]), np.array([1, 1, 0, 0, 1]))
    assert survival_at(curve, 0.5) == 1.0
    assert survival_at(curve, 2.5) == pytest.approx(0.8 * 0.75)
    assert survival_at(curve, 4) == 0.0
    assert math.isnan(survival_at(curve, 5))
    assert curve["at_risk"].tolist() == [5, 5, 4, 2, 1]
    assert (curve["low"] <= curve["survival"]).all() and (curve["survival"] <= curve["high"]).all()


def test_log_rank_and_cox_see_a_threefold_hazard():
    rng = np.random.default_rng(0)
    group = np.repeat([0, 1], 3000)
    times = rng.exponential(1 / np.where(group == 1, 3.0, 1.0))
    statistic, df, p = log_rank(times, np.ones(6000), group)
    assert df == 1 and p < 1e-10 and statistic > 40
    row = cox(times, np.ones(6000), pd.DataFrame({"group": group})).loc["group"]
    assert row["hazard_ratio"] == pytest.approx(3, rel=0.1)
    assert row["coefficient"] == pytest.approx(np.log(row["hazard_ratio"]))


def test_odds_ratio_of_a_fourfold_table():
    exposed = np.r_[np.ones(30), np.zeros(50)]
    labels = np.r_[np.ones(20), np.zeros(10), np.ones(15), np.zeros(35)]
    row = odds_ratios(labels, pd.DataFrame({"exposed": exposed})).loc["exposed"]
    error = math.sqrt(1 / 20 + 1 / 10 + 1 / 15 + 1 / 35)
    assert row["odds_ratio"] == pytest.approx(20 * 35 / (10 * 15))
    assert row["high"] == pytest.approx(row["odds_ratio"] * math.exp(1.959963984540054 * error), rel=1e-6)
    assert (row["n"], row["events"], row["reason"]) == (80, 35, None)


def test_odds_ratios_that_do_not_exist_say_why():
    x = np.arange(10.0)
    assert odds_ratios(np.ones(10), pd.DataFrame({"x": x})).loc["x", "reason"] == Reason.ONE_CLASS
    assert odds_ratios(x > 4, pd.DataFrame({"x": x})).loc["x", "reason"] == Reason.PERFECT_PREDICTION
    labels = np.array([0, 1, 0, 1, 0, 1, 1, 0, 1, 1])
    twins = odds_ratios(labels, pd.DataFrame({"x": x, "y": 2 * x}))
    assert (twins["reason"] == Reason.PERFECT_PREDICTION).all() and twins["odds_ratio"].isna().all()
    with pytest.raises(ValueError, match="missing values"):
        odds_ratios(labels, pd.DataFrame({"x": np.where(x == 3, np.nan, x)}))


def test_net_benefit_by_hand_and_at_the_threshold_itself():
    labels, scores = np.array([1, 1, 0, 0, 0]), np.array([0.8, 0.2, 0.5, 0.2, 0.1])
    draws = Resamples(np.zeros(5), 200, 0)
    assert net_benefit(labels, scores, 0.2, draws).estimate == pytest.approx(2 / 5 - 2 / 5 * 0.25)
    assert net_benefit(labels, scores, 0.6, draws).estimate == pytest.approx(1 / 5)
    assert net_benefit(np.array([]), np.array([]), 0.2, draws).reason == Reason.EMPTY_DENOMINATOR
    with pytest.raises(StudyError, match="below 1"):
        net_benefit(labels, scores, 1.0, draws)


def test_treating_everybody_gains_nothing_at_the_prevalence():
    labels, scores = np.array([1, 0, 0, 0]), np.array([0.9, 0.1, 0.2, 0.3])
    model, everybody = decision_curve(labels, scores, np.array([0.25, 0.5]))
    assert everybody == pytest.approx([0, -0.5])
    assert model == pytest.approx([1 / 4 - 1 / 4 / 3, 1 / 4])
