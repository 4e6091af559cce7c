"""Simulated report texts: what brought the patient in, and the radiologist's findings of the baseline scan."""

from __future__ import annotations

import numpy as np
import pandas as pd

LEADING_WORDS = ("unsteadiness", "trouble walking", "blurred vision")  # terms that lead in Sun 2026
OTHER_WORDS = ("headache", "weakness of one arm", "slurred speech", "vomiting", "numbness")
SITES = {
    "deep": ("the basal ganglia", "the thalamus and internal capsule", "the lentiform nucleus"),
    "lobar": ("the frontal lobe", "the parietal lobe", "the temporal lobe"),
    "infratentorial": ("the cerebellar hemisphere", "the pons"),
}
WORD_LOGIT, BASE_LOGIT, GROWTH_LOGIT = 1.1, -1.85, 1.3  # our choice; 38 % deteriorate in Sun 2026


def draw_reports(rows: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Return one report a patient: patient complaint findings deterioration_7d, and risk_deterioration.

    Deterioration within 7 days is drawn from the words of the complaint and from growth.
    """
    return pd.DataFrame([_report(row, rng) for row in rows.to_dict("records")])


def _report(row: dict, rng: np.random.Generator) -> dict:
    """Return one patient's report and deterioration."""
    leading = [word for word in LEADING_WORDS if rng.random() < 0.3]
    other = [word for word in OTHER_WORDS if rng.random() < 0.4]
    words = [str(w) for w in rng.permutation(leading + other)] or ["found unresponsive"]
    base = BASE_LOGIT + WORD_LOGIT * len(leading) + 0.02 * (row["iph_ml"] - 22)
    expands = 1 / (1 + np.exp(-base - GROWTH_LOGIT))
    risk = row["risk_expansion"] * expands + (1 - row["risk_expansion"]) / (1 + np.exp(-base))
    drawn = expands if row["expansion"] else 1 / (1 + np.exp(-base))
    return {
        "patient": row["patient"],
        "complaint": f"Sudden {', '.join(words)} for {row['onset_to_ct_h']:g} hours.",
        "findings": _findings(row, rng),
        "deterioration_7d": int(rng.random() < drawn),
        "risk_deterioration": float(risk),
    }


def _findings(row: dict, rng: np.random.Generator) -> str:
    """Return the findings, which follow what the scan shows."""
    site = str(rng.choice(SITES[row["location"]]))
    margin = "irregular margin with satellite foci" if row["irregularity"] > 0.5 else "smooth margin"
    density = "heterogeneous density with hypodensities" if row["heterogeneity"] > 0.5 else "homogeneous density"
    size = f"about {row['iph_ml'] * rng.lognormal(0, 0.1):.0f} mL"
    sentences = [f"Hyperdense hematoma of {site}, {size}, with {margin} and {density}."]
    if row["ivh_ml"] > 0:
        sentences.append("Blood in the ventricles.")
    if row["iph_ml"] > 35:
        sentences.append("Mass effect with midline shift.")
    if row["age_years"] > 72:
        sentences.append("Widened ventricles and sulci.")
    if rng.random() < 0.5:
        sentences.append("Calcified choroid plexus.")
    return " ".join(sentences)
