"""Checks after conversion: Hounsfield units, head, coverage. Each names the measured value and its limit."""

from dataclasses import dataclass

import numpy as np

from ichor.imaging.brain import AIR_HU, BONE_HU, HeadMaps, HeadMeasures, find_head, measure_head
from ichor.imaging.geometry import extent_mm, spacing_mm
from ichor.imaging.scan_edge import brain_share_on_top
from ichor.imaging.signal import PAD_HU, RawMeasures, SignalMeasures, measure_raw, measure_signal
from ichor.imaging.skull_rim import rim_dip_hu
from ichor.reasons import Reason

TRUE_AIR_HU = -1000.0


@dataclass(frozen=True)
class CheckRules:
    """What a converted scan must be (our choices; docs/explanation/geometry-and-intensity.md says why).

    Attributes
    ----------
    min_slices : int
        Fewer are refused.
    min_coverage_mm : float
        Least extent along the normal, one slice thickness included.
    min_brain_ml, max_brain_ml : float
        Range of the brain's volume; adult brains have 1,000 to 1,700 mL, and a scan may miss a part.
    min_enclosed : float
        Least share of the brain that lies inside a ring of bone.
    brain_width_mm : tuple of float
        Range of the brain's width from right to left; adult brains have about 130 to 150 mm.
    brain_hu : tuple of float
        Range of the brain's median; grey and white matter lie between 20 and 45 HU.
    max_level_step_hu : float
        Largest difference of the levels of neighbouring slices.
    max_noise_hu : float
        Most noise in the brain, scaled to slices of 5 mm: above it a bone kernel was used.
    noise_with_dark_rim_hu, max_rim_dip_hu : float
        Less noise than that is a bone kernel's too if the rim of the brain is this much darker than its inside, as
        beside edges that were sharpened.
    max_enhanced_ml : float
        Most that may be above 120 HU in the upper half of the brain, away from the skull: above it contrast was given.
    max_wrapped_fraction, max_bright_border_fraction : float
        Most voxels with values that cannot be, in the volume and at the border of the slices.
    max_text_pixels : int
        Most pixels that are bright and the same throughout the scan.
    max_brain_on_top : float
        Most area of the brain on the uppermost slice, over its largest area, without a flag: in a ball of 65 mm it is
        reached 11 mm below the top. Of 40 scans of PHE-SICH-CT-IDS one reached 0.25, none more.
    """

    min_slices: int = 10
    min_coverage_mm: float = 100.0
    min_brain_ml: float = 400.0
    max_brain_ml: float = 2400.0
    min_enclosed: float = 0.4
    brain_width_mm: tuple[float, float] = (90.0, 200.0)
    brain_hu: tuple[float, float] = (20.0, 45.0)
    max_level_step_hu: float = 150.0
    max_noise_hu: float = 14.0
    noise_with_dark_rim_hu: float = 7.0
    max_rim_dip_hu: float = 12.0
    max_enhanced_ml: float = 3.0
    max_wrapped_fraction: float = 1e-4
    max_bright_border_fraction: float = 0.01
    max_text_pixels: int = 30
    max_brain_on_top: float = 0.3


@dataclass(frozen=True)
class Checked:
    """What the checks say of a volume.

    Attributes
    ----------
    reason : Reason or None
        Why the scan is refused.
    detail : str
        Measured value and limit.
    head : HeadMeasures or None
        None when the geometry was refused before anything was measured.
    signal : SignalMeasures or None
        As `head`.
    missing_vertex : str
        Of a scan that ends below the vertex: measured value and limit.
    """

    reason: Reason | None
    detail: str
    head: HeadMeasures | None = None
    signal: SignalMeasures | None = None
    missing_vertex: str = ""


