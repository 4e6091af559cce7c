"""Labels: hematoma expansion from measured volumes, and outcome from the clinical table."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from ichor.cohort.dictionary import variables
from ichor.cohort.expansion import Definition, expanded
from ichor.cohort.scan_pairs import UNKNOWN, ScanPair
from ichor.errors import StudyError
from ichor.reasons import Reason

OPERATED = ("craniotomy", "minimally_invasive")
TIME_TOLERANCE_H = 1e-6  # a 72-hour window holds a scan at 72.0 h however the hours were computed


@dataclass(frozen=True)
class Eligibility:
    """What a patient needs for an expansion label.

    Attributes
    ----------
    followup_h : tuple of float
        Shortest and longest time from baseline to follow-up scan, h, both included.
    minimum_baseline_ml : float
        Smallest baseline volume with a meaningful growth in percent, mL.
    early_positive : bool
        Whether growth that is seen before the window is an expansion.
    """

    followup_h: tuple[float, float]
    minimum_baseline_ml: float
    early_positive: bool = True

    @classmethod
    def of(cls, expansion: Mapping) -> "Eligibility":
        """From the settings ``followup_h``, ``min_baseline_ml`` and, if given, ``early_positive``."""
        low, high = expansion["followup_h"]
        return cls(
            (float(low), float(high)), float(expansion["min_baseline_ml"]), expansion.get("early_positive", True)
        )


@dataclass(frozen=True)
class ExpansionLabel:
    """The label with what it was decided on; see the ``cohort`` table for the columns of the same names.

    Attributes
    ----------
    label : int or None
        1 expansion, 0 none, None undecided.
    source : {"reference", "measured", "table_volumes", "table_label"} or None
        Both volumes come from reference masks, both from predicted masks, or both from the center's table, never one of
        each; or the center made the label itself.
    reason : Reason or None
        Why there is no label. With a label: ``tiny_baseline`` if the rule in percent was left out,
        ``positive_before_window`` if growth was seen before the window.
    followup_iph_ml, followup_ivh_ml, growth_ml, growth_ratio : float
        From the label's source; NaN when there is none. The ratio is NaN for a baseline of 0 mL.
    detail : str
        What was found and what was needed.
    volumes : tuple of float
        ``(iph, ivh, follow-up iph, follow-up ivh)`` from the label's source.
    use_relative : bool
        Whether a rule in percent was looked at.
    """

    label: int | None
    source: str | None
    reason: Reason | None
    followup_iph_ml: float = math.nan
    followup_ivh_ml: float = math.nan
    growth_ml: float = math.nan
    growth_ratio: float = math.nan
    detail: str = ""
    volumes: tuple[float, float, float, float] = UNKNOWN
    use_relative: bool = True


def label_expansion(
    pair: ScanPair,
    rule: Definition,
    *,
    followup_h: tuple[float, float],
    minimum_baseline_ml: float,
    early_positive: bool = True,
) -> ExpansionLabel:
    """Label a patient's hematoma expansion, or say why it cannot be labelled.

    A label needs a follow-up scan inside the window (a negative one, too: without an adequate follow-up nothing is
    known), no surgery before it, and both volumes from one source. Growth that is seen before the window is an
    expansion all the same, since patients who get worse are scanned early; an early scan without it decides nothing.

    The first source that gives a label is taken: reference masks of both scans, predicted masks of both, volumes of
    both in the center's table, the center's own label by the same definition. A label of the center is believed unless
    times that the table itself gives contradict it.

    A baseline below `minimum_baseline_ml` makes any growth a large percentage. Our choice: such a patient is decided
    on the definition's other rules alone (mL, ventricles) and flagged ``tiny_baseline``; setting aside only those who
    do not reach 6 mL would leave a biased remainder. A definition in percent alone gives no label then. A baseline of
    0 mL is no hematoma to expand: ``empty_mask``.

    Parameters
    ----------
    pair : ScanPair
        The patient's scans.
    rule : Definition
        Definition of expansion.
    followup_h, minimum_baseline_ml, early_positive
        See `Eligibility`.
    """
    needs = Eligibility(followup_h, minimum_baseline_ml, early_positive)
    attempts = [_from_scans(pair, rule, needs)]
    if _complete(pair.table, rule):
        attempts.append(_decide(pair, rule, "table_volumes", pair.table, pair.table_followup_h, needs))
    if rule.name in pair.table_labels:
        attempts.append(_made_by_center(pair, pair.table_labels[rule.name], needs))
    decided = [one for one in attempts if one.label is not None]
    told = [one for one in attempts if one.reason != Reason.NO_FOLLOWUP]
    return (decided or told or attempts)[0]


def _from_scans(pair: ScanPair, rule: Definition, needs: Eligibility) -> ExpansionLabel:
    if not pair.has_followup:
        return ExpansionLabel(None, None, Reason.NO_FOLLOWUP)
    for source, volumes in (("reference", pair.reference), ("measured", pair.measured)):
        if _complete(volumes, rule):
            return _decide(pair, rule, source, volumes, pair.baseline_to_followup_h, needs)
    reason, detail = _ineligible(pair, pair.baseline_to_followup_h, needs.followup_h)
    if reason is None:
        reason, detail = pair.failure or Reason.SEGMENTATION_FAILED, "no volumes of both scans from one source"
        if pair.failure is None and not any(math.isnan(volume) for volume in pair.measured[::2]):
            reason, detail = (
                Reason.LABEL_NOT_SEGMENTED,
                f"{rule.name} needs the volumes of IVH, which are unknown",
            )
    return ExpansionLabel(None, None, reason, detail=detail)


def _complete(volumes: tuple[float, float, float, float], rule: Definition) -> bool:
    """Whether all volumes that a definition looks at are known."""
    return not any(math.isnan(volume) for volume in (volumes if rule.ivh_ml is not None else volumes[::2]))


def _decide(
    pair: ScanPair,
    rule: Definition,
    source: str,
    volumes: tuple[float, float, float, float],
    elapsed_h: float,
    needs: Eligibility,
) -> ExpansionLabel:
    """Label from the volumes of one source on two scans that are `elapsed_h` hours apart."""
    iph_ml, ivh_ml, later_iph_ml, later_ivh_ml = volumes
    growth_ml = later_iph_ml - iph_ml
    found = dict(
        followup_iph_ml=later_iph_ml,
        followup_ivh_ml=later_ivh_ml,
        growth_ml=growth_ml,
        growth_ratio=growth_ml / iph_ml if iph_ml > 0 else math.nan,
    )
    reason, detail = _ineligible(pair, elapsed_h, needs.followup_h)
    early = needs.early_positive and _early(pair, elapsed_h, needs.followup_h)
    if reason is not None and not early:
        return ExpansionLabel(None, None, reason, **found, detail=detail)
    if iph_ml == 0 or (source == "measured" and later_iph_ml == 0):
        where = "baseline" if iph_ml == 0 else "follow-up"
        return ExpansionLabel(None, None, Reason.EMPTY_MASK, **found, detail=f"no hematoma found on the {where} scan")
    tiny = iph_ml < needs.minimum_baseline_ml and rule.relative is not None
    too_small = f"baseline {iph_ml:.2f} mL, at least {needs.minimum_baseline_ml:g} mL needed for growth in percent"
    if tiny and rule.only_relative:
        return ExpansionLabel(None, None, Reason.TINY_BASELINE, **found, detail=too_small)
    positive = expanded(
        rule,
        baseline_iph_ml=iph_ml,
        followup_iph_ml=later_iph_ml,
        baseline_ivh_ml=ivh_ml,
        followup_ivh_ml=later_ivh_ml,
        use_relative=not tiny,
    )
    if early and not positive:
        return ExpansionLabel(None, None, reason, **found, detail=f"{detail}; no expansion yet")
    remark = Reason.POSITIVE_BEFORE_WINDOW if early else Reason.TINY_BASELINE if tiny else None
    detail = "; ".join(text for text in (detail, too_small if tiny else "") if text)
    return ExpansionLabel(int(positive), source, remark, **found, detail=detail, volumes=volumes, use_relative=not tiny)


def _made_by_center(pair: ScanPair, label: int, needs: Eligibility) -> ExpansionLabel:
    """Take a label that the center made, unless the table's own times contradict it."""
    elapsed_h = pair.table_followup_h
    if math.isnan(elapsed_h):
        return ExpansionLabel(label, "table_label", None)
    reason, detail = _outside(elapsed_h, needs.followup_h)
    early = label == 1 and needs.early_positive and _early(pair, elapsed_h, needs.followup_h)
    if reason is None and not math.isnan(pair.onset_to_surgery_h):
        reason, detail = _operated(pair, elapsed_h)
    if early:
        return ExpansionLabel(label, "table_label", Reason.POSITIVE_BEFORE_WINDOW, detail=detail)
    return ExpansionLabel(None, None, reason, detail=detail) if reason else ExpansionLabel(label, "table_label", None)


