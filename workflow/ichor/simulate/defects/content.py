"""Numbers that are no Hounsfield units, and pictures of something else than a plain head, one function a defect.

Some of what is drawn here is coarse (a text of blocks, vessels of tubes): it has the property that is to be found, not
the look.
"""

from __future__ import annotations

import numpy as np
from pydicom.uid import SecondaryCaptureImageStorage

from ichor.simulate.defects.images import (
    INTERCEPT,
    Images,
    copied,
    hu_of,
    set_hu,
    set_stored,
)


def screenshots(images: Images, rng: np.random.Generator) -> Images:
    """Save the slices as colour pictures of a screen."""
    out = copied(images)
    for image in out:
        grey = np.clip(hu_of(image) * 255 / 80, 0, 255).astype(np.uint8)
        image.SOPClassUID = image.file_meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
        image.SamplesPerPixel, image.PhotometricInterpretation, image.PlanarConfiguration = 3, "RGB", 0
        image.BitsAllocated, image.BitsStored, image.HighBit, image.PixelRepresentation = 8, 8, 7, 0
        image.add_new(0x7FE00010, "OB", np.repeat(grey[:, :, None], 3, axis=2).tobytes())
    return out


def intercept_lost(images: Images, rng: np.random.Generator) -> Images:
    """Lose scale and offset: air becomes 24, brain about 1055."""
    out = copied(images)
    for image in out:
        set_hu(image, hu_of(image))
        del image.RescaleIntercept, image.RescaleSlope
    return out


def intercept_lost_in_places(images: Images, rng: np.random.Generator) -> Images:
    """Lose the offset of every fifth slice."""
    out = copied(images)
    for k, image in enumerate(out):
        set_hu(image, hu_of(image))
        if k % 5 == 2:
            image.RescaleIntercept = "0"
    return out


def rescale_by_slice(images: Images, rng: np.random.Generator) -> Images:
    """Store each slice with a scale and offset of its own, as PET scanners do."""
    out = copied(images)
    for k, image in enumerate(out):
        intercept = -1024 - 8 * k
        set_stored(image, np.clip(hu_of(image), -1024, 3071) - intercept, signed=False, intercept=intercept)
    return out


def scale_wrong(images: Images, rng: np.random.Generator) -> Images:
    """Name a scale of 2 for numbers that have none."""
    out = copied(images)
    for image in out:
        set_hu(image, hu_of(image))
        image.RescaleSlope = "2"
    return out


def sign_lost(images: Images, rng: np.random.Generator) -> Images:
    """Store HU with a sign and say that there is none: air becomes 64,536."""
    out = copied(images)
    for image in out:
        set_stored(image, hu_of(image), signed=False, intercept=0)
    return out


def bone_wrapped(images: Images, rng: np.random.Generator) -> Images:
    """Keep 12 bits with a sign of HU + 1024: dense bone above 1,023 HU becomes darker than air."""
    out = copied(images)
    for image in out:
        stored = hu_of(image) + 1024
        set_stored(image, (stored + 2048) % 4096 - 2048, signed=True, intercept=INTERCEPT)
    return out


def air_wrapped(images: Images, rng: np.random.Generator) -> Images:
    """Keep 12 bits of HU + 990: air below -990 HU becomes 3,105 and less."""
    out = copied(images)
    for image in out:
        set_stored(image, (hu_of(image) + 990) % 4096, signed=False, intercept=-990)
    return out


def low_padding(images: Images, rng: np.random.Generator) -> Images:
    """Put -2000 outside of the round field of view."""
    out = copied(images)
    for image in out:
        hu = hu_of(image)
        row, column = np.indices(hu.shape) - (np.array(hu.shape)[:, None, None] - 1) / 2
        hu[np.hypot(row, column) > min(hu.shape) / 2] = -2000
        set_stored(image, hu, signed=True, intercept=0)
    return out


def clipped_range(images: Images, rng: np.random.Generator) -> Images:
    """Clip to -20 to 100 HU."""
    out = copied(images)
    for image in out:
        set_hu(image, np.clip(hu_of(image), -20, 100))
    return out


def windowed(images: Images, rng: np.random.Generator) -> Images:
    """Keep what a screen shows at 0 to 80 HU, as numbers from 0 to 255."""
    out = copied(images)
    for image in out:
        set_stored(image, np.clip(hu_of(image) * 255 / 80, 0, 255), signed=False, intercept=0)
    return out


