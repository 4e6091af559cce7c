"""The time courses of each simulated center, in its own layout, times, words, units and slips.

`course_columns_sheet` is the mapping that config/course_columns.tsv holds for them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

HOURS_PER_DAY = 24.0
NAMED_VISITS = {"admission": "D0", "day1": "D1", "day3": "D3", "day7": "D7", "day14": "D14"}
"""Visits of a center that names them, one in each time point of the config: what they are called there."""
TIME_POINT_OF = {"D0": "surgery", "D1": "day1", "D3": "day3", "D7": "day7", "D14": "day14"}
UNITS = {
    "systolic_mmhg": "mmHg", "diastolic_mmhg": "mmHg", "heart_rate_bpm": "/min", "temperature_c": "degC",
    "iph_ml": "mL", "white_cells_10e9_l": "10^9/L", "glucose_mmol_l": "mmol/L", "sodium_mmol_l": "mmol/L",
}  # fmt: skip
FACTORS = {
    ("glucose_mmol_l", "mg/dL"): 18.02,
    ("systolic_mmhg", "kPa"): 1 / 7.50062,
    ("diastolic_mmhg", "kPa"): 1 / 7.50062,
}


@dataclass(frozen=True)
class CourseFormat:
    """How a center writes its table.

    Attributes
    ----------
    patient, time, onset
        Headers; `onset` for dates alone.
    time_kind
        ``time_h``, ``time_day``, ``time_point`` or ``datetime``.
    words
        Our variable to its header, or to its word in a long table: what the center measures.
    long
        Headers of variable, value and, where there is one, unit; empty for a wide table.
    units
        Our variable to the center's unit, where it is not ours.
    time_format
        Of dates.
    missing
        How a wide table writes a missing value.
    """

    patient: str
    time: str
    time_kind: str
    words: dict[str, str]
    long: dict[str, str] = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=dict)
    onset: str = ""
    time_format: str = ""
    missing: str = ""
    delimiter: str = ","
    encoding: str = "utf-8"
    kept: frozenset[str] | None = None


COURSE_FORMATS = {
    "aurora": CourseFormat(
        "pat_id", "hours_from_onset", "time_h",
        {
            "gcs": "GCS", "nihss": "NIHSS", "nihss_motor": "NIHSS_MOTOR", "systolic_mmhg": "RR_SYS",
            "diastolic_mmhg": "RR_DIA", "heart_rate_bpm": "PULSE", "temperature_c": "TEMP", "iph_ml": "ICH_VOLUME",
            "white_cells_10e9_l": "LEUCOCYTES", "glucose_mmol_l": "GLUCOSE", "sodium_mmol_l": "SODIUM",
            "drain": "DRAIN",
        },
        long={"variable": "item", "value": "result", "unit": "unit"},
    ),
    "boreal": CourseFormat(
        "PatientNo", "Day", "time_day",
        {
            "gcs": "GCS", "nihss": "NIHSS", "systolic_mmhg": "SBP", "diastolic_mmhg": "DBP", "heart_rate_bpm": "HR",
            "temperature_c": "Temp", "iph_ml": "HematomaVol", "white_cells_10e9_l": "WBC", "glucose_mmol_l": "Glucose",
            "sodium_mmol_l": "Na", "drain": "Drain",
        },
        missing="-9",
        delimiter=";",
    ),
    "cedar": CourseFormat(
        "MRN", "TIMEPOINT", "time_point",
        {
            "gcs": "GCS_TOTAL", "nihss": "NIHSS_TOTAL", "systolic_mmhg": "SYS_BP", "diastolic_mmhg": "DIA_BP",
            "heart_rate_bpm": "PULSE", "temperature_c": "TEMP_C", "iph_ml": "ICH_VOL", "white_cells_10e9_l": "WBC_K",
            "glucose_mmol_l": "GLUCOSE_MGDL",
        },
        long={"variable": "TEST", "value": "RESULT"},
        units={"glucose_mmol_l": "mg/dL"},
        kept=frozenset(NAMED_VISITS),
    ),
    "delta": CourseFormat(
        "住院号", "测量时间", "datetime",
        {
            "gcs": "GCS评分", "nihss": "NIHSS评分", "systolic_mmhg": "收缩压", "diastolic_mmhg": "舒张压",
            "heart_rate_bpm": "心率", "temperature_c": "体温", "iph_ml": "血肿体积", "white_cells_10e9_l": "白细胞",
            "glucose_mmol_l": "血糖", "sodium_mmol_l": "血钠", "drain": "引流管",
        },
        onset="发病时间",
        time_format="%Y-%m-%d %H:%M",
        missing="未测",
        encoding="gb18030",
    ),
    "estuary": CourseFormat(
        "Patient ID", "Taken at", "datetime",
        {
            "gcs": "Glasgow Coma Scale", "nihss": "NIHSS", "systolic_mmhg": "Systolic pressure",
            "diastolic_mmhg": "Diastolic pressure", "heart_rate_bpm": "Heart rate", "temperature_c": "Temperature",
            "iph_ml": "Haematoma volume", "white_cells_10e9_l": "White cells", "glucose_mmol_l": "Glucose",
            "drain": "Drain in place",
        },
        long={"variable": "Observation", "value": "Value"},
        units={"systolic_mmhg": "kPa", "diastolic_mmhg": "kPa"},
        onset="Symptom onset",
        time_format="%d.%m.%Y %H:%M",
        encoding="utf-8-sig",
    ),
}  # fmt: skip


def course_columns_sheet() -> pd.DataFrame:
    """Return the sheet of the courses' columns of all simulated centers."""
    rows = []
    for center, layout in COURSE_FORMATS.items():
        rows.append((center, "patient", layout.patient, "", "", ""))
        codes = f"format={layout.time_format}" if layout.time_format else ""
        if layout.time_kind == "time_point":
            codes = ";".join(f"{word}={name}" for word, name in TIME_POINT_OF.items())
        rows.append((center, layout.time_kind, layout.time, "", codes, ""))
        if layout.onset:
            rows.append((center, "onset_datetime", layout.onset, "", "", ""))
        rows += [(center, name, header, "", "", "") for name, header in layout.long.items()]
        rows += [
            (center, name, word, layout.units.get(name, ""), "", layout.missing) for name, word in layout.words.items()
        ]
    return pd.DataFrame(rows, columns=["center", "variable", "column", "unit", "codes", "missing"])


