"""Random changes of training images that a head CT survives: small turns and shifts, mirror, brightness, noise.

Never a vertical flip (a head lying on its face is no head CT). Everything that is drawn is drawn before it is applied,
from the generator that is handed in, so the same generator gives the same images.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class AugmentRanges:
    """How far images may be changed; zeros everywhere change nothing.

    Attributes
    ----------
    rotation_deg : float
        Largest turn in the axial plane, both ways, 10 at most.
    shift_mm : float
        Largest shift along each axis, both ways.
    zoom : float
        Largest relative change of size, both ways: 0.1 is 0.9 to 1.1.
    flip : bool
        Mirror left and right for half of the images.
    brightness : float
        Largest shift of the windowed intensity, in window widths.
    contrast : float
        Largest relative change of the windowed contrast.
    noise : float
        Standard deviation of Gaussian noise, in window widths.
    crop : float
        Largest share of each in-plane side that a random crop leaves out; the crop, which lies anywhere inside the
        image, is shown on the whole grid. Our form of the random crop that Chen et al., Eur J Radiol 2023, name without
        its size.
    probability : float
        Of each of turn, shift, zoom, brightness with contrast, noise, and crop: it is drawn for each image whether each
        is done. Cobo et al., MLMI 2024, write 0.5; their code asks MONAI's `Zoomd` for it, which takes no probability
        and zooms every training image alike.
    """

    rotation_deg: float = 10.0
    shift_mm: float = 6.0
    zoom: float = 0.05
    flip: bool = True
    brightness: float = 0.03
    contrast: float = 0.1
    noise: float = 0.02
    crop: float = 0.0
    probability: float = 1.0

    def __post_init__(self) -> None:
        """Refuse turns that no head holder allows, and shares that are none."""
        if not 0 <= self.rotation_deg <= 10:
            raise ValueError(f"rotation_deg: found {self.rotation_deg}; write 0 to 10")
        if not 0 <= self.crop <= 0.5:
            raise ValueError(f"crop: found {self.crop}; write 0 to 0.5")
        if not 0 <= self.probability <= 1:
            raise ValueError(f"probability: found {self.probability}; write 0 to 1")


@dataclass(frozen=True)
class Change:
    """One drawn change; see :class:`AugmentRanges` for the units."""

    rotation_deg: float
    shift_mm: tuple[float, float, float]
    zoom: float
    flip: bool
    brightness: float
    contrast: float
    noise: float
    noise_seed: int
    crop: float = 0.0
    crop_place: tuple[float, float] = (0.0, 0.0)


def draw_change(ranges: AugmentRanges, rng: np.random.Generator) -> Change:
    """Draw one change; every call takes the same number of draws, whatever the ranges are."""
    draws = rng.uniform(-1.0, 1.0, size=8)
    noise_seed = int(rng.integers(2**63))
    done = rng.uniform(size=6) < ranges.probability  # after what was drawn before there were probabilities
    crop = rng.uniform(size=3)
    turned, shifted, zoomed, brightened, noisy, cropped = (float(each) for each in done)
    return Change(
        rotation_deg=float(draws[0] * ranges.rotation_deg * turned),
        shift_mm=tuple(float(draw * ranges.shift_mm * shifted) for draw in draws[1:4]),
        zoom=float(1.0 + draws[4] * ranges.zoom * zoomed),
        flip=bool(ranges.flip and draws[5] > 0),
        brightness=float(draws[6] * ranges.brightness * brightened),
        contrast=float(1.0 + draws[7] * ranges.contrast * brightened),
        noise=ranges.noise * noisy,
        noise_seed=noise_seed,
        crop=float(crop[0] * ranges.crop * cropped),
        crop_place=tuple(float(2 * place - 1) for place in crop[1:]),
    )


def change_geometry(
    volume: np.ndarray, change: Change, spacing_mm: tuple[float, float, float], fill: float
) -> np.ndarray:
    """Turn, shift, zoom, crop and mirror a volume about its middle.

    In the plane by bilinear interpolation; along z by whole slices, which keeps thick slices as they are.

    Parameters
    ----------
    volume : numpy.ndarray
        ``(x, y, z)``.
    change : Change
        What to do.
    spacing_mm : tuple of float
        Voxel spacing.
    fill : float
        Value of what comes in from outside.

    Returns
    -------
    numpy.ndarray
        float32 of the same shape.
    """
    n_x, n_y, n_z = volume.shape
    angle = np.deg2rad(change.rotation_deg)
    x_mm = (np.arange(n_x) - (n_x - 1) / 2)[:, None] * spacing_mm[0] - change.shift_mm[0]
    y_mm = (np.arange(n_y) - (n_y - 1) / 2)[None, :] * spacing_mm[1] - change.shift_mm[1]
    if change.crop:  # the crop's middle may lie so far from the image's that the crop stays inside
        kept, aside = 1 - change.crop, change.crop / 2
        x_mm = x_mm * kept + aside * change.crop_place[0] * n_x * spacing_mm[0]
        y_mm = y_mm * kept + aside * change.crop_place[1] * n_y * spacing_mm[1]
    from_x = (np.cos(angle) * x_mm + np.sin(angle) * y_mm) / change.zoom / spacing_mm[0] + (n_x - 1) / 2
    from_y = (np.cos(angle) * y_mm - np.sin(angle) * x_mm) / change.zoom / spacing_mm[1] + (n_y - 1) / 2
    if change.flip:
        from_x = (n_x - 1) - from_x
    moved = _bilinear(volume, from_x, from_y, fill)
    return _shift_slices(moved, round(change.shift_mm[2] / spacing_mm[2]), fill)


def change_intensity(channels: np.ndarray, change: Change) -> np.ndarray:
    """Brightness, contrast and noise of windowed channels, clipped to [0, 1] again.

    Parameters
    ----------
    channels : numpy.ndarray
        float32, any shape, windowed to [0, 1].
    change : Change
        What to do; contrast turns about the middle of the window.
    """
    changed = (channels - 0.5) * np.float32(change.contrast) + np.float32(0.5 + change.brightness)
    if change.noise > 0:
        rng = np.random.default_rng(change.noise_seed)
        changed += np.float32(change.noise) * rng.standard_normal(channels.shape, dtype=np.float32)
    return np.clip(changed, 0.0, 1.0, out=changed)


def _bilinear(volume: np.ndarray, from_x: np.ndarray, from_y: np.ndarray, fill: float) -> np.ndarray:
    """Sample every slice at ``(from_x, from_y)``; both ``(x, y)`` in voxel coordinates."""
    n_x, n_y, n_z = volume.shape
    padded = np.full((n_x + 2, n_y + 2, n_z), fill, dtype=np.float32)
    padded[1:-1, 1:-1] = volume
    at_x, at_y = np.clip(from_x + 1, 0, n_x + 1), np.clip(from_y + 1, 0, n_y + 1)
    low_x = np.minimum(at_x.astype(np.intp), n_x)
    low_y = np.minimum(at_y.astype(np.intp), n_y)
    right, up = (at_x - low_x).ravel(), (at_y - low_y).ravel()
    corner = (low_x * (n_y + 2) + low_y).ravel()
    rows = padded.reshape(-1, n_z)
    sampled = np.zeros((n_x * n_y, n_z), dtype=np.float32)
    for step, weight in (
        (0, (1 - right) * (1 - up)),
        (1, (1 - right) * up),
        (n_y + 2, right * (1 - up)),
        (n_y + 3, right * up),
    ):
        sampled += weight.astype(np.float32)[:, None] * rows[corner + step]
    return sampled.reshape(n_x, n_y, n_z)


def _shift_slices(volume: np.ndarray, n_slices: int, fill: float) -> np.ndarray:
    """Move every slice up by ``n_slices`` (down if negative) and fill what is left open."""
    if n_slices == 0:
        return volume
    moved = np.roll(volume, n_slices, axis=2)
    if n_slices > 0:
        moved[:, :, :n_slices] = fill
    else:
        moved[:, :, n_slices:] = fill
    return moved
