"""Hounsfield windows: from int16 CT to the [0, 1] channels that networks read."""

from collections.abc import Sequence

import numpy as np

from ichor.errors import StudyError

BRAIN_WINDOW_HU = (0.0, 100.0)
"""Default window: brain, edema (10 to 30 HU) and clot (50 to 90 HU) all lie inside it; bone saturates at 1."""


def apply_window(image_hu: np.ndarray, window_hu: tuple[float, float] = BRAIN_WINDOW_HU) -> np.ndarray:
    """Map Hounsfield units linearly to [0, 1] and clip what lies outside the window.

    Parameters
    ----------
    image_hu : numpy.ndarray
        Any shape, in HU.
    window_hu : tuple of float
        Lower and upper end in HU; lower becomes 0, upper becomes 1.

    Returns
    -------
    numpy.ndarray
        float32 of the same shape, every value in [0, 1]. Values above the window become 1, never 0: the published
        code of Cobo et al. (MLMI 2024) sets bone and calcification to black with a threshold that fills with zero.

    Raises
    ------
    ichor.errors.StudyError
        If the upper end is not above the lower one.
    """
    low, high = check_window(window_hu)
    scaled = np.asarray(image_hu, dtype=np.float32) - np.float32(low)
    scaled *= np.float32(1.0 / (high - low))
    return np.clip(scaled, 0.0, 1.0, out=scaled)


def window_channels(image_hu: np.ndarray, windows_hu: Sequence[tuple[float, float]]) -> np.ndarray:
    """Stack one windowed copy of the image per window.

    Parameters
    ----------
    image_hu : numpy.ndarray
        Any shape ``S``, in HU.
    windows_hu : sequence of tuple of float
        ``W`` windows in HU.

    Returns
    -------
    numpy.ndarray
        float32, shape ``(W, *S)``, in [0, 1].
    """
    channels = np.empty((len(windows_hu), *np.shape(image_hu)), dtype=np.float32)
    for index, window_hu in enumerate(windows_hu):
        channels[index] = apply_window(image_hu, window_hu)
    return channels


def check_window(window_hu: Sequence[float]) -> tuple[float, float]:
    """Return the window as two floats.

    Raises
    ------
    ichor.errors.StudyError
        If it is not two numbers, the upper one above the lower one.
    """
    try:
        low, high = (float(end) for end in window_hu)
    except (TypeError, ValueError) as error:
        message = f"window_hu: found {window_hu!r}; write two numbers in HU, for example [0, 100]"
        raise StudyError(message) from error
    if not high > low:
        raise StudyError(f"window_hu: found {list(window_hu)}; the upper end must lie above the lower end")
    return low, high
