"""Paired tests of an outcome study: the chosen model against all others, and all pairs."""

import math
from itertools import combinations

import pandas as pd

from ichor.evaluation.multiple_tests import holm
from ichor.evaluation.outcome_models import OutcomeModel
from ichor.evaluation.printed_outcome import GAIN
from ichor.evaluation.study_comparisons import compare_pair, verdict

COLUMNS = (
    "family cohort center model_a model_b auc_a auc_a_low auc_a_high auc_b "
    "difference low high p p_holm n events verdict reason"
).split()


def compare_models(rows: pd.DataFrame, models: list[OutcomeModel], lead: str | None) -> pd.DataFrame:
    """Compare AUCs by DeLong's paired test.

    Parameters
    ----------
    rows : DataFrame
        Test rows, one per patient and model: model, center, patient, label, probability.
    models : list of OutcomeModel
        The models.
    lead : str, optional
        The model that is held against all others.

    Returns
    -------
    DataFrame
        Columns `COLUMNS`. ``family``: ``lead`` (it minus every other) or ``pairs`` (all pairs, all patients);
        ``cohort``: ``tested`` (all patients) or ``center``. ``p_holm`` is adjusted for the tests of a family in one
        group of patients; for ``verdict`` see `ichor.evaluation.study_comparisons.compare_arms`, with the gain of Chen
        et al. as the size that matters.
    """
    names = [model.name for model in models]
    centers = sorted(rows["center"].unique())
    cohorts = [("tested", "all", rows)]
    cohorts += [("center", center, rows[rows["center"] == center]) for center in centers]
    wanted = [("lead", *place, lead, other) for place in cohorts for other in names if lead and other != lead]
    wanted += [("pairs", *cohorts[0], first, second) for first, second in combinations(names, 2)]
    out = [
        {"family": family, "cohort": cohort, "center": center, "model_a": first, "model_b": second}
        | compare_pair(part, first, second)
        for family, cohort, center, part, first, second in wanted
    ]
    table = pd.DataFrame(out, columns=[c for c in COLUMNS if c not in ("p_holm", "verdict")])
    table["p_holm"] = math.nan
    for _, group in table.groupby(["family", "center"], sort=False):
        table.loc[group.index, "p_holm"] = holm(group["p"].to_numpy(dtype=float))
    table["verdict"] = [verdict(row, GAIN) for row in table.to_dict("records")]
    return table[COLUMNS]
