"""One study with everything wrong that hospitals send: each has its code, and the rest of the run is unharmed."""

import shutil
from pathlib import Path

import pandas as pd
import pytest
from tests.snakemake_run import REPOSITORY, snakemake

from ichor import tables
from ichor.pseudonyms import pseudonym, read_or_make_key
from ichor.simulate.center import simulate_center

TINY = {
    "validation": {"schemes": ["external"]},
    "segmentation": {"budget": {"epochs": 1, "iterations_per_epoch": 2}},
    "models": {
        "expansion": {"vit": {"training": {"epochs": 1, "seeds": 1}}, "xgboost": None, "radiomics": None},
        "outcome": {"densenet": {"training": {"epochs": 1, "seeds": 1}}},
        "trajectory": {"multistep_transformer": {"training": {"epochs": 1, "seeds": 1}}, "gru": None},
        "deterioration": {"report_record": {"training": {"epochs": 1, "seeds": 1}}, "report_text": None},
    },
    "evaluation": {"bootstrap": 20},
}
SHEET = ["center", "role", "dicom", "nifti", "image_pattern", "masks", "mask_pattern", "mask_labels", "table"]
SHEET += ["courses", "reports"]
# our center, its role, the simulated center it is made from
MADE_OF = {
    "good": ("development", "aurora"),
    "messy": ("development", "boreal"),
    "empty": ("development", "cedar"),
    "tableless": ("external", "delta"),
    "oneclass": ("external", "estuary"),
}


def read_text_table(path: Path, **options) -> pd.DataFrame:
    return pd.read_csv(path, dtype=str, keep_default_na=False, **options)


def messy_table(folder: Path) -> None:
    """An unknown code, an impossible age, an intubated GCS, a patient without scan; one row taken out."""
    table = read_text_table(folder / "records.csv", sep=";")
    have_scans = {path.name for path in (folder / "dicom").iterdir()}
    scanned = [number for number, name in enumerate(table["PatientNo"]) if name in have_scans]
    table.loc[scanned[0], "Sex"] = "third"
    table.loc[scanned[1], "Age"] = "430"
    table.loc[scanned[3], "GCS_adm"] = "E1VTM4"
    lost = table.loc[scanned[2]].copy()
    table = table.drop(index=scanned[2])
    table = pd.concat([table, lost.to_frame().T.assign(PatientNo="B-9999-X")], ignore_index=True)
    table.to_csv(folder / "records.csv", sep=";", index=False)


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Path:
    directory = tmp_path_factory.mktemp("bad-input")
    for center, (_, source) in MADE_OF.items():
        patients = 16 if center in ("good", "messy") else 8
        simulate_center(source, directory / center, patients=patients, seed=5, matrix=64)
    messy_table(directory / "messy")
    messy_courses(directory / "messy")
    messy_reports(directory / "messy")
    shutil.rmtree(directory / "empty/dicom")
    (directory / "empty/dicom").mkdir()
    good = read_text_table(directory / "good/records.csv")
    times = pd.to_numeric(good["onset_to_followup_ct_h"], errors="coerce")
    row = times.first_valid_index()
    good.loc[row, "onset_to_followup_ct_h"] = str(float(good.loc[row, "onset_to_ct_h"]) - 0.5)
    good.to_csv(directory / "good/records.csv", index=False)
    oneclass = read_text_table(directory / "oneclass/records.csv", encoding="utf-8-sig")
    oneclass.assign(**{"GOS at discharge": "2"}).to_csv(directory / "oneclass/records.csv", index=False)
    write_sheets(directory)
    (directory / "work").mkdir()  # who is in which role follows from the pseudonyms: the same in every run of this test
    (directory / "work/pseudonym.key").write_text("5" * 64)
    (directory / "work/pseudonym.key").chmod(0o600)
    sheets = {"centers": "centers.tsv", "columns": "columns.tsv", "course_columns": "course_columns.tsv"}
    done = snakemake(directory, config=TINY | sheets | {"reports": {"columns": "report_columns.tsv"}})
    (directory / "run.log").write_text(done.stdout + done.stderr)
    assert done.returncode == 0, (done.stdout + done.stderr)[-6000:]
    return directory


def write_sheets(directory: Path) -> None:
    rows = []
    for center, (role, source) in MADE_OF.items():
        masks = source != "estuary"
        rows.append(
            dict(
                center=center,
                role=role,
                dicom=f"{center}/dicom",
                masks=f"{center}/masks" if masks else "",
                mask_pattern="{patient}_{time_point}.nii.gz" if masks else "",
                mask_labels="1=iph;2=ivh;3=edema" if masks else "",
                table="" if center == "tableless" else f"{center}/records.csv",
                courses=f"{center}/courses.csv" if center in ("good", "messy") else "",
                reports={"good": "good/reports.csv", "messy": "messy/texts"}.get(center, ""),
            )
        )
    pd.DataFrame(rows, columns=SHEET).to_csv(directory / "centers.tsv", sep="\t", index=False)
    columns = read_text_table(REPOSITORY / "config/columns.tsv", sep="\t")
    names = {source: center for center, (_, source) in MADE_OF.items()}
    columns["center"] = columns["center"].map(names)
    columns[columns["center"] != "tableless"].to_csv(directory / "columns.tsv", sep="\t", index=False)
    for sheet in ("course_columns", "report_columns"):
        columns = read_text_table(REPOSITORY / f"config/{sheet}.tsv", sep="\t")
        columns = columns.assign(center=columns["center"].map(names))
        columns[columns["center"].isin(["good", "messy"])].to_csv(directory / f"{sheet}.tsv", sep="\t", index=False)


