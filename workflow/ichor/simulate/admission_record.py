"""What else a simulated record holds: symptoms, more of the history, vital signs, laboratory values, death in hospital.

Everything here is drawn for patients that exist already, from a seed of its own, so that no scan, risk or outcome
depends on it. Values follow what is known of the patient on admission (age, sex, bleed, GCS, risk of a poor outcome),
never what happened later: they tell a model something of the outcome, but nothing beyond the risk that the outcome
was drawn with, which therefore stays the best that any model can reach. All shares and effects are our choice, in the
range of adults' reference values.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

SYMPTOMS = {"headache": (0.0, -0.25, 0.15), "emesis": (-0.5, 0.35, 0.25), "neurological_deficit": (2.0, 0.45, 0.15)}
"""Logit of a symptom: the average patient's, per standard deviation of the risk's logit, per doubling of the volume."""
HISTORY_SHARES = {
    "prior_neurological_disease": 0.06,
    "prior_cancer": 0.07,
    "prior_hematological_disease": 0.015,
    "prior_other_disease": 0.30,
    "alpha_blocker": 0.05,
}
COMA_GCS = 8  # a center calls a GCS of 8 or less a coma, but for one patient in 40 who is called otherwise
CENTRE_LOGIT, SPREAD_LOGIT = 0.9, 2.2  # of the risk of a poor outcome, over the simulated patients


def draw_admission_record(rows: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Draw the rest of the record of some patients.

    Parameters
    ----------
    rows
        As `ichor.simulate.patients.draw_patients` returns them.
    rng
        Generator of these draws alone.

    Returns
    -------
    DataFrame
        Index of `rows`; variables of the data dictionary in its units.
    """
    risk = np.clip(rows["risk_poor_outcome"].to_numpy(float), 0.001, 0.999)
    severity = np.clip((np.log(risk / (1 - risk)) - CENTRE_LOGIT) / SPREAD_LOGIT, -2.0, 2.0)
    more = pd.DataFrame(index=rows.index)
    _draw_symptoms(more, rows, severity, rng)
    _draw_history(more, rows, rng)
    _draw_vital_signs(more, severity, rng)
    _draw_chemistry(more, rows, severity, rng)
    _draw_blood_count(more, rows, severity, rng)
    more["death_in_hospital"] = (rows["gos_discharge"] == 1).astype(int)  # not drawn: GOS 1 at discharge is death
    return more


def _yes(share: NDArray | float, count: int, rng: np.random.Generator) -> NDArray[np.int_]:
    return (rng.random(count) < share).astype(int)


def _draw_symptoms(more: pd.DataFrame, rows: pd.DataFrame, severity: NDArray, rng: np.random.Generator) -> None:
    """Symptoms, coma as the center judges it, and ventricular blood as read: small amounts are missed most."""
    count = len(rows)
    doublings = np.log2(rows["iph_ml"].to_numpy(float) / 22.0)
    for name, (average, per_severity, per_doubling) in SYMPTOMS.items():
        logit = average + per_severity * severity + per_doubling * doublings
        more[name] = _yes(1 / (1 + np.exp(-logit)), count, rng)
    comatose = (rows["gcs"].to_numpy() <= COMA_GCS).astype(int)
    more["coma"] = comatose ^ _yes(0.025, count, rng)
    seen = np.where(rows["ivh"] == 1, np.where(rows["ivh_ml"] < 2.0, 0.85, 0.98), 0.01)
    more["intraventricular_extension"] = _yes(seen, count, rng)


def _draw_history(more: pd.DataFrame, rows: pd.DataFrame, rng: np.random.Generator) -> None:
    """Diseases and drugs before; dementia becomes commoner by 9 % a year of age, one in 50 at 60."""
    count = len(rows)
    logit = np.log(0.02 / 0.98) + 0.09 * (rows["age_years"].to_numpy(float) - 60)
    more["prior_cognitive_impairment"] = _yes(1 / (1 + np.exp(-logit)), count, rng)
    for name, share in HISTORY_SHARES.items():
        more[name] = _yes(share, count, rng)
    named = rows[["coronary_heart_disease", "heart_failure", "arrhythmia", "prior_ischemic_stroke"]].max(axis=1)
    more["prior_cardiovascular_disease"] = np.maximum(named.to_numpy(int), _yes(0.04, count, rng))
    more["antihypertensive"] = rows["hypertension"].to_numpy(int) * _yes(0.65, count, rng)
    more["calcium_antagonist"] = more["antihypertensive"] * _yes(0.45, count, rng)


