"""Predictions of a time course as its models leave them, made from patients whose true risk is known at every step."""

import hashlib

import numpy as np
import pandas as pd

from ichor import tables

STEPS = {"surgery": 24.0, "day1": 48.0, "day3": 96.0, "day14": 360.0}
TARGETS = ("survival_30d", "survival_180d", "good_180d")
HORIZONS = {"survival_30d": 720.0, "survival_180d": 4320.0, "good_180d": 4320.0}
MODELS = {
    "multistep_transformer": {"kind": "multistep_transformer"},
    "gru": {"kind": "gru"},
    "landmark_logistic": {"kind": "landmark_logistic"},
    "nihss": {"kind": "landmark_score", "score": "nihss"},
}
NOISE = {"multistep_transformer": 0.2, "gru": 0.5, "landmark_logistic": 0.7, "nihss": 1.5}
"""Spread of what each model gets wrong, on the log-odds scale."""
EXTERNAL = ("delta", "estuary")


def made_trajectory(per_center: int = 60, seed: int = 5, lost: float = 0.25) -> dict[str, object]:
    """Steps, predictions, risks by model, and true risks, of four centers, two of them external.

    `lost` is the share of patients who are lost before 180 days, whatever becomes of them.
    """
    rng = np.random.default_rng(seed)
    patients = _patients(per_center, rng, lost)
    steps, truth = _steps(patients, rng)
    risks = {model: _risks(steps, truth, NOISE[model], model != "landmark_logistic", rng) for model in MODELS}
    known = {model: table[table["at_risk"].astype(bool) & table["label"].notna()] for model, table in risks.items()}
    predictions = pd.concat([_predictions(table, model) for model, table in known.items()], ignore_index=True)
    return {"steps": steps, "predictions": predictions, "risks": risks, "truth": _truth(truth)}


def _patients(per_center: int, rng: np.random.Generator, lost: float) -> pd.DataFrame:
    rows = []
    for center in ("aurora", "boreal", *EXTERNAL):
        for i in range(per_center):
            external = center in EXTERNAL
            rows.append(
                {
                    "patient": hashlib.sha256(f"{center}{i}".encode()).hexdigest()[:12],
                    "center": center,
                    "role": "test" if external else "tune" if i % 3 == 0 else "train",
                    "severity": rng.normal(),
                    "lost_h": rng.uniform(60, 4320) if rng.random() < lost else np.inf,
                }
            )
    out = pd.DataFrame(rows)
    out["death_h"] = 24 * rng.weibull(0.55, len(out)) * (80 * np.exp(-0.9 * out["severity"])) ** 1.2
    out["good"] = rng.random(len(out)) < 1 / (1 + np.exp(-(1.5 - 1.2 * out["severity"])))
    return out


def _steps(patients: pd.DataFrame, rng: np.random.Generator) -> tuple[pd.DataFrame, pd.DataFrame]:
    rows, truth = [], []
    for patient in patients.itertuples():
        end = min(patient.death_h, patient.lost_h)
        for position, (step, time_h) in enumerate(STEPS.items()):
            at_risk = end > time_h
            row = {
                "split": "external", "patient": patient.patient, "center": patient.center, "role": patient.role,
                "step": step, "position": position, "time_h": time_h, "at_risk": int(at_risk),
                "followup_h": min(end, 4320.0), "death_h": patient.death_h if patient.death_h <= end else np.nan,
            }  # fmt: skip
            for target, horizon in HORIZONS.items():
                alive = patient.death_h > horizon
                known = at_risk and (patient.death_h <= end and not alive or end >= horizon)
                good = alive and (target != "good_180d" or patient.good)
                row[f"label_{target}"] = int(good) if known else None
            rows.append(row)
            seen = -1.1 * patient.severity + rng.normal(0, 0.9 - 0.2 * position)  # later steps show more
            offset = {"survival_30d": 2.6, "survival_180d": 1.9, "good_180d": 0.6}
            truth.append({"patient": patient.patient, "step": step} | {t: seen + offset[t] for t in TARGETS})
    return tables.frame("trajectory_steps", rows), pd.DataFrame(truth)


def _risks(
    steps: pd.DataFrame, truth: pd.DataFrame, noise: float, nested: bool, rng: np.random.Generator
) -> pd.DataFrame:
    wide = steps.merge(truth, on=["patient", "step"], validate="one_to_one")
    chances = [1 / (1 + np.exp(-(wide[t] + rng.normal(0, noise, len(wide))))) for t in TARGETS]
    if nested:
        chances = list(np.minimum.accumulate(chances, axis=0))
    keys = ["split", "patient", "center", "role", "step", "position", "time_h", "at_risk"]
    parts = [
        wide[keys].assign(
            target=target, probability=p, low=np.clip(p - 0.05, 0, 1), high=np.clip(p + 0.05, 0, 1),
            label=pd.to_numeric(wide[f"label_{target}"]),
        )
        for target, p in zip(TARGETS, chances, strict=True)
    ]  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def _predictions(risks: pd.DataFrame, model: str) -> pd.DataFrame:
    out = risks.assign(task="trajectory", model=model, time=risks["step"], seed=0)
    return out[tables.columns("predictions")].astype({"label": int})


def _truth(truth: pd.DataFrame) -> pd.DataFrame:
    rows = [
        {"patient": row.patient, "task": "trajectory", "target": f"{t}@{row.step}", "risk": 1 / (1 + np.exp(-row.seen))}
        for t in TARGETS
        for row in truth.rename(columns={t: "seen"}).itertuples()
    ]
    return tables.frame("truth", rows)
