"""Blend a donor's bleed into a recipient's brain as a scanner would have seen it there.

At its rim a bleed fills voxels in part, and the scanner blurs it: there the value lies between blood and brain by the
share that is blood, seen through the point spread. So the blood is taken from inside of the donor's bleed, continued
outward over the rim, and mixed with the recipient's brain by the share of the moved mask, blurred once.
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from ichor.imaging.crops import filled_box, hematoma_center
from ichor.imaging.measures import LABEL_CODES
from ichor.synthesis.transplant.geometry import Move, Sampler, affine_part, target_mm
from ichor.synthesis.transplant.noise import Noise, more_noise, smooth, strength
from ichor.synthesis.transplant.recipient import grown
from ichor.synthesis.transplant.scans import Scan, UnsuitableError

CORE_MM = 1.0
"""So far inside of the mask's edge blood is taken as blood: about the point spread of a soft kernel."""
BLOOD_HU = (20.0, 100.0)
"""Voxels of a mask outside of this are brain, CSF or bone and not carried as blood. Clot ends at about 95 HU, where its
hematocrit does."""
OUTSIDE_BRAIN = 0.08
"""A bleed of which more than this share would lie outside of the brain is given another place."""
DARKEST_HU = -10.0
"""No more darkening than this is carried: beyond, it is the donor's CSF. Our choice."""
CSF_HU = 14.0
_SMOOTHER_MM = (0.4, 0.6, 0.8, 1.0, 1.3)


@dataclass(frozen=True)
class Piece:
    """What is cut out of a donor: its box, in its own voxels.

    Attributes
    ----------
    labels : dict of str to numpy.ndarray
        float32 masks of what is carried.
    blood : numpy.ndarray
        HU of blood everywhere: that of the bleed's inside, continued outward.
    core : numpy.ndarray
        1 where `blood` is the donor's own voxel.
    darkening : numpy.ndarray
        HU below the brain around, 0 at most, and 0 in the bleed.
    center_mm : numpy.ndarray
        Middle of the bleed from the first voxel of the whole scan.
    corner_mm : numpy.ndarray
        First voxel of the box, in the same way.
    reach_mm : numpy.ndarray
        How far the bleed reaches from its middle along each axis.
    spacing_mm : numpy.ndarray
    """

    labels: dict[str, np.ndarray]
    blood: np.ndarray
    core: np.ndarray
    darkening: np.ndarray
    center_mm: np.ndarray
    corner_mm: np.ndarray
    reach_mm: np.ndarray
    spacing_mm: np.ndarray


def cut_out(scan: Scan, labels: list[str], ring_mm: float) -> Piece:
    """Cut a donor's bleed out of its scan.

    Raises
    ------
    UnsuitableError
        If it has no parenchymal bleed, or no head frame.
    """
    center = hematoma_center(scan.mask == LABEL_CODES["iph"])
    if center is None or scan.frame is None:
        raise UnsuitableError("no bleed or no head frame")
    carried = np.isin(scan.mask, [LABEL_CODES[label] for label in labels])
    tight = filled_box(carried)
    box = grown(tight, ring_mm + 4.0, scan.spacing_mm, scan.mask.shape)
    mask, hu, brain, bleed = scan.mask[box], scan.hu[box], scan.brain[box], carried[box]
    blood, core = _continued(hu, bleed, scan.spacing_mm)
    corner = np.array([side.start for side in box]) * scan.spacing_mm
    middle = center * scan.spacing_mm
    ends = np.array([[side.start, side.stop] for side in tight]) * scan.spacing_mm[:, None]
    return Piece(
        labels={label: (mask == LABEL_CODES[label]).astype(np.float32) for label in labels},
        blood=blood,
        core=core.astype(np.float32),
        darkening=_darkening(hu, mask > 0, brain, scan.spacing_mm, ring_mm),
        center_mm=middle,
        corner_mm=corner,
        reach_mm=np.abs(ends - middle[:, None]).max(axis=1),
        spacing_mm=scan.spacing_mm,
    )


