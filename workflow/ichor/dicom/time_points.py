"""Which of a patient's series is the baseline and which the follow-up, from acquisition and clinical times."""

import numpy as np
import pandas as pd

from ichor.dicom.score import SelectionRules
from ichor.reasons import Reason

NO_VOLUME = {Reason.NOT_CT, Reason.LOCALIZER, Reason.NOT_A_HEAD, Reason.MULTI_FRAME}
NOT_A_VISIT = {str(reason) for reason in NO_VOLUME}


def choose_time_points(rows: pd.DataFrame, clinical: dict[str, float], rules: SelectionRules) -> pd.DataFrame:
    """Mark a patient's series as baseline, follow-up or set aside.

    Parameters
    ----------
    rows : DataFrame
        Candidates of one patient, as `ichor.dicom.select` describes them.
    clinical : dict
        ``onset_to_ct_h``, ``onset_to_followup_ct_h``, ``onset_to_surgery_h`` in hours; missing or NaN = unknown.
    rules : SelectionRules
        Windows.

    Returns
    -------
    DataFrame
        `rows` with ``time_point``, ``rank``, ``outcome``, ``reason``, ``detail``, ``onset_to_ct_h`` and
        ``baseline_to_ct_h``.
    """
    rows = rows.reset_index(drop=True).assign(onset_to_ct_h=np.nan)
    rows["when"] = pd.to_datetime(rows["when"])
    _refuse(rows, rows.index[rows["action"] == "refuse"], Reason.REFUSED_BY_OVERRIDE)
    rows.loc[(rows["reason"] != "") & (rows["action"] != "use"), "outcome"] = "set_aside"
    forced = _force(rows)
    if (rows["given_time_point"] != "").any():
        return _given(rows, clinical, forced)
    hours = _hours_from_first(rows)
    _refuse_unknown_times(rows, hours, clinical)
    _refuse_after_surgery(rows, hours, clinical)
    baseline_h = (
        _forced_baseline(rows, hours, forced, rules) if "baseline" in forced else _take_baseline(rows, hours, rules)
    )
    if baseline_h is None:
        left = rows.index[rows["outcome"] == ""]
        _refuse(rows, left, Reason.OUT_OF_WINDOW, f"over {rules.first_visit_h:g} h after the first scan, no baseline")
        return rows
    rows["baseline_to_ct_h"] = (hours - baseline_h).round(4)
    onset = clinical.get("onset_to_ct_h", np.nan) + hours
    rows["onset_to_ct_h"] = onset.round(4)
    if "followup" in forced:
        _refuse(rows, rows.index[rows["outcome"] == ""], Reason.NOT_CHOSEN, "followup: taken by override")
    else:
        _take_followup(rows, clinical, rules)
    return rows


def _force(rows: pd.DataFrame) -> dict[str, int]:
    """Take the series that the sheet of overrides names; return their row by time point."""
    forced = {str(rows.at[row, "forced_time_point"]): row for row in rows.index[rows["action"] == "use"]}
    for time_point, row in forced.items():
        rows.loc[row, ["time_point", "outcome", "reason", "detail", "rank"]] = [time_point, "accepted", "", "", 1]
    return forced


def _forced_baseline(rows: pd.DataFrame, hours: pd.Series, forced: dict[str, int], rules: SelectionRules) -> float:
    """Set aside what competes with a baseline that an override takes; return its hours after the first scan."""
    baseline_h = float(hours[forced["baseline"]])
    rivals = rows.index[(rows["outcome"] == "") & ~(hours > baseline_h + rules.session_h)]
    _refuse(rows, rivals, Reason.NOT_CHOSEN, "baseline: taken by override")
    return baseline_h


def _hours_from_first(rows: pd.DataFrame) -> pd.Series:
    """Hours from the first CT of the head, usable or not; all 0 when one study carries no time at all."""
    visits = rows[~rows["reason"].isin(NOT_A_VISIT)]
    if rows["when"].isna().all():
        return pd.Series(0.0 if visits["study"].nunique() <= 1 else np.nan, index=rows.index)
    first = visits["when"].min() if visits["when"].notna().any() else rows["when"].min()
    known = (rows["when"] - first).dt.total_seconds() / 3600
    by_study = known.groupby(rows["study"]).transform("min")
    return known.fillna(by_study)


def _refuse(rows: pd.DataFrame, which: pd.Index, reason: Reason, detail: str = "") -> None:
    rows.loc[which, "outcome"] = "set_aside"
    rows.loc[which, "reason"] = str(reason)
    rows.loc[which, "detail"] = detail


def _refuse_unknown_times(rows: pd.DataFrame, hours: pd.Series, clinical: dict[str, float]) -> None:
    unknown = rows.index[(rows["outcome"] == "") & hours.isna()]
    _refuse(rows, unknown, Reason.TIME_UNKNOWN, "no acquisition time in the headers, more than one study")
    if np.isnan(clinical.get("onset_to_ct_h", np.nan)) and not np.isnan(clinical.get("onset_to_surgery_h", np.nan)):
        left = rows.index[rows["outcome"] == ""]
        _refuse(rows, left, Reason.TIME_UNKNOWN, "record: surgery, but not how long before or after it the scan was")


