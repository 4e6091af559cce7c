"""Slices that are missing, doubled, out of place or turned, one function a defect."""

from __future__ import annotations

from copy import deepcopy

import numpy as np

from ichor.simulate.defects.images import (
    Images,
    copied,
    directions,
    hu_of,
    move,
    new_image,
    position,
    set_directions,
    set_hu,
)


def missing_slice(images: Images, rng: np.random.Generator) -> Images:
    """Lose one slice inside the head."""
    lost = int(rng.integers(len(images) // 3, 2 * len(images) // 3))
    return [image for k, image in enumerate(copied(images)) if k != lost]


def missing_block(images: Images, rng: np.random.Generator) -> Images:
    """Lose three neighbouring slices inside the head."""
    first = int(rng.integers(len(images) // 3, len(images) // 2))
    return [image for k, image in enumerate(copied(images)) if not first <= k < first + 3]


def missing_here_and_there(images: Images, rng: np.random.Generator) -> Images:
    """Lose every second slice of the lower half."""
    return [image for k, image in enumerate(copied(images)) if k > len(images) // 2 or k % 2 == 0]


def every_second_slice(images: Images, rng: np.random.Generator) -> Images:
    """Lose every second slice of all: what is left is an even stack of slices that are too thin."""
    return copied(images)[::2]


def table_jump(images: Images, rng: np.random.Generator) -> Images:
    """Move the table by 40 mm half way."""
    out = copied(images)
    normal = directions(out[0])[2] * np.sign(directions(out[0])[2] @ (position(out[-1]) - position(out[0])))
    for image in out[len(out) // 2 :]:
        move(image, 40.0 * normal)
    return out


def same_position(images: Images, rng: np.random.Generator) -> Images:
    """Give two slices one position."""
    out = copied(images)
    k = len(out) // 2
    out[k].ImagePositionPatient = out[k - 1].ImagePositionPatient
    return out


def repeated_images(images: Images, rng: np.random.Generator) -> Images:
    """Send some images twice, under new identifiers."""
    out = copied(images)
    again = [deepcopy(image) for image in out[4:9]]
    for image in again:
        new_image(image)
    return out + again


def second_acquisition(images: Images, rng: np.random.Generator) -> Images:
    """Mix in a second, noisier acquisition of some positions."""
    out = copied(images)
    again = [deepcopy(image) for image in out[4:9]]
    for image in again:
        new_image(image)
        set_hu(image, hu_of(image) + rng.normal(0, 8, (image.Rows, image.Columns)))
    return out + again


def displaced_slice(images: Images, rng: np.random.Generator) -> Images:
    """Move one slice sideways by 15 mm."""
    out = copied(images)
    move(out[len(out) // 2], 15.0 * directions(out[0])[0])
    return out


def tilt_without_tag(images: Images, rng: np.random.Generator) -> Images:
    """Let the slices lean by 8 degrees, their content staying where it is, and say nothing of it in the tag."""
    from scipy import ndimage

    out = copied(images)
    column, normal = directions(out[0])[1:]
    pixel = float(out[0].PixelSpacing[0])
    middle = position(out[len(out) // 2])
    for image in out:
        shift_mm = float((position(image) - middle) @ normal) * np.tan(np.radians(8.0))
        set_hu(image, ndimage.shift(hu_of(image).astype(float), (-shift_mm / pixel, 0), order=1, cval=-1000.0))
        move(image, shift_mm * column)
        if "GantryDetectorTilt" in image:
            del image.GantryDetectorTilt
    return out


def tag_without_tilt(images: Images, rng: np.random.Generator) -> Images:
    """Name a tilt in the tag that the positions do not have."""
    out = copied(images)
    for image in out:
        image.GantryDetectorTilt = "20"
    return out


def two_blocks(images: Images, rng: np.random.Generator) -> Images:
    """Make the upper half of slices twice as thick."""
    out = copied(images)
    half = len(out) // 2
    for image in out[:half]:
        set_hu(image, hu_of(image))
    thick = out[half::2]
    step = position(out[1]) - position(out[0])
    for k, image in enumerate(thick):
        above = out[min(half + 2 * k + 1, len(out) - 1)]
        set_hu(image, (hu_of(image) + hu_of(above)) / 2)
        image.SliceThickness = f"{2 * float(image.SliceThickness):g}"
        move(image, step / 2)
    return out[:half] + thick


def skewed_axes(images: Images, rng: np.random.Generator) -> Images:
    """Turn the columns' direction so that it is not at right angles to the rows'."""
    out = copied(images)
    for image in out:
        row, column, _ = directions(image)
        bent = column + 0.15 * row
        set_directions(image, row, bent / np.linalg.norm(bent))
    return out


def long_axes(images: Images, rng: np.random.Generator) -> Images:
    """Write direction cosines of length 2."""
    out = copied(images)
    for image in out:
        row, column, _ = directions(image)
        set_directions(image, 2 * row, 2 * column)
    return out


def mixed_orientation(images: Images, rng: np.random.Generator) -> Images:
    """Write the upper half of the slices with another orientation."""
    out = copied(images)
    for image in out[len(out) // 2 :]:
        row, column, _ = directions(image)
        set_directions(image, -row, column)
    return out


def mirrored_rows(images: Images, rng: np.random.Generator) -> Images:
    """Store each row from the other end, and say so: the patient stays where he is."""
    out = copied(images)
    for image in out:
        row, column, _ = directions(image)
        width = (image.Columns - 1) * float(image.PixelSpacing[1])
        set_hu(image, hu_of(image)[:, ::-1])
        move(image, width * row)
        set_directions(image, -row, column)
    return out


def mirrored_columns(images: Images, rng: np.random.Generator) -> Images:
    """Store each column from the other end, and say so: the patient stays where he is."""
    out = copied(images)
    for image in out:
        row, column, _ = directions(image)
        height = (image.Rows - 1) * float(image.PixelSpacing[0])
        set_hu(image, hu_of(image)[::-1])
        move(image, height * column)
        set_directions(image, row, -column)
    return out


def numbered_downwards(images: Images, rng: np.random.Generator) -> Images:
    """Number the slices from the head to the feet."""
    out = copied(images)
    for k, image in enumerate(out):
        image.InstanceNumber = len(out) - k
    return out[::-1]


def two_series_numbers(images: Images, rng: np.random.Generator) -> Images:
    """Change the series number half way; a converter makes two volumes of it."""
    out = copied(images)
    for image in out[len(out) // 2 :]:
        image.SeriesNumber = 77
    return out


def two_study_dates(images: Images, rng: np.random.Generator) -> Images:
    """Pass midnight half way; a converter makes two volumes of it."""
    out = copied(images)
    for image in out[len(out) // 2 :]:
        image.StudyDate = "20200102"
    return out


def one_instance_number(images: Images, rng: np.random.Generator) -> Images:
    """Give the slices of the upper half one instance number; a converter takes them for repetitions."""
    out = copied(images)
    for image in out[len(out) // 2 :]:
        image.InstanceNumber = 7
    return out


def no_pixel_spacing(images: Images, rng: np.random.Generator) -> Images:
    """Lose the size of the pixels."""
    out = copied(images)
    for image in out:
        del image.PixelSpacing
    return out


def no_position(images: Images, rng: np.random.Generator) -> Images:
    """Lose the position of the slices."""
    out = copied(images)
    for image in out:
        del image.ImagePositionPatient
    return out


def wrong_pixel_spacing(images: Images, rng: np.random.Generator) -> Images:
    """Name pixels of half their size."""
    out = copied(images)
    for image in out:
        image.PixelSpacing = [f"{float(value) / 2:.6f}" for value in image.PixelSpacing]
    return out


def upper_part_only(images: Images, rng: np.random.Generator) -> Images:
    """Scan the upper third of the head only."""
    return copied(images)[-max(3, len(images) // 3) :]
