"""Scores of many patients at once, from the columns of a cohort table."""

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from ichor.scores.bat import bat
from ichor.scores.bounds import bounds
from ichor.scores.brain import brain
from ichor.scores.func import func
from ichor.scores.ich import ich
from ichor.scores.ich_gs import ich_gs
from ichor.scores.max_ich import max_ich
from ichor.scores.modified_ich import mich_cheung_zou, mich_cho, rich
from ichor.scores.nag import nag
from ichor.scores.nine_point import nine_point
from ichor.scores.points import Points, is_unknown

IVH_PRESENT_ML = 0.1
"""Measured intraventricular volume, mL, above which there is IVH; less is a few stray voxels (our choice)."""

_BLEED = ("gcs", "iph_ml", "ivh", "location", "age_years")
SCORES: Mapping[str, tuple[Callable[..., Points], tuple[str, ...]]] = {
    "ich": (ich, _BLEED),
    "ich_gs": (ich_gs, _BLEED),
    "func": (func, ("iph_ml", "age_years", "location", "gcs", "prior_cognitive_impairment")),
    "max_ich": (max_ich, ("nihss", "age_years", "ivh", "anticoagulant", "iph_ml", "location")),
    "mich_cheung_zou": (mich_cheung_zou, ("nihss", "iph_ml", "ivh", "location", "age_years")),
    "mich_cho": (mich_cho, ("gcs", "iph_ml", "ivh_or_hydrocephalus")),
    "rich": (rich, _BLEED),
    "brain": (brain, ("iph_ml", "prior_ich", "anticoagulant", "ivh", "onset_to_ct_h")),
    "nag": (nag, ("nihss", "anticoagulant", "glucose_mmol_l")),
    "bat": (bat, ("blend", "hypodensity", "onset_to_ct_h")),
    "nine_point": (nine_point, ("anticoagulant", "onset_to_ct_h", "iph_ml", "spot_sign")),
}
"""Score -> its function and its items."""
OUTCOME_SCORES = ("ich", "ich_gs", "func", "max_ich", "mich_cheung_zou", "mich_cho", "rich")
"""Those of them that were made for death or function, not for growth."""
COLUMN_OF = {
    "ivh": "ivh_ml",
    "ivh_or_hydrocephalus": "ivh_ml",
    "blend": "auto_blend",
    "hypodensity": "auto_hypodensity",
}
"""Items whose cohort column has another name: volume for presence, the measured proxy for a reader's sign."""
OPTIONAL_ITEMS = ("spot_sign",)
"""Items of which unknown is one of the values that the score knows."""
HIGHER_IS_BETTER = ("func",)


def score_columns(score: str) -> list[str]:
    """Cohort columns that a score reads, for the check of what is known when."""
    return [COLUMN_OF.get(item, item) for item in SCORES[score][1]]


def score_rows(
    score: str, cohort: pd.DataFrame, *, ivh_present_ml: float = IVH_PRESENT_ML, with_bounds: bool = False
) -> pd.DataFrame:
    """Points of every patient.

    Parameters
    ----------
    score : str
        Key of `SCORES`.
    cohort : DataFrame
        Table ``cohort``, or any table with the columns of `score_columns`.
    ivh_present_ml : float
        Intraventricular volume, mL, above which there is intraventricular hemorrhage.
    with_bounds : bool
        Add what the unknown items could make of the score; see `ichor.scores.bounds`.

    Returns
    -------
    DataFrame
        Index of `cohort`; ``points`` (NaN when an item is unknown), ``reason`` (``missing_input`` or None) and
        ``missing`` (the unknown items, separated by semicolons); with bounds ``low`` and ``high``, the fewest and most
        points that are possible, both `points` where these are known.

    Raises
    ------
    ValueError
        If an item is impossible (a GCS of 2).
    """
    function, items = SCORES[score]
    columns = {item: list(cohort[column]) for item, column in zip(items, score_columns(score), strict=True)}
    for item in items:
        if COLUMN_OF.get(item) == "ivh_ml":
            columns[item] = [None if is_unknown(ml) else ml > ivh_present_ml for ml in columns[item]]
    rows = [dict(zip(items, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    found = [function(**row) for row in rows]
    table = pd.DataFrame(
        {
            "points": np.array([points.value for points in found], dtype=float),
            "reason": pd.Series([str(p.reason) if p.reason else None for p in found], index=cohort.index, dtype=object),
            "missing": pd.Series([";".join(points.missing) for points in found], index=cohort.index, dtype=object),
        },
        index=cohort.index,
    )
    if not with_bounds:
        return table
    limits = [
        bounds(function, row) if given.missing else (given.value,) * 2 for given, row in zip(found, rows, strict=True)
    ]
    return table.assign(
        low=np.array([limit[0] for limit in limits], dtype=float),
        high=np.array([limit[1] for limit in limits], dtype=float),
    )
