"""Where a voxel of the recipient lies in the donor: place in the head, turn, size, mirror and a smooth deformation."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from ichor.imaging.crops import filled_box
from ichor.imaging.head_frame import LENGTH_MM, WIDTH_MM, HeadFrame

_STEP_MM = 4.0  # the smooth deformation is drawn on points so far apart
_MOST_SIGMA = 2.5
FINEST = 6
"""Most points per voxel and axis that an average over thick voxels takes."""


@dataclass(frozen=True)
class Move:
    """One drawn change of a bleed.

    Attributes
    ----------
    mirror : bool
        Left and right exchanged.
    angles_deg : tuple of float
        Turn about the head's axes: right, front, top.
    scale : float
        Of lengths.
    shift_mm : tuple of float
        Of its place in the head.
    elastic_mm, elastic_length_mm : float
        Standard deviation of the smooth deformation, and of the Gaussian that makes it smooth.
    seed : int
        Of the deformation.
    """

    mirror: bool
    angles_deg: tuple[float, float, float]
    scale: float
    shift_mm: tuple[float, float, float]
    elastic_mm: float
    elastic_length_mm: float
    seed: int


def draw_move(spec: dict, rng: np.random.Generator) -> Move:
    """Draw one change from a generator's settings."""
    low, high = spec["scale"]
    turn, shift = rng.uniform(-1, 1, 3) * spec["rotation_deg"], rng.normal(0, spec["shift_mm"], 3)
    return Move(
        mirror=bool(rng.random() < 0.5) and spec["mirror"],
        angles_deg=tuple(turn),
        scale=float(np.exp(rng.uniform(np.log(low), np.log(high)))),
        shift_mm=tuple(shift.clip(-2 * spec["shift_mm"], 2 * spec["shift_mm"])),
        elastic_mm=spec["elastic_mm"],
        elastic_length_mm=spec["elastic_length_mm"],
        seed=int(rng.integers(2**63)),
    )


def head_axes(frame: HeadFrame) -> np.ndarray:
    """Axes of a head in its scan, as columns: right, front and top; from the plane of its midline."""
    _, along, up = frame.midline
    right = np.array([1.0, -along, -up])
    right /= np.linalg.norm(right)
    top = np.array([0.0, 0.0, 1.0]) - right[2] * right
    top /= np.linalg.norm(top)
    return np.stack([right, np.cross(top, right), top], axis=1)


def place_in(frame: HeadFrame, place: np.ndarray) -> np.ndarray:
    """Point of a scan, mm from its first voxel's centre, at a place of `HeadFrame.places`."""
    along = frame.length_mm / LENGTH_MM
    y, z = frame.middle_mm + place[1] * along, frame.top_mm + place[2] * along
    x = frame.midline @ (1.0, y, z) + place[0] * frame.width_mm / WIDTH_MM
    return np.array([x, y, z])


def target_mm(donor: HeadFrame, recipient: HeadFrame, center_mm: np.ndarray, move: Move) -> np.ndarray:
    """Where in the recipient the point `center_mm` of the donor goes."""
    place = donor.places(center_mm[None], (1.0, 1.0, 1.0))[0]
    place[0] = -place[0] if move.mirror else place[0]
    return place_in(recipient, place + move.shift_mm)


def affine_part(donor: HeadFrame, recipient: HeadFrame, move: Move) -> np.ndarray:
    """Matrix that takes an offset in the recipient, mm, to that in the donor."""
    x, y, z = np.radians(move.angles_deg)
    about_x = np.array([[1, 0, 0], [0, np.cos(x), -np.sin(x)], [0, np.sin(x), np.cos(x)]])
    about_y = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    about_z = np.array([[np.cos(z), -np.sin(z), 0], [np.sin(z), np.cos(z), 0], [0, 0, 1]])
    mirror = np.diag([-1.0 if move.mirror else 1.0, 1.0, 1.0])
    inside = mirror @ about_z @ about_y @ about_x / move.scale
    return head_axes(donor) @ inside @ head_axes(recipient).T


