"""Choose, for each patient, the baseline and the follow-up series, and say why for every series.

The private selection holds source paths and goes to `ichor.dicom.convert`; the public table holds hashes only.
"""

from typing import Any

import numpy as np
import pandas as pd

from ichor.dicom.candidates import NO_VOLUME, find_candidates
from ichor.dicom.index import empty_index
from ichor.dicom.score import SelectionRules, score, stack_reason
from ichor.dicom.stack import Stack, median, read_stack
from ichor.dicom.time_points import choose_time_points
from ichor.progress import track
from ichor.reasons import Reason
from ichor.tables import frame, status_row

PUBLIC_COLUMNS = [
    "center", "patient", "series", "time_point", "rank", "score", "outcome", "reason", "detail", "baseline_to_ct_h",
    "files", "slices", "extent_mm", "step_mm", "thickness_mm", "spacing_mm", "kernel", "manufacturer", "contrast",
    "tilt_deg", "uneven", "duplicates",
]  # fmt: skip
CLINICAL_TIMES = ["onset_to_ct_h", "onset_to_followup_ct_h", "onset_to_surgery_h"]


def shard_of(patient: str, shards: int) -> int:
    """Shard of a patient: its pseudonym, a hexadecimal number, modulo the number of shards."""
    return int(patient, 16) % shards


def select_series(
    index: pd.DataFrame,
    records: pd.DataFrame | None,
    *,
    center: str,
    shards: int = 1,
    rules: SelectionRules | None = None,
) -> tuple[dict[int, pd.DataFrame], pd.DataFrame, pd.DataFrame]:
    """Choose baseline and follow-up series of one center.

    Parameters
    ----------
    index : DataFrame
        Of `ichor.dicom.index.index_center` or `ichor.dicom.nifti.index_nifti_center`.
    records : DataFrame or None
        Columns ``patient``, ``onset_to_ct_h``, ``onset_to_followup_ct_h``, ``onset_to_surgery_h`` (hours; any may be
        missing): the center's rows of table ``patients``.
    center : str
        Name of the center.
    shards : int
        Number of shards; see `shard_of`.
    rules : SelectionRules, optional
        Limits and windows.

    Returns
    -------
    selection : dict of int to DataFrame
        Private; every shard from 0 to ``shards - 1``, also empty ones. One row per source file of every chosen series
        (``rank`` 1) and its alternatives (2, 3, ...), with the index columns and ``time_point``, ``candidate``,
        ``score``, ``onset_to_ct_h``, ``baseline_to_ct_h``.
    public : DataFrame
        One row per series with score, outcome, reason and what it was taken for, see `PUBLIC_COLUMNS`.
    status : DataFrame
        Table ``status``: series set aside.
    """
    rules = rules or SelectionRules()
    table = _describe_candidates(index, rules)
    clinical = _clinical(records)
    chosen = []
    for patient, rows in track(list(table.groupby("patient", sort=True)), f"select {center}"):
        chosen.append(choose_time_points(rows, clinical.get(str(patient), {}), rules))
    table = pd.concat(chosen, ignore_index=True) if chosen else table
    table["center"] = center
    public = table.reindex(columns=PUBLIC_COLUMNS).sort_values(
        ["patient", "baseline_to_ct_h", "series"], ignore_index=True
    )
    return _private(table, shards), public, _status(table, center)


def _describe_candidates(index: pd.DataFrame, rules: SelectionRules) -> pd.DataFrame:
    rows = [_describe(name, reason, files, rules) for name, reason, files in find_candidates(index)]
    columns = [*PUBLIC_COLUMNS, "when", "study", "kind", "given_time_point", "source_rows"]
    return pd.DataFrame(rows, columns=list(dict.fromkeys(columns)))


def _describe(name: str, reason: str, files: pd.DataFrame, rules: SelectionRules) -> dict[str, Any]:
    first = files.iloc[0]
    row = dict(
        patient=first["patient"], study=first["study"], series=name, kind=first["kind"], reason=reason, detail="",
        time_point="", rank=0, score=np.nan, outcome="", files=len(files), kernel=first["kernel"],
        manufacturer=first["manufacturer"], contrast=bool(first["contrast"]), given_time_point=first["time_point"],
        when=_when(files), baseline_to_ct_h=np.nan, source_rows=files, uneven=False, duplicates=0,
        thickness_mm=median(files["thickness_mm"]), spacing_mm=first["spacing_row_mm"],
    )  # fmt: skip
    if first["kind"] == "nifti" or reason in NO_VOLUME:
        return row
    stack = read_stack(files)
    refused, detail = ("", "") if reason else stack_reason(stack, files, rules)
    row |= _geometry(stack) | dict(score=score(stack, files))
    return row | (dict(reason=refused, detail=detail) if refused else {})


def _geometry(stack: Stack) -> dict[str, Any]:
    return dict(
        slices=stack.slices, extent_mm=round(stack.extent_mm, 3), step_mm=round(stack.step_mm, 3), uneven=stack.uneven,
        duplicates=stack.duplicates, tilt_deg=round(stack.shear_deg, 2),
    )  # fmt: skip


def _when(files: pd.DataFrame) -> pd.Timestamp:
    return pd.to_datetime(files["when"], format="%Y%m%d%H%M%S", errors="coerce").min()


def _clinical(records: pd.DataFrame | None) -> dict[str, dict[str, float]]:
    if records is None or records.empty:
        return {}
    times = records.reindex(columns=CLINICAL_TIMES).astype(float)
    return dict(zip(records["patient"].astype(str), times.to_dict("records"), strict=True))


def _private(table: pd.DataFrame, shards: int) -> dict[int, pd.DataFrame]:
    taken = table[table["rank"] > 0]
    parts: dict[int, list[pd.DataFrame]] = {shard: [] for shard in range(shards)}
    for row in taken.itertuples():
        extra = dict(
            time_point=row.time_point, candidate=row.series, rank=row.rank, score=row.score,
            onset_to_ct_h=row.onset_to_ct_h, baseline_to_ct_h=row.baseline_to_ct_h,
        )  # fmt: skip
        parts[shard_of(row.patient, shards)].append(row.source_rows.drop(columns="reason").assign(**extra))
    empty = empty_selection()
    return {shard: pd.concat(files, ignore_index=True) if files else empty for shard, files in parts.items()}


def empty_selection() -> pd.DataFrame:
    """Return a selection without rows."""
    texts = {"candidate": "str", "rank": "int64"}
    numbers = dict.fromkeys(["score", "onset_to_ct_h", "baseline_to_ct_h"], "float64")
    return empty_index().assign(**{name: pd.Series(dtype=kind) for name, kind in (texts | numbers).items()})


def _status(table: pd.DataFrame, center: str) -> pd.DataFrame:
    refused = table[table["outcome"] == "set_aside"]
    rows = [
        status_row(center, f"series-{row.series}", "select", "set_aside", Reason(row.reason), row.detail)
        for row in refused.itertuples()
    ]
    return frame("status", rows)
