"""One person's DICOM: baseline and follow-up studies, their distractors, and what goes wrong with some.

Defects: `truncated_file` (one file of the baseline run ends early), `missing_slices` (a gap in the baseline run),
`only_localizer` (nothing but an overview). `no_scan` and `no_record` concern folders and tables, see `center`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd

from ichor.simulate.anatomy import Template, compose_head, draw_individual
from ichor.simulate.bleeds import BledHead, BleedPlan, bleed, draw_center
from ichor.simulate.centers import Center
from ichor.simulate.dicom_writer import Exam, Series, write_ct_series
from ichor.simulate.scanner import Acquisition, Pose, draw_pose, pad_outside, scan_head, scout, sharpen
from ichor.simulate.shapes import Field, ramp

FAMILY_NAMES = ("PHANTOM", "SAMPLE", "MOCKUP", "FIGMENT", "PLACEHOLDER", "NOBODY", "SPECIMEN", "FICTION")
GIVEN_NAMES = {"male": ("ADAM", "BRUNO", "CARL", "DENG", "EMIL"), "female": ("ANNA", "BIAN", "CLARA", "DORA", "ELIF")}
AXIAL, BONE, CONTRAST, SECOND_HALF, LOCALIZER = 2, 3, 4, 5, 1


@dataclass(frozen=True)
class Person:
    """What the DICOM headers of one person share."""

    patient_id: str
    name: str
    sex: str
    birth_date: date
    onset: datetime


def draw_person(row: dict, rng: np.random.Generator) -> Person:
    """Draw name, birth date and the moment of onset; every name says that it is invented."""
    given = GIVEN_NAMES[row["sex"]][int(rng.integers(5))]
    family = FAMILY_NAMES[int(rng.integers(len(FAMILY_NAMES)))]
    onset = datetime(2019, 1, 1) + timedelta(minutes=int(rng.integers(4 * 365 * 24 * 60)))
    age_days = int((row["age_years"] + rng.uniform(0.05, 0.95)) * 365.25)
    born = onset.date() - timedelta(days=age_days)
    return Person(row["patient"], f"{family}^{given}", "M" if row["sex"] == "male" else "F", born, onset)


def safe_name(patient_id: str) -> str:
    """Return a patient id as a folder name."""
    return patient_id.replace("/", "_")


def write_patient(
    row: dict, center: Center, template: Template, out: Path, *, key: str, matrix: int, rng: np.random.Generator
) -> None:
    """Write the DICOM and the reference masks of one patient.

    Parameters
    ----------
    row
        One row of `ichor.simulate.patients.draw_patients` with `patient`, `has_followup` and `defect` ("" for none).
    out
        The center's folder; files go to `dicom/` and `masks/`.
    key
        What unique identifiers derive from.
    """
    person = draw_person(row, rng)
    individual = draw_individual(row["age_years"], rng)
    individual = replace(individual, ventricle_mm=individual.ventricle_mm + 0.11 * row["ivh_ml"])
    head = compose_head(template, individual)
    heads = bleed(template, head, plan_bleed(row, individual.scale, rng), rng)
    hours = {"baseline": row["onset_to_ct_h"], "followup": row["onset_to_followup_ct_h"]}
    for (time_point, after_h), bled in zip(hours.items(), heads, strict=True):
        if time_point == "followup" and (not row["has_followup"] or row["defect"] == "only_localizer"):
            continue
        defect = row["defect"] if time_point == "baseline" else ""
        acquired = person.onset + timedelta(hours=after_h)
        exam = _exam(person, center, f"{key}/{row['patient']}/{time_point}", acquired)
        study = out / "dicom" / safe_name(row["patient"]) / acquired.strftime("%Y%m%d%H%M")
        pose = draw_pose(rng)
        scan = scan_head(template, bled, individual.scale, pose, center.scanner, matrix, rng, with_labels=center.masks)
        _write_study(scan, exam, center, study, defect, rng)
        if defect != "only_localizer":
            if rng.random() < center.habits.contrast_run:
                _write_contrast(template, bled, individual.scale, pose, exam, center, study, matrix, rng)
            if center.masks:
                write_mask(scan, out / "masks" / f"{row['patient']}_{time_point}.nii.gz")


def plan_bleed(row: dict, scale: tuple[float, float, float], rng: np.random.Generator) -> BleedPlan:
    """Return the plan of the bleed in the template's space, where a smaller head's volumes are larger."""
    size = float(np.prod(scale))
    pairs = {name: (row[name] / size, row[f"followup_{name}"] / size) for name in ("iph_ml", "ivh_ml", "edema_ml")}
    return BleedPlan(
        center_mm=draw_center(row["location"], max(pairs["iph_ml"]), rng),
        heterogeneity=row["heterogeneity"],
        irregularity=row["irregularity"],
        fluid_level=bool(row["anticoagulant"]),
        **pairs,
    )


def _exam(person: Person, center: Center, key: str, acquired: datetime) -> Exam:
    return Exam(
        key=key,
        patient_id=person.patient_id,
        patient_name=person.name,
        sex=person.sex,
        birth_date=person.birth_date,
        acquired=acquired,
        institution=center.institution,
        manufacturer=center.vendor.manufacturer,
        model=center.vendor.model,
        station=f"{center.name.upper()}CT1",
        accession=acquired.strftime("%y%m%d%H%M"),
    )


def _axial(center: Center) -> Series:
    vendor = center.vendor
    return Series(
        number=AXIAL,
        description=vendor.description,
        image_type=vendor.image_type,
        kernel=vendor.soft_kernel,
        thickness_mm=center.scanner.thickness_mm,
        tilt_deg=center.scanner.tilt_deg,
        state_spacing=vendor.state_spacing,
    )


def _folder(study: Path, number: int, center: Center) -> Path:
    return study if center.habits.folders == "study" else study / f"S{number:04d}"


def _write_volume(
    hu: Field, affine: np.ndarray, exam: Exam, series: Series, center: Center, study: Path,
    slices: list[int] | None = None,
) -> list[Path]:  # fmt: skip
    """Write one run of (slice, row, column) HU; round fields get their padding first."""
    if center.scanner.round_field and center.encoding.padding_hu is not None:
        pad_outside(hu, center.encoding.padding_hu)
    folder = _folder(study, series.number, center)
    return write_ct_series(hu.transpose(2, 1, 0), affine, folder, exam, series, center.encoding, slices=slices)


def _write_study(
    scan: Acquisition, exam: Exam, center: Center, study: Path, defect: str, rng: np.random.Generator
) -> None:
    """Write localizer, axial run (whole, split or defective) and, for some exams, a bone-kernel run."""
    habits, series = center.habits, _axial(center)
    localizer, bone_run, split = rng.random(3) < (habits.localizer, habits.bone_run, habits.split_series)
    if localizer or defect == "only_localizer":
        _write_localizer(scan, exam, center, study)
    if defect == "only_localizer":
        return
    count = len(scan.hu)
    if bone_run and not defect:
        pixel = float(abs(scan.affine[0, 0]))
        sharp = sharpen(scan.hu, pixel, center.scanner.noise_hu, rng)
        bone = replace(series, number=BONE, kernel=center.vendor.bone_kernel, description="Bone window")
        _write_volume(sharp, scan.affine, exam, bone, center, study)
    if defect == "missing_slices":
        kept = [k for k in range(count) if not count // 2 <= k < count // 2 + 3]
        _write_volume(scan.hu, scan.affine, exam, series, center, study, kept)
    elif split and not defect:
        half = count // 2
        _write_volume(scan.hu, scan.affine, exam, series, center, study, list(range(half)))
        second = replace(series, number=SECOND_HALF)
        _write_volume(scan.hu, scan.affine, exam, second, center, study, list(range(half, count)))
    else:
        files = _write_volume(scan.hu, scan.affine, exam, series, center, study)
        if defect == "truncated_file":
            path = files[count // 2]
            path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 5])


def _write_localizer(scan: Acquisition, exam: Exam, center: Center, study: Path) -> None:
    """Write a one-image lateral overview."""
    pixel = float(abs(scan.affine[0, 0]))
    repeat = max(1, round(float(scan.affine[2, 2]) / pixel))
    image = np.repeat(scout(scan.hu), repeat, axis=0)
    affine = np.eye(4)
    affine[:3, 0] = (0, -pixel, 0)
    affine[:3, 1] = (0, 0, -float(scan.affine[2, 2]) / repeat)
    affine[:3, 2] = (pixel, 0, 0)
    affine[:3, 3] = (0, scan.affine[1, 3], scan.affine[2, 3] + scan.affine[2, 2] * len(scan.hu))
    series = Series(
        number=LOCALIZER, description="Scout", image_type=("ORIGINAL", "PRIMARY", "LOCALIZER"), kernel="",
        thickness_mm=1.0, current_ma=30, delay_s=-60.0, state_spacing=False,
    )  # fmt: skip
    encoding = replace(center.encoding, padding_hu=None)
    folder = _folder(study, LOCALIZER, center)
    write_ct_series(image.T[:, :, None], affine, folder, exam, series, encoding, reorient=False)


def _write_contrast(
    template: Template, bled: BledHead, scale: tuple[float, float, float], pose: Pose, exam: Exam, center: Center,
    study: Path, matrix: int, rng: np.random.Generator,
) -> None:  # fmt: skip
    """Write a coarse run with bright vessels, as after contrast."""
    vessels = ramp(template.brain.vessel_mm - 0.4, 1.3 * template.grid.spacing_mm[0])
    filled = replace(bled, hu=bled.hu + 230.0 * vessels)
    scan = scan_head(template, filled, scale, pose, center.scanner, max(64, matrix // 2), rng, with_labels=False)
    series = replace(
        _axial(center), number=CONTRAST, description="Head +C", contrast_agent="Iohexol 350", delay_s=420.0
    )
    _write_volume(scan.hu, scan.affine, exam, series, center, study)


def write_mask(scan: Acquisition, path: Path) -> None:
    """Write the reference mask of a scan as NIfTI; labels 1 iph, 2 ivh, 3 edema."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = nib.Nifti1Image(scan.labels.transpose(2, 1, 0), scan.label_affine)
    image.header.set_xyzt_units("mm")
    nib.save(image, path)


def odd_patients(count: int, defects: tuple[str, ...], rng: np.random.Generator) -> pd.Series:
    """Return the defect of each patient, "" for nearly all; a center of fewer than 8 has none."""
    odd = pd.Series([""] * count, dtype=object)
    if count >= 8:
        places = rng.choice(count, len(defects), replace=False)
        odd[places] = list(defects)
    return odd
