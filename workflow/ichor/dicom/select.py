"""Choose, for each patient, the baseline and the follow-up series, and say why for every series.

The private selection holds source paths and goes to `ichor.dicom.convert`; the public table holds hashes only.
"""

import hashlib
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ichor import tables
from ichor.dicom.candidates import NO_VOLUME, find_candidates
from ichor.dicom.index import empty_index
from ichor.dicom.kept_files import KeptFiles
from ichor.dicom.overrides import check_all_matched, mark
from ichor.dicom.references import ReferenceMasks
from ichor.dicom.score import PARTS, SelectionRules, score_parts, stack_reason
from ichor.dicom.stack import Stack, median, read_stack
from ichor.dicom.time_points import choose_time_points
from ichor.errors import StudyError
from ichor.jobs.hashes import value_sha256
from ichor.private_tables import private_folder, read_private, write_private
from ichor.progress import track
from ichor.reasons import Reason
from ichor.reruns import code_digest
from ichor.tables import frame, status_row

PUBLIC_COLUMNS = tables.columns("selection")
PUBLIC_ORDER = ["patient", "baseline_to_ct_h", "series"]
ROWS_AT_A_TIME = 100_000
CLINICAL_TIMES = ["onset_to_ct_h", "onset_to_followup_ct_h", "onset_to_surgery_h"]


def shard_of(patient: str, shards: int) -> int:
    """Shard of a patient: its pseudonym, a hexadecimal number, modulo the number of shards."""
    return int(patient, 16) % shards


