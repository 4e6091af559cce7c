"""What a simulated course measures: repeated readings that reveal the latent course step by step, with noise.

Every patient has one latent number, drawn in `ichor.simulate.patients` long before any reading: death and every scale
are read from it. A reading of the course is a mean that moves with the latent number, plus Gaussian noise of its own,
rounded and cut off as on a chart. Given the latent number, the expansion and the leading signs of the complaint, all
readings are independent, so the probability of a whole course is a product of differences of normal distribution
functions, and `ichor.simulate.course_risks` can integrate it exactly.

Six named time points as Wang 2026; the variables, the means and the noise are our choice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special, stats

SIGNS = 3
"""Leading signs that a complaint may name."""
UNSTEADY_SHARE, SIGN_IF_UNSTEADY, SIGN_ELSE = 0.32, 0.80, 0.06
"""Share of the patients whose balance suffers, and the chance of each leading sign in them and in the others."""
DEAD_ABOVE = 2.9  # of the latent number: `ichor.simulate.patients` draws death within 30 days so
NEURO_SETTLES_H = 200.0  # after this time two thirds of what admission said of GCS and NIHSS are replaced
ADMISSION_FADES_H = 30.0  # the same, of vital signs and glucose
WORSENS_H, RECOVERS_AFTER_H, RECOVERS_H = 15.0, 168.0, 120.0
WORSENING = {"none": -3.0, "per_sign": 3.0, "expansion": 3.0, "per_25_mmhg": 1.2}  # points of the NIHSS
GCS_PER_NIHSS = 0.2


@dataclass(frozen=True)
class Reading:
    """How one variable is read.

    Attributes
    ----------
    usual
        Mean reading of a patient whose latent number is 0, once admission is forgotten.
    per_latent
        What one unit of the latent number adds.
    spread
        Standard deviation of the noise.
    low, high, step
        Range, and to what readings are rounded.
    score
        Whether it is a score of the nervous system, which worsens with leading signs and expansion.
    at_admission
        Column of the simulated record with the reading at admission, which fades; "" when there is none.
    """

    usual: float
    per_latent: float
    spread: float
    low: float
    high: float
    step: float = 1.0
    score: bool = False
    at_admission: str = ""


READINGS = {
    "gcs": Reading(13.6, -0.8, 0.7, 3, 15, score=True, at_admission="gcs"),
    "nihss": Reading(10.5, 1.7, 1.3, 0, 42, score=True, at_admission="nihss"),
    "nihss_motor": Reading(10.5, 1.7, 1.0, 0, 16, score=True, at_admission="nihss"),  # before MOTOR_SHARE
    "systolic_mmhg": Reading(140, 0.0, 11, 60, 260, at_admission="systolic_mmhg"),
    "diastolic_mmhg": Reading(82, 0.0, 8, 35, 160, at_admission="diastolic_mmhg"),
    "heart_rate_bpm": Reading(80, 1.2, 8, 40, 170, at_admission="heart_rate_bpm"),
    "temperature_c": Reading(37.1, 0.06, 0.35, 34.0, 41.5, 0.1, at_admission="temperature_c"),
    "white_cells_10e9_l": Reading(9.6, 0.35, 1.8, 2, 45, 0.1, at_admission="white_cells_10e9_l"),
    "glucose_mmol_l": Reading(7.2, 0.18, 1.1, 2.5, 30, 0.1, at_admission="glucose_mmol_l"),
    "sodium_mmol_l": Reading(139.5, 0.3, 2.5, 115, 165, at_admission="sodium_mmol_l"),
}
MOTOR_SHARE = 0.36  # of the NIHSS, of what its motor items have


def sign_shares() -> NDArray:
    """Share of the patients with 0, 1, ... `SIGNS` leading signs."""
    numbers = np.arange(SIGNS + 1)
    unsteady, others = (stats.binom.pmf(numbers, SIGNS, chance) for chance in (SIGN_IF_UNSTEADY, SIGN_ELSE))
    return UNSTEADY_SHARE * unsteady + (1 - UNSTEADY_SHARE) * others


def revealed(time_h: ArrayLike) -> NDArray:
    """Share of a score that follows the latent number instead of admission, in [0, 1), rising with time (hours)."""
    return 1.0 - np.exp(-np.asarray(time_h, float) / NEURO_SETTLES_H)


def worsening(time_h: ArrayLike, row: Mapping, signs: ArrayLike, expansion: ArrayLike) -> NDArray:
    """Points of the NIHSS that a high pressure, leading signs and expansion add for a time; below 0 without any.

    Parameters
    ----------
    time_h
        Hours since onset.
    row
        The simulated record; its systolic pressure counts from 171 mmHg, the median.
    signs
        Number of leading signs, 0 to `SIGNS`.
    expansion
        1 for an expanding hematoma, else 0.
    """
    time = np.asarray(time_h, float)
    shape = (1 - np.exp(-time / WORSENS_H)) * np.exp(-np.clip(time - RECOVERS_AFTER_H, 0, None) / RECOVERS_H)
    own = WORSENING["none"] + WORSENING["per_25_mmhg"] * (float(row["systolic_mmhg"]) - 171.0) / 25.0
    return shape * (own + WORSENING["per_sign"] * np.asarray(signs) + WORSENING["expansion"] * np.asarray(expansion))


def mean_reading(
    variable: str, time_h: float, row: Mapping, latent: ArrayLike, signs: ArrayLike, expansion: ArrayLike
) -> NDArray:
    """Return the mean of a reading before rounding; arrays broadcast.

    Parameters
    ----------
    variable
        A key of `READINGS`.
    time_h
        Hours since onset.
    row
        The simulated record with the readings at admission.
    latent, signs, expansion
        What the patient's course follows.
    """
    reading = READINGS[variable]
    latent = np.asarray(latent, float)
    if not reading.score:
        fades = np.exp(-time_h / ADMISSION_FADES_H)
        own = (float(row[reading.at_admission]) - reading.usual) * fades if reading.at_admission else 0.0
        return reading.usual + own + reading.per_latent * (1 - 0.6 * fades) * latent
    share = float(revealed(time_h))
    mean = (1 - share) * float(row[reading.at_admission]) + share * (reading.usual + reading.per_latent * latent)
    worse = worsening(time_h, row, signs, expansion)
    if variable == "gcs":
        return mean - GCS_PER_NIHSS * worse
    return (mean + worse) * (MOTOR_SHARE if variable == "nihss_motor" else 1.0)


def read(variable: str, mean: ArrayLike, noise: ArrayLike) -> NDArray:
    """Return readings as a chart holds them: mean plus standard normal noise times the spread, rounded, cut off."""
    reading = READINGS[variable]
    value = np.round((np.asarray(mean) + reading.spread * np.asarray(noise)) / reading.step) * reading.step
    return np.clip(value, reading.low, reading.high).round(6)


def log_probability(variable: str, value: float, mean: NDArray) -> NDArray:
    """Logarithm of the probability of a reading, for each mean: the normal mass of what rounds to the value.

    The lowest and the highest value take all that lies beyond them.
    """
    reading = READINGS[variable]
    half = reading.step / 2
    upper = np.inf if value >= reading.high - 1e-9 else (value + half - mean) / reading.spread
    lower = -np.inf if value <= reading.low + 1e-9 else (value - half - mean) / reading.spread
    mirrored = np.asarray(lower) > 0  # in the upper tail, where differences of nearly 1 would lose all digits
    first, second = np.where(mirrored, -np.asarray(upper), lower), np.where(mirrored, -np.asarray(lower), upper)
    return np.log(np.clip(special.ndtr(second) - special.ndtr(first), 1e-300, None))


def no_worse_than(variable: str, bound: float, mean: NDArray) -> NDArray:
    """Probability that a score stays at or on the good side of a bound: NIHSS at most, GCS at least `bound`."""
    reading = READINGS[variable]
    if variable == "gcs":
        edge = (bound - reading.step / 2 - mean) / reading.spread
        return np.ones_like(mean) if bound <= reading.low else special.ndtr(-edge)
    edge = (bound + reading.step / 2 - mean) / reading.spread
    return np.ones_like(mean) if bound >= reading.high else special.ndtr(edge)
