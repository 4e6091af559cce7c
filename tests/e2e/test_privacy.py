"""Names, dates, numbers and addresses are planted wherever a hospital's data may hold them, and found in no output.

What a run may keep of them is private: below work/, for the owner alone, in the places that docs/explanation/privacy.md
lists.
"""

import fnmatch
import gzip
import re
import shutil
import stat
import tarfile
import zipfile
from pathlib import Path

import nibabel as nib
import numpy as np
import openpyxl
import pandas as pd
import pytest
from pydicom import Dataset, dcmread
from pydicom.uid import generate_uid
from tests.planted import (
    BORN,
    CHINESE,
    FOREIGN,
    GIVEN,
    NAME,
    OF_VR,
    PHONE,
    RECORD,
    SCANNED,
    STREET,
    UID_ROOT,
    found_below,
    found_in,
    plant_everywhere,
)
from tests.snakemake_run import snakemake
from tests.unit.dicom.phantom_series import BRAIN_HU, CLOT_HU, Scan, head_hu, write_series

SHEET = ["center", "role", "dicom", "nifti", "image_pattern", "masks", "mask_pattern", "mask_labels", "table"]
SHEET += ["courses", "reports"]
CENTERS = [
    dict(
        center="pacs",
        role="development",
        dicom="pacs",
        masks="pacs-masks",
        mask_pattern="{patient}_{time_point}.nii.gz",
        mask_labels="1=iph",
        table="pacs.csv",
        courses="courses.csv",
        reports="reports.csv",
    ),
    dict(center="files", role="external", nifti="files", image_pattern="{patient}_{time_point}.nii.gz", table="f.xlsx"),
]
COLUMNS = [
    ("patient", "Nr", "", ""),
    ("age_years", "Age", "", ""),
    ("sex", "Sex", "", "M=male;F=female"),
    ("gcs", "GCS", "", ""),
    ("onset_to_ct_h", "T1", "", ""),
    ("onset_to_followup_ct_h", "T2", "", ""),
    ("mrs_90d", "mRS", "", ""),
]
CONFIG = {
    "centers": "centers.tsv",
    "columns": "columns.tsv",
    "course_columns": "course_columns.tsv",
    "reports": {"columns": "report_columns.tsv", "undated": "baseline"},
    "validation": {"schemes": ["external"]},
    "ingest": {"followup_h": [1, 100], "duplicates_sheet": "duplicates.tsv"},
}
TARGETS = ["ingest", "results/splits.tsv", "results/time_courses.tsv", "work/reports.parquet"]
PERSON = {f"{NAME} {RECORD}": 22, f"{GIVEN}/{PHONE}": 29}  # seeds of heads that are not alike
REPORT = f"{NAME}, {GIVEN}, born {BORN}, {STREET} 7, called {PHONE}: headache since this morning."


