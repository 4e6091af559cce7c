import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from ichor.simulate.patients import CaseMix, draw_events, draw_patients


@pytest.fixture(scope="module")
def drawn():
    return draw_patients(4000, CaseMix(), np.random.default_rng(11))


# median and quartiles, Chen 2023, Table 1
@pytest.mark.parametrize(
    "name, low, middle, high, tolerance",
    [
        ("age_years", 50, 60, 69, 1.5),
        ("gcs", 8, 13, 14, 1),
        ("iph_ml", 11.74, 22.64, 39.48, 2),
        ("systolic_mmhg", 155, 171, 190, 3),
        ("diastolic_mmhg", 88, 100, 110, 3),
        ("onset_to_ct_h", 2, 3, 5, 0.5),
    ],
)
def test_published_quartiles(drawn, name, low, middle, high, tolerance):
    np.testing.assert_allclose(drawn[name].quantile([0.25, 0.5, 0.75]), [low, middle, high], atol=tolerance)


@pytest.mark.parametrize(
    "name, share, tolerance",
    [("expansion", 0.20, 0.02), ("poor_outcome", 0.642, 0.03), ("ivh", 0.3085, 0.03), ("hypertension", 0.676, 0.03)],
)
def test_published_shares(drawn, name, share, tolerance):
    assert drawn[name].mean() == pytest.approx(share, abs=tolerance)


def test_treatment_shares(drawn):
    shares = drawn["treatment"].value_counts(normalize=True)
    np.testing.assert_allclose(
        shares[["conservative", "craniotomy", "minimally_invasive"]], [0.607, 0.059, 0.334], atol=0.03
    )


def test_reachable_auc(drawn):
    assert 0.85 < roc_auc_score(drawn["expansion"], drawn["risk_expansion"]) < 0.92
    assert 0.88 < roc_auc_score(drawn["poor_outcome"], drawn["risk_poor_outcome"]) < 0.93


@pytest.mark.parametrize("target", ["expansion", "poor_outcome", "death_30d"])
def test_risks_are_calibrated(drawn, target):
    fifth = pd.qcut(drawn[f"risk_{target}"], 5, labels=False)
    table = drawn.groupby(fifth)[[target, f"risk_{target}"]].mean()
    np.testing.assert_allclose(table[target], table[f"risk_{target}"], atol=0.05)


def test_expansion_follows_the_standard_definition_with_a_gap(drawn):
    growth = drawn["followup_iph_ml"] - drawn["iph_ml"]
    standard = (growth >= 6) | (growth / drawn["iph_ml"] >= 0.33)
    assert (standard == (drawn["expansion"] == 1)).all()
    assert growth[drawn["expansion"] == 1].min() >= 9
    stable = drawn["expansion"] == 0
    assert (growth[stable] <= 2 + 1e-9).all() and (growth[stable] / drawn["iph_ml"][stable]).max() < 0.25


def test_scales_agree_with_each_other(drawn):
    assert ((drawn["gos_discharge"] <= 3) == (drawn["poor_outcome"] == 1)).all()
    assert ((drawn["gos_discharge"] == 1) == (drawn["death_30d"] == 1)).all()
    assert (drawn.loc[drawn["death_30d"] == 1, ["mrs_90d", "mrs_180d"]] == 6).all(axis=None)
    assert (drawn.loc[drawn["mrs_90d"] == 6, "mrs_180d"] == 6).all()
    assert drawn["gcs"].between(3, 15).all() and drawn["nihss"].between(0, 42).all()


def test_times_are_in_order(drawn):
    gap = drawn["onset_to_followup_ct_h"] - drawn["onset_to_ct_h"]
    assert gap.between(6.4, 48.1).all()
    surgery = drawn["onset_to_surgery_h"].dropna()
    assert (surgery > drawn.loc[surgery.index, "onset_to_ct_h"]).all()
    assert drawn["onset_to_surgery_h"].isna().equals(drawn["treatment"] == "conservative")


def test_systematic_events_keep_each_risk_and_fix_the_count():
    rng = np.random.default_rng(0)
    risk = rng.uniform(0, 0.6, 30)
    events = np.array([draw_events(risk, rng) for _ in range(4000)])
    np.testing.assert_allclose(events.mean(axis=0), risk, atol=0.04)
    assert (np.abs(events.sum(axis=1) - risk.sum()) <= 1).all()
