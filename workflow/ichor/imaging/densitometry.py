"""Hounsfield units inside a bleed: mean, spread and shape of their distribution."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Density:
    """Distribution of the Hounsfield units of a mask; NaN where there are too few voxels.

    Attributes
    ----------
    mean_hu, sd_hu : float
        Mean and standard deviation (over n), HU.
    cov : float
        Coefficient of variation, SD over mean; the measure of heterogeneity that told growing bleeds apart best in
        Barras et al., AJNR 2013 ("Quantitative CT densitometry for predicting intracerebral hemorrhage growth").
    skewness, kurtosis : float
        Third and fourth standardised moment over n; 3 is taken off the fourth, so a normal distribution has 0.
    """

    mean_hu: float
    sd_hu: float
    cov: float
    skewness: float
    kurtosis: float


def density(hu: np.ndarray) -> Density:
    """Describe the distribution of some voxels.

    Parameters
    ----------
    hu : array, any shape, HU
        The voxels of a mask.
    """
    hu = np.asarray(hu, float).ravel()
    missing = float("nan")
    if not len(hu):
        return Density(missing, missing, missing, missing, missing)
    mean = float(hu.mean())
    off = hu - mean
    square = off * off
    variance = float(square.mean())
    sd = variance**0.5
    cov = sd / mean if mean > 0 else missing
    if sd < 1e-9:
        return Density(mean, 0.0, cov, missing, missing)
    return Density(
        mean, sd, cov, float((square * off).mean()) / sd**3, float((square * square).mean()) / variance**2 - 3.0
    )