def messy_courses(folder: Path) -> None:
    """A second value at one time, a unit that changes, rows out of order, a value after death, an unknown patient."""
    table = read_text_table(folder / "courses.csv", sep=";")
    first = table.iloc[[0]].assign(NIHSS="41")
    nobody = table.iloc[[1]].assign(PatientNo="B-9998-X")
    table = pd.concat([table.iloc[::-1], first, nobody], ignore_index=True)
    table.to_csv(folder / "courses.csv", sep=";", index=False)


def messy_reports(folder: Path) -> None:
    """One text file per patient: nothing, no text at all, fifty pages, decoded wrongly before, and plain ones."""
    (folder / "texts").mkdir()
    texts = [
        b"",
        bytes(range(256)) * 10,
        b"Findings: " + b"left " * 20_000,
        "Größe 5 mL".encode().decode("cp1252").encode(),
    ]
    for number, patient in enumerate(read_text_table(folder / "records.csv", sep=";")["PatientNo"]):
        content = texts[number] if number < len(texts) else b"Findings: bleed of the left thalamus."
        (folder / f"texts/{patient}.txt").write_bytes(content)


def codes(study: Path, center: str) -> set[str]:
    status = tables.read("status", study / "results/status.tsv")
    return set(status[status["center"] == center]["reason"].dropna())


@pytest.mark.parametrize(
    ("center", "code"),
    [
        ("empty", "empty_folder"),
        ("empty", "no_scan"),
        ("tableless", "no_table"),
        ("tableless", "no_record"),
        ("messy", "unknown_code"),
        ("messy", "out_of_range"),
        ("messy", "two_values_at_one_time"),
        ("messy", "times_out_of_order"),
        ("messy", "course_without_patient"),
        ("messy", "report_empty"),
        ("messy", "report_unreadable"),
        ("messy", "report_cut"),
        ("messy", "report_encoding_repaired"),
        ("messy", "report_undated"),
        ("good", "report_scrubbed"),
        ("messy", "gcs_intubated"),
        ("messy", "no_scan"),
        ("messy", "no_record"),
        ("good", "followup_before_baseline"),
    ],
)
def test_each_defect_has_its_code(study, center, code):
    assert code in codes(study, center)


def test_an_impossible_value_is_emptied_and_told_and_the_rest_of_the_row_stays(study):
    status = tables.read("status", study / "results/status.tsv")
    told = status[status["reason"] == "out_of_range"].iloc[0]
    assert "430" not in told["detail"] and "(age_years): found a larger number" in told["detail"]
    patient = tables.read("patients", study / "results/patients.tsv").set_index("patient").loc[told["subject"]]
    assert pd.isna(patient["age_years"]) and patient["gcs"] >= 3


def test_a_center_without_table_still_gets_masks_and_one_without_files_stays_in_sight(study):
    masks = tables.read("masks", study / "results/masks.tsv")
    assert "tableless" in set(masks["center"]) and "empty" not in set(masks["center"])
    flow = pd.read_csv(study / "results/cohort/flow.tsv", sep="\t")
    assert {"empty", "tableless"} <= set(flow["center"])


def test_a_center_with_one_class_has_no_auc_but_a_reason_and_others_have_theirs(study):
    metrics = tables.read("metrics", study / "results/evaluation/metrics.tsv")
    outcome = metrics[(metrics["target"] == "poor_outcome") & (metrics["quantity"] == "auc")]
    alone = outcome[outcome["center"] == "oneclass"]
    assert len(alone) and alone["estimate"].isna().all() and set(alone["reason"]) == {"one_class"}
    brier = metrics[
        (metrics["target"] == "poor_outcome") & (metrics["quantity"] == "brier") & (metrics["center"] == "oneclass")
    ]
    assert brier["estimate"].notna().all() and len(brier)


def test_the_report_is_made_all_the_same(study):
    page = (study / "results/report/index.html").read_text()
    for words in ("empty_folder", "no_table", "same outcome"):
        assert words in page


def test_two_patients_with_one_scan_stop_the_run_and_are_named_or_are_set_aside(study, tmp_path):
    scans = tables.read("scans", study / "results/scans.tsv")
    images = [study / image for image in scans[scans["time_point"] == "baseline"]["image"].head(3)]
    (tmp_path / "scans").mkdir()
    for name, image in (("A1", images[0]), ("A2", images[0]), ("A3", images[1]), ("A4", images[2])):
        shutil.copy(image, tmp_path / "scans" / f"{name}.nii.gz")
    row = dict(center="files", role="development", nifti="scans", image_pattern="{patient}.nii.gz")
    pd.DataFrame([row], columns=SHEET).to_csv(tmp_path / "centers.tsv", sep="\t", index=False)
    config = {"centers": "centers.tsv", "columns": None, "validation": {"schemes": ["cv"], "folds": 2}}

    done = snakemake(tmp_path, "results/scans.tsv", config=config)
    message = done.stdout + done.stderr
    assert done.returncode == 1 and "set_aside" in message, message[-3000:]
    key = read_or_make_key(tmp_path / "work/pseudonym.key")
    first, second = (pseudonym(key, "files", name) for name in ("A1", "A2"))
    assert first in message and second in message

    done = snakemake(tmp_path, "results/scans.tsv", config=config | {"ingest": {"duplicates": "set_aside"}})
    assert done.returncode == 0, done.stderr[-3000:]
    status = tables.read("status", tmp_path / "results/ingest/status.tsv")
    assert set(status[status["reason"] == "two_patients_one_scan"]["subject"]) == {first, second}
    assert not {first, second} & set(tables.read("scans", tmp_path / "results/scans.tsv")["patient"])