def _draw_vital_signs(more: pd.DataFrame, severity: NDArray, rng: np.random.Generator) -> None:
    count = len(more)
    saturation = 97.0 - np.abs(rng.normal(0, 1.6, count)) - 0.8 * np.maximum(severity, 0)
    more["oxygen_saturation_percent"] = np.clip(saturation, 80, 100).round()
    more["temperature_c"] = np.clip(36.6 + 0.06 * severity + rng.normal(0, 0.4, count), 34, 40).round(1)
    more["respiratory_rate_per_min"] = np.clip(17 + 0.9 * severity + rng.normal(0, 3, count), 8, 40).round()


def _draw_chemistry(more: pd.DataFrame, rows: pd.DataFrame, severity: NDArray, rng: np.random.Generator) -> None:
    """Kidney, salts, clotting: an anticoagulant shows in the INR."""
    count, male = len(rows), (rows["sex"] == "male").to_numpy(float)
    creatinine = 72 * np.exp(0.16 * male + 0.12 * rows["diabetes"].to_numpy() + rng.normal(0, 0.25, count))
    more["creatinine_umol_l"] = np.clip(creatinine, 30, 900).round()
    urea = 5.6 * np.sqrt(creatinine / 80) * np.exp(0.006 * (rows["age_years"].to_numpy(float) - 60))
    more["urea_mmol_l"] = np.clip(urea * np.exp(rng.normal(0, 0.25, count)), 1.0, 50).round(1)
    more["sodium_mmol_l"] = np.clip(139.5 + rng.normal(0, 3.2, count), 115, 165).round()
    more["potassium_mmol_l"] = np.clip(3.9 - 0.05 * severity + rng.normal(0, 0.4, count), 2.2, 7.0).round(1)
    taken = 2.2 * np.exp(rng.normal(0, 0.3, count))
    plain = 1.03 + np.abs(rng.normal(0, 0.08, count))
    more["inr"] = np.clip(np.where(rows["anticoagulant"] == 1, taken, plain), 0.8, 8.0).round(1)
    more["fibrinogen_g_l"] = np.clip(3.4 + 0.12 * severity + rng.normal(0, 0.8, count), 1.0, 9.0).round(1)


def _draw_blood_count(more: pd.DataFrame, rows: pd.DataFrame, severity: NDArray, rng: np.random.Generator) -> None:
    count, male = len(rows), (rows["sex"] == "male").to_numpy(float)
    white = 8.8 * np.exp(0.10 * severity + rng.normal(0, 0.30, count))
    more["white_cells_10e9_l"] = np.clip(white, 2.0, 45.0).round(1)
    hemoglobin = 127 + 13 * male - 0.25 * (rows["age_years"].to_numpy(float) - 60) + rng.normal(0, 14, count)
    more["hemoglobin_g_l"] = np.clip(hemoglobin, 60, 200).round()
    more["platelets_10e9_l"] = np.clip(225 * np.exp(rng.normal(0, 0.28, count)), 30, 900).round()
    volume = 89.5 + 1.8 * rows["alcohol"].to_numpy() + rng.normal(0, 4.5, count)
    more["mean_red_cell_volume_fl"] = np.clip(volume, 65, 120).round(1)
    more["red_cell_width_percent"] = np.clip(13.4 * np.exp(rng.normal(0, 0.07, count)), 11, 25).round(1)
    more["mean_red_cell_hemoglobin_g_l"] = np.clip(334 + rng.normal(0, 9, count), 290, 370).round()
    more["mean_platelet_volume_fl"] = np.clip(9.2 + rng.normal(0, 1.1, count), 6, 14).round(1)
