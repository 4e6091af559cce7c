"""The written rules by which a series is refused or scored, and the defaults of the selection."""

from dataclasses import dataclass

import pandas as pd

from ichor.dicom.stack import Stack, median
from ichor.dicom.vocabulary import is_bone_kernel
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


FULL_COVERAGE_MM = 150.0  # skull base to vertex with room to spare; a cranial cavity is about 130 mm high
BEST_THICKNESS_MM = 5.0  # what most centers read hemorrhages on; noise is low, and 10 mm blurs them along the axis
FULL_SLICES = 20
PARTS = ("image_type", "kernel", "contrast", "coverage", "thickness", "slices", "regularity")


def score_parts(stack: Stack | None, rows: pd.DataFrame) -> dict[str, float]:
    """Parts of the score of a series, in points; their sum, 0 to 100, tells how well volumes of a bleed suit it.

    Parameters
    ----------
    stack : Stack or None
        Its geometry; None for what is no volume, which gets no points for it.
    rows : DataFrame
        Its files.

    Returns
    -------
    dict of str to float
        `PARTS`. ``image_type`` 20: original, primary, axial, a third each. ``kernel`` 20: a soft-tissue kernel that
        is named; 10 if none is known, 0 for bone. ``contrast`` 10: no sign of contrast agent. ``coverage`` 20: in full
        from 150 mm. ``thickness`` 15: at 5 mm; 0 at 0 and 10 mm. ``slices`` 5: in full from 20. ``regularity`` 10:
        minus 4 for uneven steps, 3 for doubled positions, 3 for a shear. Weights are our choice.
    """
    first = rows.iloc[0]
    kinds = {"AXIAL" if kind == "VOLUME" else kind for kind in first["image_type"].split("\\")}
    bone = is_bone_kernel(first["kernel"]) or first["description_is_bone"]
    parts = dict.fromkeys(PARTS, 0.0) | dict(
        image_type=20.0 * len(kinds & {"ORIGINAL", "PRIMARY", "AXIAL"}) / 3,
        kernel=0.0 if bone else 20.0 if first["kernel"] not in ("", "other") else 10.0,
        contrast=0.0 if first["contrast"] else 10.0,
    )
    if stack is not None:
        thickness = _thickness(stack, rows)
        parts |= dict(
            coverage=20.0 * min(1.0, (stack.extent_mm + thickness) / FULL_COVERAGE_MM),
            thickness=15.0 * max(0.0, 1 - abs(thickness - BEST_THICKNESS_MM) / BEST_THICKNESS_MM),
            slices=5.0 * min(1.0, stack.slices / FULL_SLICES),
            regularity=10.0 - 4.0 * stack.uneven - 3.0 * bool(stack.duplicates) - 3.0 * stack.sheared,
        )
    return {name: round(float(points), 2) for name, points in parts.items()}
