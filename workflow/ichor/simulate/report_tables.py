"""The report texts of each simulated center, in its own columns, headings, dates and encoding.

`report_columns_sheet` is the mapping that config/report_columns.tsv holds for them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pandas as pd

from ichor.simulate.exams import Person


@dataclass(frozen=True)
class ReportFormat:
    """How a center keeps its reports.

    Attributes
    ----------
    fields
        Field of the sheet to the center's header; the sections are columns of their own, or `text` holds the whole
        report under `headings`.
    headings
        Section to the heading that stands before it in a whole report.
    time_format
        Of dates.
    """

    fields: dict[str, str]
    headings: dict[str, str] = field(default_factory=dict)
    time_format: str = "%Y-%m-%d %H:%M"
    encoding: str = "utf-8"


REPORT_FORMATS = {
    "aurora": ReportFormat(
        {
            "patient": "pat_id", "time_h": "hours_from_onset", "remove": "name", "complaint": "complaint",
            "history": "history", "findings": "findings", "impression": "impression",
        }
    ),
    "boreal": ReportFormat(
        {"patient": "PatientNo", "time_h": "HoursOnset", "language": "Lang", "text": "Report"},
        {"complaint": "主诉:", "history": "现病史:", "findings": "影像所见:", "impression": "影像诊断:"},
    ),
    "cedar": ReportFormat(
        {"patient": "MRN", "time_h": "HOURS_AFTER_ONSET", "text": "REPORT_TEXT"},
        {
            "complaint": "INDICATION:", "history": "CLINICAL HISTORY:", "findings": "FINDINGS:",
            "impression": "IMPRESSION:",
        },
    ),
    "delta": ReportFormat(
        {
            "patient": "住院号", "onset_datetime": "发病时间", "datetime": "报告时间", "complaint": "主诉",
            "history": "现病史", "findings": "影像所见", "impression": "诊断意见",
        },
        encoding="gb18030",
    ),
    "estuary": ReportFormat(
        {
            "patient": "Patient ID", "onset_datetime": "Symptom onset", "datetime": "Reported at",
            "remove": "Patient name", "text": "Report",
        },
        {
            "complaint": "Chief complaint:", "history": "History:", "findings": "CT findings:",
            "impression": "Conclusion:",
        },
        time_format="%Y-%m-%dT%H:%M",
        encoding="utf-8-sig",
    ),
}  # fmt: skip


def report_columns_sheet() -> pd.DataFrame:
    """Return the sheet of the reports' columns of all simulated centers."""
    rows = [(center, name, header) for center, one in REPORT_FORMATS.items() for name, header in one.fields.items()]
    return pd.DataFrame(rows, columns=["center", "field", "column"])


def write_reports(reports: pd.DataFrame, center: str, people: dict[str, Person], path: Path) -> None:
    """Write the table of reports of a center.

    Parameters
    ----------
    reports
        As `ichor.simulate.reports.draw_reports`.
    people
        Patient to name and moment of onset.
    """
    layout = REPORT_FORMATS[center]
    rows = reports.to_dict("records")
    cells = {header: [_cell(name, row, layout, people) for row in rows] for name, header in layout.fields.items()}
    path.write_bytes(pd.DataFrame(cells).to_csv(index=False, lineterminator="\n").encode(layout.encoding))


def _cell(name: str, row: dict, layout: ReportFormat, people: dict[str, Person]) -> str:
    person = people[row["patient"]]
    if name == "time_h":
        return f"{row['time_h']:.1f}"
    if name in ("datetime", "onset_datetime"):
        hours = row["time_h"] if name == "datetime" else 0.0
        return (person.onset + timedelta(hours=hours)).strftime(layout.time_format)
    if name == "remove":
        return person.name.replace("^", " ")
    if name == "text":
        parts = [f"{heading} {row[section]}" for section, heading in layout.headings.items() if row[section]]
        return "\n".join(parts)
    return str(row[name])