def select_center(
    index: str | Path,
    records: pd.DataFrame | None,
    out: Sequence[str | Path],
    *,
    center: str,
    rules: SelectionRules | None = None,
    masks: ReferenceMasks | None = None,
    overrides: Sequence[dict[str, Any]] = (),
    work_dir: str | Path | None = None,
    rows_at_a_time: int = ROWS_AT_A_TIME,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Choose baseline and follow-up series of one center, shard by shard, so that memory stays the same.

    Parameters
    ----------
    index : path
        Private index of the center.
    records, center, rules, masks, overrides
        As in `select_series`.
    out : sequence of path
        Where the private selection of each shard is written.
    work_dir : path, optional
        Of this center alone, for what is kept until the next run: a shard of which index, records and masks are as
        they were is not chosen again. By default nothing is kept.
    rows_at_a_time : int
        Rows of the index, about, that are in memory; a shard is never cut.

    Returns
    -------
    public, status : DataFrame
        As in `select_series`.

    Raises
    ------
    StudyError
        If an override names a patient or a series that is not there.
    """
    rules = rules or SelectionRules()
    kept = KeptFiles(private_folder(work_dir) / "shards") if work_dir else None
    found = []
    for shard, files in track(_shards(Path(index), len(out), rows_at_a_time), f"select {center}", len(out)):
        people = set(files["patient"])
        mine = None if records is None else records[records["patient"].isin(people)]
        with tempfile.TemporaryDirectory(dir=work_dir, prefix="ichor-") as folder:
            places = {name: Path(folder, name) for name in ("selection", "public", "status")}
            said = [line for line in overrides if line["patient"] in people]
            key = _key(files, mine, center, (shard, len(out)), rules, masks, said) if kept else ""
            if not kept or kept.take(key, places) is None:
                selection, *told = select_series(
                    files, mine, center=center, shards=len(out), rules=rules, masks=masks, overrides=said
                )
                for place, table in zip(places.values(), (selection[shard], *told), strict=True):
                    write_private(table, place)
                if kept:
                    kept.put(key, places, {})
            write_private(read_private(places["selection"]), out[shard])
            found.append([read_private(places[name]) for name in ("public", "status")])
    if kept:
        kept.finish()
    public, status = (
        pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)
        for parts in zip(*found, strict=True)
    )
    check_all_matched(overrides, public, center)
    by_subject = status.sort_values("subject", ignore_index=True, kind="stable")
    return public.sort_values(PUBLIC_ORDER, ignore_index=True), by_subject


def _shards(index: Path, count: int, rows_at_a_time: int) -> Iterator[tuple[int, pd.DataFrame]]:
    """Yield each shard's number and its rows of the index."""
    sizes = read_private(index, columns=["patient"])["patient"].value_counts()
    shards = sizes.index.map(lambda patient: shard_of(patient, count))
    per_shard = np.bincount(np.asarray(shards, int), weights=sizes.to_numpy(float), minlength=count)
    for batch in _batches(per_shard, rows_at_a_time):
        patients = list(sizes.index[shards.isin(batch)])
        rows = read_private(index, filters=[("patient", "in", patients)]) if patients else empty_index()
        of_rows = rows["patient"].map(lambda patient: shard_of(patient, count))
        for shard in batch:
            yield shard, rows[of_rows == shard].reset_index(drop=True)


def _key(
    files: pd.DataFrame,
    records: pd.DataFrame | None,
    center: str,
    shard: tuple[int, int],
    rules: SelectionRules,
    masks: ReferenceMasks | None,
    overrides: Sequence[dict[str, Any]],
) -> str:
    """Digest of all that a shard's selection is made from."""
    rows = hashlib.sha256(pd.util.hash_pandas_object(files, index=False).to_numpy().tobytes()).hexdigest()
    people = sorted(files["patient_id"].unique())
    found = masks and [masks.find(person, time_point) for person in people for time_point in ("baseline", "followup")]
    known = _clinical(records)
    return value_sha256([rows, list(files), known, center, shard, asdict(rules), found, list(overrides), _code()])


@cache
def _code() -> list[str]:
    return [code_digest(__file__), *(version(name) for name in ("numpy", "pandas", "pyarrow"))]


def _batches(sizes: np.ndarray, rows: int) -> list[list[int]]:
    """Cut the shards into runs of about `rows` rows; a larger one stands alone."""
    batches: list[list[int]] = [[]]
    for shard, size in enumerate(sizes):
        if batches[-1] and sizes[batches[-1]].sum() + size > rows:
            batches.append([])
        batches[-1].append(shard)
    return batches


def select_series(
    index: pd.DataFrame,
    records: pd.DataFrame | None,
    *,
    center: str,
    shards: int = 1,
    rules: SelectionRules | None = None,
    masks: ReferenceMasks | None = None,
    overrides: Sequence[dict[str, Any]] = (),
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
    masks : ReferenceMasks, optional
        The center's reference masks.
    overrides : sequence of dict
        What `ichor.dicom.overrides.of_center` says of these patients.

    Returns
    -------
    selection : dict of int to DataFrame
        Private; every shard from 0 to ``shards - 1``, also empty ones. One row per source file of every chosen series
        (``rank`` 1) and its alternatives (2, 3, ...), with the index columns and ``time_point``, ``candidate``,
        ``score``, ``onset_to_ct_h``, ``baseline_to_ct_h``, and ``mask`` and ``mask_sha256`` of the scan's reference
        mask, empty when there is none.
    public : DataFrame
        One row per series with score, outcome, reason and what it was taken for, see `PUBLIC_COLUMNS`.
    status : DataFrame
        Table ``status``: series set aside.

    Raises
    ------
    StudyError
        If an override uses what is no volume.
    """
    rules = rules or SelectionRules()
    table = mark(_describe_candidates(index, rules), overrides)
    _check_volumes(table)
    clinical = _clinical(records)
    chosen = []
    for patient, rows in table.groupby("patient", sort=True):
        chosen.append(choose_time_points(rows, clinical.get(str(patient), {}), rules))
    table = pd.concat(chosen, ignore_index=True) if chosen else table
    table["center"] = center
    public = table.reindex(columns=PUBLIC_COLUMNS).sort_values(PUBLIC_ORDER, ignore_index=True)
    return _private(table, shards, masks), public, _status(table, center)


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
    if first["kind"] == "nifti":
        return row
    stack = None if reason in NO_VOLUME else read_stack(files)
    parts = score_parts(stack, files)
    row |= {f"score_{name}": parts[name] for name in PARTS} | dict(score=round(sum(parts.values()), 2))
    if stack is None:
        return row
    refused, detail = ("", "") if reason else stack_reason(stack, files, rules)
    row |= _geometry(stack)
    return row | (dict(reason=refused, detail=detail) if refused else {})


def _check_volumes(table: pd.DataFrame) -> None:
    """Refuse overrides that use a localizer or anything else that holds no volume."""
    wrong = table[(table["action"] == "use") & table["reason"].isin(NO_VOLUME)]
    if len(wrong):
        first = wrong.iloc[0]
        raise StudyError(
            f"sheet of overrides, patient {first['patient']}, series {first['series']}: found no volume "
            f"({first['reason']}) to use; name another series of selection.tsv, or delete the row."
        )


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


def _private(table: pd.DataFrame, shards: int, masks: ReferenceMasks | None) -> dict[int, pd.DataFrame]:
    taken = table[table["rank"] > 0]
    parts: dict[int, list[pd.DataFrame]] = {shard: [] for shard in range(shards)}
    for row in taken.itertuples():
        file = row.source_rows.iloc[0]
        mask, mask_sha256 = masks.find(file["patient_id"], row.time_point, file["source"]) if masks else ("", "")
        extra = dict(
            mask=mask, mask_sha256=mask_sha256,
            time_point=row.time_point, candidate=row.series, rank=row.rank, score=row.score,
            onset_to_ct_h=row.onset_to_ct_h, baseline_to_ct_h=row.baseline_to_ct_h,
        )  # fmt: skip
        parts[shard_of(row.patient, shards)].append(row.source_rows.drop(columns="reason").assign(**extra))
    empty = empty_selection()
    return {shard: pd.concat(files, ignore_index=True) if files else empty for shard, files in parts.items()}


def empty_selection() -> pd.DataFrame:
    """Return a selection without rows."""
    texts = {"mask": "str", "mask_sha256": "str", "candidate": "str", "rank": "int64"}
    numbers = dict.fromkeys(["score", "onset_to_ct_h", "baseline_to_ct_h"], "float64")
    return empty_index().assign(**{name: pd.Series(dtype=kind) for name, kind in (texts | numbers).items()})


def _status(table: pd.DataFrame, center: str) -> pd.DataFrame:
    refused = table[table["outcome"] == "set_aside"]
    rows = [
        status_row(center, f"series-{row.series}", "select", "set_aside", Reason(row.reason), row.detail)
        for row in refused.itertuples()
    ]
    return frame("status", sorted(rows, key=lambda row: row["subject"]))
