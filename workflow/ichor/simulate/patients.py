"""The joint model of the simulated record: who bleeds, what it looks like, whether it grows, how it ends.

Marginals and odds ratios are those of the papers where they are published (Chen 2023: 1,990 patients of nine
centers; Yu 2025: 2,020 patients of five centers); every other coefficient is our choice and says so.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ichor.simulate.onset import OnsetTimes, mean_risk

# Share of patients with a history, Chen 2023, Table 1; the anticoagulant share is of our choice (theirs: 0.8 %).
HISTORIES = {
    "prior_ich": 0.076,
    "prior_ischemic_stroke": 0.098,
    "hypertension": 0.676,
    "diabetes": 0.083,
    "hyperlipidemia": 0.010,
    "coronary_heart_disease": 0.061,
    "heart_failure": 0.0015,
    "arrhythmia": 0.010,
    "antiplatelet": 0.074,
    "smoking": 0.230,
    "alcohol": 0.225,
}
# Cumulative share of GCS 3, 4, ... 15: median 13, quartiles 8 and 14 (Chen 2023, Table 1).
GCS_SHARES = (0.03, 0.06, 0.10, 0.155, 0.21, 0.27, 0.32, 0.37, 0.42, 0.48, 0.60, 0.80, 1.0)
# Odds ratios of a poor outcome per unit, Chen 2023, multivariable model; ICH-GS and craniotomy are not drawn from.
OUTCOME_ODDS = {
    "age_years": 1.042,
    "gcs": 0.682,
    "systolic_mmhg": 1.005,
    "prior_ich": 1.909,
    "iph_ml": 1.018,
    "ivh": 1.425,
}
# Our choice: what the published model leaves out and a reader of the scan sees, and the growth still to come.
OUTCOME_EXTRA = {"infratentorial": 1.4, "deep": 0.6, "log_iph": 1.1, "ivh_ml": 0.06, "growth": 1.5}
OUTCOME_INTERCEPT = -0.30
# Our choice, in logits: heterogeneity and irregularity per standard deviation, volume per doubling, time per doubling.
GROWTH_LOGITS = {
    "heterogeneity": 1.30,
    "irregularity": 0.70,
    "log2_iph": 0.30,
    "log2_onset": -0.40,
    "anticoagulant": 1.2,
}
GROWTH_INTERCEPT = -2.27
GROSS_ML, GROSS_SHARE = 9.0, 0.45  # growth of those who expand starts here: well beyond 6 mL and 33 %


@dataclass(frozen=True)
class CaseMix:
    """How the patients of one center differ from the published average.

    Attributes
    ----------
    age_shift_years
        Added to every age.
    male
        Share of men.
    volume_factor
        Multiplies every volume.
    locations
        Shares of deep, lobar and infratentorial bleeds.
    anticoagulant
        Share on an anticoagulant.
    onset_factor
        Multiplies the time from onset to CT.
    growth_shift, outcome_shift
        Logits added to the risks: what the record does not explain between centers.
    """

    age_shift_years: float = 0.0
    male: float = 0.66
    volume_factor: float = 1.0
    locations: tuple[float, float, float] = (0.68, 0.20, 0.12)
    anticoagulant: float = 0.03
    onset_factor: float = 1.0
    growth_shift: float = 0.0
    outcome_shift: float = 0.0
    shares: dict[str, float] = field(default_factory=dict)


def _logistic(x: NDArray) -> NDArray:
    return 1.0 / (1.0 + np.exp(-x))


def draw_events(risk: NDArray, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Draw events by systematic sampling: each has its risk, and their number is the expected one, +-1.

    A small center thus has neither no expansion at all nor twice as many as it should.
    """
    order = rng.permutation(len(risk))
    edges = np.concatenate([[0.0], np.cumsum(risk[order])]) + rng.random()
    events = np.zeros(len(risk), bool)
    events[order] = np.diff(np.floor(edges)) > 0
    return events