def _refuse_after_surgery(rows: pd.DataFrame, hours: pd.Series, clinical: dict[str, float]) -> None:
    surgery_h = clinical.get("onset_to_surgery_h", np.nan) - clinical.get("onset_to_ct_h", np.nan)
    after = rows.index[(rows["outcome"] == "") & (hours >= surgery_h)]
    _refuse(rows, after, Reason.AFTER_SURGERY, f"surgery {surgery_h:.1f} h after the first scan")


def _take(rows: pd.DataFrame, visit: pd.Index, time_point: str, alternatives: int) -> None:
    """Rank the series of a visit by score, then time; the first is taken, conversion may fall back on the next ones."""
    best = rows.loc[visit].sort_values(["score", "when", "series"], ascending=[False, True, True]).index
    rows.loc[best[0], ["time_point", "outcome"]] = [time_point, "accepted"]
    others = best[1:]
    _refuse(rows, others, Reason.NOT_CHOSEN, f"{time_point}: score not above {rows.loc[best[0], 'score']:g}")
    for rank, row in enumerate(best[: 1 + alternatives], start=1):
        rows.loc[row, "rank"] = rank
        rows.loc[row, "time_point"] = time_point


def _take_baseline(rows: pd.DataFrame, hours: pd.Series, rules: SelectionRules) -> float | None:
    """Take the baseline; return its hours after the first scan, None if there is none."""
    able = rows.index[(rows["outcome"] == "") & (hours <= rules.first_visit_h)]
    if able.empty:
        return None
    earliest = hours[able].min()
    visit = able[hours[able] <= earliest + rules.session_h]
    _take(rows, visit, "baseline", rules.alternatives)
    return float(hours[rows.index[(rows["time_point"] == "baseline") & (rows["rank"] == 1)][0]])


def _take_followup(rows: pd.DataFrame, clinical: dict[str, float], rules: SelectionRules) -> None:
    free = rows.index[rows["outcome"] == ""]
    if _followup_before_baseline(clinical):
        later = free[rows.loc[free, "baseline_to_ct_h"] > rules.session_h]
        _refuse(rows, later, Reason.FOLLOWUP_BEFORE_BASELINE, _times(clinical))
        free = free.difference(later)
    low, high = rules.followup_h
    gap = rows.loc[free, "baseline_to_ct_h"]
    outside = free[(gap < low) | (gap > high)]
    for row in outside:
        _refuse(
            rows,
            pd.Index([row]),
            Reason.OUT_OF_WINDOW,
            f"{gap[row]:.1f} h after baseline, {low:g} to {high:g} h wanted",
        )
    inside = gap.drop(outside)
    if inside.empty:
        return
    target = (inside - rules.followup_target_h).abs().idxmin()
    visit = inside.index[(inside - inside[target]).abs() <= rules.session_h]
    others = inside.index.difference(visit)
    _refuse(rows, others, Reason.NOT_CHOSEN, f"another follow-up is closer to {rules.followup_target_h:g} h")
    _take(rows, visit, "followup", rules.alternatives)


def _followup_before_baseline(clinical: dict[str, float]) -> bool:
    return bool(clinical.get("onset_to_followup_ct_h", np.nan) <= clinical.get("onset_to_ct_h", np.nan))


def _times(clinical: dict[str, float]) -> str:
    first, second = clinical["onset_to_ct_h"], clinical["onset_to_followup_ct_h"]
    return f"record: follow-up {second:g} h, baseline {first:g} h after onset"


def _given(rows: pd.DataFrame, clinical: dict[str, float], forced: dict[str, int]) -> pd.DataFrame:
    """Take time points that the file names give; the hours come from the record."""
    baseline_h = clinical.get("onset_to_ct_h", np.nan)
    followup_h = clinical.get("onset_to_followup_ct_h", np.nan)
    for time_point, gap, onset in (("baseline", 0.0, baseline_h), ("followup", followup_h - baseline_h, followup_h)):
        able = rows.index[(rows["outcome"] == "") & (rows["given_time_point"] == time_point)]
        if time_point in forced:
            rows.loc[forced[time_point], ["baseline_to_ct_h", "onset_to_ct_h"]] = [gap, onset]
            _refuse(rows, able, Reason.NOT_CHOSEN, f"{time_point}: taken by override")
            continue
        if able.empty:
            continue
        rows.loc[able, ["baseline_to_ct_h", "onset_to_ct_h"]] = [gap, onset]
        if time_point == "followup" and _followup_before_baseline(clinical):
            _refuse(rows, able, Reason.FOLLOWUP_BEFORE_BASELINE, _times(clinical))
        elif onset >= clinical.get("onset_to_surgery_h", np.nan):
            _refuse(rows, able, Reason.AFTER_SURGERY, f"scan {onset:g} h after onset")
        else:
            _take(rows, able, time_point, 0)
    return rows
