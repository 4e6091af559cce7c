"""Which patients are looked at: those of the overlap by lot, those of the pictures by how right the model was."""

import numpy as np
import pandas as pd
from scipy.special import logit

from ichor.explain.vocabulary import GROUPS
from ichor.seeds import seed_for


def pictured(predictions: pd.DataFrame, base_rate: float, per_group: int) -> pd.DataFrame:
    """Patients for the pictures: most certain right and wrong, and least certain.

    Parameters
    ----------
    predictions : pandas.DataFrame
        Test rows: ``patient label probability``.
    base_rate : float
        Share of events that the model was fitted on; a prediction near it says least.
    per_group : int
        Patients per group of `ichor.explain.vocabulary.GROUPS`.

    Returns
    -------
    pandas.DataFrame
        ``patient group``; a patient stands in the first group that takes it, equal risks are ordered by patient.
    """
    rows = predictions.sort_values("patient")
    unsure = (logit(rows["probability"].clip(1e-6, 1 - 1e-6)) - logit(np.clip(base_rate, 1e-6, 1 - 1e-6))).abs()
    rows = rows.assign(high=-rows["probability"], low=rows["probability"], unsure=unsure)
    taken: dict[str, str] = {}
    for group in GROUPS:
        event, by = group.startswith("event"), group.rsplit("_", 1)[1]
        left = rows[(rows["label"] == int(event)) & ~rows["patient"].isin(list(taken))]
        taken |= dict.fromkeys(left.sort_values(by, kind="stable")["patient"].head(per_group), group)
    return pd.DataFrame({"patient": list(taken), "group": list(taken.values())}, dtype=object)


def drawn(patients: pd.Series, count: int, seed: int, what: str) -> list[str]:
    """Draw up to `count` patients by lot; the lot of a patient does not depend on who else is there."""
    return sorted(patients, key=lambda patient: (seed_for(seed, "explain", what, patient), patient))[:count]
