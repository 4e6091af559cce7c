"""The written rules by which a series is refused or scored, and the defaults of the selection."""

from dataclasses import dataclass

import pandas as pd

from ichor.dicom.stack import Stack, median
from ichor.reasons import Reason


@dataclass(frozen=True)
class SelectionRules:
    """What a head CT must be, and when (our choices; the follow-up window is that of the expansion literature).

    Attributes
    ----------
    min_slices : int
        Fewer distinct positions are refused.
    min_coverage_mm : float
        Least extent along the normal, slice thickness included; a cranial cavity is about 130 mm high.
    followup_h : tuple of float
        A follow-up scan lies this many hours after the baseline, both ends included.
    followup_target_h : float
        Of several follow-up scans the one closest to this is taken.
    session_h : float
        Series this close in time belong to one visit and compete by score.
    first_visit_h : float
        The baseline lies at most this long after the patient's very first head CT, usable or not: a scan of the
        next day is not a baseline because that of the first was damaged.
    alternatives : int
        Further series of the same visit that conversion may fall back on.
    """

    min_slices: int = 10
    min_coverage_mm: float = 100.0
    followup_h: tuple[float, float] = (6.0, 72.0)
    followup_target_h: float = 24.0
    session_h: float = 1.0
    first_visit_h: float = 3.0
    alternatives: int = 2


def stack_reason(stack: Stack, rows: pd.DataFrame, rules: SelectionRules) -> tuple[str, str]:
    """Reason code and detail for which a stack is refused, or two empty texts."""
    if stack.slices < rules.min_slices:
        return str(Reason.TOO_FEW_SLICES), f"{stack.slices} positions, at least {rules.min_slices}"
    coverage = stack.extent_mm + _thickness(stack, rows)
    if coverage < rules.min_coverage_mm:
        return str(Reason.COVERAGE_TOO_SMALL), f"{coverage:.0f} mm, at least {rules.min_coverage_mm:g} mm"
    if stack.gap:
        return str(Reason.MISSING_SLICES), f"step of {stack.steps_mm.max():.2f} mm, typical {stack.step_mm:.2f} mm"
    return "", ""


def _thickness(stack: Stack, rows: pd.DataFrame) -> float:
    thickness = median(rows["thickness_mm"])
    return thickness if thickness > 0 else stack.step_mm


def score(stack: Stack, rows: pd.DataFrame) -> float:
    """Score of a usable series, 0 to 100: the higher, the better suited for volumes of a bleed.

    20 each for ``ORIGINAL/PRIMARY/AXIAL`` and for a kernel that is named (bone kernels are refused before);
    30 for coverage (in full from 150 mm); 15 for thickness near 5 mm; 15 for even, undoubled, complete slices.
    """
    kinds = set(rows["image_type"].iloc[0].split("\\"))
    points = 20.0 * len(kinds & {"ORIGINAL", "PRIMARY", "AXIAL"}) / 3
    points += 20.0 if rows["kernel"].iloc[0] not in ("", "other") else 10.0
    thickness = _thickness(stack, rows)
    points += 30.0 * min(1.0, (stack.extent_mm + thickness) / 150)
    points += 15.0 * max(0.0, 1 - abs(thickness - 5.0) / 5.0)
    points += 15.0 - 5.0 * stack.uneven - 5.0 * bool(stack.duplicates) - 5.0 * stack.sheared
    return round(points, 2)