def clip_padding(data: np.ndarray) -> tuple[np.ndarray, int]:
    """Return int16 voxels with everything below -1024 HU set to -1024, and how many there were."""
    below = int(np.count_nonzero(data < PAD_HU)) if data.min() < PAD_HU else 0
    if below or data.dtype != np.int16:
        data = np.clip(np.nan_to_num(np.rint(data), nan=PAD_HU), PAD_HU, 32767)
    return data.astype(np.int16, copy=False), below


def check_raw(data: np.ndarray, rules: CheckRules) -> tuple[Reason | None, str]:
    """Check the slices as they were stored, before padding is clipped and anything is moved.

    Parameters
    ----------
    data : ndarray
        Shape (columns, rows, slices), HU.
    rules : CheckRules
        Limits.

    Returns
    -------
    reason : Reason or None
        Why the scan is refused.
    detail : str
        Measured value and limit.
    """
    raw: RawMeasures = measure_raw(data)
    if raw.wrapped_fraction > rules.max_wrapped_fraction:
        return Reason.WRAPPED_VALUES, (
            f"{raw.wrapped_fraction:.2%} of the voxels far below air or above metal, "
            f"at most {rules.max_wrapped_fraction:.2%}"
        )
    if raw.bright_border_fraction > rules.max_bright_border_fraction:
        return Reason.WRAPPED_VALUES, (
            f"{raw.bright_border_fraction:.1%} of the slices' border above 2000 HU, "
            f"at most {rules.max_bright_border_fraction:.0%}"
        )
    if raw.text_pixels > rules.max_text_pixels:
        return Reason.BURNED_IN_TEXT, (
            f"{raw.text_pixels} bright pixels are the same in all slices, at most {rules.max_text_pixels}"
        )
    return None, ""


def check_volume(data: np.ndarray, affine: np.ndarray, rules: CheckRules) -> Checked:
    """Check a canonical volume.

    Parameters
    ----------
    data : ndarray
        int16, HU, RAS+.
    affine : ndarray
        Shape (4, 4).
    rules : CheckRules
        Limits.
    """
    spacing = spacing_mm(affine)
    if data.shape[2] < rules.min_slices:
        return Checked(Reason.TOO_FEW_SLICES, f"{data.shape[2]} slices, at least {rules.min_slices}")
    coverage = extent_mm(data.shape, affine) + float(spacing[2])
    if coverage < rules.min_coverage_mm:
        return Checked(Reason.COVERAGE_TOO_SMALL, f"{coverage:.0f} mm, at least {rules.min_coverage_mm:g} mm")
    maps = find_head(data, spacing)
    head = measure_head(data, spacing, maps)
    signal = measure_signal(data, spacing, maps)
    for reason, detail in (
        _judge_air(data, spacing, head, rules),
        _judge_slices(signal, head, rules),
        _judge_noise(data, spacing, maps, signal, rules),
        _judge_head(head, rules),
        _judge_contrast(signal, rules),
    ):
        if reason is not None:
            return Checked(reason, detail, head, signal)
    return Checked(None, "", head, signal, _missing_vertex(maps, rules))


def _missing_vertex(maps: HeadMaps, rules: CheckRules) -> str:
    share = brain_share_on_top(maps.brain)
    if share <= rules.max_brain_on_top:
        return ""
    return f"{share:.0%} of the brain's largest area on the uppermost slice, at most {rules.max_brain_on_top:.0%}"


def _judge_air(
    data: np.ndarray, spacing: np.ndarray, head: HeadMeasures, rules: CheckRules
) -> tuple[Reason | None, str]:
    """Say whether air is where air is; if not, whether all values are shifted alike."""
    if head.clipped or AIR_HU[0] <= head.air_hu <= AIR_HU[1]:
        return None, ""
    expected = f"expected {AIR_HU[0]:.0f} to {AIR_HU[1]:.0f} HU"
    for offset in (-PAD_HU, round(head.air_hu - TRUE_AIR_HU)):  # the usual one; that of air, which may be padding here
        if head.hu_max - offset < BONE_HU:
            continue
        moved = np.clip(data.astype(np.int32) - offset, PAD_HU, 32767).astype(np.int16)
        straight = measure_head(moved, spacing)
        if straight.brain_ml >= rules.min_brain_ml and rules.brain_hu[0] <= straight.brain_hu <= rules.brain_hu[1]:
            brain = straight.brain_hu + offset
            return Reason.HU_OFFSET_MISSING, f"air at {head.air_hu:.0f} HU, {expected}; brain at {brain:.0f} HU"
    return Reason.HU_OUT_OF_RANGE, f"air at {head.air_hu:.0f} HU, {expected}"


