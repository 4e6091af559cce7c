"""From a scan to the network's grid and back: crop to the head, normalise, resample.

The same steps as nnU-Net's preprocessor, in the same order and with the plan's numbers, but for two things: the crop
is the head's bounding box instead of the non-zero box (a CT's air is not zero), and resampling is linear within the
slice in torch instead of cubic in scipy. When the plan keeps the slices, nothing is interpolated across them, so
neighbouring slices of a thick scan never get copies of one mask.
"""

from dataclasses import dataclass

import numpy as np
import torch
from scipy import ndimage
from torch.nn import functional

TISSUE_HU = 0.0
"""Brain, muscle and bone lie above; air, fat and padding below, in scans clipped at -20 HU as well."""
COARSE_MM = 4.0
"""Voxel size within the slice at which the head is looked for; bed and head holder are thinner than three of them."""
MARGIN_MM = 10.0
"""Kept around what was found: the surface that the search rubs off."""

Box = tuple[slice, slice, slice]


@dataclass(frozen=True)
class Grid:
    """What the network's input looks like.

    Attributes
    ----------
    spacing_mm : tuple of float
        Voxel size along (z, y, x).
    keep_slices : bool
        True: each scan keeps its own slices, ``spacing_mm[0]`` is only the training scans' median.
    clip_hu : tuple of float
        Intensities are clipped to this range ...
    shift_hu, scale_hu : float
        ... and become ``(hu - shift_hu) / scale_hu``.
    """

    spacing_mm: tuple[float, float, float]
    keep_slices: bool
    clip_hu: tuple[float, float]
    shift_hu: float
    scale_hu: float

    def shape(self, shape: tuple[int, ...], spacing_mm: tuple[float, float, float]) -> tuple[int, int, int]:
        """Shape on this grid of an image of `shape` voxels of `spacing_mm`; at least one voxel per axis."""
        new = [max(1, round(n * old / to)) for n, old, to in zip(shape, spacing_mm, self.spacing_mm, strict=True)]
        return (shape[0] if self.keep_slices else new[0], new[1], new[2])


def head_box(hu: np.ndarray, spacing_mm: tuple[float, float, float]) -> Box:
    """Bounding box of the head within the slices, and a margin; all slices are kept.

    The head is the largest body of tissue after an opening, which wipes out bed and head holder: with them the box
    would be twice as large.

    Parameters
    ----------
    hu : array, shape (Z, Y, X), Hounsfield units
    spacing_mm : tuple of float
        Voxel size along (z, y, x).

    Returns
    -------
    tuple of slice
        The whole image when nothing looks like a head.
    """
    steps = [max(1, round(COARSE_MM / size)) for size in spacing_mm[1:]]
    coarse = ndimage.binary_opening(hu[:, :: steps[0], :: steps[1]] > TISSUE_HU, np.ones((1, 3, 3)))
    bodies, found = ndimage.label(coarse)
    if not found:
        return (slice(None), slice(None), slice(None))
    head = bodies == 1 + int(np.bincount(bodies.ravel())[1:].argmax())
    sides = []
    for other, step, size in zip(((0, 2), (0, 1)), steps, spacing_mm[1:], strict=True):
        inside = np.flatnonzero(head.any(axis=other)) * step
        margin = int(np.ceil(MARGIN_MM / size))
        sides.append(slice(max(0, int(inside[0]) - margin), int(inside[-1]) + 1 + margin))
    return (slice(None), sides[0], sides[1])


def normalise(hu: np.ndarray, grid: Grid) -> np.ndarray:
    """Clip and scale Hounsfield units as the plan says; float32."""
    clipped = np.clip(hu, *grid.clip_hu).astype(np.float32, copy=False)
    return (clipped - np.float32(grid.shift_hu)) / np.float32(grid.scale_hu)


