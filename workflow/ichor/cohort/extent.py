"""Extent of expansion: growth of the parenchymal hemorrhage in four ordered classes.

The limits are those of PMC7248383 (none, up to 5.1 mL, up to 12.5 mL, more). That "none" is a follow-up volume that is
not larger than the baseline volume, and that the upper limit belongs to its class, is our reading.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from ichor import tables
from ichor.cohort.expansion import Definition, reaches
from ichor.cohort.expansion_labels import SplitPairs, missing_reason
from ichor.cohort.growth_probability import expansion_probability, growth_error_ml

LIMITS_ML = (0.0, 5.1, 12.5)
"""A growth above the first k of these is in class k."""
CLASSES = {0: "none", 1: "up to 5.1 mL", 2: "up to 12.5 mL", 3: "more than 12.5 mL"}
PROBABILITIES = [f"probability_{number}" for number in CLASSES]
_SOURCE = "Classes of extent: PMC7248383"
_ABOVE = [Definition(f"extent_over_{limit:g}_ml", limit, None, True, None, _SOURCE) for limit in LIMITS_ML]


def extent_class(growth_ml: float) -> int:
    """Class of a growth, a key of `CLASSES`; differences below `ichor.cohort.expansion.TOLERANCE_ML` are none."""
    return sum(reaches(growth_ml, limit, strict=True) for limit in LIMITS_ML)


def extent_probabilities(iph_ml: np.ndarray, iph_error_ml: np.ndarray, correlation: np.ndarray | float) -> np.ndarray:
    """Probability of each class, given both volumes and their errors.

    Parameters
    ----------
    iph_ml, iph_error_ml, correlation
        As for `ichor.cohort.growth_probability.expansion_probability`.

    Returns
    -------
    array, shape (4, n)
        Columns add up to 1; NaN where a volume or an error is not known. Without any error 0 or 1.
    """
    above = [expansion_probability(rule, iph_ml, iph_error_ml, iph_correlation=correlation) for rule in _ABOVE]
    ends = np.stack([np.ones_like(above[0]), *above, np.zeros_like(above[0])])
    return np.clip(ends[:-1] - ends[1:], 0.0, 1.0) + 0.0 * ends[1]  # one volume unknown: all classes are


def expansion_extent(
    split: str,
    patients: pd.DataFrame,
    scans: pd.DataFrame,
    masks: pd.DataFrame,
    splits: pd.DataFrame,
    measures: pd.DataFrame,
    *,
    expansion: Mapping,
) -> pd.DataFrame:
    """Extent of expansion of a split's patients.

    Who gets one is decided as for a label in mL alone: see `ichor.cohort.labels.label_expansion`. A scan before the
    follow-up window shows growth so far, so it gives the highest class or no extent. Labels that a center made tell no
    extent.

    Parameters
    ----------
    split, patients, scans, masks, splits, measures, expansion
        As for `ichor.cohort.expansion_labels.expansion_labels`.

    Returns
    -------
    DataFrame
        Table ``expansion_extent``, sorted by center and patient.

    Raises
    ------
    StudyError
        If the split has no patient.
    """
    pairs = SplitPairs.of(split, patients, scans, masks, splits, measures, expansion=expansion)
    found = pairs.labelled(_ABOVE[-1])
    volumes, errors, correlation = pairs.volumes(found)
    probability = extent_probabilities(volumes[0], errors[0], correlation[0])
    extent = [None if one.label is None else extent_class(one.growth_ml) for one in found]
    growth_sd = growth_error_ml(*errors[0], correlation[0])
    columns = {
        "extent": pd.array(extent, dtype="Int64"),
        "source": [one.source for one in found],
        "reason": [missing_reason(one, value) for one, value in zip(found, probability[0], strict=True)],
        **dict(zip(PROBABILITIES, probability, strict=True)),
        "growth_ml": [one.growth_ml for one in found],
        "growth_error_ml": np.where(np.isnan(volumes[0, 0]), np.nan, growth_sd),
    }
    rows = pairs.base[["split", "patient", "center", "role"]].assign(**columns)
    return tables.validate("expansion_extent", rows, f"extent of expansion of split {split}")