def _judge_head(head: HeadMeasures, rules: CheckRules) -> tuple[Reason | None, str]:
    low, high = rules.brain_hu
    if head.brain_ml < rules.min_brain_ml:
        return Reason.NOT_A_HEAD, f"brain of {head.brain_ml:.0f} mL, at least {rules.min_brain_ml:g} mL"
    if head.brain_ml > rules.max_brain_ml:
        return Reason.NOT_A_HEAD, f"brain of {head.brain_ml:.0f} mL, at most {rules.max_brain_ml:g} mL"
    if head.enclosed_fraction < rules.min_enclosed:
        share = f"{head.enclosed_fraction:.2f} of the brain inside bone"
        return Reason.NOT_A_HEAD, f"{share}, at least {rules.min_enclosed:g}"
    narrow, wide = rules.brain_width_mm
    if not narrow <= head.brain_width_mm <= wide:
        return Reason.NOT_A_HEAD, f"brain {head.brain_width_mm:.0f} mm wide, expected {narrow:g} to {wide:g} mm"
    if not low <= head.brain_hu <= high:
        return Reason.HU_OUT_OF_RANGE, f"brain at {head.brain_hu:.0f} HU, expected {low:g} to {high:g} HU"
    return None, ""


def _judge_slices(signal: SignalMeasures, head: HeadMeasures, rules: CheckRules) -> tuple[Reason | None, str]:
    if signal.empty_slices and not head.clipped:
        return Reason.SLICE_LEVELS_DIFFER, f"{signal.empty_slices} slices of air inside the scan, at most 0"
    if signal.level_step_hu > rules.max_level_step_hu and not head.clipped:
        step = f"levels differ by {signal.level_step_hu:.0f} HU between neighbouring slices"
        return Reason.SLICE_LEVELS_DIFFER, f"{step}, at most {rules.max_level_step_hu:g} HU"
    return None, ""


def _judge_noise(
    data: np.ndarray, spacing: np.ndarray, maps: HeadMaps, signal: SignalMeasures, rules: CheckRules
) -> tuple[Reason | None, str]:
    noise = f"noise of {signal.noise_hu:.1f} HU in the brain"
    if signal.noise_hu > rules.max_noise_hu:
        return Reason.BONE_KERNEL, f"{noise}, at most {rules.max_noise_hu:g} HU"
    if signal.noise_hu > rules.noise_with_dark_rim_hu:  # else the rim is not looked at: few scans are so noisy
        dip = rim_dip_hu(data, spacing, maps)
        if dip > rules.max_rim_dip_hu:
            rim = f"its rim {dip:.0f} HU darker than its inside"
            return Reason.BONE_KERNEL, (
                f"{noise} and {rim}, at most {rules.noise_with_dark_rim_hu:g} HU or {rules.max_rim_dip_hu:g} HU"
            )
    return None, ""


def _judge_contrast(signal: SignalMeasures, rules: CheckRules) -> tuple[Reason | None, str]:
    if signal.enhanced_ml > rules.max_enhanced_ml:
        volume = f"{signal.enhanced_ml:.1f} mL above 120 HU inside the brain"
        return Reason.CONTRAST_ENHANCED, f"{volume}, at most {rules.max_enhanced_ml:g} mL"
    return None, ""
