"""Hematoma volume alone: the clinical floor that every image model has to beat."""

import numpy as np
import pandas as pd

from ichor.models.tabular import LogisticModel

FAMILY = "tabular"
SPEC = {
    "c": 100.0,  # inverse ridge penalty: almost none, yet finite when volume separates the classes
}


class Model(LogisticModel):
    """One-variable logistic regression on the logarithm of the measured parenchymal volume."""

    complete = True

    def columns(self) -> list[str]:
        """The measured volume, mL."""
        return ["iph_ml"]

    def design(self, rows: pd.DataFrame) -> pd.DataFrame:
        """ln(1 + volume in mL): volumes are right-skewed, and 0 mL has to stay finite."""
        volume_ml = super().design(rows)["iph_ml"].astype(float)
        return pd.DataFrame({"log1p_iph_ml": np.log1p(volume_ml)}, index=rows.index)
