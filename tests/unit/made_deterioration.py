"""A cohort with serial NIHSS, labels by the real rule, and predictions of record, report and both with known skill."""

import numpy as np
import pandas as pd

from ichor import tables
from ichor.cohort.deterioration import Deterioration, label_deterioration

RULE = dict(definition="ich", window_h=168.0, early_h=48.0, covered=0.5, at_risk_from_ct_h=6.0, death_counts=False)
MODELS = {
    "report_record": {"kind": "report_record"},
    "report_text": {"kind": "report_text"},
    "logistic": {"kind": "logistic", "features": ["gcs"]},
}
ROLES = {"aurora": ("train", "tune"), "delta": ("test",), "estuary": ("test",)}
VISITS_H = (30.0, 44.0, 70.0, 160.0, 320.0)


def made_study(per_center: int = 120, seed: int = 3, report_gain: float = 1.3) -> dict[str, object]:
    """Cohort, time courses, predictions (of models that see record, report or both of two equal halves of the risk)."""
    rng = np.random.default_rng(seed)
    people, courses, latent = [], [], {}
    for center, roles in ROLES.items():
        for i in range(per_center):
            name = f"{center}{i}"
            record, report = rng.normal(), rng.normal()
            latent[name] = record, report
            risk = 1 / (1 + np.exp(-(-1.2 + 1.3 * record + report_gain * report)))
            worsens = rng.random() < risk
            visit = rng.choice(4, p=[0.45, 0.2, 0.2, 0.15]) if worsens else None
            nihss = int(np.clip(round(12 + 3 * record + rng.normal(0, 3)), 0, 36))
            people.append(
                dict(split="external", patient=name, center=center, role=roles[i % len(roles)], image="x.nii.gz",
                     image_sha256="0", onset_to_ct_h=2.0, nihss=nihss, gcs=int(rng.integers(6, 16)),
                     age_years=float(round(rng.normal(64, 12))), sex=("female", "male")[i % 2],
                     iph_ml=float(rng.gamma(2, 12)), ivh_ml=float(max(rng.normal(0, 4), 0)))
            )  # fmt: skip
            for k, hour in enumerate(VISITS_H):
                rise = 6 if worsens and k >= visit else -k
                score = float(np.clip(nihss + rise, 0, 42))
                courses.append(dict(patient=name, center=center, time_h=hour, variable="nihss", value=score))
    courses = tables.frame("time_courses", courses)
    cohort = tables.frame("cohort", people)
    found = label_deterioration(cohort, courses, Deterioration.of(RULE))
    cohort = tables.validate("cohort", cohort.assign(**found), "made cohort")
    return dict(cohorts=cohort, courses=courses, predictions=_predictions(cohort, latent, report_gain))


def _predictions(cohort: pd.DataFrame, latent: dict, report_gain: float) -> pd.DataFrame:
    rows = cohort[cohort["label_deterioration_7d"].notna() & (cohort["role"] != "train")]
    record, report = np.array([latent[name] for name in rows["patient"]]).T
    logits = {
        "report_record": -1.2 + 1.3 * record + report_gain * report,
        "report_text": -1.0 + report_gain * report,
        "logistic": -1.0 + 1.3 * record,
    }
    parts = [
        rows[["split", "patient", "center", "role"]].assign(
            task="deterioration", target="deterioration_7d", model=model, time="baseline", seed=0,
            label=rows["label_deterioration_7d"].astype(int), probability=1 / (1 + np.exp(-logit)),
        )
        for model, logit in logits.items()
    ]  # fmt: skip
    return tables.validate("predictions", pd.concat(parts, ignore_index=True), "made predictions")


def made_truth(made: dict) -> pd.DataFrame:
    """Table of true risks: those of the model that sees both halves."""
    own = made["predictions"][made["predictions"]["model"] == "report_record"]
    return own[["patient", "task", "target"]].assign(risk=own["probability"], risk_image=np.nan)
