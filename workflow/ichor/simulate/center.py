"""One simulated center: its patients, DICOM, reference masks, tables and truth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from ichor.progress import track
from ichor.seeds import seed_for
from ichor.simulate.admission_record import draw_admission_record
from ichor.simulate.admission_tables import ADMISSION_RECORD
from ichor.simulate.anatomy import build_template
from ichor.simulate.centers import Center, find_center
from ichor.simulate.courses import draw_courses
from ichor.simulate.exams import odd_patients, write_patient
from ichor.simulate.patients import draw_patients
from ichor.simulate.record_tables import FORMATS, write_records
from ichor.simulate.reports import draw_reports
from ichor.simulate.truth import write_truth

NEVER_MISSING = frozenset({"patient", "age_years", "sex", "location", "treatment"})


def simulate_center(center: str, out: Path, *, patients: int, seed: int, matrix: int) -> None:
    """Simulate one center into a folder.

    Parameters
    ----------
    center
        Name of a simulated center, see `ichor.simulate.centers`.
    out
        Folder; gets dicom/, masks/, records.csv, courses.csv, reports.csv and truth.tsv.
    patients
        Number of patients.
    seed
        The study's seed; the same seed gives the same files.
    matrix
        Rows and columns of a slice; 128 is quick, 512 is what a scanner makes.

    Raises
    ------
    StudyError
        If there is no simulated center of that name.
    """
    profile, out = find_center(center), Path(out)
    rows = draw_center_patients(profile, patients, seed)
    for folder in ("dicom", "masks"):
        (out / folder).mkdir(parents=True, exist_ok=True)
    template = build_template(matrix, _generator(seed, "template", center))
    scanned = rows[rows["defect"] != "no_scan"].to_dict("records")
    for row in track(scanned, f"simulate {center}", total=len(scanned)):
        rng = _generator(seed, "exam", center, row["patient"])
        write_patient(row, profile, template, out, key=f"{seed}/{center}", matrix=matrix, rng=rng)
    _write_tables(rows, profile, seed, out)


def draw_center_patients(center: Center, count: int, seed: int) -> pd.DataFrame:
    """Return the patients of a center with raw ids, who has a follow-up scan, and who is odd in which way."""
    rng = _generator(seed, "patients", center.name)
    rows = draw_patients(count, center.mix, rng)
    numbers = rng.choice(np.arange(1, 10_000), count, replace=False)
    rows.insert(0, "patient", [center.patient_id.format(number=n, check=n * 7 % 10) for n in numbers])
    rows["has_followup"] = rng.random(count) >= center.no_followup
    rows["defect"] = odd_patients(count, center.habits.defects, rng)
    more = draw_admission_record(rows, _generator(seed, "admission record", center.name))
    return pd.concat([rows, more], axis=1)


def _generator(seed: int, *names: str) -> np.random.Generator:
    return np.random.default_rng(seed_for(seed, "simulate", *names))


def _write_tables(rows: pd.DataFrame, center: Center, seed: int, out: Path) -> None:
    """Write records, courses, reports and truth; only the record has gaps and leaves out `no_record` patients."""
    known = rows[rows["defect"] != "no_record"]
    late = [name for name in FORMATS[center.name].headers if name in ADMISSION_RECORD]
    first = [name for name in FORMATS[center.name].headers if name not in ADMISSION_RECORD]
    record = _with_gaps(known, center, first, _generator(seed, "gaps", center.name))
    record = _with_gaps(record, center, late, _generator(seed, "gaps of the admission record", center.name))
    write_records(record, center.name, out / "records.csv")
    draw_courses(known, _generator(seed, "courses", center.name)).to_csv(out / "courses.csv", index=False)
    reports = draw_reports(rows, _generator(seed, "reports", center.name))
    seen = reports["patient"].isin(known["patient"])
    reports.loc[seen].drop(columns="risk_deterioration").to_csv(out / "reports.csv", index=False)
    write_truth(rows.merge(reports, on="patient", validate="one_to_one"), out / "truth.tsv")


def _with_gaps(rows: pd.DataFrame, center: Center, names: list[str], rng: np.random.Generator) -> pd.DataFrame:
    """Return the record as the center keeps it: values missing at its rates, no time of a scan not made."""
    record = rows.copy()
    record["onset_to_followup_ct_h"] = record["onset_to_followup_ct_h"].where(record["has_followup"])
    for name in names:
        share = center.missing.get(name, 0.0 if name in NEVER_MISSING else center.missing.get("*", 0.0))
        gap = rng.random(len(record)) < share
        if name not in ("gcs", "gos_discharge", "onset_to_surgery_h", "onset_to_ct_h"):
            record[name] = record[name].astype(object).mask(gap, None)
    return record