def write_courses(
    courses: pd.DataFrame, center: str, onsets: dict[str, datetime], path: Path, rng: np.random.Generator
) -> None:
    """Write the table of courses of a center.

    Every center has the slips of its kind, which change nothing that its table says of the patients' scores: two
    heart rates at one time (all), rows out of order (long tables), a unit that changes in mid-course, with its name
    (aurora) or without (boreal: one patient's temperature), items that the sheet does not name (aurora).

    Parameters
    ----------
    courses
        As `ichor.simulate.courses.draw_courses`.
    onsets
        Patient to the moment of onset, for centers that write dates.
    rng
        Generator of the slips.
    """
    layout = COURSE_FORMATS[center]
    rows = courses[courses["variable"].isin(layout.words)].reset_index(drop=True)
    rows["unit"] = [layout.units.get(name, UNITS.get(name, "")) for name in rows["variable"]]
    rows["when"] = [_when(layout, row, onsets) for row in rows.to_dict("records")]
    rows = _with_slips(rows, center, rng)
    rows["text"] = [_written(row) for row in rows.to_dict("records")]
    table = _long(rows, layout, onsets, rng) if layout.long else _wide(rows, layout, onsets)
    text = table.to_csv(index=False, sep=layout.delimiter, lineterminator="\n")
    path.write_bytes(text.encode(layout.encoding))


