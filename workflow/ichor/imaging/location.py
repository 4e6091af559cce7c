"""Where a bleed lies: deep, lobar, brainstem or cerebellum, and on which side; by geometry, without an atlas.

The head's frame (`ichor.imaging.head_frame`) says how far to the side of the midline, how far to the front and how far
below the top of the brain each voxel lies. A few surfaces in that frame part the regions: an ellipsoid on each side
around basal ganglia, thalamus and internal capsule, a tent for the tentorium, a line down the brainstem. They were
drawn in the simulated template and say "about there", no more; docs/reference/measures.md has what they get right.
What counts is the core of the bleed, the quarter of its voxels nearest to its centre, because a large bleed grows over
every border while a reader names the place where it began.
"""

from dataclasses import dataclass

import numpy as np

from ichor.imaging.head_frame import HeadFrame
from ichor.imaging.shape import crop_to

REGIONS = ("deep", "lobar", "brainstem", "cerebellum")
TOP_ABOVE_COMMISSURES_MM = 70.0
"""Height of the brain's top above the mid-commissural point, in the frame of the simulated template."""
DEEP_CENTER_MM, DEEP_REACH_MM = (22.0, 0.0, 5.0), (24.0, 34.0, 21.0)
"""Ellipsoid of the deep structures of one side: middle (to the side, front, up from the commissures), semi-axes."""
STEM_MM = ((0.0, -11.0, -2.0), (0.0, -12.0, -24.0), (0.0, -24.0, -46.0))
STEM_RADIUS_MM = 17.0
CORE_SHARE = 0.25
BILATERAL_SHARE = 0.2
"""A bleed is bilateral when the smaller part, on the other side of the midline, is more than this share. Our choice."""


@dataclass(frozen=True)
class Location:
    """Where a bleed lies.

    Attributes
    ----------
    region : str
        One of `REGIONS`.
    confidence : float
        Share of the core's voxels that lie in the region, 0 to 1. Low near a border; no probability.
    side : str
        ``left``, ``right`` or ``bilateral``; the patient's.
    side_share : float
        Share of the voxels on the side with more of them, 0.5 to 1.
    """

    region: str
    confidence: float
    side: str
    side_share: float


def locate(mask: np.ndarray, spacing_mm: tuple[float, float, float], frame: HeadFrame) -> Location:
    """Say where a bleed lies.

    Parameters
    ----------
    mask : array of bool, shape (X, Y, Z)
        Not empty; axes to the right, the front and the top.
    spacing_mm : tuple of float
    frame : HeadFrame
        Of the same scan.
    """
    box = crop_to(mask)
    voxels = np.argwhere(mask[box]) + [side.start for side in box]
    places = frame.places(voxels[:: max(1, len(voxels) // 20_000)], spacing_mm)
    away = np.linalg.norm(places - places.mean(axis=0), axis=1)
    core = places[np.argsort(away, kind="stable")[: max(1, round(CORE_SHARE * len(places)))]]
    shares = np.bincount(_regions(core), minlength=len(REGIONS)) / len(core)
    right = float((places[:, 0] > 0).mean())
    if min(right, 1 - right) > BILATERAL_SHARE:
        side = "bilateral"
    else:
        side = "right" if right > 0.5 else "left"
    return Location(REGIONS[int(shares.argmax())], float(shares.max()), side, max(right, 1 - right))


def _regions(places: np.ndarray) -> np.ndarray:
    """Index into `REGIONS` of places in the frame, shape (n, 3)."""
    aside, front, up = np.abs(places[:, 0]), places[:, 1], places[:, 2] + TOP_ABOVE_COMMISSURES_MM
    tent = 6.0 - 0.42 * aside - 0.006 * (front + 45.0) ** 2
    below = ((up < tent) & (front < 6.6 - 0.55 * aside)) | (up < -42.0)
    offsets = (np.stack([aside, front, up], axis=1) - DEEP_CENTER_MM) / DEEP_REACH_MM
    deep = np.linalg.norm(offsets, axis=1) < 1
    stem = _distance_to_line(np.stack([aside, front, up], axis=1)) < STEM_RADIUS_MM
    return np.select([below & stem, below, deep], [2, 3, 0], default=1)


def _distance_to_line(points: np.ndarray) -> np.ndarray:
    """Distance of points to the chain of segments `STEM_MM`, mm."""
    best = np.full(len(points), np.inf)
    for start, end in zip(np.asarray(STEM_MM[:-1]), np.asarray(STEM_MM[1:]), strict=True):
        along = np.clip((points - start) @ (end - start) / ((end - start) @ (end - start)), 0, 1)
        best = np.minimum(best, np.linalg.norm(points - (start + along[:, None] * (end - start)), axis=1))
    return best