def draw_patients(count: int, mix: CaseMix, rng: np.random.Generator) -> pd.DataFrame:
    """Draw patients.

    Returns
    -------
    DataFrame
        One row a patient: the variables of the record in the units of the data dictionary, what the scan shows
        (heterogeneity, irregularity, iph_ml, ivh_ml, edema_ml and their follow-up values), and the true risks
        (risk_expansion, risk_poor_outcome, risk_death_30d) with what was drawn from them; risk_expansion_image is
        the part of risk_expansion that the baseline scan shows.
    """
    rows = pd.DataFrame(index=range(count))
    _draw_person(rows, mix, rng)
    _draw_bleed(rows, mix, rng)
    _draw_admission(rows, rng)
    _draw_times(rows, mix, rng)
    _draw_growth(rows, mix, rng)
    _draw_outcome(rows, mix, rng)
    _draw_treatment(rows, rng)
    return rows


def _draw_person(rows: pd.DataFrame, mix: CaseMix, rng: np.random.Generator) -> None:
    """Age (60, 50-69), sex and histories."""
    count = len(rows)
    rows["age_years"] = np.clip(rng.normal(59.8 + mix.age_shift_years, 13.6, count), 19, 97).round()
    rows["sex"] = np.where(rng.random(count) < mix.male, "male", "female")
    for name, share in (HISTORIES | {"anticoagulant": mix.anticoagulant} | mix.shares).items():
        rows[name] = (rng.random(count) < share).astype(int)


def _two_groups(rng: np.random.Generator, shared: NDArray, share: float) -> NDArray:
    """Return a trait of 0-1 with two humps, low and high, so that most patients are plainly one or the other."""
    high = shared < share
    return np.where(high, rng.beta(7, 2.6, len(shared)), rng.beta(2, 8.5, len(shared)))


def _draw_bleed(rows: pd.DataFrame, mix: CaseMix, rng: np.random.Generator) -> None:
    """Location, volume (22.6, 11.7-39.5 mL), heterogeneity, irregular margin, ventricular blood (31 %)."""
    count = len(rows)
    rows["location"] = rng.choice(["deep", "lobar", "infratentorial"], count, p=mix.locations)
    factor = rows["location"].map({"deep": 1.0, "lobar": 1.35, "infratentorial": 0.5}).to_numpy()
    volume = 22.4 * mix.volume_factor * factor * np.exp(rng.normal(0, 0.84, count))
    largest = np.where(rows["location"] == "infratentorial", 28.0, 100.0)
    rows["iph_ml"] = np.clip(volume, 3.0, largest)
    shared = rng.random(count)
    rows["heterogeneity"] = _two_groups(rng, shared, 0.33)
    own = np.where(rng.random(count) < 0.6, shared, rng.random(count))
    rows["irregularity"] = _two_groups(rng, own, 0.36)
    extends = -1.18 + 0.75 * np.log2(rows["iph_ml"] / 22.0) + 0.35 * (rows["location"] == "deep")
    rows["ivh"] = (rng.random(count) < _logistic(extends.to_numpy())).astype(int)
    amount = 5.0 * np.exp(rng.normal(0, 0.75, count)) * np.sqrt(rows["iph_ml"] / 22.0)
    rows["ivh_ml"] = np.where(rows["ivh"] == 1, np.clip(amount, 1.0, 22.0), 0.0)
    rows["edema_ml"] = np.clip(rows["iph_ml"] * rng.uniform(0.25, 0.65, count), 1.0, 30.0)


