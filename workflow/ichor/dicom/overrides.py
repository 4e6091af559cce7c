"""The sheet of overrides: series that a person uses or refuses, whatever the rules of the selection say."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from ichor import tables
from ichor.errors import StudyError

SHOWN = 8  # names in a message


def read_overrides(path: Path | None, centers: Sequence[str]) -> pd.DataFrame:
    """Read and check the sheet, apart from whether its series exist, which only the selection knows.

    Parameters
    ----------
    path : Path or None
        The sheet; None = no overrides.
    centers : sequence of str
        Names of the study's centers.

    Returns
    -------
    DataFrame
        The sheet's columns (empty fields are ""), and ``row``: number of the row in the file.

    Raises
    ------
    StudyError
        On an unknown center, a use without a time point, a refusal with one, or two rows that contradict each other.
    """
    if path is None:
        return pd.DataFrame(columns=[*tables.columns("overrides"), "row"], dtype=object)
    sheet = tables.read("overrides", path)
    sheet = sheet.astype(object).where(sheet.notna(), "").assign(row=range(2, len(sheet) + 2))
    for line in sheet.itertuples():
        where = f"{path}, row {line.row}"
        if line.center not in centers:
            raise StudyError(f"{where}, column center: {line.center!r} is none of {', '.join(centers)}.")
        if line.action == "use" and not line.time_point:
            raise StudyError(f"{where}, column time_point: a series that is used needs one, baseline or followup.")
        if line.action == "refuse" and line.time_point:
            raise StudyError(f"{where}, column time_point: a series that is refused is used for none; leave it empty.")
    _refuse_twice(sheet, path, ["center", "patient", "series"], "the series")
    used = sheet[sheet["action"] == "use"]
    _refuse_twice(used, path, ["center", "patient", "time_point"], "the patient's time point")
    return sheet


def _refuse_twice(sheet: pd.DataFrame, path: Path, by: list[str], what: str) -> None:
    twice = sheet[sheet.duplicated(by, keep=False)]
    if len(twice):
        rows = twice[(twice[by] == twice[by].iloc[0]).all(axis=1)]["row"]
        raise StudyError(f"{path}, rows {' and '.join(map(str, rows))}: {what} is named more than once; keep one row.")


def of_center(sheet: pd.DataFrame, center: str) -> list[dict[str, Any]]:
    """Rows of one center, in an order that does not depend on the sheet's; plain values for a job's parameters."""
    rows = sheet[sheet["center"] == center].drop(columns=["center", "row"])
    return rows.sort_values(["patient", "series"]).to_dict("records")


def mark(rows: pd.DataFrame, overrides: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """Put what the sheet says beside each series.

    Parameters
    ----------
    rows : DataFrame
        Candidates with ``patient`` and ``series``.
    overrides : sequence of dict
        Of `of_center`.

    Returns
    -------
    DataFrame
        `rows` with ``action``, ``forced_time_point`` (both empty where the sheet says nothing) and ``override``, which
        holds action and note.
    """
    said = {(line["patient"], line["series"]): line for line in overrides}
    found = [said.get(pair, {}) for pair in zip(rows["patient"], rows["series"], strict=True)]
    notes = [f"{line['action']}: {line['note']}".rstrip(": ") if line else "" for line in found]
    return rows.assign(
        action=[line.get("action", "") for line in found],
        forced_time_point=[line.get("time_point", "") for line in found],
        override=notes,
    )


def check_all_matched(overrides: Sequence[dict[str, Any]], public: pd.DataFrame, center: str) -> None:
    """Refuse rows that name a series which is not there.

    Parameters
    ----------
    overrides : sequence of dict
        Of `of_center`.
    public : DataFrame
        The center's public selection: every series.
    center : str
        Name of the center.

    Raises
    ------
    StudyError
        Naming the first such row and what there is instead.
    """
    series_of = public.groupby("patient")["series"].agg(list).to_dict()
    for line in overrides:
        about = f"sheet of overrides, center {center}, patient {line['patient']}, series {line['series']}"
        known = series_of.get(line["patient"])
        if known is None:
            raise StudyError(
                f"{about}: there is no such patient; the center has {_some(sorted(series_of))}. "
                f"Take the name from results/ingest/{center}/selection.tsv (delete the row to have that file made)."
            )
        if line["series"] not in known:
            raise StudyError(
                f"{about}: the patient has no such series; found {_some(sorted(known))}. "
                f"A series that got or lost files may have another name: see results/ingest/{center}/selection.tsv "
                "(delete the row to have it made)."
            )


def _some(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return (", ".join(names[:SHOWN]) or "none") + more
