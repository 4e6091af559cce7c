"""What a scanner makes of a head: pose, tilt, thick slices, kernel, noise, beam hardening, bed, field of view."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ichor.simulate.anatomy import Template
from ichor.simulate.bleeds import BledHead
from ichor.simulate.shapes import Field

BASE_MM, TOP_MM = -76.0, 92.0  # slices cover this range of the head frame, foramen magnum to vertex


@dataclass(frozen=True)
class Scanner:
    """Physics of one center's scanner.

    Attributes
    ----------
    thickness_mm
        Slice thickness; slices touch each other.
    tilt_deg
        Gantry tilt; positive raises the front of the image plane.
    field_of_view_mm
        Side of the square image.
    blur_mm
        Standard deviation of the soft kernel's point spread.
    noise_hu
        Standard deviation of the noise in the brain, soft kernel.
    noise_grain_mm
        Correlation length of the noise.
    hardening
        Strength of beam hardening, 1 = usual.
    holder
        Shape of the head holder: "arc" or "cup".
    round_field
        Whether pixels outside the inscribed circle are padding.
    """

    thickness_mm: float = 5.0
    tilt_deg: float = 0.0
    field_of_view_mm: float = 235.0
    blur_mm: float = 0.75
    noise_hu: float = 2.6
    noise_grain_mm: float = 0.8
    hardening: float = 1.0
    holder: str = "arc"
    round_field: bool = False


@dataclass(frozen=True)
class Pose:
    """How a head lies in the scanner: (pitch, roll, yaw) in degrees and the shift (x, y, z) in mm."""

    angles_deg: tuple[float, float, float]
    shift_mm: tuple[float, float, float]


@dataclass(frozen=True)
class Acquisition:
    """One scan.

    Attributes
    ----------
    hu
        HU, (slice, row, column).
    affine
        Voxel (column, row, slice) to world RAS+, mm, (4, 4); sheared when the gantry was tilted.
    labels
        Reference mask on the orthogonal grid, (slice, row, column): 0, 1 iph, 2 ivh, 3 edema.
    label_affine
        Voxel (column, row, slice) of `labels` to world RAS+, mm, (4, 4).
    bone
        Weight of bone, (slice, row, column).
    """

    hu: Field
    affine: NDArray
    labels: NDArray[np.uint8]
    label_affine: NDArray
    bone: Field


def draw_pose(rng: np.random.Generator) -> Pose:
    """Draw a pose: a few degrees and millimetres about straight."""
    angles = rng.normal(0.0, (5.0, 3.5, 6.0)).clip(-12, 12)
    return Pose(tuple(map(float, angles)), tuple(map(float, rng.normal(0.0, (3.0, 4.0, 2.5)))))


def _rotation(angles_deg: tuple[float, float, float]) -> NDArray:
    """Return the rotation matrix of pitch (about x), roll (about y) and yaw (about z)."""
    (cx, cy, cz), (sx, sy, sz) = np.cos(np.radians(angles_deg)), np.sin(np.radians(angles_deg))
    about_x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    return about_z @ about_y @ about_x


def stack_affine(scanner: Scanner, matrix: int, size: float) -> tuple[NDArray, int]:
    """Return the voxel (column, row, slice) to world RAS+ affine of a scan, mm, and its number of slices.

    The table moves along z, so a tilted gantry shears the stack (DICOM PS3.3 C.7.6.2).
    """
    pixel = scanner.field_of_view_mm / matrix
    cosine, sine = np.cos(np.radians(scanner.tilt_deg)), np.sin(np.radians(scanner.tilt_deg))
    slices = int(np.ceil((TOP_MM - BASE_MM) * size * cosine / scanner.thickness_mm))
    affine = np.eye(4)
    affine[:3, 0] = (-pixel, 0, 0)
    affine[:3, 1] = (0, -pixel * cosine, -pixel * sine)
    affine[:3, 2] = (0, 0, scanner.thickness_mm / cosine)
    half = (matrix - 1) / 2.0
    affine[:3, 3] = -half * (affine[:3, 0] + affine[:3, 1])
    affine[2, 3] += BASE_MM * size
    return affine, slices


def orthogonal_affine(affine: NDArray, slices: int) -> tuple[NDArray, int]:
    """Return the affine of the stack on planes of the same tilt but without shear, and the rows it gains.

    The planes stay where they are; each is extended by rows so that the straight stack holds all of the sheared.
    """
    along_column = affine[:3, 1]
    pixel = np.linalg.norm(along_column)
    unit = along_column / pixel
    drift = float(affine[:3, 2] @ unit) / pixel  # rows per slice
    straight = affine.copy()
    straight[:3, 2] = affine[:3, 2] - drift * along_column
    extra = int(np.ceil(abs(drift) * (slices - 1) - 1e-9))
    straight[:3, 3] += along_column * (-extra if drift < 0 else 0)
    return straight, extra


def _to_index(template: Template, scale: tuple[float, float, float], pose: Pose) -> NDArray:
    """Return the world RAS+ (mm) to template index (z, y, x) affine, (4, 4)."""
    turn = np.eye(4)
    turn[:3, :3] = _rotation(pose.angles_deg)
    turn[:3, 3] = pose.shift_mm
    size = np.diag([*scale, 1.0])
    grid = np.diag([*template.grid.spacing_mm, 1.0])
    grid[:3, 3] = template.grid.low_mm
    to_xyz = np.linalg.inv(turn @ size @ grid)
    return to_xyz[[2, 1, 0, 3]]


def _sampling(to_index: NDArray, affine: NDArray, parts: int) -> NDArray:
    """Return the (sub-slice, row, column) to template index (z, y, x) affine for `parts` sub-slices a slice."""
    voxel = affine @ np.array([[0, 0, 1, 0], [0, 1, 0, 0], [1 / parts, 0, 0, (1 - parts) / (2 * parts)], [0, 0, 0, 1]])
    return to_index @ voxel


def _sample(field: Field, sampling: NDArray, shape: tuple[int, int, int], parts: int, outside: float) -> Field:
    """Return a template field averaged over thick slices, (slice, row, column)."""
    fine = ndimage.affine_transform(
        field,
        sampling[:3, :3],
        sampling[:3, 3],
        output_shape=(shape[0] * parts, *shape[1:]),
        order=1,
        mode="constant",
        cval=outside,
        output=np.float32,
    )
    return fine.reshape(shape[0], parts, *shape[1:]).mean(axis=1)


def _sample_weight(weight: Field, sampling: NDArray, shape: tuple[int, int, int], parts: int) -> Field:
    """Return a weight that is zero nearly everywhere, averaged over thick slices, sampled only where it is not."""
    result = np.zeros(shape, np.float32)
    found = ndimage.find_objects((weight > 0).astype(np.uint8))
    if not found:
        return result
    corners = np.array(np.meshgrid(*[(s.start - 1, s.stop) for s in found[0]])).reshape(3, -1)
    there = (np.linalg.inv(sampling) @ np.vstack([corners, np.ones(8)]))[:3] / [[parts], [1], [1]]
    low = np.clip(np.floor(there.min(axis=1)).astype(int), 0, shape)
    high = np.clip(np.ceil(there.max(axis=1)).astype(int) + 1, 0, shape)
    if (high <= low).any():
        return result
    moved = sampling.copy()
    moved[:3, 3] += sampling[:3, :3] @ (low * [parts, 1, 1])
    part = _sample(weight, moved, tuple(high - low), parts, 0.0)
    result[tuple(slice(a, b) for a, b in zip(low, high, strict=True))] = part
    return result


def _labels(weights: list[Field]) -> NDArray[np.uint8]:
    """Return the mask of iph, ivh, edema weights whose volumes are those of the weights, clot before edema."""
    labels = np.zeros(weights[0].shape, np.uint8)
    for value in (3, 2, 1):
        weight = weights[value - 1]
        count = round(float(weight.sum()))
        taken = np.sort(weight[weight > 0.02], axis=None)[::-1]
        if count > 0 and taken.size:
            labels[weight >= taken[min(count, taken.size) - 1]] = value
    return labels


def scan_head(
    template: Template,
    bled: BledHead,
    scale: tuple[float, float, float],
    pose: Pose,
    scanner: Scanner,
    matrix: int,
    rng: np.random.Generator,
    *,
    with_labels: bool = True,
) -> Acquisition:
    """Scan a head: sample it into thick slices, then kernel, hardening, bed and noise (see `Scanner`)."""
    affine, slices = stack_affine(scanner, matrix, scale[2])
    to_index = _to_index(template, scale, pose)
    parts = max(2, round(scanner.thickness_mm / template.grid.spacing_mm[2] / 1.3))
    sampling = _sampling(to_index, affine, parts)
    shape = (slices, matrix, matrix)
    hu = _sample(bled.hu, sampling, shape, parts, -1000.0)
    hu, bone = _physics(hu, scanner, affine, rng)
    straight, extra = orthogonal_affine(affine, slices)
    label_shape = (slices, matrix + extra, matrix)
    labels = np.zeros(label_shape, np.uint8)
    if with_labels:
        along = _sampling(to_index, straight, parts)
        weights = [_sample_weight(w, along, label_shape, parts) for w in (bled.iph, bled.ivh, bled.edema)]
        labels = _labels(weights)
    return Acquisition(hu, affine, labels, straight, bone)


def _physics(hu: Field, scanner: Scanner, affine: NDArray, rng: np.random.Generator) -> tuple[Field, Field]:
    """Return HU after kernel, hardening, bed and noise, and the weight of bone."""
    pixel = float(abs(affine[0, 0]))
    sigma = scanner.blur_mm / pixel
    hu = ndimage.gaussian_filter(hu, (0, sigma, sigma), truncate=3.0)
    bone = np.clip((hu - 150.0) / 700.0, 0, 1)
    hu += _hardening(bone, pixel) * np.float32(scanner.hardening) * (hu > -300)
    hu = np.maximum(hu, bed(scanner, hu.shape[1], pixel))
    thick = bone.mean(axis=(1, 2), keepdims=True)
    dose = np.float32(scanner.noise_hu) * (0.75 + 2.2 * thick)
    hu += dose * _noise(hu.shape, scanner.noise_grain_mm / pixel, rng)
    return hu, bone


def _hardening(bone: Field, pixel: float) -> Field:
    """Return the HU error of beam hardening: bright rim under the skull, dark bands between dense bones."""
    near = ndimage.zoom(bone, (1, 0.5, 0.5), order=1, grid_mode=True, mode="nearest")
    near = ndimage.gaussian_filter(near, (0, 3.5 / pixel, 3.5 / pixel), truncate=2.5)
    near = np.repeat(np.repeat(near, 2, axis=1), 2, axis=2)[:, : bone.shape[1], : bone.shape[2]]
    from_left = np.cumsum(bone, axis=2, dtype=np.float32) * np.float32(pixel)
    between = np.minimum(from_left, from_left[:, :, -1:] - from_left)
    band = np.minimum(np.maximum(between - 14.0, 0) * 0.35, 12.0)
    return 9.0 * near - band * (bone < 0.3)


def _noise(shape: tuple[int, int, int], grain_pixels: float, rng: np.random.Generator) -> Field:
    """Return noise of standard deviation 1, correlated in the plane as a soft kernel leaves it."""
    white = rng.standard_normal(shape, dtype=np.float32)
    if grain_pixels > 0.25:
        white = ndimage.gaussian_filter(white, (0, grain_pixels, grain_pixels), mode="wrap", truncate=2.5)
        white /= np.float32(white[0].std())
    return white


def bed(scanner: Scanner, matrix: int, pixel: float) -> Field:
    """Return the HU of the head holder in the scanner's frame, (1, row, column); air elsewhere."""
    position = (np.arange(matrix, dtype=np.float32) - (matrix - 1) / 2) * np.float32(pixel)
    x, y = position[None, :], position[:, None]
    if scanner.holder == "arc":
        edge = np.abs(np.hypot(x, y + 20.0) - 128.0) - 1.6
        edge = np.maximum(edge, 60.0 - y)
        value = 180.0
    else:
        edge = np.abs(np.maximum(np.hypot(x, np.maximum(y - 5.0, 0)) - 103.0, -3.0)) - 0.9
        edge = np.maximum(edge, 5.0 - y)
        value = 90.0
    weight = np.clip(0.5 - edge / np.float32(1.2 * pixel), 0, 1)
    return (-1000.0 + (value + 1000.0) * weight)[None].astype(np.float32)


def sharpen(hu: Field, pixel: float, noise_hu: float, rng: np.random.Generator) -> Field:
    """Return what a bone kernel makes of a soft-kernel scan: sharp edges and coarse noise."""
    sigma = max(0.6, 0.8 / pixel)
    soft = ndimage.gaussian_filter(hu, (0, sigma, sigma), truncate=2.5)
    return hu + 1.6 * (hu - soft) + 5.0 * noise_hu * rng.standard_normal(hu.shape, dtype=np.float32)


def pad_outside(hu: Field, padding_hu: float) -> None:
    """Put the padding value outside the circle inscribed in the image, in place."""
    half = (hu.shape[1] - 1) / 2.0
    position = np.arange(hu.shape[1]) - half
    outside = np.hypot(position[:, None], position[None, :]) > half + 0.5
    hu[:, outside] = padding_hu


def scout(hu: Field) -> Field:
    """Return a lateral overview image of a scan as a localizer shows it, (row = z downwards, column = y)."""
    density = np.clip(hu + 1000.0, 0, None).mean(axis=2) / 1000.0
    return (-1000.0 + 1700.0 * density / max(float(density.max()), 1e-3))[::-1].astype(np.float32)
