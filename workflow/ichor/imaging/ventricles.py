"""Lateral and third ventricles by Hounsfield units and place: for counting attribution, not for volumetry.

Masks of hematoma models name blood in the ventricles, not the ventricles. Here they are the dark voxels (cerebrospinal
fluid) in the part of the head's frame where the lateral and third ventricles lie, that hang together with fluid beside
the midline at the height of the frontal horns and bodies. Sulci and fissures are left out because they lie outside of
that part or are thinner than what an opening leaves; the fourth ventricle and the temporal horns are not looked for,
because the cisterns next to them look the same. All limits are our choice; `docs/reference/explanations.md` says how
well it does on simulated heads, where the ventricles are known.
"""

import numpy as np
from scipy import ndimage

from ichor.imaging.head_frame import LENGTH_MM, WIDTH_MM, HeadFrame, find_frame

FLUID_HU = (-12.0, 17.0)
"""Cerebrospinal fluid after smoothing; white matter is 25 HU or more, edema mostly 18 or more."""
SMOOTH_MM = 1.2
"""Of the Gaussian in the slice that takes the noise away."""
FRONT_MM, BACK_MM, LOW_MM, HIGH_MM = 46.0, -66.0, -80.0, -38.0
"""Part of the frame (front of the middle, down from the top) where ventricles are looked for."""
NARROW_MM, WIDE_MM = 26.0, 42.0
"""Half width of that part at its front and at its back, between which it widens as the lateral ventricles do."""
SEED_MM = ((-24.0, 24.0), (-30.0, 38.0), (-72.0, -44.0))
"""Right-left, front-back and height of the part of the frame that a ventricle's piece must reach."""
LEAST_ML = 0.3
"""Smaller pieces are left out."""


def ventricle_mask(
    hu: np.ndarray, spacing_mm: np.ndarray, bleed: np.ndarray | None = None, frame: HeadFrame | None = None
) -> np.ndarray | None:
    """Find the lateral and third ventricles.

    Parameters
    ----------
    hu : numpy.ndarray
        ``(x, y, z)``, axes to the right, the front and the top.
    spacing_mm : array of 3
        Voxel size.
    bleed : numpy.ndarray, optional
        bool of the same shape: blood and edema, which are no ventricle.
    frame : HeadFrame, optional
        Of the same scan, if it is known.

    Returns
    -------
    numpy.ndarray or None
        bool of the same shape; None where the head's frame cannot be found, or the scan ends inside the head above,
        so that heights are not known.
    """
    spacing = np.asarray(spacing_mm, float)
    frame = frame or find_frame(hu, tuple(spacing))
    if frame is None or not frame.reaches_top:
        return None
    found = np.zeros(hu.shape, bool)
    aside, along, height = _places(hu.shape, spacing, frame)
    here = _looked_at(aside, along, height)
    box = ndimage.find_objects(here.astype(np.uint8))
    if not box:
        return found
    seed = np.ones(1, bool)
    for place, (low, high) in zip((aside, along, height), SEED_MM, strict=True):
        seed = seed & (place >= low) & (place <= high)
    found[box[0]] = _fluid(
        hu[box[0]], spacing, here[box[0]] & ~(bleed[box[0]] if bleed is not None else False), seed[box[0]]
    )
    return found


def _looked_at(aside: np.ndarray, along: np.ndarray, height: np.ndarray) -> np.ndarray:
    back = np.clip((FRONT_MM - along) / (FRONT_MM - BACK_MM), 0, 1)
    here = (np.abs(aside) <= NARROW_MM + back * (WIDE_MM - NARROW_MM)) & (along <= FRONT_MM) & (along >= BACK_MM)
    return here & (height >= LOW_MM) & (height <= HIGH_MM)


def _fluid(hu: np.ndarray, spacing: np.ndarray, here: np.ndarray, seed: np.ndarray) -> np.ndarray:
    """Pieces of fluid in a part of the scan that reach the seed and are large enough."""
    smooth = ndimage.gaussian_filter(hu.astype(np.float32), (*(SMOOTH_MM / spacing[:2]), 0))
    fluid = here & (smooth >= FLUID_HU[0]) & (smooth <= FLUID_HU[1])
    fluid = ndimage.binary_opening(fluid, ndimage.generate_binary_structure(3, 1)[:, :, 1:2])
    pieces, count = ndimage.label(fluid)
    sizes_ml = np.bincount(pieces.ravel(), minlength=count + 1) * np.prod(spacing) / 1000.0
    kept = np.zeros(count + 1, bool)
    kept[np.unique(pieces[seed & fluid])] = True
    kept[0] = False
    return (kept & (sizes_ml >= LEAST_ML))[pieces]


def _places(shape: tuple[int, ...], spacing: np.ndarray, frame: HeadFrame) -> tuple[np.ndarray, ...]:
    """Places of all voxels as `HeadFrame.places` tells them, arrays that broadcast to the scan's shape."""
    x, y, z = (
        (np.arange(n) * step).reshape([-1 if axis == own else 1 for axis in range(3)]).astype(np.float32)
        for own, (n, step) in enumerate(zip(shape, spacing, strict=True))
    )
    aside = (x - (frame.midline[0] + frame.midline[1] * y + frame.midline[2] * z)) * WIDTH_MM / frame.width_mm
    scale = LENGTH_MM / frame.length_mm
    return aside, (y - frame.middle_mm) * scale, (z - frame.top_mm) * scale