def _draw_admission(rows: pd.DataFrame, rng: np.random.Generator) -> None:
    """GCS and NIHSS from what the bleed does; pressures (171, 155-190 and 100, 88-110), glucose, heart rate."""
    count = len(rows)
    burden = (
        0.95 * np.log(rows["iph_ml"] / 22.0)
        + 0.8 * rows["ivh"]
        + 0.04 * rows["ivh_ml"]
        + 1.0 * (rows["location"] == "infratentorial")
        + 0.01 * (rows["age_years"] - 60)
    ).to_numpy()
    severity = burden - 0.43 + rng.normal(0, 0.85, count)
    rank = 0.5 * (1 + np.tanh(0.8 * severity / 1.30 * (1 + 0.0447 * (severity / 1.30) ** 2)))
    rows["gcs"] = 3 + np.searchsorted(GCS_SHARES, 1 - rank).clip(0, 12)
    rows["nihss"] = np.clip(13 + 6.5 * severity + rng.normal(0, 2.5, count), 0, 42).round()
    rows["systolic_mmhg"] = np.clip(rng.normal(171 + 3 * severity, 25.5), 90, 270).round()
    diastolic = 99 + 0.35 * (rows["systolic_mmhg"] - 172) + rng.normal(0, 13, count)
    rows["diastolic_mmhg"] = np.clip(diastolic, 45, 160).round()
    rows["glucose_mmol_l"] = np.clip(7.0 * np.exp(rng.normal(0, 0.24, count)) + 3 * rows["diabetes"], 3, 30).round(1)
    rows["heart_rate_bpm"] = np.clip(rng.normal(82, 14, count), 42, 160).round()


def _draw_times(rows: pd.DataFrame, mix: CaseMix, rng: np.random.Generator) -> None:
    """Onset to CT (3, 2-5 h) and the follow-up 6-48 h later, mostly about a day."""
    count = len(rows)
    rows["onset_to_ct_h"] = _onset_times(mix).draw(count, rng)
    interval = np.where(rng.random(count) < 0.75, rng.normal(23, 4, count), rng.uniform(6.5, 47.5, count))
    rows["baseline_to_followup_h"] = np.clip(interval, 6.5, 47.5).round(1)
    rows["onset_to_followup_ct_h"] = (rows["onset_to_ct_h"] + rows["baseline_to_followup_h"]).round(1)


def _onset_times(mix: CaseMix) -> OnsetTimes:
    return OnsetTimes(3.0 * mix.onset_factor)


def visible_growth_logit(rows: pd.DataFrame, mix: CaseMix) -> NDArray:
    """Logit of expansion of patients scanned after three hours: what a reader of the baseline scan could know.

    Heterogeneity, irregular margin and volume are drawn into the scan, and an anticoagulant as a fluid level
    (`ichor.simulate.exams.plan_bleed`). The time since onset is not: nothing in a scan tells it. The center's own
    shift is in it, as a reader knows where the scan was made.
    """
    w = GROWTH_LOGITS
    logit = (
        GROWTH_INTERCEPT
        + mix.growth_shift
        + w["heterogeneity"] * (rows["heterogeneity"] - 0.37) / 0.27
        + w["irregularity"] * (rows["irregularity"] - 0.38) / 0.27
        + w["log2_iph"] * np.log2(rows["iph_ml"] / 22.0)
        + w["anticoagulant"] * rows["anticoagulant"]
    )
    return logit.to_numpy(float)


def _draw_growth(rows: pd.DataFrame, mix: CaseMix, rng: np.random.Generator) -> None:
    """Draw expansion (20 %) from its risk, then volumes at follow-up well on one side of 6 mL and 33 %."""
    count, visible, per_doubling = len(rows), visible_growth_logit(rows, mix), GROWTH_LOGITS["log2_onset"]
    rows["risk_expansion"] = _logistic(visible + per_doubling * np.log2(rows["onset_to_ct_h"].to_numpy() / 3.0))
    rows["risk_expansion_image"] = mean_risk(visible, _onset_times(mix), per_doubling)
    expands = draw_events(rows["risk_expansion"].to_numpy(), rng)
    rows["expansion"] = expands.astype(int)
    gross = np.maximum(GROSS_ML, GROSS_SHARE * rows["iph_ml"]) * np.exp(np.abs(rng.normal(0, 0.30, count)))
    small = np.clip(rng.normal(0.01, 0.04, count) * rows["iph_ml"], -2.0, 2.0)
    rows["followup_iph_ml"] = rows["iph_ml"] + np.where(expands, np.minimum(gross, 55.0), small)
    more = np.where(expands, rng.uniform(1.0, 1.8, count), rng.uniform(0.75, 1.02, count))
    rows["followup_ivh_ml"] = np.clip(rows["ivh_ml"] * more, 0, 30)
    rows["followup_edema_ml"] = np.clip(rows["edema_ml"] * rng.uniform(1.2, 1.9, count), 1.0, 45.0)