def _when(layout: CourseFormat, row: dict, onsets: dict[str, datetime]) -> str:
    if layout.time_kind == "time_h":
        return f"{row['time_h']:.1f}"
    if layout.time_kind == "time_day":
        return f"{row['time_h'] / HOURS_PER_DAY:.2f}"
    if layout.time_kind == "time_point":
        return NAMED_VISITS[row["visit"]]
    return (onsets[row["patient"]] + timedelta(hours=row["time_h"])).strftime(layout.time_format)


def _with_slips(rows: pd.DataFrame, center: str, rng: np.random.Generator) -> pd.DataFrame:
    """Add the slips of a center; a second heart rate of the same time stands before the one that was drawn."""
    beats = rows[rows["variable"] == "heart_rate_bpm"]
    twice = beats[rng.random(len(beats)) < 0.02].copy()
    twice["value"] += rng.choice([-2.0, 2.0], len(twice))
    rows = pd.concat([twice, rows]).sort_index(kind="stable").reset_index(drop=True)
    patients = rows["patient"].unique()
    if center == "aurora" and len(patients):
        changed = rows["patient"].isin(rng.choice(patients, max(len(patients) // 8, 1), replace=False))
        rows.loc[changed & (rows["variable"] == "glucose_mmol_l") & (rows["time_h"] > 48), "unit"] = "mg/dL"
    if center == "boreal" and len(patients):
        changed = (
            (rows["patient"] == rng.choice(patients)) & (rows["variable"] == "temperature_c") & (rows["time_h"] > 48)
        )
        rows.loc[changed, "value"] = (rows.loc[changed, "value"] * 1.8 + 32).round(1)
    return rows


def _written(row: dict) -> str:
    factor = FACTORS.get((row["variable"], row["unit"]), 1.0)
    return f"{row['value'] * factor:.{2 if row['unit'] == 'kPa' else 1}f}".rstrip("0").removesuffix(".")


def _long(rows: pd.DataFrame, layout: CourseFormat, onsets: dict, rng: np.random.Generator) -> pd.DataFrame:
    """Return a row per reading; one patient in ten is written from the last reading to the first."""
    table = pd.DataFrame({layout.patient: rows["patient"], layout.time: rows["when"]})
    if layout.onset:
        table.insert(1, layout.onset, [onsets[one].strftime(layout.time_format) for one in rows["patient"]])
    table[layout.long["variable"]] = rows["variable"].map(layout.words)
    table[layout.long["value"]] = rows["text"]
    if "unit" in layout.long:
        table[layout.long["unit"]] = rows["unit"]
        extra = table[rows["variable"] == "white_cells_10e9_l"].copy()
        extra[layout.long["variable"]], extra[layout.long["unit"]] = "CRP_RAPID", "mg/L"
        extra[layout.long["value"]] = rng.gamma(1.5, 12.0, len(extra)).round(1).astype(str)
        table = pd.concat([table, extra]).sort_index(kind="stable")
    parts = [part.iloc[::-1] if rng.random() < 0.1 else part for _, part in table.groupby(layout.patient, sort=False)]
    return pd.concat(parts) if parts else table


def _wide(rows: pd.DataFrame, layout: CourseFormat, onsets: dict) -> pd.DataFrame:
    """Return a row per patient and time; a second value of the same time has a row of its own."""
    rows = rows.assign(copy=rows.groupby(["patient", "when", "variable"]).cumcount())
    index = ["patient", "time_h", "when", "copy"]
    table = rows.pivot(index=index, columns="variable", values="text").reset_index().sort_values(index, kind="stable")
    out = pd.DataFrame({layout.patient: table["patient"], layout.time: table["when"]})
    if layout.onset:
        out.insert(1, layout.onset, [onsets[one].strftime(layout.time_format) for one in table["patient"]])
    for name, header in layout.words.items():
        out[header] = table[name].fillna(layout.missing) if name in table else layout.missing
    return out
