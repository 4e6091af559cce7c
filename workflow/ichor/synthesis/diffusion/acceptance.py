"""From a drawn crop to a case: one bleed, in its mask, brighter than brain, cut out around its middle."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from ichor.errors import StudyError
from ichor.imaging.crops import hematoma_center
from ichor.imaging.measures import LABEL_CODES
from ichor.synthesis.diffusion.crops import CropSpec, from_channels

FINER = 2
"""A case is written with voxels of half the width in the plane, so that the mask keeps partly filled edges."""

_CENTRINGS = 4


class Unfit(Exception):
    """A drawn crop that is no case; says why."""


@dataclass(frozen=True)
class AcceptSettings:
    """The ``accept`` part of a generator's settings, checked.

    Attributes
    ----------
    min_volume_ml : float
        Smallest bleed.
    redraws : int
        How often one case is drawn anew before it is left out.
    """

    min_volume_ml: float
    redraws: int

    def __post_init__(self) -> None:
        """Refuse negative values."""
        if self.min_volume_ml < 0 or self.redraws < 0:
            raise StudyError("accept: min_volume_ml and redraws are 0 or more")


def image_and_mask(
    channels: np.ndarray, spec: CropSpec, min_volume_ml: float
) -> tuple[np.ndarray, np.ndarray, tuple[float, float, float]]:
    """Make a case's image and mask of a drawn crop.

    HU stay inside of the window: what was air is its low end, what was bone its high end, which is what a network reads
    whose own windows lie inside. Writing air as -1000 HU where the drawing is dark would turn ventricles into air.

    Parameters
    ----------
    channels : numpy.ndarray
        ``(channels, x, y, z)`` in [-1, 1].
    spec : CropSpec
        Of the generator.
    min_volume_ml : float
        Smallest bleed.

    Returns
    -------
    image_hu : numpy.ndarray
        int16, of the written crop's shape, twice as fine in the plane.
    mask : numpy.ndarray
        uint8 of the same shape, values of `ichor.imaging.measures.LABEL_CODES`.
    spacing_mm : tuple of float
        Their spacing.

    Raises
    ------
    Unfit
        If there is no bleed, it is too small or off the middle, or it is not brighter than what is around.
    """
    hu, shares = from_channels(channels, spec.window_hu)
    image = np.rint(_finer(hu, order=0)).astype(np.int16)
    mask = _labels(np.stack([_finer(share, order=1) for share in shares]), spec.learned.mask_labels)
    shape = (spec.shape[0] * FINER, spec.shape[1] * FINER, spec.shape[2])
    cut = _around_the_bleed(mask == LABEL_CODES["iph"], shape)
    image, mask = np.ascontiguousarray(image[cut]), np.ascontiguousarray(mask[cut])
    x_mm, y_mm, z_mm = spec.learned.grid.spacing_mm
    spacing_mm = (x_mm / FINER, y_mm / FINER, z_mm)
    bleed = mask == LABEL_CODES["iph"]
    if bleed.sum() * np.prod(spacing_mm) / 1000 < min_volume_ml:
        raise Unfit("too small")
    low, high = spec.window_hu
    around = (mask == 0) & (image > low) & (image < high)
    if around.any() and image[bleed].mean() <= image[around].mean():
        raise Unfit("not brighter than what is around")
    return image, mask, spacing_mm


def _finer(volume: np.ndarray, order: int) -> np.ndarray:
    """Volume with voxels of half the width in the plane: repeated (order 0), or interpolated linearly (order 1)."""
    if order == 0:
        return volume.repeat(FINER, axis=0).repeat(FINER, axis=1)
    at = [(np.arange(n * FINER) + 0.5) / FINER - 0.5 for n in volume.shape[:2]]
    places = np.meshgrid(*at, np.arange(volume.shape[2]), indexing="ij")
    return ndimage.map_coordinates(volume, places, order=1, mode="nearest")


def _labels(shares: np.ndarray, names: tuple[str, ...]) -> np.ndarray:
    """Label that fills more than half of a voxel; of the parenchymal bleed, its largest piece."""
    strongest = shares.argmax(axis=0)
    mask = np.zeros(shares.shape[1:], dtype=np.uint8)
    for index, name in enumerate(names):
        filled = (strongest == index) & (shares[index] > 0.5)
        if name == "iph":
            pieces, n = ndimage.label(filled)
            filled = pieces == np.bincount(pieces.ravel())[1:].argmax() + 1 if n else filled
        mask[filled] = LABEL_CODES[name]
    return mask


def _around_the_bleed(bleed: np.ndarray, shape: tuple[int, int, int]) -> tuple[slice, slice, slice]:
    """Box of a shape around the middle of the bleed; around the middle of what is inside, for one that reaches out."""
    start = (np.array(bleed.shape) - shape) // 2
    for _ in range(_CENTRINGS):
        box = tuple(slice(at, at + n) for at, n in zip(start.tolist(), shape, strict=True))
        center = hematoma_center(bleed[box])
        if center is None:
            raise Unfit("no bleed")
        moved = start + np.rint(center - (np.array(shape) - 1) / 2).astype(int)
        if (moved < 0).any() or (moved + shape > bleed.shape).any():
            raise Unfit("off the middle")
        if (moved == start).all():
            break
        start = moved
    return box
