"""Labels: hematoma expansion from measured volumes, and outcome from the clinical table."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from ichor.cohort.dictionary import variables
from ichor.cohort.expansion import Definition, expanded
from ichor.errors import StudyError
from ichor.reasons import Reason

OPERATED = ("craniotomy", "minimally_invasive")
TIME_TOLERANCE_H = 1e-6  # a 72-hour window holds a scan at 72.0 h however the hours were computed


@dataclass(frozen=True)
class ScanPair:
    """What is known of a patient's two scans; times in hours, volumes in mL, NaN = unknown.

    Attributes
    ----------
    has_followup : bool
        Whether a follow-up scan was accepted.
    onset_to_ct_h, baseline_to_followup_h, onset_to_surgery_h : float
        Times. No surgery is NaN.
    treatment : str or None
        As in the data dictionary.
    reference : tuple of float
        ``(iph, ivh, follow-up iph, follow-up ivh)`` from the reference masks.
    measured : tuple of float
        The same from the predicted masks.
    failure : Reason or None
        Why a predicted mask is missing.
    """

    has_followup: bool
    onset_to_ct_h: float
    baseline_to_followup_h: float
    onset_to_surgery_h: float
    treatment: str | None
    reference: tuple[float, float, float, float]
    measured: tuple[float, float, float, float]
    failure: Reason | None = None


@dataclass(frozen=True)
class ExpansionLabel:
    """The label with what it was decided on; see the ``cohort`` table for the columns of the same names.

    Attributes
    ----------
    label : int or None
        1 expansion, 0 none, None undecided.
    source : {"reference", "measured"} or None
        Both volumes come from reference masks, or both from predicted masks; never one of each.
    reason : Reason or None
        Why there is no label. With a label: ``tiny_baseline`` if the rule in percent was left out.
    followup_iph_ml, followup_ivh_ml, growth_ml, growth_ratio : float
        From the label's source; NaN when there is none. The ratio is NaN for a baseline of 0 mL.
    detail : str
        What was found and what was needed.
    """

    label: int | None
    source: str | None
    reason: Reason | None
    followup_iph_ml: float = math.nan
    followup_ivh_ml: float = math.nan
    growth_ml: float = math.nan
    growth_ratio: float = math.nan
    detail: str = ""


def label_expansion(
    pair: ScanPair, rule: Definition, *, followup_h: tuple[float, float], minimum_baseline_ml: float
) -> ExpansionLabel:
    """Label a patient's hematoma expansion, or say why it cannot be labelled.

    A label needs a follow-up scan inside the window (a negative one, too: without an adequate follow-up nothing is
    known), no surgery before it, and both volumes from one source.

    A baseline below `minimum_baseline_ml` makes any growth a large percentage. Our choice: such a patient is decided
    on the definition's other rules alone (mL, ventricles) and flagged ``tiny_baseline``; setting aside only those who
    do not reach 6 mL would leave a biased remainder. A baseline of 0 mL is no hematoma to expand: ``empty_mask``.

    Parameters
    ----------
    pair : ScanPair
        The patient's scans.
    rule : Definition
        Definition of expansion.
    followup_h : tuple of float
        Shortest and longest time from baseline to follow-up scan, h, both included.
    minimum_baseline_ml : float
        Smallest baseline volume with a meaningful growth in percent, mL.
    """
    reason, detail = _ineligible(pair, followup_h)
    source, volumes = _volumes(pair, needs_ivh=rule.ivh_ml is not None)
    if reason is None and source is None:
        reason, detail = pair.failure or Reason.SEGMENTATION_FAILED, "no volumes of both scans from one source"
        if pair.failure is None and not any(math.isnan(volume) for volume in pair.measured[::2]):
            reason, detail = (
                Reason.LABEL_NOT_SEGMENTED,
                f"{rule.name} needs the volumes of IVH, which are unknown",
            )
    if source is None:
        return ExpansionLabel(None, None, reason, detail=detail)
    iph_ml, ivh_ml, later_iph_ml, later_ivh_ml = volumes
    growth_ml = later_iph_ml - iph_ml
    found = (later_iph_ml, later_ivh_ml, growth_ml, growth_ml / iph_ml if iph_ml > 0 else math.nan)
    if reason is None and (iph_ml == 0 or (source == "measured" and later_iph_ml == 0)):
        where = "baseline" if iph_ml == 0 else "follow-up"
        reason, detail = Reason.EMPTY_MASK, f"no hematoma found on the {where} scan"
    if reason is not None:
        return ExpansionLabel(None, None, reason, *found, detail=detail)
    tiny = iph_ml < minimum_baseline_ml and rule.relative is not None
    positive = expanded(
        rule,
        baseline_iph_ml=iph_ml,
        followup_iph_ml=later_iph_ml,
        baseline_ivh_ml=ivh_ml,
        followup_ivh_ml=later_ivh_ml,
        use_relative=not tiny,
    )
    detail = (
        f"baseline {iph_ml:.2f} mL, at least {minimum_baseline_ml:g} mL needed for growth in percent" if tiny else ""
    )
    return ExpansionLabel(int(positive), source, Reason.TINY_BASELINE if tiny else None, *found, detail=detail)


def _ineligible(pair: ScanPair, followup_h: tuple[float, float]) -> tuple[Reason | None, str]:
    if not pair.has_followup:
        return Reason.NO_FOLLOWUP, ""
    low, high = followup_h
    elapsed = pair.baseline_to_followup_h
    if math.isnan(elapsed):
        return Reason.FOLLOWUP_OUT_OF_WINDOW, f"time from baseline unknown, {low:g} to {high:g} h needed"
    if elapsed <= 0:
        return Reason.FOLLOWUP_BEFORE_BASELINE, f"{elapsed:g} h after baseline"
    if not low - TIME_TOLERANCE_H <= elapsed <= high + TIME_TOLERANCE_H:
        return Reason.FOLLOWUP_OUT_OF_WINDOW, f"{elapsed:g} h after baseline, {low:g} to {high:g} h needed"
    return _operated(pair)


def _operated(pair: ScanPair) -> tuple[Reason | None, str]:
    surgery, baseline = pair.onset_to_surgery_h, pair.onset_to_ct_h
    if math.isnan(surgery):
        if pair.treatment in OPERATED:
            return Reason.SURGERY_BETWEEN, f"treatment {pair.treatment}, time of surgery unknown"
        return None, ""
    if math.isnan(baseline):
        return Reason.SURGERY_BETWEEN, "operated; the scans' time from onset is unknown"
    if surgery <= baseline:
        return Reason.AFTER_SURGERY, f"surgery {surgery:g} h, baseline scan {baseline:g} h after onset"
    followup = baseline + pair.baseline_to_followup_h
    if surgery < followup:
        return Reason.SURGERY_BETWEEN, f"surgery {surgery:g} h, follow-up scan {followup:g} h after onset"
    return None, ""


def _volumes(pair: ScanPair, *, needs_ivh: bool) -> tuple[str | None, tuple[float, float, float, float]]:
    for source, volumes in (("reference", pair.reference), ("measured", pair.measured)):
        needed = volumes if needs_ivh else volumes[::2]
        if not any(math.isnan(volume) for volume in needed):
            return source, volumes
    return None, (math.nan,) * 4


def outcome_rule(outcome: Mapping) -> tuple[str, set[int]]:
    """Variable and its poor values, from the config.

    Parameters
    ----------
    outcome : mapping
        ``variable`` (for example ``gos_discharge``), or ``scale`` and ``at`` (``gos``, ``discharge``); ``poor``: a list
        of values, or a threshold such as ``"<=3"`` or ``">=4"``.

    Raises
    ------
    StudyError
        If the variable is not in the data dictionary, a value is not on its scale, or all or none are poor.
    """
    name = outcome.get("variable") or f"{outcome.get('scale')}_{outcome.get('at')}"
    scales = {
        key: _scale(key) for key, variable in variables().items() if variable.known not in ("admission", "course")
    }
    if name not in scales:
        raise StudyError(f"config: outcome variable {name!r} is unknown; expected one of {', '.join(scales)}.")
    poor, scale = outcome.get("poor"), scales[name]
    written = str(poor).replace(" ", "")
    if isinstance(poor, str) and written[:2] in ("<=", ">=") and written[2:].isdigit():
        limit = int(written[2:])
        values = {value for value in scale if (value <= limit if written[0] == "<" else value >= limit)}
    elif isinstance(poor, list | tuple | set):
        values = set(poor)
    else:
        raise StudyError(f"config: poor outcome of {name}: found {poor!r}, expected a list such as [1, 2, 3] or '<=3'.")
    if not values or not values < set(scale):
        raise StudyError(
            f"config: poor outcome of {name}: found {sorted(values)}, "
            f"expected some, not all, of {', '.join(map(str, scale))}."
        )
    return name, values


def _scale(name: str) -> list[int]:
    variable = variables()[name]
    return list(variable.values) or list(range(int(variable.minimum), int(variable.maximum) + 1))


def label_outcome(patients: pd.DataFrame, outcome: Mapping) -> pd.DataFrame:
    """Label poor outcome.

    Parameters
    ----------
    patients : DataFrame
        Table ``patients`` (or ``cohort``).
    outcome : mapping
        See `outcome_rule`.

    Returns
    -------
    DataFrame
        Index of `patients`; ``label`` (Int64; 1 poor, 0 not, missing when the outcome is not recorded) and ``reason``
        (``label_missing`` or None).
    """
    name, poor = outcome_rule(outcome)
    recorded = pd.to_numeric(patients[name]).astype("Int64")
    label = recorded.isin(poor).astype("Int64").mask(recorded.isna())
    reason = label.map(lambda value: str(Reason.LABEL_MISSING) if pd.isna(value) else None).astype(object)
    return pd.DataFrame({"label": label, "reason": reason}, index=patients.index)