def _continued(hu: np.ndarray, bleed: np.ndarray, spacing_mm: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """HU of the bleed's inside, continued outward smoothly; and where it is the voxel's own."""
    padded = np.pad(bleed, ((1, 1), (1, 1), (0, 0)))
    sampling = (spacing_mm[0], spacing_mm[1], 1e6)  # slices are thick: what lies above or below is no edge here
    inner = ndimage.distance_transform_edt(padded, sampling=sampling)[1:-1, 1:-1]
    bone = ndimage.binary_dilation(hu > BLOOD_HU[1], np.ones((3, 3, 1), bool))
    blood = bleed & ~bone & (hu > BLOOD_HU[0])
    core = blood & (inner > CORE_MM)
    core = core if core.any() else blood
    if not core.any():
        raise UnsuitableError("nothing in the mask is blood")
    # slice by slice, so that a thick slice is continued with its own blood; slices without core take the nearest
    near = ndimage.distance_transform_edt(
        ~core, sampling=(spacing_mm[0], spacing_mm[1], 20 * spacing_mm[2]), return_distances=False, return_indices=True
    )
    level = smooth(core.astype(np.float32), 2.0, spacing_mm)
    mean = smooth(np.where(core, hu, 0).astype(np.float32), 2.0, spacing_mm) / np.maximum(level, 1e-3)
    mean = np.where(level > 1e-3, mean, 0)
    outward = smooth(mean[tuple(near)], 1.5, spacing_mm)
    return np.where(core, hu, outward).astype(np.float32), core


def _darkening(
    hu: np.ndarray, bleed: np.ndarray, brain: np.ndarray, spacing_mm: np.ndarray, ring_mm: float
) -> np.ndarray:
    """How much darker the brain around a bleed is than farther out, HU; 0 where it is not."""
    away = ndimage.distance_transform_edt(~bleed, sampling=spacing_mm)
    soft = smooth(hu, 2.0, spacing_mm)
    tissue = brain & ~bleed & (soft > CSF_HU) & (soft < 60)
    far = tissue & (away > ring_mm)
    if not far.any():
        return np.zeros_like(hu)
    below = np.clip(soft - np.median(soft[far]), DARKEST_HU, 0)
    # beside the bleed its own blur hides the edema: it goes on as dark as it is farther out
    near = ndimage.distance_transform_edt(~(tissue & (away > 2.5)), return_distances=False, return_indices=True)
    inward = np.where(away <= 2.5, below[tuple(near)], below)
    return (smooth(inward * (brain & (soft > CSF_HU)), 1.5, spacing_mm)).astype(np.float32)


def blend(
    piece: Piece,
    donor: Scan,
    recipient: Scan,
    hu: np.ndarray,
    move: Move,
    *,
    blur_mm: float,
    ring_mm: float,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Put a piece into a recipient.

    Parameters
    ----------
    piece : Piece
        Of `cut_out`.
    donor, recipient : Scan
        Where it comes from and where it goes.
    hu : numpy.ndarray
        The recipient's HU without its own bleed.
    move : Move
        How it is changed.
    blur_mm : float
        Standard deviation of the point spread in the slice.
    ring_mm : float
        Width of the ring whose darkening is carried.
    rng : numpy.random.Generator
        For noise.

    Returns
    -------
    hu : numpy.ndarray
        float32, of the recipient's shape.
    mask : numpy.ndarray
        uint8 label codes.

    Raises
    ------
    UnsuitableError
        If there is no room for it in the recipient's brain.
    """
    target = target_mm(donor.frame, recipient.frame, piece.center_mm, move)
    matrix = affine_part(donor.frame, recipient.frame, move)
    reach = np.abs(np.linalg.inv(matrix)) @ piece.reach_mm + 2.5 * move.elastic_mm + ring_mm
    box = _box_around(target, reach, recipient)
    take = Sampler.between(
        box, recipient.spacing_mm, donor.spacing_mm, target, piece.center_mm - piece.corner_mm, matrix, move
    )
    brain = smooth(recipient.brain[box].astype(np.float32), 0.5, recipient.spacing_mm)
    brain = np.where(hu[box] < 90, brain, 0)  # never into bone
    shares = {label: take.sparse(mask) for label, mask in piece.labels.items()}
    whole = sum(float(share.sum()) for share in shares.values())
    shares = {label: share * (brain > 0.9) for label, share in shares.items()}
    share = np.clip(sum(shares.values()), 0, 1)
    mask = _codes(shares, share)
    if not (mask == LABEL_CODES["iph"]).any() or share.sum() < (1 - OUTSIDE_BRAIN) * whole:
        raise UnsuitableError("no room for the bleed")
    seen = smooth(share, blur_mm, recipient.spacing_mm) * (brain > 0.5)
    blood = _with_noise_of(
        recipient.noise, take(piece.blood, 50.0), take.sparse(piece.core), seen, recipient.spacing_mm, rng
    )
    away = ndimage.distance_transform_edt(mask == 0, sampling=recipient.spacing_mm)
    around = take(piece.darkening) * np.clip(1 - (away - ring_mm / 2) / (ring_mm / 2), 0, 1) * (brain > 0.9)
    background = np.where(hu[box] > CSF_HU, hu[box] + around, hu[box])
    made, codes = hu.copy(), np.zeros(hu.shape, np.uint8)
    made[box] = background + seen * (blood - background)
    codes[box] = mask
    return made, codes


def _codes(shares: dict[str, np.ndarray], share: np.ndarray) -> np.ndarray:
    """Label of each voxel that blood fills by half or more: the one with the largest share."""
    names = list(shares)
    largest = np.argmax([shares[name] for name in names], axis=0)
    codes = np.array([LABEL_CODES[name] for name in names], np.uint8)
    return np.where(share >= 0.5, codes[largest], 0).astype(np.uint8)


def _box_around(target: np.ndarray, reach_mm: np.ndarray, recipient: Scan) -> tuple[slice, slice, slice]:
    low = np.floor((target - reach_mm) / recipient.spacing_mm).astype(int).clip(0)
    high = np.ceil((target + reach_mm) / recipient.spacing_mm).astype(int) + 1
    box = tuple(slice(int(a), int(min(b, n))) for a, b, n in zip(low, high, recipient.hu.shape, strict=True))
    if any(side.stop - side.start < 1 for side in box):
        raise UnsuitableError("the place lies outside of the scan")
    return box


def _with_noise_of(
    noise: Noise,
    blood: np.ndarray,
    core: np.ndarray,
    seen: np.ndarray,
    spacing_mm: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    """Blood with as much noise as the recipient has: smoothed where the donor has more, noise added where it has less.

    The structure of a bleed that is coarser than noise stays as it is.
    """
    where = core > 0.99
    own = strength(blood, where, spacing_mm)
    for sigma in _SMOOTHER_MM:
        if np.isnan(own) or own <= 1.05 * noise.strength_hu:
            break
        smoother = smooth(blood, sigma, spacing_mm)
        if np.isnan(found := strength(smoother, where, spacing_mm)) or found <= noise.strength_hu:
            blood, own = smoother, found
    own = 0.0 if np.isnan(own) else min(own, noise.strength_hu)
    missing = np.sqrt(np.clip(noise.strength_hu**2 - own**2 * core, 0, None)) / max(noise.strength_hu, 1e-6)
    # mixing by `seen` leaves the background's noise in (1 - seen): sqrt(1 - (1 - s)^2) / s makes the sum as strong
    rim = np.sqrt(np.clip(1 - (1 - seen) ** 2, 0, 1)) / np.maximum(seen, 0.05)
    return blood + missing * rim * more_noise(blood.shape, noise, spacing_mm, rng)
