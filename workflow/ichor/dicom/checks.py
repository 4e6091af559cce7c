"""Checks after conversion: Hounsfield units, head, coverage. Each names the measured value and its limit."""

from dataclasses import dataclass

import numpy as np

from ichor.imaging.brain import AIR_HU, HeadMeasures, measure_head
from ichor.imaging.geometry import extent_mm, spacing_mm
from ichor.reasons import Reason

PAD_HU = -1024


@dataclass(frozen=True)
class CheckRules:
    """What a converted scan must be (our choices).

    Attributes
    ----------
    min_slices : int
        Fewer are refused.
    min_coverage_mm : float
        Least extent along the normal, one slice thickness included.
    min_brain_ml : float
        Least brain volume; adult brains have 1,000 to 1,700 mL, and a scan may miss a part.
    min_enclosed : float
        Least share of the brain that lies inside a ring of bone.
    brain_hu : tuple of float
        Range of the brain's median; grey and white matter lie between 20 and 45 HU, CSF and clot pull at both ends.
    """

    min_slices: int = 10
    min_coverage_mm: float = 100.0
    min_brain_ml: float = 400.0
    min_enclosed: float = 0.4
    brain_hu: tuple[float, float] = (15.0, 50.0)


def clip_padding(data: np.ndarray) -> tuple[np.ndarray, int]:
    """Return int16 voxels with everything below -1024 HU set to -1024, and how many there were."""
    below = int(np.count_nonzero(data < PAD_HU)) if data.min() < PAD_HU else 0
    if below or data.max() > 32767 or not np.issubdtype(data.dtype, np.integer):
        data = np.clip(np.nan_to_num(np.rint(data), nan=PAD_HU), PAD_HU, 32767)
    return data.astype(np.int16, copy=False), below


def check_volume(
    data: np.ndarray, affine: np.ndarray, rules: CheckRules
) -> tuple[Reason | None, str, HeadMeasures | None]:
    """Check a canonical volume.

    Parameters
    ----------
    data : ndarray
        int16, HU, RAS+.
    affine : ndarray
        Shape (4, 4).
    rules : CheckRules
        Limits.

    Returns
    -------
    reason : Reason or None
        Why the scan is refused.
    detail : str
        Measured value and limit.
    measures : HeadMeasures or None
        None when the geometry was refused before anything was measured.
    """
    spacing = spacing_mm(affine)
    if data.shape[2] < rules.min_slices:
        return Reason.TOO_FEW_SLICES, f"{data.shape[2]} slices, at least {rules.min_slices}", None
    coverage = extent_mm(data.shape, affine) + float(spacing[2])
    if coverage < rules.min_coverage_mm:
        return Reason.COVERAGE_TOO_SMALL, f"{coverage:.0f} mm, at least {rules.min_coverage_mm:g} mm", None
    measures = measure_head(data, spacing)
    reason, detail = _judge(measures, rules)
    return reason, detail, measures


def _judge(head: HeadMeasures, rules: CheckRules) -> tuple[Reason | None, str]:
    low, high = rules.brain_hu
    air_is_air = head.clipped or AIR_HU[0] <= head.air_hu <= AIR_HU[1]
    if not air_is_air:
        return Reason.HU_OUT_OF_RANGE, f"air at {head.air_hu:.0f} HU, expected {AIR_HU[0]:.0f} to {AIR_HU[1]:.0f} HU"
    if head.brain_ml < rules.min_brain_ml:
        return Reason.NOT_A_HEAD, f"brain of {head.brain_ml:.0f} mL, at least {rules.min_brain_ml:g} mL"
    if head.enclosed_fraction < rules.min_enclosed:
        return (
            Reason.NOT_A_HEAD,
            f"{head.enclosed_fraction:.2f} of the brain inside bone, at least {rules.min_enclosed:g}",
        )
    if not low <= head.brain_hu <= high:
        return Reason.HU_OUT_OF_RANGE, f"brain at {head.brain_hu:.0f} HU, expected {low:g} to {high:g} HU"
    return None, ""
