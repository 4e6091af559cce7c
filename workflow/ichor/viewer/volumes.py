"""A scan and its masks, made small enough to be scrolled through in a page that opens from the disk.

Browsers let no page that was opened from the disk read other files, except scripts. So the volumes of each scan are
packed NIfTI files written as text into a script of their own, which the page loads when the scan is chosen.
"""

import base64
import gzip
import json
from dataclasses import dataclass

import nibabel as nib
import numpy as np
from scipy import ndimage

from ichor.report.slice_view import RIM_MM

COARSEST_MM = 1.0
"""Pixels are averaged in blocks as long as a block stays at most this wide: 512 columns of 0.45 mm become 256."""
RANGE_HU = (-200, 1800)
"""Values beyond are cut: all windows of the page lie within, and air packs well."""
CALL = "ichorCase"
"""What a script calls; the page defines it."""


@dataclass(frozen=True)
class Shown:
    """What a page shows of a scan.

    Attributes
    ----------
    volumes : dict of str to Nifti1Image
        ``ct`` (int16, HU), and uint8 where they exist: ``mask`` (codes of the predicted labels), ``reference`` (its
        outline in each slice, codes) and ``brain`` (outline in each slice).
    block : int
        Pixels averaged along each in-plane axis; 1 = as they are.
    """

    volumes: dict[str, nib.Nifti1Image]
    block: int


def reduce(
    image: np.ndarray,
    affine: np.ndarray,
    brain: np.ndarray,
    predicted: np.ndarray | None,
    reference: np.ndarray | None,
) -> Shown | None:
    """Cut a scan down to the brain, and average its pixels where they are finer than the page needs.

    Parameters
    ----------
    image : ndarray, shape (X, Y, Z)
        HU, RAS+.
    affine : ndarray, shape (4, 4)
        Voxel to mm.
    brain : ndarray of bool
        Brain, same grid.
    predicted, reference : ndarray of uint8, or None
        Codes of labels on the same grid.

    Returns
    -------
    Shown or None
        None when there is neither a brain nor a mask, because all that could be shown may be a face.
    """
    spacing_mm = np.linalg.norm(affine[:3, :3], axis=0)
    kept = brain.copy()
    for mask in (predicted, reference):
        if mask is not None:
            kept |= mask > 0
    if not kept.any():
        return None
    rim = [2 * max(1, round(RIM_MM / size)) + 1 for size in spacing_mm[:2]]
    near = ndimage.maximum_filter(kept.view(np.uint8), (*rim, 1)).astype(bool)
    block = max(1, int(COARSEST_MM / spacing_mm[:2].max() + 1e-6))
    box, origin = _box(near, block)
    values = np.where(near, np.clip(image, *RANGE_HU), RANGE_HU[0])[box]
    moved = affine @ np.array(
        [[block, 0, 0, origin[0] + (block - 1) / 2], [0, block, 0, origin[1] + (block - 1) / 2],
         [0, 0, 1, origin[2]], [0, 0, 0, 1]]
    )  # fmt: skip
    volumes = {"ct": np.round(_blocks(values.astype(np.float32), block)).astype(np.int16)}
    if predicted is not None:
        volumes["mask"] = _codes(predicted[box], block)
    if reference is not None:
        volumes["reference"] = _outlines(_codes(reference[box], block))
    volumes["brain"] = _outlines(_codes(brain[box].astype(np.uint8), block))
    return Shown({name: nib.Nifti1Image(data, moved) for name, data in volumes.items()}, block)


def script(key: str, shown: Shown) -> str:
    """The script that hands a scan's volumes to the page: name of the volume -> packed NIfTI file in base64."""
    packed = {
        name: base64.b64encode(gzip.compress(image.to_bytes(), 9, mtime=0)).decode("ascii")
        for name, image in shown.volumes.items()
    }
    return f"{CALL}({json.dumps(key)},{json.dumps(packed, separators=(',', ':'))});\n"


def _box(near: np.ndarray, block: int) -> tuple[tuple[slice, ...], list[int]]:
    """Smallest box around a mask that whole blocks fill, as far as the grid goes."""
    box, origin = [], []
    for axis, size in enumerate(near.shape):
        found = np.flatnonzero(near.any(axis=tuple(other for other in range(3) if other != axis)))
        first, last = int(found[0]), int(found[-1]) + 1
        if axis < 2:
            first -= first % block
            last = min(first + -(-(last - first) // block) * block, size - size % block)
        box.append(slice(first, last))
        origin.append(first)
    return tuple(box), origin


def _blocks(values: np.ndarray, block: int) -> np.ndarray:
    """Means of square blocks of each slice."""
    x, y, z = values.shape
    return values.reshape(x // block, block, y // block, block, z).mean(axis=(1, 3))


def _codes(mask: np.ndarray, block: int) -> np.ndarray:
    """Codes of a mask in blocks: one that fills at least half of a block; the larger code when two do."""
    if block == 1:
        return mask.astype(np.uint8)
    out = np.zeros((mask.shape[0] // block, mask.shape[1] // block, mask.shape[2]), np.uint8)
    for code in np.unique(mask[mask > 0]):
        out[_blocks((mask == code).astype(np.float32), block) >= 0.5] = code
    return out


def _outlines(codes: np.ndarray) -> np.ndarray:
    """Outermost voxels of each label in each slice, with their codes."""
    out = np.zeros_like(codes)
    cross = ndimage.generate_binary_structure(2, 1)[:, :, None]
    for code in np.unique(codes[codes > 0]):
        own = codes == code
        out[own & ~ndimage.binary_erosion(own, cross)] = code
    return out