def outcome_logit(rows: pd.DataFrame, mix: CaseMix) -> NDArray:
    """Return the logit of a poor outcome of patients whose bleed does not expand."""
    odds, extra = OUTCOME_ODDS, OUTCOME_EXTRA
    centers = {"age_years": 60, "gcs": 13, "systolic_mmhg": 171, "prior_ich": 0, "iph_ml": 22.6, "ivh": 0}
    logit = OUTCOME_INTERCEPT + mix.outcome_shift
    for name, ratio in odds.items():
        logit = logit + np.log(ratio) * (rows[name] - centers[name])
    logit = logit + extra["infratentorial"] * (rows["location"] == "infratentorial")
    logit = logit + extra["deep"] * (rows["location"] == "deep")
    logit = logit + extra["log_iph"] * np.log(rows["iph_ml"] / 22.6)
    return (logit + extra["ivh_ml"] * rows["ivh_ml"]).to_numpy(float)


def _draw_outcome(rows: pd.DataFrame, mix: CaseMix, rng: np.random.Generator) -> None:
    """Draw one latent course and read every scale from it; risks average over growth not yet seen at baseline."""
    count, extra = len(rows), OUTCOME_EXTRA["growth"]
    logit = outcome_logit(rows, mix)
    grows = rows["risk_expansion"].to_numpy()
    dead_above = 2.9
    for name, cut in (("risk_poor_outcome", 0.0), ("risk_death_30d", dead_above)):
        rows[name] = grows * _logistic(logit + extra - cut) + (1 - grows) * _logistic(logit - cut)
    latent = logit + extra * rows["expansion"].to_numpy() + rng.logistic(0, 1, count)
    rows["latent"] = latent
    rows["gos_discharge"] = 5 - np.searchsorted((-1.6, 0.0, 2.2, dead_above), latent)
    rows["poor_outcome"] = (latent > 0).astype(int)
    rows["death_30d"] = (latent > dead_above).astype(int)
    later = latent - 0.35 + rng.normal(0, 0.6, count)
    mrs_90d = np.searchsorted((-4.2, -2.8, -1.5, -0.2, 1.1, 2.9), later)
    rows["mrs_90d"] = np.where(rows["death_30d"] == 1, 6, mrs_90d)
    latest = np.searchsorted((-4.2, -2.8, -1.5, -0.2, 1.1, 2.9), later - 0.4 + rng.normal(0, 0.3, count))
    rows["mrs_180d"] = np.where(rows["mrs_90d"] == 6, 6, latest)


def _draw_treatment(rows: pd.DataFrame, rng: np.random.Generator) -> None:
    """Draw the treatment (61 % conservative, 6 % craniotomy, 33 % minimally invasive) from volume and GCS."""
    count = len(rows)
    push = 1.1 * np.log(rows["iph_ml"] / 22.0) - 0.10 * (rows["gcs"] - 12) + rng.logistic(0, 0.7, count)
    rows["treatment"] = np.where(push > 2.75, "craniotomy", np.where(push > 0.45, "minimally_invasive", "conservative"))
    early = rng.random(count) < 0.04
    wait = np.where(early, -rng.uniform(0.5, 4.0, count), rng.uniform(0.5, 20.0, count))
    surgery = np.maximum(rows["onset_to_followup_ct_h"] + wait, rows["onset_to_ct_h"] + 1.0).round(1)
    rows["onset_to_surgery_h"] = np.where(rows["treatment"] == "conservative", np.nan, surgery)
