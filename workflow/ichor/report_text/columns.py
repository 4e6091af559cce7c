"""The report_columns sheet: which column of a center's table of reports is what."""

import re
from dataclasses import dataclass

import pandas as pd

from ichor.errors import StudyError

DATES = ("datetime", "onset_datetime")
SECTIONS = ("complaint", "history", "findings", "impression", "other")
ISO = "ISO8601"
SHEET = "report columns sheet (config key reports.columns)"


@dataclass(frozen=True)
class ReportColumns:
    """Headers of a center's table of reports.

    Attributes
    ----------
    patient : str
        Of the patient id, written as in the center's other tables.
    texts : dict
        Section, or ``text`` for whole reports -> header.
    time_h : str or None
        Of the hours from onset to the report.
    datetime, onset_datetime : str or None
        Of the date and time of the report and of the onset, where there is no `time_h`.
    language : str or None
        Of the language: ``zh``, ``en``, or any other word.
    remove : tuple of str
        Of what is taken out of the texts, such as the patient's name.
    digits : int
        Ids that are whole numbers get leading zeros up to so many digits, as in the columns sheet.
    datetime_format, onset_datetime_format : str
        How the two are written, as `datetime.strptime` says it, or `ISO`: 3/4 is never guessed to be April or March.
    """

    patient: str
    texts: dict[str, str]
    time_h: str | None = None
    datetime: str | None = None
    onset_datetime: str | None = None
    language: str | None = None
    remove: tuple[str, ...] = ()
    digits: int = 0
    datetime_format: str = ISO
    onset_datetime_format: str = ISO

    def headers(self) -> list[str]:
        """Every header that is named."""
        single = [self.patient, self.time_h, self.datetime, self.onset_datetime, self.language]
        return [header for header in (*single, *self.texts.values(), *self.remove) if header]


def report_columns(center: str, sheet: pd.DataFrame) -> ReportColumns:
    """Rows of the sheet that are a center's.

    Parameters
    ----------
    center : str
        Name of the center.
    sheet : DataFrame
        Table ``report_columns``.

    Raises
    ------
    StudyError
        If the patient or every text is missing, a field is named twice, whole reports and sections are both named, or
        one of the two dates is missing.
    """
    where = f"{SHEET}, center {center}"
    rows = sheet[sheet["center"] == center]
    fields = rows.loc[rows["field"] != "remove"].set_index("field")["column"]
    if twice := sorted(set(fields.index[fields.index.duplicated()])):
        raise StudyError(f"{where}: field {twice[0]} is named twice; name one column for it.")
    named = fields.to_dict()
    texts = {name: named[name] for name in ("text", *SECTIONS) if name in named}
    if "patient" not in named or not texts:
        raise StudyError(
            f"{where}: found {', '.join(named) or 'no row'}; write a row with field patient, and one with field text "
            f"or one per section ({', '.join(SECTIONS)})."
        )
    if "text" in texts and len(texts) > 1:
        raise StudyError(f"{where}: names text and sections; write text for whole reports, or sections, not both.")
    if ("datetime" in named) != ("onset_datetime" in named):
        raise StudyError(f"{where}: datetime and onset_datetime belong together: hours from onset need both.")
    if "time_h" in named and "datetime" in named:
        raise StudyError(f"{where}: names time_h and datetime; keep one of them.")
    remove = tuple(rows.loc[rows["field"] == "remove", "column"])
    single = {name: named.get(name) for name in ("time_h", "datetime", "onset_datetime", "language")}
    formats = {f"{name}_format": _code(where, rows, name, "format", ".+") or ISO for name in DATES}
    digits = int(_code(where, rows, "patient", "digits", r"\d{1,2}") or 0)
    return ReportColumns(named["patient"], texts, **single, remove=remove, digits=digits, **formats)


def _code(where: str, rows: pd.DataFrame, field: str, name: str, pattern: str) -> str:
    """What a field's cell ``codes`` says after ``<name>=``; nothing for an empty cell."""
    codes = rows.loc[rows["field"] == field].get("codes", pd.Series(dtype=object)).dropna().astype(str).str.strip()
    text = next(iter(codes), "")
    match = re.fullmatch(rf"{name} *= *({pattern})", text)
    if text and not match:
        example = {"digits": "digits=7", "format": "format=%d.%m.%Y %H:%M"}[name]
        raise StudyError(f"{where}, field {field}, column codes: found {text!r}, expected nothing or {example}.")
    return match[1] if match else ""
