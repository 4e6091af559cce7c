"""What Yu et al. printed of their five centers, for orientation beside a study of other patients.

Yu Q, Fan X, Li J, et al., npj Digital Medicine, 7 Dec 2025, DOI 10.1038/s41746-025-02213-w, tables 1 and 3. Their
``1:4`` is the classifier without synthetic cases, on the data as they were.
"""

from typing import NamedTuple

SOURCE = "Yu et al., npj Digit Med 2025, DOI 10.1038/s41746-025-02213-w"
COHORTS = ("train", "external 1", "external 2")
ARMS = {"1:1": "synthetic 1:1", "1:2": "synthetic 1:2", "1:4": "none"}
"""Their name of an arm -> ours."""
COUNTS = {"train": (218, 885), "external 1": (112, 401), "external 2": (81, 323)}
"""Patients with and without expansion."""
GAIN = (0.053, 0.079)
"""AUC with synthetic cases at 1:2 minus without, in external 2 and 1: the size of effect that a study looks for."""
TABLE_1 = {
    "patients": ("1103", "513", "404"),
    "label_expansion": ("218 (19.8 %)", "112 (21.8 %)", "81 (20.0 %)"),
    "sex: male": ("71.0 %", "72.3 %", "68.3 %"),
    "age_years": ("60.1, SD 13.4", "59.9, SD 13.7", "60.8, SD 14.0"),
    "iph_ml": ("20.4, IQR 22.0 wide", "19.8, IQR 21.7 wide", "20.1, IQR 21.5 wide"),
    "followup_iph_ml": ("22.7, IQR 26.2 wide", "22.6, IQR 27.0 wide", "22.8, IQR 27.2 wide"),
}
"""Row -> as printed (rounded to one decimal) in the order of `COHORTS`."""


class Printed(NamedTuple):
    """One row of their table 3; `low` and `high` are the ends of the AUC's 95 % interval."""

    cohort: str
    arm: str
    auc: float
    low: float
    high: float
    accuracy: float
    sensitivity: float
    specificity: float
    npv: float
    ppv: float


TABLE_3 = (
    Printed("train", "1:1", 0.805, 0.776, 0.836, 0.758, 0.656, 0.783, 0.902, 0.427),
    Printed("train", "1:2", 0.815, 0.790, 0.841, 0.771, 0.679, 0.793, 0.909, 0.447),
    Printed("train", "1:4", 0.802, 0.771, 0.833, 0.770, 0.633, 0.803, 0.899, 0.442),
    Printed("external 1", "1:1", 0.752, 0.701, 0.806, 0.715, 0.634, 0.738, 0.878, 0.403),
    Printed("external 1", "1:2", 0.793, 0.750, 0.837, 0.747, 0.661, 0.771, 0.890, 0.446),
    Printed("external 1", "1:4", 0.714, 0.661, 0.770, 0.696, 0.625, 0.716, 0.872, 0.380),
    Printed("external 2", "1:1", 0.738, 0.681, 0.792, 0.691, 0.642, 0.703, 0.887, 0.351),
    Printed("external 2", "1:2", 0.781, 0.733, 0.827, 0.730, 0.630, 0.755, 0.891, 0.392),
    Printed("external 2", "1:4", 0.728, 0.667, 0.783, 0.708, 0.617, 0.731, 0.884, 0.365),
)
