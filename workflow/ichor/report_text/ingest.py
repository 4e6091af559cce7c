"""A center's reports become rows of the table ``reports``: pseudonyms, hours, sections, scrubbed texts."""

import math
from collections import Counter
from pathlib import Path

import pandas as pd

from ichor import tables
from ichor.confined import Confinement
from ichor.pseudonyms import pseudonym
from ichor.reasons import Reason
from ichor.report_text.columns import report_columns
from ichor.report_text.encoding import is_text, undo_double_encoding
from ichor.report_text.language import language_of
from ichor.report_text.scrub import scrub
from ichor.report_text.sections import split_sections
from ichor.report_text.source import SourceReport, source_reports


def read_reports(
    center: str,
    source: Path | str | None,
    columns: pd.DataFrame,
    key: bytes,
    *,
    longest_characters: int,
    limits: Confinement | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read one center's reports.

    Parameters
    ----------
    center : str
        Name of the center.
    source : Path, str or None
        Table, or folder of text files; None when the center brings none.
    columns : DataFrame
        Table ``report_columns``.
    key : bytes
        Key of the pseudonyms.
    longest_characters : int
        What is longer is cut, section by section.
    limits : Confinement, optional
        What reading a table may cost.

    Returns
    -------
    reports : DataFrame
        Table ``reports``, sorted by patient, time and section.
    status : DataFrame
        Table ``status``: ``no_patient_id``, ``report_empty``, ``report_unreadable``, ``report_encoding_repaired``,
        ``report_cut``, and what was scrubbed, ``report_scrubbed``, for the center as a whole.
    """
    if source is None:
        return tables.empty("reports"), tables.empty("status")
    mapped = report_columns(center, columns) if (columns["center"] == center).any() else None
    rows, status, found = [], [], Counter()
    for report in source_reports(Path(source), mapped, limits):
        patient = pseudonym(key, center, report.raw_id)
        problem, texts, remarks = _prepared(report, longest_characters)
        subject = patient if report.raw_id else ""
        status += [_status(center, subject, reason, report.where) for reason in remarks]
        if problem:
            status.append(_status(center, subject, problem, report.where))
            continue
        language = language_of("\n".join(texts.values()), report.language)
        for section, text in texts.items():
            clean, counts = scrub(text, report.known)
            found += counts
            rows.append(
                {"patient": patient, "center": center, "time_h": report.time_h, "language": language}
                | {"section": section, "text": clean}
            )
    if found:
        detail = ", ".join(f"{count} {mark}" for mark, count in sorted(found.items()))
        status.append(_status(center, "", Reason.REPORT_SCRUBBED, f"taken out of {len(rows)} texts: {detail}"))
    table = tables.frame("reports", rows).sort_values(["patient", "time_h", "section"], kind="stable")
    return table.reset_index(drop=True), tables.frame("status", status)


def _prepared(report: SourceReport, longest: int) -> tuple[Reason | None, dict[str, str], list[Reason]]:
    """Why a report cannot be used, or its sections; and what was done to it."""
    if not report.raw_id:
        return Reason.NO_PATIENT_ID, {}, []
    texts = {section: undo_double_encoding(text).strip() for section, text in report.texts.items()}
    if not report.readable or not all(map(is_text, texts.values())):
        return Reason.REPORT_UNREADABLE, {}, []
    remarks = []
    if any(text != report.texts[section].strip() for section, text in texts.items()):
        remarks.append(Reason.REPORT_ENCODING_REPAIRED)
    sections = (
        split_sections(texts["text"]) if "text" in texts else {name: text for name, text in texts.items() if text}
    )
    if not sections:
        return Reason.REPORT_EMPTY, {}, remarks
    if any(len(text) > longest for text in sections.values()):
        remarks.append(Reason.REPORT_CUT)
    return None, {section: text[:longest] for section, text in sections.items()}, remarks


def merge_reports(
    reports: list[pd.DataFrame], patients: pd.DataFrame, *, hours_after_ct: float, undated: str
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Reports of all centers that were known when a prediction is made: the latest of each section.

    Parameters
    ----------
    reports : list of DataFrame
        Tables ``reports`` of the centers.
    patients : DataFrame
        Table ``patients``; its ``onset_to_ct_h`` is when the baseline scan was made.
    hours_after_ct : float
        A report later than this after the baseline scan tells of what came after, h.
    undated : {"refuse", "baseline"}
        What a report without a time is taken for. ``baseline``: it was written with the baseline scan.

    Returns
    -------
    reports : DataFrame
        Table ``reports``, one row per patient and section.
    status : DataFrame
        Table ``status``: ``report_too_late``, ``report_undated``, ``report_superseded`` with the reports' sections.
    """
    parts = [part for part in reports if len(part)]
    if not parts:
        return tables.empty("reports"), tables.empty("status")
    rows = pd.concat(parts, ignore_index=True)
    scanned = patients.set_index("patient")["onset_to_ct_h"].astype(float)
    latest = rows["patient"].map(scanned) + hours_after_ct
    time = rows["time_h"].astype(float)
    unknown = time.isna() | latest.isna()
    problem = pd.Series("", index=rows.index)
    problem[~unknown & (time > latest)] = Reason.REPORT_TOO_LATE
    if undated == "refuse":
        problem[unknown] = Reason.REPORT_UNDATED
    usable = rows[problem == ""]
    order = usable.assign(known_h=time.fillna(-math.inf)).sort_values("known_h", kind="stable")
    last = ~order.duplicated(["patient", "section"], keep="last")
    problem[order.index[~last]] = Reason.REPORT_SUPERSEDED
    status = [
        _status(row.center, row.patient, Reason(reason), f"section {row.section}", stage="merge")
        for row, reason in zip(rows.itertuples(), problem, strict=True)
        if reason
    ]
    kept = rows[problem == ""].sort_values(["center", "patient", "section"], kind="stable")
    return kept.reset_index(drop=True), tables.frame("status", status)


def _status(center: str, subject: str, reason: Reason, detail: str, stage: str = "harmonise") -> dict:
    """A remark on a report; never `set_aside`, for the patient stays in the study without it."""
    return tables.status_row(center, subject, stage, "flagged", reason, detail)
