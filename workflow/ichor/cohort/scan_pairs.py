"""What is known of a patient's two scans: times, volumes by source, and what the center's own table says of both."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

from ichor.cohort.expansion import DEFINITIONS
from ichor.reasons import Reason

VOLUMES = ("iph_ml", "ivh_ml", "reference_iph_ml", "reference_ivh_ml")
TABLE_VOLUMES = ("table_iph_ml", "table_ivh_ml", "table_followup_iph_ml", "table_followup_ivh_ml")
TABLE_LABELS = {name: f"table_expansion_{name}" for name in DEFINITIONS}
"""Definition -> variable of the data dictionary that holds a center's own label by it."""
UNKNOWN = (math.nan,) * 4


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
    table : tuple of float
        The same volumes as the center's table gives them.
    table_followup_h : float
        Time from the baseline to the follow-up scan by the table.
    table_labels : mapping
        Definition -> 1 or 0, for labels that the center made itself.
    """

    has_followup: bool
    onset_to_ct_h: float
    baseline_to_followup_h: float
    onset_to_surgery_h: float
    treatment: str | None
    reference: tuple[float, float, float, float]
    measured: tuple[float, float, float, float]
    failure: Reason | None = None
    table: tuple[float, float, float, float] = UNKNOWN
    table_followup_h: float = math.nan
    table_labels: Mapping[str, int] = field(default_factory=dict)


def by_scan(frame: pd.DataFrame) -> dict[tuple[str, str], dict]:
    """Rows of a table of scans by patient and time point."""
    return {(row["patient"], row["time_point"]): row for row in frame.to_dict("records")}


def scan_pair(row: Mapping, scan_of: Mapping, mask_of: Mapping) -> ScanPair:
    """Gather what is known of a patient's two scans.

    Parameters
    ----------
    row : mapping
        The patient's row of the patients table (a ``patient`` and the variables; None or NaN = unknown).
    scan_of, mask_of : mapping
        Rows of the scans and of one split's masks, see `by_scan`.
    """
    baseline, followup = (scan_of.get((row["patient"], point)) for point in ("baseline", "followup"))
    masks = [mask_of.get((row["patient"], point), {}) for point in ("baseline", "followup")]
    iph, ivh, reference_iph, reference_ivh = ([number(mask.get(name)) for mask in masks] for name in VOLUMES)
    onset = first((baseline or {}).get("onset_to_ct_h"), row["onset_to_ct_h"])
    table_elapsed = number(row["onset_to_followup_ct_h"]) - onset
    elapsed = math.nan
    if followup is not None:
        from_onset = first(followup.get("onset_to_ct_h"), row["onset_to_followup_ct_h"])
        elapsed = first(followup.get("baseline_to_ct_h"), from_onset - onset)
    failures = [mask.get("reason") for mask in masks if isinstance(mask.get("reason"), str)]
    failures.sort(key=lambda code: code == Reason.EMPTY_MASK)  # 0.0 mL is a volume: why one is missing comes first
    given = {name: number(row.get(variable)) for name, variable in TABLE_LABELS.items()}
    return ScanPair(
        has_followup=followup is not None,
        onset_to_ct_h=onset,
        baseline_to_followup_h=elapsed,
        onset_to_surgery_h=number(row["onset_to_surgery_h"]),
        treatment=row["treatment"],
        reference=(reference_iph[0], reference_ivh[0], reference_iph[1], reference_ivh[1]),
        measured=(iph[0], ivh[0], iph[1], ivh[1]),
        failure=Reason(failures[0]) if failures else None,
        table=tuple(number(row.get(name)) for name in TABLE_VOLUMES),
        table_followup_h=table_elapsed,
        table_labels={name: int(value) for name, value in given.items() if not math.isnan(value)},
    )


def number(value: object) -> float:
    """A value as a number; NaN for none."""
    return math.nan if value is None or pd.isna(value) else float(value)


def first(*values: object) -> float:
    """First value that is known, NaN if none is."""
    return next((one for one in map(number, values) if not math.isnan(one)), math.nan)
