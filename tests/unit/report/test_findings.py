import math

import pandas as pd
import pytest

from ichor import tables
from ichor.report import findings, palette

MODELS = {"expansion": {"vit": {"kind": "vit"}, "volume": {"kind": "volume"}}}


def metrics(auc, **others):
    rows = []
    for quantity, (estimate, low, high) in {"auc": auc, **others}.items():
        center = "next" if quantity.startswith("next_") else "all"
        rows.append(
            dict(
                task="expansion",
                target="expansion",
                model="vit",
                split="external",
                center=center,
                n=100 if center == "all" else 4,
                quantity=quantity.removeprefix("next_"),
                estimate=estimate,
                low=low,
                high=high,
                events=30,
                reason=None,
            )
        )
    rows.append(rows[0] | dict(model="volume", estimate=0.6, low=0.5, high=0.7))
    return tables.frame("metrics", rows)


def said(frame, pairs=()):
    columns = "task target split center model_a model_b test difference low high statistic df p n events reason".split()
    pairs = pd.DataFrame(list(pairs), columns=columns)
    found = findings.models(frame, pairs, palette.looks(frame, MODELS), None)
    return " ".join(found[0]["sentences"][0])


def pair(a, b, difference, low, high):
    return dict(
        task="expansion",
        target="expansion",
        split="external",
        center="all",
        model_a=a,
        model_b=b,
        test="delong_paired",
        difference=difference,
        low=low,
        high=high,
        statistic=1.0,
        df=math.nan,
        p=0.1,
        n=100,
        events=30,
        reason=None,
    )


@pytest.mark.parametrize(
    ("interval", "words"),
    [
        ((0.70, 0.60, 0.80), "better than chance"),
        ((0.70, 0.49, 0.80), "cannot be told from chance"),
        ((0.30, 0.20, 0.40), "worse than chance"),
    ],
)
def test_what_is_said_of_chance_follows_the_interval(interval, words):
    assert words in said(metrics(interval))


def test_the_floor_is_judged_by_the_interval_in_either_order():
    frame = metrics((0.7, 0.6, 0.8))
    assert "ranks better than volume alone (AUC difference 0.10, 0.02 to 0.18)" in said(
        frame, [pair("vit", "volume", 0.1, 0.02, 0.18)]
    )
    assert "ranks better than volume alone (AUC difference 0.10, 0.02 to 0.18)" in said(
        frame, [pair("volume", "vit", -0.1, -0.18, -0.02)]
    )
    assert "ranks worse than volume alone" in said(frame, [pair("volume", "vit", 0.1, 0.02, 0.18)])
    assert "No difference is shown, in either direction, from volume alone" in said(
        frame, [pair("vit", "volume", 0.3, -0.01, 0.6)]
    )


def test_calibration_is_judged_by_its_intervals():
    frame = metrics((0.7, 0.6, 0.8), observed_expected=(1.3, 1.1, 1.5), calibration_slope=(0.6, 0.4, 0.9))
    assert "Predicted risks are too low on average (O/E 1.10 to 1.50), and they are too extreme" in said(frame)
    frame = metrics((0.7, 0.6, 0.8), observed_expected=(1.3, 0.9, 1.5), calibration_slope=(0.6, 0.4, 1.1))
    assert "Miscalibration is not shown, which does not prove calibration" in said(frame)


def test_a_new_center_needs_three_seen_ones():
    frame = metrics((0.7, 0.6, 0.8), next_auc=(0.7, 0.45, 0.85))
    assert "between 0.45 and 0.85 is to be expected, judged from 4 centers, so it may do no better than chance" in said(
        frame
    )
    frame.loc[frame["center"] == "next", "n"] = 2
    assert "2 centers are too few" in said(frame)


def test_without_an_interval_nothing_is_claimed():
    frame = metrics((0.9, math.nan, math.nan))
    frame.loc[0, "reason"] = "perfect_prediction"
    text = said(frame)
    assert "nothing is said about it" in text and "better than chance" not in text and "separate the outcomes" in text


def test_limits_of_agreement_are_held_against_the_growth_that_counts():
    row = dict(
        split="external",
        center="all",
        label="iph",
        n=10,
        n_dice=10,
        dice_q1=0.7,
        dice_median=0.8,
        dice_q3=0.9,
        bias_ml=0.1,
        loa_low_ml=-7.0,
        loa_high_ml=7.2,
        ccc=0.9,
    )
    assert "reaches the 6 mL" in " ".join(findings.segmentation(pd.DataFrame([row]), 6.0))
    small = row | dict(loa_low_ml=-2.0, loa_high_ml=2.0)
    assert "stays below the 6 mL" in " ".join(findings.segmentation(pd.DataFrame([small]), 6.0))


def test_patients_without_a_record_are_not_said_to_have_one():
    scans = pd.DataFrame(dict(patient=["a", "b"], center="north", time_point="baseline"))
    patients = pd.DataFrame(dict(patient=["a", "b"], center="north"))
    status = pd.DataFrame(dict(subject=["b"], outcome=["flagged"], reason=["no_record"]))
    sentence = findings.cohort({"scans": scans, "patients": patients, "status": status})[0]
    assert sentence == (
        "1 center brought 2 patients with an accepted scan; "
        "all of them have a baseline scan, and 1 have no clinical record."
    )