def _early(pair: ScanPair, elapsed_h: float, followup_h: tuple[float, float]) -> bool:
    """Whether the follow-up scan is later than the baseline, before the window, and not after surgery."""
    return 0 < elapsed_h < followup_h[0] - TIME_TOLERANCE_H and _operated(pair, elapsed_h)[0] is None


def _ineligible(pair: ScanPair, elapsed_h: float, followup_h: tuple[float, float]) -> tuple[Reason | None, str]:
    reason, detail = _outside(elapsed_h, followup_h)
    return (reason, detail) if reason else _operated(pair, elapsed_h)


def _outside(elapsed_h: float, followup_h: tuple[float, float]) -> tuple[Reason | None, str]:
    low, high = followup_h
    if math.isnan(elapsed_h):
        return Reason.FOLLOWUP_OUT_OF_WINDOW, f"time from baseline unknown, {low:g} to {high:g} h needed"
    if elapsed_h <= 0:
        return Reason.FOLLOWUP_BEFORE_BASELINE, f"{elapsed_h:g} h after baseline"
    if not low - TIME_TOLERANCE_H <= elapsed_h <= high + TIME_TOLERANCE_H:
        return Reason.FOLLOWUP_OUT_OF_WINDOW, f"{elapsed_h:g} h after baseline, {low:g} to {high:g} h needed"
    return None, ""


def _operated(pair: ScanPair, elapsed_h: float) -> tuple[Reason | None, str]:
    surgery, baseline = pair.onset_to_surgery_h, pair.onset_to_ct_h
    if math.isnan(surgery):
        if pair.treatment in OPERATED:
            return Reason.SURGERY_BETWEEN, f"treatment {pair.treatment}, time of surgery unknown"
        return None, ""
    if math.isnan(baseline):
        return Reason.SURGERY_BETWEEN, "operated; the scans' time from onset is unknown"
    if surgery <= baseline:
        return Reason.AFTER_SURGERY, f"surgery {surgery:g} h, baseline scan {baseline:g} h after onset"
    followup = baseline + elapsed_h
    if surgery < followup:
        return Reason.SURGERY_BETWEEN, f"surgery {surgery:g} h, follow-up scan {followup:g} h after onset"
    return None, ""


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
        key: _scale(key)
        for key, variable in variables().items()
        if variable.known not in ("admission", "course") and variable.kind == "integer"
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
    """Label a poor outcome, or death.

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
