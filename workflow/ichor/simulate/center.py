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
from ichor.simulate.course_tables import COURSE_FORMATS, write_courses
from ichor.simulate.courses import draw_courses, until_death
from ichor.simulate.exams import draw_person, odd_patients, write_patient
from ichor.simulate.followup import draw_deaths, follow
from ichor.simulate.patients import draw_patients, outcome_logit
from ichor.simulate.record_tables import FOLLOWED, FORMATS, write_records
from ichor.simulate.report_tables import write_reports
from ichor.simulate.reports import draw_reports, draw_signs
from ichor.simulate.truth import course_truth, write_truth

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
    write_tables(rows, profile, seed, out)


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


def write_tables(rows: pd.DataFrame, center: Center, seed: int, out: Path) -> None:
    """Write records, courses, reports and truth; the truth alone has the patients of whom there is no record.

    Parameters
    ----------
    rows
        As `draw_center_patients`.
    center
        Its formats and gaps are used.
    seed
        The study's seed; every table draws from a generator of its own.
    out
        Existing folder.
    """
    rows = with_course(rows, center, seed)
    known = rows[rows["defect"] != "no_record"]
    late = [name for name in FORMATS[center.name].headers if name in ADMISSION_RECORD]
    first = [name for name in FORMATS[center.name].headers if name not in (*ADMISSION_RECORD, *FOLLOWED)]
    record = _with_gaps(known, center, first, _generator(seed, "gaps", center.name))
    record = _with_gaps(record, center, late, _generator(seed, "gaps of the admission record", center.name))
    record = record.assign(**follow(known, record, _generator(seed, "follow-up", center.name)))
    write_records(record, center.name, out / "records.csv")
    kept = COURSE_FORMATS[center.name].kept
    planned = draw_courses(rows, _generator(seed, "courses", center.name), kept)
    planned = planned[planned["variable"].isin(COURSE_FORMATS[center.name].words)]
    courses = until_death(planned, rows)
    people = {name: draw_person(row, _generator(seed, "exam", center.name, name)) for name, row in _by_patient(rows)}
    onsets = {name: person.onset for name, person in people.items()}
    of_known = courses["patient"].isin(known["patient"])
    slips = _generator(seed, "slips of the courses", center.name)
    write_courses(courses[of_known], center.name, onsets, out / "courses.csv", slips)
    reports = draw_reports(known, people, center.name, _generator(seed, "reports", center.name))
    write_reports(reports, center.name, people, out / "reports.csv")
    told = set(reports.loc[reports["complaint"] != "", "patient"])
    write_truth(rows, course_truth(rows, planned, courses, told), out / "truth.tsv")


def with_course(rows: pd.DataFrame, center: Center, seed: int) -> pd.DataFrame:
    """Return the patients with what their courses follow: expected outcome, leading signs, the time of death."""
    rows = rows.assign(outcome_logit=outcome_logit(rows, center.mix))
    rows = pd.concat([rows, draw_signs(rows, _generator(seed, "signs", center.name))], axis=1)
    return rows.assign(onset_to_death_h=draw_deaths(rows, _generator(seed, "deaths", center.name)))


def _by_patient(rows: pd.DataFrame) -> list[tuple[str, dict]]:
    return [(row["patient"], row) for row in rows.to_dict("records")]


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
