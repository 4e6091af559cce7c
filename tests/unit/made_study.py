"""Predictions of arms, networks and floors of an expansion study, made up with known answers."""

import numpy as np
import pandas as pd

VIT = {"kind": "vit", "training": {"epochs": 2, "seeds": 1}}
SPECS = {
    "vit": VIT | {"balance": {"arm": "none", "generator": "", "ratio": "", "correct_prior": True}},
    "vit_1_2": VIT | {"balance": {"arm": "synthetic", "generator": "t", "ratio": "1:2", "correct_prior": True}},
    "vit_1_1": VIT | {"balance": {"arm": "synthetic", "generator": "t", "ratio": "1:1", "correct_prior": True}},
    "vit_tune": VIT | {"balance": {"arm": "synthetic", "generator": "t", "ratio": "tune", "correct_prior": True}},
    "vit_focal": VIT | {"balance": {"arm": "focal", "generator": "", "ratio": "", "correct_prior": True}},
    "vit_record": VIT | {"kind": "vit_record", "balance": {"arm": "none", "generator": "", "ratio": ""}},
    "volume": {"kind": "volume", "c": 100.0},
    "logistic": {"kind": "logistic", "features": ["age_years"]},
}
CENTERS = {"aurora": "train", "boreal": "tune", "delta": "test", "estuary": "test"}


def specs(*names: str) -> dict:
    return {name: SPECS[name] for name in names}


def study_predictions(
    skill: dict[str, float], per_center: int = 150, events: float = 0.25, seed: int = 0, shared: float = 0.8
) -> pd.DataFrame:
    """Table ``predictions``: scores are normal, events `skill` standard deviations above the others.

    `shared` is the part of a score's noise that all models have in common, as models of the same images do.
    """
    rng = np.random.default_rng(seed)
    rows = []
    for center, role in CENTERS.items():
        label = (np.arange(per_center) < round(events * per_center)).astype(int)
        common = rng.normal(size=per_center)
        for model, distance in skill.items():
            noise = shared * common + np.sqrt(1 - shared**2) * rng.normal(size=per_center)
            logit = np.log(events / (1 - events)) + distance * (noise + distance * label - distance / 2)
            for i in range(per_center):
                rows.append((model, f"{center}{i}", center, role, label[i], 1 / (1 + np.exp(-logit[i]))))
    table = pd.DataFrame(rows, columns=["model", "patient", "center", "role", "label", "probability"])
    table["probability"] = table["probability"].clip(1e-6, 1 - 1e-6)
    return table.assign(task="expansion", target="expansion", split="external", time="baseline", seed=0)


def study_truth(predictions: pd.DataFrame, model: str) -> pd.DataFrame:
    """Table ``truth`` in which the risk is what one model predicts, and so is what the scan shows of it."""
    own = predictions[predictions["model"] == model]
    named = own[["patient", "task", "target"]]
    return named.assign(risk=own["probability"], risk_image=own["probability"])
