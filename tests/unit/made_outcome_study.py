"""Predictions of fusion, image, tabular models and scores of an outcome study, made up with known answers."""

import numpy as np
import pandas as pd

INPUT = {"input": {"view": "head"}, "training": {"seeds": 1}}
SPECS = {
    "densenet_image": {"kind": "densenet", **INPUT, "record": {"features": []}},
    "densenet_gmu": {"kind": "densenet_record", "fusion": "gated", **INPUT, "record": {"features": ["gcs"]}},
    "densenet_concat": {"kind": "densenet_record", "fusion": "concat", **INPUT, "record": {"features": ["gcs"]}},
    "logistic_gcs_age": {"kind": "logistic", "features": ["age_years", "gcs"], "post_baseline": []},
    "random_forest": {"kind": "random_forest", "features": ["age_years", "gcs"], "post_baseline": []},
    "with_treatment": {"kind": "logistic", "features": ["treatment"], "post_baseline": ["treatment"]},
    "ich": {"kind": "ich_score", "ivh_present_ml": 0.1},
    "max_ich": {"kind": "max_ich_score", "ivh_present_ml": 0.1},
}
CENTERS = {"aurora": "train", "boreal": "tune", "delta": "test", "estuary": "test"}


def specs(*names: str) -> dict:
    return {name: SPECS[name] for name in names}


def outcome_predictions(skill: dict[str, float], per_center: int = 150, target: str = "poor_outcome", seed: int = 0):
    """Table ``predictions``: log odds are normal, events `skill` standard deviations above the others, 60 % events.

    A model's noise is the mean of what all have in common and of its own.
    """
    rng = np.random.default_rng(seed)
    parts = []
    for center, role in CENTERS.items():
        label = (np.arange(per_center) % 5 < 3).astype(int)
        common = rng.normal(size=per_center)
        for model, distance in skill.items():
            noise = 0.8 * common + 0.6 * rng.normal(size=per_center)
            logit = np.log(1.5) + distance * (noise + distance * (label - 0.5))
            part = pd.DataFrame({"patient": [f"{center}{i}" for i in range(per_center)], "label": label})
            parts.append(part.assign(center=center, role=role, model=model, probability=1 / (1 + np.exp(-logit))))
    table = pd.concat(parts, ignore_index=True)
    table["probability"] = table["probability"].clip(1e-6, 1 - 1e-6)
    return table.assign(task="outcome", target=target, split="external", time="baseline", seed=0)


def outcome_truth(predictions: pd.DataFrame, model: str) -> pd.DataFrame:
    """Table ``truth`` in which the risk is what one model predicts."""
    own = predictions[predictions["model"] == model]
    return own[["patient", "task", "target"]].assign(risk=own["probability"], risk_image=np.nan)
