"""What two papers printed of their outcome models, for orientation beside a study of other patients.

Chen Y, et al., Eur J Radiol 2023, DOI 10.1016/j.ejrad.2023.111081: 1990 patients of nine hospitals, poor outcome is a
GOS of 1 to 3 at discharge; figures of 391 test patients drawn at random from the same hospitals. Cobo M, et al., MLMI
2024, DOI 10.1007/978-3-031-73290-4_2: 261 patients of one hospital, death in hospital; mean and standard deviation of
ten folds.
"""

import math
from collections.abc import Mapping
from typing import NamedTuple

CHEN = "Chen et al., Eur J Radiol 2023, DOI 10.1016/j.ejrad.2023.111081"
COBO = "Cobo et al., MLMI 2024, DOI 10.1007/978-3-031-73290-4_2"
GAIN = 0.017
"""AUC of the fusion model minus that of the image model in Chen et al. (.903 minus .886): what is looked for."""
RATES = {
    "ich": {0: (235, 587), 1: (357, 593), 2: (365, 463), 3: (234, 257), 4: (74, 77), 5: (13, 13)},
    "ich_gs": {
        5: (33, 93), 6: (188, 426), 7: (277, 531), 8: (262, 335), 9: (213, 265), 10: (167, 190), 11: (82, 92),
        12: (48, 50), 13: (8, 8),
    },
}  # fmt: skip
"""Score -> points -> patients with a poor outcome, patients; the whole cohort of Chen et al."""


class Printed(NamedTuple):
    """One model as printed; what was not printed is NaN.

    `low` and `high` are the ends of the AUC's 95 % interval, `deviation` its standard deviation over folds.
    """

    paper: str
    model: str
    like: str
    auc: float
    low: float = math.nan
    high: float = math.nan
    deviation: float = math.nan
    sensitivity: float = math.nan
    specificity: float = math.nan
    ppv: float = math.nan
    npv: float = math.nan


FIGURES = (
    Printed(CHEN, "DenseNet with gated record", "gated", 0.903, 0.869, 0.930, math.nan, 0.78, 0.87, 0.9147, 0.6889),
    Printed(CHEN, "DenseNet, image alone", "image", 0.886, 0.850, 0.916, math.nan, 0.74, 0.88),
    Printed(CHEN, "ICH score", "ich", 0.777, 0.733, 0.818, math.nan, 0.59, 0.86),
    Printed(CHEN, "ICH-GS score", "ich_gs", 0.747, 0.701, 0.790, math.nan, 0.64, 0.75),
    Printed(COBO, "DenseNet, image alone", "image", 0.69, deviation=0.07),
    Printed(COBO, "Logistic regression, GCS and age", "gcs_age", 0.80, deviation=0.07),
)


def printed_of(spec: Mapping[str, object]) -> list[Printed]:
    """Printed figures of the models that are like one with these settings; none for most.

    Parameters
    ----------
    spec : mapping
        Complete settings of a model (`ichor.models.registry.resolve`).
    """
    return [row for row in FIGURES if row.like == _like(spec)]


def _like(spec: Mapping[str, object]) -> str:
    kind = str(spec["kind"])
    if kind == "densenet":
        return "image"
    if kind == "densenet_record":
        return str(spec.get("fusion", ""))
    if kind == "logistic":
        return "gcs_age" if set(spec.get("features") or ()) == {"gcs", "age_years"} else ""
    if "features" in spec or "input" in spec:
        return ""
    return str(spec["score"]) if kind == "score" else kind.removesuffix("_score")