def test_the_search_finds_what_is_planted_in_every_way_that_text_is_written(tmp_path):
    from PIL import Image, PngImagePlugin

    texts = PngImagePlugin.PngInfo()
    texts.add_text("Comment", NAME, zip=True)
    Image.new("L", (2, 2)).save(tmp_path / "a.png", pnginfo=texts)
    pd.DataFrame({"x": [NAME]}).to_parquet(tmp_path / "b.parquet", compression="zstd")
    with zipfile.ZipFile(tmp_path / "c.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("m.gz", gzip.compress(NAME.upper().encode("utf-16-le")))
    with tarfile.open(tmp_path / "c.tgz", "w:gz") as archive:
        archive.addfile(tarfile.TarInfo(GIVEN))
    (tmp_path / "d.json").write_text('"' + CHINESE.encode("unicode_escape").decode() + '"')
    (tmp_path / "e").write_bytes(FOREIGN.encode("latin-1"))
    (tmp_path / f"f {RECORD}").mkdir()
    (tmp_path / "g").write_text("quasten flosser")
    assert sorted(found_below(tmp_path)) == ["a.png", "b.parquet", "c.tgz", "c.zip", "d.json", "e", f"f {RECORD}"]


def fluid(points: np.ndarray, person: int) -> np.ndarray:
    """Where a person's head holds fluid: balls of 4 to 7 mm, so that no two people have the same brain."""
    rng = np.random.default_rng(person)
    found = np.zeros(points.shape[:-1], bool)
    for center, radius in zip(rng.uniform(-70, 70, (400, 3)), rng.uniform(4, 7, 400), strict=True):
        found |= np.linalg.norm(points - center, axis=-1) < radius
    return found


def size_of(person: int) -> np.ndarray:
    """A person's head compared with others', across and along."""
    return np.random.default_rng(person).permutation([0.8, 0.9, 1.0])[:2]


def make_own(ds: Dataset, person: int) -> None:
    """Put a person's fluid into the brain of a slice, and give the head the person's size."""
    corner, across, down = (np.array(ds.ImagePositionPatient[:3], float), *np.eye(3)[:2] * ds.PixelSpacing[0])
    row, column = np.indices((ds.Rows, ds.Columns))
    points = corner + column[..., None] * across + row[..., None] * down
    stored = np.frombuffer(ds.PixelData, "<i2").reshape(ds.Rows, ds.Columns).copy()
    hu = stored + int(ds.RescaleIntercept)
    stored[(hu > 18) & (hu < 46) & fluid(points, person)] -= 20
    ds.PixelData = stored.tobytes()
    across, along = size_of(person)
    ds.PixelSpacing = [f"{float(value) * across:.6f}" for value in ds.PixelSpacing]
    scaled = np.array(ds.ImagePositionPatient, float) * (across, across, along)
    ds.ImagePositionPatient = [f"{value:.6f}" for value in scaled]
    ds.SliceThickness = f"{float(ds.SliceThickness) * along:.4f}"


def planted_series(folder: Path, patient_id: str, when: str, keep: frozenset[str] = frozenset(), **options) -> int:
    """A head CT with planted texts in all attributes and UIDs; returns how many attributes of a file."""
    uid = f"{UID_ROOT}.{abs(hash((patient_id, when, str(options)))) % 10**8}"
    scan = Scan(patient_id=patient_id, when=when, study_uid=uid, series_uid=f"{uid}.2", patient_name=NAME, **options)
    for path in write_series(folder, scan):
        ds = dcmread(path)
        make_own(ds, PERSON[patient_id])
        made = plant_everywhere(ds, keep)
        ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = generate_uid(prefix=f"{uid}.")
        ds.ImageType = [*ds.ImageType, NAME.upper()]
        ds.SeriesTime = ds.AcquisitionTime = ds.ContentTime = ds.StudyTime = when[8:]
        for name in ("StudyDate", "SeriesDate", "AcquisitionDate", "ContentDate"):
            setattr(ds, name, when[:8])
        if not keep:
            ds.Modality, ds.ContrastBolusAgent, ds.BurnedInAnnotation = "CT", OF_VR["LO"], "YES"
        ds.save_as(path, enforce_file_format=True)
    return made


def write_nifti(path: Path, person: int, mask: bool = False) -> None:
    """A head, or its clot, with planted texts in the header and an extension."""
    size, spacing = np.array([80, 96, 32]), np.array([2.4, 2.4, 5.0])
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = -(size - 1) / 2 * spacing
    points = (np.moveaxis(np.indices(size), 0, -1) * spacing + affine[:3, 3]) * (-1, -1, 1)
    hu = head_hu(points)
    hu[(hu == BRAIN_HU) & fluid(points, person)] -= 20
    noise = np.random.default_rng(person).normal(0, 3, size)
    data = (hu == CLOT_HU).astype(np.uint8) if mask else np.rint(hu + noise).astype(np.int16)
    across, along = size_of(person)
    image = nib.Nifti1Image(data, np.diag([across, across, along, 1.0]) @ affine)
    image.header["descrip"], image.header["db_name"], image.header["aux_file"] = NAME, NAME, f"{BORN} {RECORD}"
    image.header["intent_name"] = RECORD
    image.header.extensions.append(nib.nifti1.Nifti1Extension("comment", REPORT.encode()))
    nib.save(image, path)


def write_pacs(folder: Path) -> None:
    """Folders, files, an archive and broken files, all named after people."""
    person = folder / f"{NAME}, {GIVEN} {BORN}" / STREET
    keep = frozenset({"SeriesDescription", "ProtocolName", "BodyPartExamined"})
    assert planted_series(person / "1", f"{NAME} {RECORD}", f"{SCANNED}134657", keep) > 1500
    planted_series(person / f"{NAME} 2", f"{NAME} {RECORD}", "20240301134657", keep, first_instance=2)
    planted_series(person / "3", f"{NAME} {RECORD}", f"{SCANNED}140000", along_mm=np.arange(12) * 5.0)
    packed = folder / "packed"
    planted_series(packed, f"{GIVEN}/{PHONE}", f"{SCANNED}134657", keep, noise_hu=2.0)
    with zipfile.ZipFile(folder / f"{GIVEN}_{PHONE}.zip", "w") as archive:
        for path in sorted(packed.iterdir()):
            archive.write(path, f"{NAME}/{path.name}.dcm")
        archive.writestr(f"{NAME} {BORN}.txt", REPORT)
        archive.writestr(f"../{NAME}.dcm", packed.joinpath(path.name).read_bytes())
    with tarfile.open(folder / f"{NAME} {PHONE}.tar.gz", "w:gz") as archive:
        archive.add(sorted(packed.iterdir())[0], f"{NAME}/{GIVEN}/{BORN}.dcm")
        archive.add(person / "1", f"../{NAME} {STREET}")
    (folder / f"{GIVEN} {BORN}.dcm.gz").write_bytes(gzip.compress(sorted(packed.iterdir())[1].read_bytes()))
    shutil.rmtree(packed)
    whole = next(path for path in person.rglob("*") if path.is_file()).read_bytes()
    for name, content in dict(
        cut=whole[:3000], head=whole[:200], text=REPORT.encode(), none=b"", swap=whole[::-1]
    ).items():
        (person / f"{NAME} {name} {PHONE}.dcm").write_bytes(content)
    (person / f"{NAME} link").symlink_to(f"/nowhere/{NAME}")
    (folder / f"{FOREIGN} {CHINESE} {BORN}.pdf").write_bytes(b"%PDF" + REPORT.encode())


def write_tables(directory: Path) -> None:
    header = f"Nr;Age;Sex;GCS;T1;T2;mRS;Findings;{NAME}, {GIVEN};{BORN}"
    rows = [
        f"{NAME} {RECORD};71;M;14;2;26;3;{REPORT};{STREET};{PHONE}",
        f"{GIVEN}/{PHONE};{RECORD};{NAME};{BORN};3;3;{PHONE};{REPORT};;",
        f";61;F;15;1;;2;{REPORT};;",
        f"{NAME} {BORN};60;M;15;2;;1;;;",
        f"{NAME} {BORN};61;F;14;2;;1;;;",
        f"{FOREIGN} {CHINESE};0815;q;3.5;31.12.1931;;7;{CHINESE};;",
    ]
    (directory / "pacs.csv").write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    book = openpyxl.Workbook()
    book.properties.creator, book.properties.title = NAME, REPORT
    book.active.title = NAME
    book.active.append(["Nr", "Age", "Sex", "GCS", "T1", "T2", "mRS", f"{NAME} {BORN}", "Findings"])
    for number in range(3):
        book.active.append([f"{NAME}-{number}", 60 + number, "F", 13, 2, 26, 1 + number, STREET, REPORT])
    book.active.append([f"{NAME}-9", PHONE, NAME, f"=CONCAT({RECORD})", RECORD, NAME, BORN, STREET, REPORT])
    book.active["A2"].comment = openpyxl.comments.Comment(REPORT, NAME)
    book.save(directory / "f.xlsx")
    write_courses_and_reports(directory)
    names = ("center", "patient", "other_center", "other_patient", "treatment", "note")
    pairs = [("pacs", f"{NAME} {RECORD}", "files", f"{NAME}-0", "together", REPORT)]  # ids instead of pseudonyms
    pairs += [("pacs", f"{GIVEN} {BORN}", "files", PHONE, "different", STREET)]
    pd.DataFrame(pairs, columns=names).to_csv(directory / "duplicates.tsv", sep="\t", index=False)
    sheet = pd.DataFrame(COLUMNS, columns=["variable", "column", "unit", "codes"]).assign(missing="")
    both = [sheet.assign(center=row["center"]) for row in CENTERS]
    pd.concat(both)[["center", *sheet.columns]].to_csv(directory / "columns.tsv", sep="\t", index=False)


def write_courses_and_reports(directory: Path) -> None:
    """Time courses with texts in every column, and reports that name people, days and places."""
    courses = [
        f"Nr;T;What;Result;Unit;{NAME} {BORN}",
        f"{NAME} {RECORD};2;NIHSS;12;;{STREET}",
        f"{NAME} {RECORD};{BORN};NIHSS;{NAME};{PHONE};{REPORT}",
        f"{GIVEN}/{PHONE};5;{REPORT};3;;",
        f"{FOREIGN} {CHINESE};5;NIHSS;{RECORD};;",
    ]
    (directory / "courses.csv").write_text("\n".join(courses) + "\n", encoding="utf-8")
    rows = [("patient", "Nr"), ("time_h", "T"), ("variable", "What"), ("value", "Result"), ("unit", "Unit")]
    lines = [f"pacs\t{variable}\t{column}\t\t\t" for variable, column in [*rows, ("nihss", "NIHSS")]]
    (directory / "course_columns.tsv").write_text("\n".join(["center\tvariable\tcolumn\tunit\tcodes\tmissing", *lines]))
    reports = [
        f"Nr;Text;{NAME}",
        f"{NAME} {RECORD};{REPORT};{STREET}",
        f"{GIVEN}/{PHONE};Findings: Seen by Dr. {NAME}. Impression: bleed, {BORN}.;",
        f";{REPORT};",
    ]
    (directory / "reports.csv").write_text("\n".join(reports) + "\n", encoding="utf-8")
    lines = [f"pacs\t{field}\t{column}" for field, column in (("patient", "Nr"), ("text", "Text"))]
    (directory / "report_columns.tsv").write_text("\n".join(["center\tfield\tcolumn", *lines]) + "\n")


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    directory = tmp_path_factory.mktemp("study")
    write_pacs(directory / "pacs")
    for folder in ("pacs-masks", "files"):
        (directory / folder).mkdir()
    write_nifti(directory / "pacs-masks" / f"{NAME} {RECORD}_baseline.nii.gz", PERSON[f"{NAME} {RECORD}"], mask=True)
    (directory / "pacs-masks" / f"{NAME} {RECORD}_followup.nii.gz").write_bytes(REPORT.encode())
    for number, person in enumerate((100, 27)):
        write_nifti(directory / "files" / f"{NAME}-{number}_baseline.nii.gz", person)
    (directory / "files" / f"{NAME}-{RECORD}_baseline.nii.gz").write_bytes(REPORT.encode())
    write_tables(directory)
    pd.DataFrame(CENTERS, columns=SHEET).to_csv(directory / "centers.tsv", sep="\t", index=False)
    done = snakemake(directory, *TARGETS, config=CONFIG)
    assert done.returncode == 0, (done.stdout + done.stderr)[-6000:]
    return directory, done.stdout + done.stderr


def public(directory: Path) -> dict[str, set[str]]:
    """Planted words in what a run shows to others."""
    return {
        f"{folder}/{path}": words
        for folder in ("results", "logs", "benchmarks", ".snakemake")
        for path, words in found_below(directory / folder).items()
    }


def test_the_study_is_one_that_would_give_people_away(study):
    directory, _ = study
    scans = pd.read_csv(directory / "results/scans.tsv", sep="\t")
    assert sorted(scans["center"]) == ["files"] * 2 + ["pacs"] * 3
    assert scans["reference_mask"].notna().any()
    status = pd.read_csv(directory / "results/ingest/status.tsv", sep="\t")
    codes = {"unreadable_file", "not_dicom", "unknown_code", "out_of_range", "no_patient_id", "duplicate_patient"}
    codes |= {"archive_refused", "kept_together"}
    assert len(pd.read_parquet(directory / "work/reports.parquet")) == 3
    assert (pd.read_csv(directory / "results/time_courses.tsv", sep="\t")["variable"] == "nihss").sum() == 1
    assert codes | {"unmapped_column", "reference_mismatch"} <= set(status["reason"])
    assert len(found_below(directory / "work")) > 3


def test_nothing_planted_is_in_any_output_log_message_or_name(study):
    directory, said = study
    assert public(directory) == {}
    assert found_in(said.encode()) == set()


def test_what_may_hold_identifiers_is_for_the_owner_alone_and_listed(study, repository):
    directory, _ = study
    page = (repository / "docs/explanation/privacy.md").read_text()
    listed = re.findall(r"^\| `(work/[^`]+)` \|", page, re.M)
    assert len(listed) > 5
    for relative in found_below(directory / "work"):
        path = directory / "work" / relative
        assert any(fnmatch.fnmatch(f"work/{relative}", pattern) for pattern in listed), relative
        above = [parent for parent in path.parents if directory in parent.parents]
        modes = [stat.S_IMODE(place.lstat().st_mode) for place in (path, *above)]
        assert any(mode & 0o077 == 0 for mode in modes), f"{relative}: {[oct(mode) for mode in modes]}"
    assert stat.S_IMODE((directory / "work/pseudonym.key").stat().st_mode) == 0o600


def test_sidecars_hold_keys_of_the_list_and_nothing_else(study):
    import json

    from ichor.dicom.write import SIDECAR_KEYS

    directory, _ = study
    sidecars = list((directory / "results/images").rglob("*.json"))
    assert sidecars
    for path in sidecars:
        assert set(json.loads(path.read_text())) <= set(SIDECAR_KEYS)


TABLE_ERRORS = {
    "a row with too many cells": (
        "Nr;Age;Sex;GCS;T1;T2;mRS\n{name};1;M;3;1;2;3;{born};{report}\n",
        "row 2: found 9 cells",
    ),
    "no header": ("{name};{born};M;14;2;26;3\n{name};{phone};F;3;1;2;3\n", "it has 7 columns"),
    "a cell without end": (
        'Nr;Age;Sex;GCS;T1;T2;mRS\n"{name};' + "{report}" * 4000 + "\n",
        "cannot be read as a table",
    ),
}


@pytest.mark.parametrize("wrong", TABLE_ERRORS)
def test_an_error_about_a_table_names_row_and_column_and_no_one(study, tmp_path, wrong):
    text, says = TABLE_ERRORS[wrong]
    shutil.copytree(
        study[0], tmp_path / "s", symlinks=True, ignore=shutil.ignore_patterns("pacs", "files", "images", ".snakemake")
    )
    for folder in ("pacs", "files"):
        (tmp_path / "s" / folder).mkdir()
    content = text.format(name=NAME, born=BORN, phone=PHONE, report=REPORT)
    (tmp_path / "s/pacs.csv").write_text(content)
    done = snakemake(tmp_path / "s", "results/records/pacs.tsv", "--force", config=CONFIG)
    assert done.returncode == 1
    log = (tmp_path / "s/logs/harmonise_center/pacs.log").read_text()
    assert "pacs.csv" in log and says in log
    assert public(tmp_path / "s") == {} and found_in((done.stdout + done.stderr).encode()) == set()


def test_wrong_sheets_and_configs_are_told_by_what_was_typed_and_no_data(study, tmp_path):
    directory = tmp_path / "s"
    shutil.copytree(
        study[0], directory, symlinks=True, ignore=shutil.ignore_patterns("results", "work", "logs", ".snakemake")
    )
    sheet = (directory / "columns.tsv").read_text()
    (directory / "columns.tsv").write_text(sheet.replace("age_years", "ages"))
    done = snakemake(directory, "-n", *TARGETS, config=CONFIG)
    assert done.returncode == 1 and "unknown variable 'ages'" in done.stdout + done.stderr
    assert found_in((done.stdout + done.stderr).encode()) == set()
    (directory / "columns.tsv").write_text(sheet)
    done = snakemake(directory, "-n", *TARGETS, config=CONFIG | {"ingest": {"minimum_slices": "many"}})
    assert done.returncode == 1 and "minimum_slices" in done.stdout + done.stderr
    assert found_in((done.stdout + done.stderr).encode()) == set()


def test_a_key_that_others_can_read_stops_the_run(study, tmp_path):
    directory = tmp_path / "s"
    shutil.copytree(
        study[0], directory, symlinks=True, ignore=shutil.ignore_patterns("results", "images", "logs", ".snakemake")
    )
    (directory / "work/pseudonym.key").chmod(0o644)
    key = (directory / "work/pseudonym.key").read_text().strip()
    done = snakemake(directory, "results/records/files.tsv", config=CONFIG)
    log = (directory / "logs/harmonise_center/files.log").read_text()
    assert done.returncode == 1 and "chmod 600 work/pseudonym.key" in log
    assert key not in log + done.stdout + done.stderr
