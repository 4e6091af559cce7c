"""Every defect, and what the ingest has to do with it.

A defect takes the datasets of one clean axial series in spatial order, feet first, and returns those of the defective
one. Either the series is set aside, with one of some codes, or it is accepted, with a flag that says what was noticed
or corrected.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ichor.simulate.defects import content, geometry
from ichor.simulate.defects.images import Images, copied


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


def _tagged(**tags: object) -> Callable[[Images, np.random.Generator], Images]:
    def make(images: Images, rng: np.random.Generator) -> Images:
        out = copied(images)
        for image in out:
            for name, value in tags.items():
                setattr(image, name, value)
        return out

    make.__doc__ = f"Say in the header: {tags}."
    return make


def _refused(make: Callable[[Images, np.random.Generator], Images], *codes: str) -> Defect:
    return Defect(make, frozenset(codes))


def _same(make: Callable[[Images, np.random.Generator], Images], flag: str = "none") -> Defect:
    return Defect(make, flag=flag, same_voxels=True)


DEFECTS: dict[str, Defect] = {
    "missing_slice": _refused(geometry.missing_slice, "missing_slices"),
    "missing_block": _refused(geometry.missing_block, "missing_slices"),
    "missing_here_and_there": _refused(geometry.missing_here_and_there, "missing_slices"),
    "every_second_slice": Defect(geometry.every_second_slice, flag="gaps_between_slices"),
    "table_jump": _refused(geometry.table_jump, "missing_slices"),
    "same_position": _refused(geometry.same_position, "duplicate_slices", "missing_slices"),
    "repeated_images": _same(geometry.repeated_images, "duplicate_slices"),
    "second_acquisition": _refused(geometry.second_acquisition, "duplicate_slices"),
    "displaced_slice": _refused(geometry.displaced_slice, "slices_displaced"),
    "tilt_without_tag": Defect(geometry.tilt_without_tag, flag="tilt_corrected"),
    "tag_without_tilt": _same(geometry.tag_without_tilt),
    "two_blocks": Defect(geometry.two_blocks, flag="resampled_uneven"),
    "skewed_axes": _refused(geometry.skewed_axes, "not_original_axial"),
    "long_axes": _refused(geometry.long_axes, "not_original_axial"),
    "mixed_orientation": _refused(geometry.mixed_orientation, "coverage_too_small", "too_few_slices"),
    "mirrored_rows": _same(geometry.mirrored_rows),
    "mirrored_columns": _same(geometry.mirrored_columns),
    "numbered_downwards": _same(geometry.numbered_downwards),
    "two_series_numbers": _same(geometry.two_series_numbers),
    "two_study_dates": _same(geometry.two_study_dates),
    "one_instance_number": _same(geometry.one_instance_number),
    "no_pixel_spacing": _refused(geometry.no_pixel_spacing, "not_original_axial"),
    "no_position": _refused(geometry.no_position, "not_original_axial"),
    "wrong_pixel_spacing": _refused(geometry.wrong_pixel_spacing, "not_a_head"),
    "upper_part_only": _refused(geometry.upper_part_only, "coverage_too_small", "too_few_slices"),
    "localizer": _refused(_tagged(ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"]), "localizer"),
    "reformatted": _refused(_tagged(ImageType=["DERIVED", "SECONDARY", "MPR"]), "not_original_axial"),
    "magnetic_resonance": _refused(_tagged(Modality="MR"), "not_ct"),
    "other_body_part": _refused(_tagged(BodyPartExamined="CHEST"), "not_a_head"),
    "bone_kernel_named": _refused(_tagged(ConvolutionKernel="H60s"), "bone_kernel"),
    "contrast_named": _refused(_tagged(ContrastBolusAgent="Iohexol 350"), "contrast_enhanced"),
    "lossy_named": _refused(_tagged(LossyImageCompression="01"), "lossy_compression"),
    "text_named": _refused(_tagged(BurnedInAnnotation="YES"), "burned_in_text"),
    "screenshots": _refused(content.screenshots, "not_original_axial"),
    "intercept_lost": _refused(content.intercept_lost, "hu_offset_missing"),
    "intercept_lost_in_places": _refused(content.intercept_lost_in_places, "slice_levels_differ"),
    "rescale_by_slice": _same(content.rescale_by_slice, "per_slice_rescale"),
    "scale_wrong": _refused(content.scale_wrong, "hu_out_of_range", "not_a_head"),
    "sign_lost": _refused(content.sign_lost, "wrapped_values"),
    "bone_wrapped": _refused(content.bone_wrapped, "wrapped_values"),
    "air_wrapped": _refused(content.air_wrapped, "wrapped_values"),
    "low_padding": Defect(content.low_padding, flag="padding_clipped"),
    "clipped_range": Defect(content.clipped_range, flag="clipped_range"),
    "windowed": _refused(content.windowed, "hu_out_of_range", "not_a_head"),
    "level_shifted": _refused(content.level_shifted, "hu_out_of_range"),
    "empty_slices": _refused(content.empty_slices, "slice_levels_differ"),
    "sharp_kernel": _refused(content.sharp_kernel, "bone_kernel"),
    "weak_sharp_kernel": _refused(content.weak_sharp_kernel, "bone_kernel"),
    "contrast_in_vessels": _refused(content.contrast_in_vessels, "contrast_enhanced"),
    "text_in_corner": _refused(content.text_in_corner, "burned_in_text"),
    "coarse_values": _refused(content.coarse_values, "not_a_head", "hu_out_of_range"),
    "water_phantom": _refused(content.water_phantom, "not_a_head"),
    "air_scan": _refused(content.air_scan, "not_a_head"),
}
