"""Everything that goes wrong with head CT series, one function a defect: from clean DICOM to a defective series.

A defect takes the datasets of one clean axial series in spatial order, feet first, and returns those of the defective
one. `DEFECTS` says of each what the ingest has to do with it: set the series aside with one of some codes, or accept it
with a flag that says what was noticed or corrected. Some of what is drawn here is coarse (a text of blocks, vessels of
tubes): it has the property that is to be found, not the look.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.uid import SecondaryCaptureImageStorage, generate_uid

Images = list[Dataset]
INTERCEPT = -1024  # of the series that pixel defects write: HU + 1024 in 16 bits without sign


@dataclass(frozen=True)
class Defect:
    """A defect and what has to become of it.

    Attributes
    ----------
    make
        Turns a clean series into a defective one; draws from the generator.
    codes
        Reason codes of which each is right: of the series that is set aside, or of its files.
    flag
        Flag of the accepted scan; "" when the series has to be set aside, "none" when it is accepted as if clean.
    same_voxels
        An accepted scan has the voxels of the clean one.
    """

    make: Callable[[Images, np.random.Generator], Images]
    codes: frozenset[str] = frozenset()
    flag: str = ""
    same_voxels: bool = False


def copied(images: Images) -> Images:
    """Return copies that can be changed, of one new series."""
    series = generate_uid()
    out = [deepcopy(image) for image in images]
    for image in out:
        image.SeriesInstanceUID = series
        _new_image(image)
    return out


def hu_of(image: Dataset) -> NDArray[np.int32]:
    """HU of an image as its header says, shape (rows, columns)."""
    kind = "<i2" if image.PixelRepresentation else "<u2"
    stored = np.frombuffer(image.PixelData, kind).reshape(image.Rows, image.Columns)
    return np.rint(stored * float(image.RescaleSlope) + float(image.RescaleIntercept)).astype(np.int32)


def set_stored(image: Dataset, stored: NDArray, *, signed: bool, intercept: float, slope: float = 1.0) -> None:
    """Write numbers into an image as 16 bits, as they are, and say what they mean."""
    image.BitsAllocated, image.BitsStored, image.HighBit, image.PixelRepresentation = 16, 16, 15, int(signed)
    image.RescaleIntercept, image.RescaleSlope = f"{intercept:g}", f"{slope:g}"
    image.add_new(0x7FE00010, "OW", np.asarray(stored).astype(np.int64).astype("<u2").tobytes())
    if "PixelPaddingValue" in image:
        del image.PixelPaddingValue


def set_hu(image: Dataset, hu: NDArray) -> None:
    """Write HU into an image, in the plainest encoding."""
    set_stored(image, np.clip(np.rint(hu), -1024, 3071) + 1024, signed=False, intercept=INTERCEPT)


def _new_image(image: Dataset) -> None:
    image.SOPInstanceUID = image.file_meta.MediaStorageSOPInstanceUID = generate_uid()


def _position(image: Dataset) -> NDArray:
    return np.array([float(value) for value in image.ImagePositionPatient])


def _move(image: Dataset, by_mm: NDArray) -> None:
    image.ImagePositionPatient = [f"{value:.6f}" for value in _position(image) + by_mm]


def _directions(image: Dataset) -> tuple[NDArray, NDArray, NDArray]:
    values = np.array([float(value) for value in image.ImageOrientationPatient])
    return values[:3], values[3:], np.cross(values[:3], values[3:])


def _set_directions(image: Dataset, row: NDArray, column: NDArray) -> None:
    image.ImageOrientationPatient = [f"{value:.8f}" for value in (*row, *column)]


# geometry


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
    normal = _directions(out[0])[2] * np.sign(_directions(out[0])[2] @ (_position(out[-1]) - _position(out[0])))
    for image in out[len(out) // 2 :]:
        _move(image, 40.0 * normal)
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
        _new_image(image)
    return out + again


def second_acquisition(images: Images, rng: np.random.Generator) -> Images:
    """Mix in a second, noisier acquisition of some positions."""
    out = copied(images)
    again = [deepcopy(image) for image in out[4:9]]
    for image in again:
        _new_image(image)
        set_hu(image, hu_of(image) + rng.normal(0, 8, (image.Rows, image.Columns)))
    return out + again


def displaced_slice(images: Images, rng: np.random.Generator) -> Images:
    """Move one slice sideways by 15 mm."""
    out = copied(images)
    _move(out[len(out) // 2], 15.0 * _directions(out[0])[0])
    return out


def tilt_without_tag(images: Images, rng: np.random.Generator) -> Images:
    """Let the slices lean by 8 degrees, their content staying where it is, and say nothing of it in the tag."""
    from scipy import ndimage

    out = copied(images)
    column, normal = _directions(out[0])[1:]
    pixel = float(out[0].PixelSpacing[0])
    middle = _position(out[len(out) // 2])
    for image in out:
        shift_mm = float((_position(image) - middle) @ normal) * np.tan(np.radians(8.0))
        set_hu(image, ndimage.shift(hu_of(image).astype(float), (-shift_mm / pixel, 0), order=1, cval=-1000.0))
        _move(image, shift_mm * column)
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
    step = _position(out[1]) - _position(out[0])
    for k, image in enumerate(thick):
        above = out[min(half + 2 * k + 1, len(out) - 1)]
        set_hu(image, (hu_of(image) + hu_of(above)) / 2)
        image.SliceThickness = f"{2 * float(image.SliceThickness):g}"
        _move(image, step / 2)
    return out[:half] + thick


def skewed_axes(images: Images, rng: np.random.Generator) -> Images:
    """Turn the columns' direction so that it is not at right angles to the rows'."""
    out = copied(images)
    for image in out:
        row, column, _ = _directions(image)
        bent = column + 0.15 * row
        _set_directions(image, row, bent / np.linalg.norm(bent))
    return out


def long_axes(images: Images, rng: np.random.Generator) -> Images:
    """Write direction cosines of length 2."""
    out = copied(images)
    for image in out:
        row, column, _ = _directions(image)
        _set_directions(image, 2 * row, 2 * column)
    return out


def mixed_orientation(images: Images, rng: np.random.Generator) -> Images:
    """Write the upper half of the slices with another orientation."""
    out = copied(images)
    for image in out[len(out) // 2 :]:
        row, column, _ = _directions(image)
        _set_directions(image, -row, column)
    return out


def mirrored_rows(images: Images, rng: np.random.Generator) -> Images:
    """Store each row from the other end, and say so: the patient stays where he is."""
    out = copied(images)
    for image in out:
        row, column, _ = _directions(image)
        width = (image.Columns - 1) * float(image.PixelSpacing[1])
        set_hu(image, hu_of(image)[:, ::-1])
        _move(image, width * row)
        _set_directions(image, -row, column)
    return out


def mirrored_columns(images: Images, rng: np.random.Generator) -> Images:
    """Store each column from the other end, and say so: the patient stays where he is."""
    out = copied(images)
    for image in out:
        row, column, _ = _directions(image)
        height = (image.Rows - 1) * float(image.PixelSpacing[0])
        set_hu(image, hu_of(image)[::-1])
        _move(image, height * column)
        _set_directions(image, row, -column)
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


# what the header says


def _tagged(**tags: object) -> Callable[[Images, np.random.Generator], Images]:
    def make(images: Images, rng: np.random.Generator) -> Images:
        out = copied(images)
        for image in out:
            for name, value in tags.items():
                setattr(image, name, value)
        return out

    make.__doc__ = f"Say in the header: {tags}."
    return make


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


# intensities


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
    from scipy import ndimage

    out = copied(images)
    noise_hu = 25.0 * np.sqrt(5.0 / min(5.0, float(out[0].SliceThickness)))
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


# what is in the picture


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


def _refused(make: Callable[[Images, np.random.Generator], Images], *codes: str) -> Defect:
    return Defect(make, frozenset(codes))


def _same(make: Callable[[Images, np.random.Generator], Images], flag: str = "none") -> Defect:
    return Defect(make, flag=flag, same_voxels=True)


DEFECTS: dict[str, Defect] = {
    "missing_slice": _refused(missing_slice, "missing_slices"),
    "missing_block": _refused(missing_block, "missing_slices"),
    "missing_here_and_there": _refused(missing_here_and_there, "missing_slices"),
    "every_second_slice": Defect(every_second_slice, flag="gaps_between_slices"),
    "table_jump": _refused(table_jump, "missing_slices"),
    "same_position": _refused(same_position, "duplicate_slices", "missing_slices"),
    "repeated_images": _same(repeated_images, "duplicate_slices"),
    "second_acquisition": _refused(second_acquisition, "duplicate_slices"),
    "displaced_slice": _refused(displaced_slice, "slices_displaced"),
    "tilt_without_tag": Defect(tilt_without_tag, flag="tilt_corrected"),
    "tag_without_tilt": _same(tag_without_tilt),
    "two_blocks": Defect(two_blocks, flag="resampled_uneven"),
    "skewed_axes": _refused(skewed_axes, "not_original_axial"),
    "long_axes": _refused(long_axes, "not_original_axial"),
    "mixed_orientation": _refused(mixed_orientation, "coverage_too_small", "too_few_slices"),
    "mirrored_rows": _same(mirrored_rows),
    "mirrored_columns": _same(mirrored_columns),
    "numbered_downwards": _same(numbered_downwards),
    "two_series_numbers": _same(two_series_numbers),
    "two_study_dates": _same(two_study_dates),
    "one_instance_number": _same(one_instance_number),
    "no_pixel_spacing": _refused(no_pixel_spacing, "not_original_axial"),
    "no_position": _refused(no_position, "not_original_axial"),
    "wrong_pixel_spacing": _refused(wrong_pixel_spacing, "not_a_head"),
    "upper_part_only": _refused(upper_part_only, "coverage_too_small", "too_few_slices"),
    "localizer": _refused(_tagged(ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"]), "localizer"),
    "reformatted": _refused(_tagged(ImageType=["DERIVED", "SECONDARY", "MPR"]), "not_original_axial"),
    "magnetic_resonance": _refused(_tagged(Modality="MR"), "not_ct"),
    "other_body_part": _refused(_tagged(BodyPartExamined="CHEST"), "not_a_head"),
    "bone_kernel_named": _refused(_tagged(ConvolutionKernel="H60s"), "bone_kernel"),
    "contrast_named": _refused(_tagged(ContrastBolusAgent="Iohexol 350"), "contrast_enhanced"),
    "lossy_named": _refused(_tagged(LossyImageCompression="01"), "lossy_compression"),
    "text_named": _refused(_tagged(BurnedInAnnotation="YES"), "burned_in_text"),
    "screenshots": _refused(screenshots, "not_original_axial"),
    "intercept_lost": _refused(intercept_lost, "hu_offset_missing"),
    "intercept_lost_in_places": _refused(intercept_lost_in_places, "slice_levels_differ"),
    "rescale_by_slice": _same(rescale_by_slice, "per_slice_rescale"),
    "scale_wrong": _refused(scale_wrong, "hu_out_of_range", "not_a_head"),
    "sign_lost": _refused(sign_lost, "wrapped_values"),
    "bone_wrapped": _refused(bone_wrapped, "wrapped_values"),
    "air_wrapped": _refused(air_wrapped, "wrapped_values"),
    "low_padding": Defect(low_padding, flag="padding_clipped"),
    "clipped_range": Defect(clipped_range, flag="clipped_range"),
    "windowed": _refused(windowed, "hu_out_of_range", "not_a_head"),
    "level_shifted": _refused(level_shifted, "hu_out_of_range"),
    "empty_slices": _refused(empty_slices, "slice_levels_differ"),
    "sharp_kernel": _refused(sharp_kernel, "bone_kernel"),
    "contrast_in_vessels": _refused(contrast_in_vessels, "contrast_enhanced"),
    "text_in_corner": _refused(text_in_corner, "burned_in_text"),
    "coarse_values": _refused(coarse_values, "not_a_head", "hu_out_of_range"),
    "water_phantom": _refused(water_phantom, "not_a_head"),
    "air_scan": _refused(air_scan, "not_a_head"),
}
