"""The other half of a comparison: what arms predict with, or without, the correction for a changed share of events."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from ichor.evaluation.prior_shift import corrected, uncorrected
from ichor.evaluation.study_arms import StudyModel

LEAST = 1e-6  # predictions tables have six decimals; 0 and 1 have no logit


def corrections(
    predictions: pd.DataFrame, models: list[StudyModel], bundles: Mapping[str, Mapping[str, object]]
) -> pd.DataFrame:
    """Predictions of the arms the other way: uncorrected where they are corrected, and the reverse.

    The formula is that of `ichor.evaluation.prior_shift`. Of several networks that are averaged, the mean is shifted.

    Parameters
    ----------
    predictions : DataFrame
        Table ``predictions``.
    models : list of StudyModel
        Models of the study.
    bundles : mapping
        Name -> ``prior_logit`` (train rows) and ``prior_logit_seen`` (after balancing); models without either, or with
        both the same, are left out.

    Returns
    -------
    DataFrame
        Table ``predictions``; models are named ``<model>|without`` or, where the setting ``correct_prior`` is off,
        ``<model>|with``.
    """
    parts = [predictions[:0]]
    for model in models:
        told = bundles.get(model.name, {})
        prior, seen = told.get("prior_logit"), told.get("prior_logit_seen")
        if prior is None or seen is None or np.isclose(prior, seen):
            continue
        is_corrected = bool((model.balance or {}).get("correct_prior", True))
        own = predictions[predictions["model"] == model.name]
        turn, ending = (uncorrected, "without") if is_corrected else (corrected, "with")
        inside = own["probability"].to_numpy(dtype=float).clip(LEAST, 1 - LEAST)
        moved = turn(inside, prior, seen).clip(LEAST, 1 - LEAST)
        parts.append(own.assign(model=f"{model.name}|{ending}", probability=moved))
    return pd.concat(parts, ignore_index=True)
