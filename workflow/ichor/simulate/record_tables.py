"""The clinical table of each simulated center, in its own headers, units, codes, delimiter and encoding.

`columns_sheet` is the mapping that config/columns.tsv holds for them.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd

from ichor.simulate import admission_tables

YES_NO = {"1": "1", "0": "0"}
HISTORY = (
    "prior_ich", "prior_ischemic_stroke", "hypertension", "diabetes", "hyperlipidemia", "coronary_heart_disease",
    "heart_failure", "arrhythmia", "anticoagulant", "antiplatelet", "smoking", "alcohol",
)  # fmt: skip
UNITS = {
    ("glucose_mmol_l", "mg/dL"): 18.02,
    ("onset_to_ct_h", "min"): 60.0,
    ("onset_to_followup_ct_h", "min"): 60.0,
    ("onset_to_surgery_h", "min"): 60.0,
    ("onset_to_death_h", "min"): 60.0,
    ("onset_to_last_contact_h", "min"): 60.0,
    ("onset_to_death_h", "days"): 1 / 24,
    ("onset_to_last_contact_h", "days"): 1 / 24,
    ("systolic_mmhg", "kPa"): 1 / 7.50062,
    ("diastolic_mmhg", "kPa"): 1 / 7.50062,
} | admission_tables.FACTORS


@dataclass(frozen=True)
class TableFormat:
    """How a center writes its table.

    Attributes
    ----------
    headers
        Our name to the center's header, in the order of its columns.
    codes
        Our name to {center's code: our value}; `yes_no` is used for yes/no variables not named here.
    units
        Our name to the center's unit.
    missing
        How the center writes a missing value, for some variables or "*" for all.
    unmapped
        Columns that nobody asked for: header to value.
    """

    headers: dict[str, str]
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    yes_no: dict[str, str] = field(default_factory=lambda: dict(YES_NO))
    units: dict[str, str] = field(default_factory=dict)
    missing: str = ""
    delimiter: str = ","
    encoding: str = "utf-8"
    unmapped: dict[str, str] = field(default_factory=dict)


def _same(*names: str) -> dict[str, str]:
    return {name: name for name in names}


AURORA = TableFormat(
    headers={"patient": "pat_id"}
    | _same("age_years", "sex", "gcs", "nihss", "systolic_mmhg", "diastolic_mmhg", "glucose_mmol_l", "heart_rate_bpm")
    | _same("onset_to_ct_h", "onset_to_followup_ct_h", "onset_to_surgery_h", *HISTORY)
    | _same("location", "treatment", "gos_discharge", "mrs_90d", "mrs_180d", "death_30d"),
)
BOREAL = TableFormat(
    headers={
        "patient": "PatientNo", "age_years": "Age", "sex": "Sex", "gcs": "GCS_adm", "nihss": "NIHSS_adm",
        "systolic_mmhg": "SBP", "diastolic_mmhg": "DBP", "glucose_mmol_l": "Glucose", "heart_rate_bpm": "HR",
        "onset_to_ct_h": "Onset2CT", "onset_to_followup_ct_h": "Onset2CT2", "onset_to_surgery_h": "Onset2OR",
        "prior_ich": "Hx_ICH", "prior_ischemic_stroke": "Hx_IS", "hypertension": "HTN", "diabetes": "DM",
        "coronary_heart_disease": "CHD", "anticoagulant": "OAC", "antiplatelet": "APT", "smoking": "Smoker",
        "alcohol": "EtOH", "location": "Site", "treatment": "Tx", "gos_discharge": "GOS", "mrs_90d": "mRS3m",
        "mrs_180d": "mRS6m", "death_30d": "Dead30",
    },
    codes={
        "sex": {"M": "male", "F": "female"},
        "location": {"BG/TH": "deep", "LOB": "lobar", "PF": "infratentorial"},
        "treatment": {"CMT": "conservative", "CC": "craniotomy", "MIS": "minimally_invasive"},
    },
    yes_no={"Y": "1", "N": "0"},
    missing="-9",
    delimiter=";",
    unmapped={"Ward": "N3"},
)  # fmt: skip
CEDAR = TableFormat(
    headers={
        "patient": "MRN", "age_years": "AGE_AT_ONSET", "sex": "GENDER", "gcs": "GCS", "nihss": "NIHSS",
        "systolic_mmhg": "SYS_BP", "diastolic_mmhg": "DIA_BP", "glucose_mmol_l": "GLUCOSE_MGDL",
        "heart_rate_bpm": "PULSE", "onset_to_ct_h": "MIN_ONSET_CT", "onset_to_followup_ct_h": "MIN_ONSET_CT2",
        "onset_to_surgery_h": "MIN_ONSET_SURGERY", "prior_ich": "PREV_ICH", "prior_ischemic_stroke": "PREV_STROKE",
        "hypertension": "HYPERTENSION", "diabetes": "DIABETES", "anticoagulant": "ANTICOAG", "antiplatelet": "ANTIPLT",
        "arrhythmia": "AFIB", "location": "LOCATION", "treatment": "TREATMENT", "gos_discharge": "GOS_DC",
        "mrs_90d": "MRS_90", "mrs_180d": "MRS_180", "death_30d": "DIED_30D",
    },
    codes={
        "sex": {"1": "male", "2": "female"},
        "location": {"1": "deep", "2": "lobar", "3": "infratentorial"},
        "treatment": {"0": "conservative", "1": "craniotomy", "2": "minimally_invasive"},
    },
    units={
        "glucose_mmol_l": "mg/dL", "onset_to_ct_h": "min", "onset_to_followup_ct_h": "min",
        "onset_to_surgery_h": "min",
    },
    missing="999",
)  # fmt: skip
DELTA = TableFormat(
    headers={
        "patient": "住院号", "age_years": "年龄", "sex": "性别", "gcs": "GCS评分", "nihss": "NIHSS评分",
        "systolic_mmhg": "收缩压", "diastolic_mmhg": "舒张压", "glucose_mmol_l": "血糖", "heart_rate_bpm": "心率",
        "onset_to_ct_h": "发病至CT", "onset_to_followup_ct_h": "发病至复查CT", "onset_to_surgery_h": "发病至手术",
        "prior_ich": "脑出血史", "prior_ischemic_stroke": "脑梗死史", "hypertension": "高血压", "diabetes": "糖尿病",
        "coronary_heart_disease": "冠心病", "anticoagulant": "抗凝药", "antiplatelet": "抗血小板药", "smoking": "吸烟",
        "alcohol": "饮酒", "location": "出血部位", "treatment": "治疗方式", "gos_discharge": "出院GOS",
        "mrs_90d": "90天mRS", "mrs_180d": "180天mRS", "death_30d": "30天死亡",
    },
    codes={
        "sex": {"男": "male", "女": "female"},
        "location": {"深部": "deep", "脑叶": "lobar", "幕下": "infratentorial"},
        "treatment": {"保守": "conservative", "开颅": "craniotomy", "微创": "minimally_invasive"},
    },
    yes_no={"是": "1", "否": "0"},
    missing="不详",
    encoding="gb18030",
)  # fmt: skip
ESTUARY = TableFormat(
    headers={
        "patient": "Patient ID", "age_years": "Age (years)", "sex": "Sex", "gcs": "GCS", "nihss": "NIHSS",
        "systolic_mmhg": "Systolic (kPa)", "diastolic_mmhg": "Diastolic (kPa)", "glucose_mmol_l": "Glucose (mmol/L)",
        "onset_to_ct_h": "Symptom onset to CT (h)", "onset_to_followup_ct_h": "Symptom onset to repeat CT (h)",
        "onset_to_surgery_h": "Symptom onset to surgery (h)", "prior_ich": "Previous ICH",
        "prior_ischemic_stroke": "Previous ischemic stroke", "hypertension": "Hypertension", "diabetes": "Diabetes",
        "anticoagulant": "Anticoagulation", "antiplatelet": "Antiplatelets", "smoking": "Smoking",
        "location": "Location", "treatment": "Treatment", "gos_discharge": "GOS at discharge",
        "mrs_90d": "mRS at 90 d", "mrs_180d": "mRS at 180 d", "death_30d": "Vital status at 30 d",
    },
    codes={
        "sex": {"m": "male", "f": "female"},
        "location": {"basal ganglia or thalamus": "deep", "lobe": "lobar", "posterior fossa": "infratentorial"},
        "treatment": {"medical": "conservative", "open": "craniotomy", "minimally invasive": "minimally_invasive"},
        "death_30d": {"dead": "1", "alive": "0"},
    },
    yes_no={"yes": "1", "no": "0"},
    units={"systolic_mmhg": "kPa", "diastolic_mmhg": "kPa"},
    missing="unknown",
    encoding="utf-8-sig",
)  # fmt: skip


FOLLOWED = ("death_180d", "onset_to_death_h", "onset_to_last_contact_h")
"""What `ichor.simulate.followup` tells of a patient's life: the last columns of every center."""
FOLLOWED_HEADERS = {
    "aurora": FOLLOWED,
    "boreal": ("Dead180", "DaysToDeath", "DaysLastSeen"),
    "cedar": ("DIED_180D", "MIN_ONSET_DEATH", "MIN_ONSET_LAST_CONTACT"),
    "delta": ("180天死亡", "发病至死亡", "发病至末次随访"),
    "estuary": ("Dead at 180 d", "Symptom onset to death (h)", "Symptom onset to last contact (h)"),
}
FOLLOWED_UNITS = {"boreal": "days", "cedar": "min"}


def _with_admission_record(center: str, layout: TableFormat) -> TableFormat:
    """Return a center's format with the columns of the admission record and of the follow-up behind the others."""
    units = layout.units | admission_tables.UNITS_OF_CENTER.get(center, {})
    if center in FOLLOWED_UNITS:
        units |= dict.fromkeys(FOLLOWED[1:], FOLLOWED_UNITS[center])
    followed = dict(zip(FOLLOWED, FOLLOWED_HEADERS[center], strict=True))
    return replace(layout, headers=layout.headers | admission_tables.HEADERS[center] | followed, units=units)


FORMATS = {
    center: _with_admission_record(center, layout)
    for center, layout in dict(aurora=AURORA, boreal=BOREAL, cedar=CEDAR, delta=DELTA, estuary=ESTUARY).items()
}
YES_NO_VARIABLES = frozenset((*HISTORY, "death_30d", "death_180d", *admission_tables.YES_NO))
EMPTY_IF_NONE = ("onset_to_surgery_h", "onset_to_death_h")
"""Times of what happened to some: a center leaves the others' cells empty, whatever else it writes for missing."""


def _codes_of(layout: TableFormat, name: str) -> dict[str, str]:
    if name in layout.codes:
        return layout.codes[name]
    return layout.yes_no if name in YES_NO_VARIABLES and layout.yes_no != YES_NO else {}


def _written(value: object, name: str, layout: TableFormat) -> str:
    """Return one value as a center writes it."""
    if name == "patient":
        return str(value)
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return layout.missing if name not in EMPTY_IF_NONE else ""
    codes = {ours: theirs for theirs, ours in _codes_of(layout, name).items()}
    if codes:
        return codes[value if isinstance(value, str) else str(int(value))]
    if isinstance(value, str):
        return value
    unit = layout.units.get(name)
    number = float(value) * (UNITS[name, unit] if unit else 1.0)
    text = f"{number:.{2 if unit == 'days' else admission_tables.DECIMALS.get((name, unit), 1)}f}"
    return text.rstrip("0").removesuffix(".")


def write_records(rows: pd.DataFrame, center: str, path: Path) -> None:
    """Write the clinical table of a center; `rows` holds `patient` and our variables in our units, NaN = missing."""
    layout = FORMATS[center]
    table = {header: [_written(value, name, layout) for value in rows[name]] for name, header in layout.headers.items()}
    table |= {header: [value] * len(rows) for header, value in layout.unmapped.items()}
    text = pd.DataFrame(table).to_csv(index=False, sep=layout.delimiter, lineterminator="\n")
    path.write_bytes(text.encode(layout.encoding))


def columns_sheet() -> pd.DataFrame:
    """Return the columns sheet of all simulated centers: center variable column unit codes missing."""
    rows = []
    for center, layout in FORMATS.items():
        for name, header in layout.headers.items():
            codes = ";".join(f"{theirs}={ours}" for theirs, ours in _codes_of(layout, name).items())
            missing = layout.missing if name != "patient" else ""
            rows.append((center, name, header, layout.units.get(name, ""), codes, missing))
    return pd.DataFrame(rows, columns=["center", "variable", "column", "unit", "codes", "missing"])
