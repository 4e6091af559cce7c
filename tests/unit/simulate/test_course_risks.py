import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn.metrics import roc_auc_score

from ichor.simulate import course_risks as risks
from ichor.simulate.course_model import DEAD_ABOVE, mean_reading, read, sign_shares
from ichor.simulate.followup import earliest_death_h, share_dead


def test_landmarks_are_those_of_the_config(repository):
    points = yaml.safe_load((repository / "config" / "config.yaml").read_text())["trajectory"]["time_points"]
    windows = {point["name"]: point["to_h"] for point in points if "variable" not in point}
    assert windows == risks.LANDMARKS_H
    assert [point["name"] for point in points if point.get("variable") == "drain"] == [risks.EVENT_STEP]


def test_ends_follow_the_scales_that_are_drawn():
    rng, latent = np.random.default_rng(2), np.array([-3.0, -0.5, 1.0, 2.5, 2.85])
    place = [int(np.argmin(np.abs(risks.latent_grid() - value))) for value in latent]
    later = risks.latent_grid()[place] - 0.35 + rng.normal(0, 0.6, (400_000, 5))  # as patients._draw_outcome
    latest = later - 0.4 + rng.normal(0, 0.3, later.shape)
    alive = (later <= DEAD_ABOVE) & (latest <= DEAD_ABOVE)
    ends = risks.end_given_latent()[:, place]
    np.testing.assert_allclose(ends[0], 1.0)
    np.testing.assert_allclose(ends[1], alive.mean(axis=0), atol=0.004)
    np.testing.assert_allclose(ends[2], (alive & (latest <= -0.2)).mean(axis=0), atol=0.004)
    assert (risks.end_given_latent()[:, risks.latent_grid() > DEAD_ABOVE] == 0).all()


def test_before_any_reading_the_risk_is_that_of_admission(followed):
    rows, _ = followed
    for row in rows.head(40).to_dict("records"):
        cells = risks.Belief.at_admission(row).mass.sum(axis=(0, 1))
        assert cells.sum() == pytest.approx(1.0)
        assert risks.end_given_latent()[0] @ cells == pytest.approx(1 - row["risk_death_30d"], abs=1e-9)


def test_bayes_risk_is_what_rejection_sampling_finds(followed):
    """Patients drawn anew, of whom only those with the same readings and alive at the landmark are kept."""
    rows, _ = followed
    row = rows[(rows["risk_death_30d"].between(0.3, 0.6)) & (rows["onset_to_ct_h"] < 5)].iloc[0].to_dict()
    row |= {"has_followup": False, "risk_expansion": 0.4, "onset_to_death_h": np.nan}
    rng, count = np.random.default_rng(8), 400_000
    grows, signs = rng.random(count) < 0.4, rng.choice(4, count, p=sign_shares())
    latent = row["outcome_logit"] + 1.5 * grows + rng.logistic(0, 1, count)
    readings = [("nihss", 30.0, 1), ("gcs", 30.0, 0), ("nihss", 75.0, 1)]
    drawn = [read(v, mean_reading(v, t, row, latent, signs, grows), rng.normal(size=count)) for v, t, _ in readings]
    seen = [float(np.median(values)) + shift for values, (_, _, shift) in zip(drawn, readings, strict=True)]
    frame = pd.DataFrame(
        [("visit", t, v, value) for (v, t, _), value in zip(readings, seen, strict=True)],
        columns=["visit", "time_h", "variable", "value"],
    )
    dies = latent > DEAD_ABOVE
    lives = ~dies | (rng.random(count) >= share_dead(108.0, 1.0))
    kept = np.logical_and.reduce([values == value for values, value in zip(drawn, seen, strict=True)]) & lives
    found = {one["target"]: one["risk"] for one in risks.course_risks(row, frame, 1.0) if one["step"] == "day3"}
    assert kept.sum() > 2000
    assert found["survival_30d"] == pytest.approx(1 - dies[kept].mean(), abs=0.03)
    assert found["good_180d"] <= found["survival_180d"] <= found["survival_30d"]


def test_nothing_later_than_the_landmark_moves_a_risk(followed):
    rows, planned = followed
    row = rows[rows["death_30d"] == 0].iloc[0].to_dict()
    mine, earliest = planned[planned["patient"] == row["patient"]], 60.0
    changed = mine.copy()
    changed.loc[(mine["time_h"] >= 108.0) & (mine["variable"] == "nihss"), "value"] = 42.0
    first = {(one["step"], one["target"]): one["risk"] for one in risks.course_risks(row, mine, earliest)}
    second = {(one["step"], one["target"]): one["risk"] for one in risks.course_risks(row, changed, earliest)}
    early = [key for key in first if key[0] in ("surgery", "day1", "day3")]
    assert len(early) == 9 and all(first[key] == second[key] for key in early)
    assert second["day14", "survival_30d"] < first["day14", "survival_30d"] - 1e-6


def test_risks_are_calibrated_and_rise_with_the_steps(told):
    areas = {}
    for target, rows in told[told["task"] == "trajectory"].groupby("target"):
        spread = np.sqrt((rows["risk"] * (1 - rows["risk"])).sum())
        assert abs((rows["event"] - rows["risk"]).sum()) < 3.5 * spread
        areas[target] = roc_auc_score(rows["event"], rows["risk"])
    for end in risks.TARGETS:
        steps = [areas[f"{end}@{step}"] for step in ("surgery", "day1", "day3", "day14")]
        assert steps[0] < steps[1] < steps[2] and steps[3] > steps[0] + 0.04


def test_only_the_living_are_told_of(followed, told):
    rows, _ = followed
    death = rows.set_index("patient")["onset_to_death_h"]
    for step, landmark in risks.LANDMARKS_H.items():
        at_step = set(told.loc[told["target"] == f"survival_30d@{step}", "patient"])
        assert at_step == set(death.index[~(death <= landmark)])
    dies = death.notna().to_numpy()
    assert (earliest_death_h(rows) < death.to_numpy())[dies].all()