def level_shifted(images: Images, rng: np.random.Generator) -> Images:
    """Raise everything but air by 25 HU."""
    out = copied(images)
    for image in out:
        hu = hu_of(image)
        set_hu(image, hu + 25 * (hu > -500))
    return out


def empty_slices(images: Images, rng: np.random.Generator) -> Images:
    """Lose the pixels of two slices inside the head."""
    out = copied(images)
    for image in out[len(out) // 2 : len(out) // 2 + 2]:
        set_hu(image, np.full((image.Rows, image.Columns), -1024))
    return out


def sharp_kernel(images: Images, rng: np.random.Generator) -> Images:
    """Reconstruct with a bone kernel that no tag names: sharp edges, and their noise, which is less in thick slices."""
    return _sharpened(images, rng, 25.0)


def weak_sharp_kernel(images: Images, rng: np.random.Generator) -> Images:
    """Do the same with half the noise, as at a high dose: less than a limit for noise alone can tell."""
    return _sharpened(images, rng, 12.0)


def _sharpened(images: Images, rng: np.random.Generator, noise_hu: float) -> Images:
    """Sharpen edges and add noise, which is given for slices of 5 mm."""
    from scipy import ndimage

    out = copied(images)
    noise_hu *= np.sqrt(5.0 / min(5.0, float(out[0].SliceThickness)))
    for image in out:
        hu = hu_of(image).astype(np.float32)
        sigma = max(0.6, 0.8 / float(image.PixelSpacing[0]))
        set_hu(image, hu + 1.6 * (hu - ndimage.gaussian_filter(hu, sigma)) + rng.normal(0, noise_hu, hu.shape))
    return out


def contrast_in_vessels(images: Images, rng: np.random.Generator) -> Images:
    """Fill arteries and veins with contrast agent of 300 HU that no tag names: tubes that run up through the brain."""
    out = copied(images)
    half, pixel = len(out) // 2, float(out[0].PixelSpacing[0])
    middle = hu_of(out[half])
    inside = np.argwhere((middle > 5) & (middle < 90))
    center = inside.mean(axis=0)
    row, column = np.indices(middle.shape)
    tubes = [(forward, side) for forward in (-30, -10, 10, 30) for side in (-25, -8, 8, 25)]
    for image in out[half - 2 : half + len(out) // 3]:
        hu = hu_of(image)
        for forward, side in tubes:
            distance = np.hypot((row - center[0]) * pixel - forward, (column - center[1]) * pixel - side)
            hu = np.where((distance < 3.0) & (hu > 0) & (hu < 100), 300, hu)
        set_hu(image, hu)
    return out


def text_in_corner(images: Images, rng: np.random.Generator) -> Images:
    """Burn lines of blocks into a corner, where names stand."""
    out = copied(images)
    letters = rng.random((2, 8, 5, 3)) < 0.6
    for image in out:
        hu = hu_of(image)
        for line in range(2):
            for place in range(8):
                top, left = 2 + 7 * line, 2 + 4 * place
                hu[top : top + 5, left : left + 3][letters[line, place]] = 2000
        set_hu(image, hu)
    return out


def coarse_values(images: Images, rng: np.random.Generator) -> Images:
    """Ruin the values as strong lossy compression does: blocks of eight pixels in steps of 120 HU."""
    out = copied(images)
    for image in out:
        hu = hu_of(image)
        rows, columns = (size // 8 * 8 for size in hu.shape)
        blocks = hu[:rows, :columns].reshape(rows // 8, 8, columns // 8, 8).mean(axis=(1, 3))
        hu[:rows, :columns] = np.round(blocks / 120).repeat(8, axis=0).repeat(8, axis=1) * 120
        set_hu(image, hu)
    return out


def water_phantom(images: Images, rng: np.random.Generator) -> Images:
    """Scan a cylinder of plastic filled with water."""
    out = copied(images)
    for image in out:
        shape, pixel = (image.Rows, image.Columns), float(image.PixelSpacing[0])
        row, column = np.indices(shape) - (np.array(shape)[:, None, None] - 1) / 2
        radius = np.hypot(row, column) * pixel
        hu = np.where(radius < 85, 20.0, np.where(radius < 90, 110.0, -1000.0))
        set_hu(image, hu + rng.normal(0, 3, shape))
    return out


def air_scan(images: Images, rng: np.random.Generator) -> Images:
    """Scan nothing."""
    out = copied(images)
    for image in out:
        set_hu(image, rng.normal(-1000, 6, (image.Rows, image.Columns)))
    return out
