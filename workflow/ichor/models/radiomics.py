"""Ridge logistic regression on what is measured of the bleed: size, shape, density, markers, no clinical record.

The features are the study's own measures (docs/reference/measures.md), which shape and first-order radiomics are made
of; texture matrices are not among them.
"""

import numpy as np
import pandas as pd

from ichor.models.tabular import LogisticModel, named_columns

FAMILY = "tabular"
SPEC = {
    "features": [  # measured columns of the cohort table
        "iph_ml",
        "ivh_ml",
        "diameter_mm",
        "surface_to_volume_per_mm",
        "sphericity",
        "hu_mean",
        "hu_sd",
        "hu_cov",
        "hu_skewness",
        "hu_kurtosis",
        "auto_midline_shift_mm",
        "auto_blend_hu",
        "auto_black_hole_hu",
        "auto_swirl_mm",
        "auto_hypodensity_mm2",
        "auto_islands",
        "auto_satellites",
    ],
    "c": 0.05,  # inverse ridge penalty on predictors of unit variance: strong, the features go together
}

_LONG_TAILED = (
    "iph_ml ivh_ml hu_sd hu_cov hu_skewness hu_kurtosis auto_blend_hu auto_black_hole_hu auto_hypodensity_mm2 "
    "auto_islands"
).split()
"""Taken as arsinh: a few voxels of bone in a mask give a kurtosis of 100, and one such scan would rule the fit."""


class Model(LogisticModel):
    """Median imputation, missing indicators, scaling and a ridge-penalised logistic regression."""

    def columns(self) -> list[str]:
        """Columns of the cohort table that the config names."""
        return named_columns(self.spec, "hu_cov")

    def design(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Measured columns: long-tailed ones as arsinh, the midline's shift without its side."""
        given = super().design(rows)
        made = {}
        for name in given:
            column = pd.to_numeric(given[name]).astype(float)
            made[name] = np.arcsinh(column) if name in _LONG_TAILED else column
        if "auto_midline_shift_mm" in made:
            made["auto_midline_shift_mm"] = made["auto_midline_shift_mm"].abs()
        return pd.DataFrame(made, index=rows.index)

    def fit(self, design: pd.DataFrame, labels: np.ndarray, seed: int) -> None:
        """Fit on the features that were measured on any train row at all."""
        super().fit(design.dropna(axis=1, how="all"), labels, seed)

    def usable(self, design: pd.DataFrame) -> np.ndarray:
        """Rows of which at least half of the features could be measured: without a bleed nothing else is."""
        return (design.notna().mean(axis=1) >= 0.5).to_numpy(dtype=bool)
