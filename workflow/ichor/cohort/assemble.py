"""Bring centers, scans, masks and splits together: merged scans and patients, and the cohort of a split."""

import math
from collections.abc import Mapping, Sequence

import pandas as pd

from ichor import tables
from ichor.cohort.expansion import Definition, definition
from ichor.cohort.labels import ExpansionLabel, ScanPair, label_expansion, label_outcome
from ichor.errors import StudyError
from ichor.reasons import Reason

VOLUMES = ("iph_ml", "ivh_ml", "reference_iph_ml", "reference_ivh_ml")


def assemble_cohort(
    split: str,
    patients: pd.DataFrame,
    scans: pd.DataFrame,
    masks: pd.DataFrame,
    splits: pd.DataFrame,
    *,
    expansion: Mapping,
    outcome: Mapping,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Assemble what the models of one split read.

    Parameters
    ----------
    split : str
        Name of the split.
    patients, scans, masks, splits : DataFrame
        The tables of these names; rows of other splits in `masks` and `splits` are not looked at.
    expansion : mapping
        ``definition`` (see `ichor.cohort.expansion`), ``followup_h`` (shortest and longest time from baseline, h),
        ``min_baseline_ml``.
    outcome : mapping
        ``variable`` and ``poor``, see `ichor.cohort.labels.outcome_rule`.

    Returns
    -------
    cohort : DataFrame
        Table ``cohort``, a row per patient of the split. ``iph_ml`` and ``ivh_ml`` are measured on the split's own
        cross-fitted mask; follow-up volumes and growth come from the label's source.
    status : DataFrame
        Table ``status``, stage ``label``: why a patient has no label.

    Raises
    ------
    StudyError
        If an expansion or outcome definition is wrong, or the split has no patient.
    """
    rows = splits[splits["split"] == split]
    if not len(rows):
        raise StudyError(f"split {split} has no patient in the splits table.")
    rule = definition(expansion["definition"])
    low, high = expansion["followup_h"]
    window, smallest_ml = (float(low), float(high)), float(expansion["min_baseline_ml"])
    base = rows.merge(patients.drop(columns=["center", "center_role"]), on="patient", how="left", validate="1:1")
    scan_of, mask_of = _by_scan(scans), _by_scan(masks[masks["split"] == split])
    records = base.astype(object).where(base.notna(), None).to_dict("records")
    status: list[dict] = []
    for row in records:
        _add_scans(row, scan_of, mask_of, rule, window, smallest_ml, split, status)
    outcomes = label_outcome(base, outcome)
    for row, label, reason in zip(records, outcomes["label"], outcomes["reason"], strict=True):
        row["label_poor_outcome"], row["label_poor_outcome_reason"] = label, reason
        if reason:
            status.append(_label_status(row, "flagged", Reason(reason), split, "poor_outcome", ""))
    return tables.frame("cohort", records), tables.frame("status", status)


def _by_scan(frame: pd.DataFrame) -> dict[tuple[str, str], dict]:
    return {(row["patient"], row["time_point"]): row for row in frame.to_dict("records")}


def _add_scans(
    row: dict,
    scan_of: Mapping,
    mask_of: Mapping,
    rule: Definition,
    window: tuple[float, float],
    smallest_ml: float,
    split: str,
    status: list[dict],
) -> None:
    """Add image, mask, volumes and expansion label to a patient's row, and a status row if there is no label."""
    patient = row["patient"]
    mask = mask_of.get((patient, "baseline"), {})
    row["image"] = scan_of[patient, "baseline"]["image"]
    row["mask"], row["iph_ml"], row["ivh_ml"] = (mask.get(name) for name in ("mask", "iph_ml", "ivh_ml"))
    pair = _scan_pair(row, scan_of, mask_of)
    found = label_expansion(pair, rule, followup_h=window, minimum_baseline_ml=smallest_ml)
    _write_expansion(row, found)
    if found.reason:
        status.append(_label_status(row, "flagged", found.reason, split, "expansion", found.detail))


def _scan_pair(row: dict, scan_of: Mapping, mask_of: Mapping) -> ScanPair:
    baseline, followup = (scan_of.get((row["patient"], point)) for point in ("baseline", "followup"))
    masks = [mask_of.get((row["patient"], point), {}) for point in ("baseline", "followup")]
    iph, ivh, reference_iph, reference_ivh = ([_number(mask.get(name)) for mask in masks] for name in VOLUMES)
    onset = _first(baseline.get("onset_to_ct_h"), row["onset_to_ct_h"])
    elapsed = math.nan
    if followup is not None:
        from_onset = _first(followup.get("onset_to_ct_h"), row["onset_to_followup_ct_h"])
        elapsed = _first(followup.get("baseline_to_ct_h"), from_onset - onset)
    failures = [mask.get("reason") for mask in masks if isinstance(mask.get("reason"), str)]
    return ScanPair(
        has_followup=followup is not None,
        onset_to_ct_h=onset,
        baseline_to_followup_h=elapsed,
        onset_to_surgery_h=_number(row["onset_to_surgery_h"]),
        treatment=row["treatment"],
        reference=(reference_iph[0], reference_ivh[0], reference_iph[1], reference_ivh[1]),
        measured=(iph[0], ivh[0], iph[1], ivh[1]),
        failure=Reason(failures[0]) if failures else None,
    )


def _write_expansion(row: dict, found: ExpansionLabel) -> None:
    row["label_expansion"] = found.label
    row["label_expansion_source"] = found.source
    row["label_expansion_reason"] = str(found.reason) if found.reason and found.label is None else None
    for name in ("followup_iph_ml", "followup_ivh_ml", "growth_ml", "growth_ratio"):
        row[name] = getattr(found, name)


def _label_status(row: dict, outcome: str, reason: Reason, split: str, target: str, detail: str) -> dict:
    words = f"split {split}, {target}" + (f": {detail}" if detail else "")
    return tables.status_row(row["center"], row["patient"], "label", outcome, reason, words)


def _number(value: object) -> float:
    return math.nan if value is None or pd.isna(value) else float(value)


def _first(*values: object) -> float:
    """First value that is known, NaN if none is."""
    return next((number for number in map(_number, values) if not math.isnan(number)), math.nan)