def resample(volume: torch.Tensor, shape: tuple[int, int, int]) -> torch.Tensor:
    """Resample linearly to `shape`; along an axis that keeps its length nothing is interpolated.

    Parameters
    ----------
    volume : tensor of float, shape (C, Z, Y, X)
    shape : tuple of int
        New (Z, Y, X).
    """
    if tuple(volume.shape[1:]) == tuple(shape):
        return volume
    if volume.shape[1] == shape[0]:
        slices = volume.transpose(0, 1)  # (Z, C, Y, X): slices as a batch
        return _bilinear(slices, shape[1:]).transpose(0, 1)
    return functional.interpolate(volume[None], size=shape, mode="trilinear", align_corners=False)[0]


def _bilinear(slices: torch.Tensor, shape: tuple[int, int]) -> torch.Tensor:
    shrinks = any(new < old for new, old in zip(shape, slices.shape[2:], strict=True))
    # Without the low-pass of antialias, halving a noisy 0.5 mm scan would sample its noise.
    return functional.interpolate(slices, size=shape, mode="bilinear", align_corners=False, antialias=shrinks)


def prepare_image(
    hu: np.ndarray, spacing_mm: tuple[float, float, float], grid: Grid, box: Box | None = None
) -> tuple[torch.Tensor, Box]:
    """Bring a scan to the network's grid.

    Parameters
    ----------
    hu : array, shape (Z, Y, X), Hounsfield units
    spacing_mm : tuple of float
        Voxel size along (z, y, x).
    grid : Grid
    box : tuple of slice, optional
        The part of the scan that is shown; the head's box without.

    Returns
    -------
    tensor, shape (1, Z', Y', X')
    tuple of slice
        The part of the scan that it shows.
    """
    box = box or head_box(hu, spacing_mm)
    image = torch.from_numpy(normalise(hu[box], grid))[None]
    return resample(image, grid.shape(hu[box].shape, spacing_mm)), box


def prepare_mask(mask: np.ndarray, n_labels: int, box: Box, shape: tuple[int, int, int]) -> torch.Tensor:
    """Bring a network-coded reference mask to the network's grid: linear per label, then the strongest.

    Returns
    -------
    tensor of int8, shape (1, Z', Y', X')
    """
    part = torch.from_numpy(np.ascontiguousarray(mask[box]))
    if tuple(part.shape) == tuple(shape):
        return part[None].to(torch.int8)
    shares = torch.stack([(part == value).float() for value in range(n_labels + 1)])
    return likeliest(resample(shares, shape))[None]


def restore(probabilities: torch.Tensor, box: Box, shape: tuple[int, int, int]) -> np.ndarray:
    """Bring the network's probabilities back to the scan's own grid and take the likeliest label.

    Parameters
    ----------
    probabilities : tensor, shape (C, Z', Y', X')
        On the network's grid.
    box : tuple of slice
        As returned by `prepare_image`.
    shape : tuple of int
        Shape (Z, Y, X) of the scan.

    Returns
    -------
    array of uint8, shape (Z, Y, X)
        0 outside the box.
    """
    full = np.zeros(shape, dtype=np.uint8)
    inside = full[box]
    if probabilities.shape[1] != inside.shape[0]:
        inside[:] = likeliest(resample(probabilities, inside.shape)).to(torch.uint8).cpu().numpy()
        return full
    # Within a slice every new value lies between old ones: where background is never below a label, it stays so.
    found = (probabilities[1:] > probabilities[0]).flatten(2).any(dim=2).any(dim=0)
    if found.any():
        labels = likeliest(resample(probabilities[:, found], (int(found.sum()), *inside.shape[1:])))
        inside[found.cpu().numpy()] = labels.to(torch.uint8).cpu().numpy()
    return full


def likeliest(probabilities: torch.Tensor) -> torch.Tensor:
    """Index of the largest along the first axis, the first of equals; ten times faster than argmax on a CPU."""
    best, label = probabilities[0].clone(), torch.zeros_like(probabilities[0], dtype=torch.int8)
    for value in range(1, len(probabilities)):
        higher = probabilities[value] > best
        label[higher] = value
        best = torch.maximum(best, probabilities[value])
    return label