def deformation_mm(shape: tuple[int, int, int], spacing_mm: np.ndarray, move: Move) -> np.ndarray:
    """Smooth random displacement of each voxel, mm, float32 ``(3, x, y, z)``.

    Gaussian noise smoothed by a Gaussian of length L has a mean square slope of (s / (sqrt(2) L))^2 for a displacement
    of standard deviation s: far below 1, where tissue would fold, for lengths of several s.
    """
    size_mm = np.array(shape) * spacing_mm
    sigma = move.elastic_length_mm / _STEP_MM
    points = np.ceil(size_mm / _STEP_MM).astype(int) + 1
    rng = np.random.default_rng(move.seed)
    drawn = rng.standard_normal((3, *(points + 2 * int(np.ceil(3 * sigma)))))
    made = ndimage.gaussian_filter(drawn, (0, sigma, sigma, sigma), truncate=3.0)
    margin = int(np.ceil(3 * sigma))
    made = made[:, *(slice(margin, margin + count) for count in points)]
    made *= (2 * np.sqrt(np.pi) * sigma) ** 1.5  # to variance 1: the inverse of the kernel's norm
    made = np.clip(made, -_MOST_SIGMA, _MOST_SIGMA) * move.elastic_mm
    matrices = [_linear(size, step, count) for size, step, count in zip(shape, spacing_mm, points, strict=True)]
    return np.einsum("cijk,xi,yj,zk->cxyz", made, *matrices, optimize=True).astype(np.float32)


def _linear(size: int, step_mm: float, points: int) -> np.ndarray:
    """Weights of linear interpolation from points `_STEP_MM` apart to voxels."""
    at = np.arange(size) * step_mm / _STEP_MM
    return np.clip(1 - np.abs(at[:, None] - np.arange(points)), 0, None)


@dataclass(frozen=True)
class Sampler:
    """Takes arrays of the donor to a box of the recipient, averaged over the recipient's voxels.

    Attributes
    ----------
    at : numpy.ndarray
        Donor voxel coordinates of the middle of each voxel, float32 ``(3, n)``.
    offsets : numpy.ndarray
        Donor voxel coordinates of the points inside a voxel, from its middle, ``(m, 3)``.
    shape : tuple of int
        Of the box.
    """

    at: np.ndarray
    offsets: np.ndarray
    shape: tuple[int, int, int]

    @classmethod
    def between(
        cls,
        box: tuple[slice, slice, slice],
        recipient_spacing: np.ndarray,
        donor_spacing: np.ndarray,
        target: np.ndarray,
        center: np.ndarray,
        matrix: np.ndarray,
        move: Move,
    ) -> "Sampler":
        """Sampler of a box of the recipient whose point `target` shows the donor's point `center` (both mm)."""
        shape = tuple(side.stop - side.start for side in box)
        axes = [
            np.arange(side.start, side.stop) * step - middle
            for side, step, middle in zip(box, recipient_spacing, target, strict=True)
        ]
        offset = np.stack(np.meshgrid(*axes, indexing="ij")).astype(np.float32)
        offset += deformation_mm(shape, recipient_spacing, move)
        at = np.tensordot(matrix.astype(np.float32), offset, axes=1).reshape(3, -1) + center[:, None].astype(np.float32)
        counts = np.clip(np.ceil(recipient_spacing / donor_spacing - 1e-3), 1, FINEST).astype(int)
        inner = [((np.arange(n) + 0.5) / n - 0.5) * step for n, step in zip(counts, recipient_spacing, strict=True)]
        inside = np.stack(np.meshgrid(*inner, indexing="ij"), axis=-1).reshape(-1, 3) @ matrix.T
        return cls((at / donor_spacing[:, None]).astype(np.float32), inside / donor_spacing, shape)

    def __call__(self, values: np.ndarray, outside: float = 0.0) -> np.ndarray:
        """Values of the donor in the box, float32; linear between its voxels."""
        return self._average(np.asarray(values, np.float32), self.at, outside).reshape(self.shape)

    def sparse(self, values: np.ndarray) -> np.ndarray:
        """The same of an array that is mostly 0, in less time: only voxels that show a part of it are looked at."""
        made, box = np.zeros(self.at.shape[1], np.float32), filled_box(values != 0)
        if box is not None:
            reach = np.abs(self.offsets).max(axis=0) + 1.0
            sides = zip(self.at, box, reach, strict=True)
            near = np.logical_and.reduce([(at > side.start - far) & (at < side.stop + far) for at, side, far in sides])
            made[near] = self._average(np.asarray(values, np.float32), self.at[:, near], 0.0)
        return made.reshape(self.shape)

    def _average(self, source: np.ndarray, middles: np.ndarray, outside: float) -> np.ndarray:
        total = np.zeros(middles.shape[1], np.float32)
        for offset in self.offsets:
            at = middles + offset[:, None].astype(np.float32)
            total += ndimage.map_coordinates(source, at, order=1, mode="constant", cval=outside)
        return total / len(self.offsets)
