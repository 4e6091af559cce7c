"""What a model reads of each patient's reports: the sections that its settings name, in one order."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ichor.errors import StudyError
from ichor.settings import require_choice

SECTIONS = ("complaint", "history", "findings", "impression", "other")
"""Sections of the table ``reports``, in the order in which a model reads them."""

Document = list[tuple[str, str]]
"""Sections of one patient, each with its text; empty where there is no report."""


@dataclass(frozen=True)
class Documents:
    """Texts of some rows of a cohort table, a document per row, in the order of the rows."""

    texts: list[Document]

    @property
    def present(self) -> np.ndarray:
        """Whether there is anything to read, one bool per row."""
        return np.array([bool(document) for document in self.texts], dtype=bool)

    def take(self, wanted: np.ndarray) -> "Documents":
        """Those of some rows, one bool per row."""
        return Documents([document for document, kept in zip(self.texts, wanted, strict=True) if kept])


def documents_of(reports: pd.DataFrame, rows: pd.DataFrame, sections: list[str]) -> Documents:
    """Collect the texts of each row's patient.

    Parameters
    ----------
    reports : pandas.DataFrame
        Table ``reports``: what was known at the baseline scan (`ichor.report_text.ingest` leaves out what was written
        later).
    rows : pandas.DataFrame
        Rows of a cohort table.
    sections : list of str
        Those that are read, of `SECTIONS`; empty for all.

    Returns
    -------
    Documents
        Sections in the order of `SECTIONS`; several texts of one section in the order of their times.

    Raises
    ------
    ichor.errors.StudyError
        On a section that there is not.
    """
    for section in sections:
        require_choice("report.sections", section, SECTIONS)
    wanted = sections or list(SECTIONS)
    given = reports[reports["section"].isin(wanted) & reports["patient"].isin(rows["patient"])]
    given = given[given["text"].fillna("").str.strip() != ""]
    given = given.assign(place=given["section"].map(SECTIONS.index)).sort_values(["place", "time_h"], kind="stable")
    texts = {patient: list(zip(own["section"], own["text"], strict=True)) for patient, own in given.groupby("patient")}
    return Documents([texts.get(patient, []) for patient in rows["patient"]])


def require_reports(reports: pd.DataFrame | None, where: str) -> pd.DataFrame:
    """The table of reports, without which a kind that reads texts cannot be fitted or asked.

    Raises
    ------
    ichor.errors.StudyError
        If there is none.
    """
    if reports is None:
        raise StudyError(f"{where}: this kind reads report texts; name reports in the centers sheet")
    return reports
