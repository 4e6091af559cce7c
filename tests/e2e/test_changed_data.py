"""New patients, corrected values and corrected masks: what is really done again, as the jobs' records say."""

import json
import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from tests.snakemake_run import snakemake

from ichor import tables

CENTERS = {"aurora": ("north", "development"), "boreal": ("south", "development"), "delta": ("west", "external")}
NEW_CENTER = {"cedar": ("east", "external")}
VARIABLES = ["age_years", "gcs", "onset_to_ct_h", "onset_to_followup_ct_h", "gos_discharge"]
SCORES = ["brain_score", "nag_score", "bat_score", "nine_point_score"]
CONFIG = {
    "study": {"name": "hospitals", "title": "Three hospitals"},
    "centers": "centers.tsv",
    "columns": "columns.tsv",
    "ingest": {"shards_per_center": 2},
    "validation": {"schemes": ["external"]},
    "segmentation": {"labels": ["iph"], "budget": {"epochs": 8, "iterations_per_epoch": 8}},
    "models": {
        "expansion": dict.fromkeys("vit logistic xgboost radiomics".split() + SCORES),
        "outcome": {
            "densenet": {"kind": "densenet", "training": {"epochs": 1, "seeds": 1}},
            "logistic": None,
            "ich_score": None,
            "age": {"kind": "logistic", "features": ["age_years"]},
            "gcs": {"kind": "logistic", "features": ["gcs"]},
        },
    },
    "evaluation": {"bootstrap": 50},
}
FITS = {"train_segmentation", "fit_model"}


def write_center(folder: Path, name: str, scans: pd.DataFrame, source: Path) -> None:
    """Scans and reference masks of some patients as a hospital would bring them."""
    (folder / name).mkdir(exist_ok=True)
    for scan in scans.itertuples():
        place = folder / name / f"{scan.patient}_{scan.time_point}"
        shutil.copy(source / scan.image, f"{place}_ct.nii.gz")
        shutil.copy(source / scan.reference_mask, f"{place}_seg.nii.gz")


class Hospitals:
    """Three hospitals made of the simulated study's scans; two patients and a fourth hospital come later."""

    def __init__(self, folder: Path, source: Path) -> None:
        self.folder, self.source = folder, source
        scans = tables.read("scans", source / "results/scans.tsv")
        known = CENTERS | NEW_CENTER
        scans = scans[scans["reference_mask"].notna() & scans["center"].isin(list(known))]
        self.scans = scans.assign(name=scans["center"].map(lambda center: known[center][0]))
        patients = tables.read("patients", source / "results/patients.tsv")
        self.patients = patients[patients["patient"].isin(self.scans["patient"])].set_index("patient")
        self.later = {name: part["patient"].iloc[-1] for name, part in self.scans.groupby("name")}
        self.write_sheets(CENTERS)
        for name, _ in CENTERS.values():
            self.write_hospital(name)

    def write_sheets(self, centers: dict) -> None:
        header = "center\trole\tnifti\timage_pattern\tmasks\tmask_pattern\tmask_labels\ttable\n"
        image, mask = "{patient}_{time_point}_ct.nii.gz", "{patient}_{time_point}_seg.nii.gz"
        sheet = "".join(
            f"{name}\t{role}\t{name}\t{image}\t{name}\t{mask}\t1=iph;2=ivh;3=edema\t{name}.csv\n"
            for name, role in centers.values()
        )
        (self.folder / "centers.tsv").write_text(header + sheet)
        columns = [f"{name}\t{v}\t{v}\t\t\t\n" for name, _ in centers.values() for v in ["patient", *VARIABLES]]
        heading = "center\tvariable\tcolumn\tunit\tcodes\tmissing\n"
        (self.folder / "columns.tsv").write_text(heading + "".join(columns))

    def write_hospital(self, name: str) -> None:
        own = self.scans[(self.scans["name"] == name) & (self.scans["patient"] != self.later[name])]
        write_center(self.folder, name, own, self.source)
        self.write_table(name, sorted(set(own["patient"])))

    def write_table(self, name: str, people: list[str], **corrected) -> None:
        table = self.patients.loc[people, VARIABLES].copy()
        for column, value in corrected.items():
            table.loc[people[0], column] = value
        table.reset_index().to_csv(self.folder / f"{name}.csv", index=False)

    def people(self, name: str) -> list[str]:
        own = self.scans[(self.scans["name"] == name) & (self.scans["patient"] != self.later[name])]
        return sorted(set(own["patient"]))

    def run(self, **changes) -> dict[str, bool]:
        """Run the workflow; say for every job that was planned whether it was kept."""
        before = {path: path.stat().st_mtime_ns for path in self.folder.glob("work/records/*/*.json")}
        done = snakemake(self.folder, "evaluation", config=CONFIG | changes)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]
        recent = [p for p in self.folder.glob("work/records/*/*.json") if before.get(p) != p.stat().st_mtime_ns]
        return {f"{path.parent.name} {path.stem}": json.loads(path.read_text())["kept"] for path in sorted(recent)}


def done(jobs: dict[str, bool], *rules: str) -> set[str]:
    """Jobs of some rules that were really done."""
    return {job for job, kept in jobs.items() if not kept and (not rules or job.split()[0] in rules)}


@pytest.fixture(scope="module")
def hospitals(study, tmp_path_factory):
    made = Hospitals(tmp_path_factory.mktemp("hospitals"), study)
    first = made.run()
    assert not any(first.values()) and len(first) > 30
    return made


def test_a_corrected_value_refits_the_models_that_read_it(hospitals):
    people = hospitals.people("north")
    hospitals.write_table("north", people, gcs=float(18 - hospitals.patients.loc[people[0], "gcs"]))
    jobs = hospitals.run()
    assert done(jobs, "fit_model", "predict_model") == {
        "fit_model outcome-gcs-external",
        "predict_model outcome-gcs-external",
    }
    assert not done(jobs, "convert_shard", "plan_segmentation", "train_segmentation", "segment_shard")


def test_a_new_external_patient_is_converted_segmented_and_predicted_and_nothing_is_fitted(hospitals):
    new = hospitals.scans[hospitals.scans["patient"] == hospitals.later["west"]]
    write_center(hospitals.folder, "west", new, hospitals.source)
    hospitals.write_table("west", [*hospitals.people("west"), hospitals.later["west"]])
    jobs = hospitals.run()
    assert len(done(jobs, "convert_shard")) == len(done(jobs, "segment_shard")) == 1
    assert not done(jobs, "plan_segmentation", *FITS)
    assert len(done(jobs, "predict_model")) == 4
    predictions = tables.read("predictions", hospitals.folder / "results/predictions/outcome/age/external.parquet")
    patients = tables.read("patients", hospitals.folder / "results/patients.tsv")
    assert (patients["center"] == "west").sum() == (predictions["center"] == "west").sum()


def test_a_new_development_patient_joins_what_is_fitted(hospitals):
    new = hospitals.scans[hospitals.scans["patient"] == hospitals.later["north"]]
    write_center(hospitals.folder, "north", new, hospitals.source)
    people = [*hospitals.people("north"), hospitals.later["north"]]
    hospitals.write_table("north", people)
    jobs = hospitals.run()
    assert len(done(jobs, "convert_shard")) == 1
    assert {"train_segmentation external-0", "train_segmentation external-1"} <= done(jobs)
    assert "fit_model outcome-age-external" in done(jobs)


def test_a_corrected_mask_reruns_its_shard_and_what_learns_from_it(hospitals):
    path = sorted((hospitals.folder / "west").glob("*_baseline_seg.nii.gz"))[0]
    mask = nib.load(path)
    voxels = np.asanyarray(mask.dataobj).copy()
    voxels[tuple(np.argwhere(voxels == 1)[0])] = 0
    nib.save(nib.Nifti1Image(voxels, mask.affine, mask.header), path)
    jobs = hospitals.run()
    assert len(done(jobs, "convert_shard")) == len(done(jobs, "segment_shard")) == 1  # Dice is measured again
    assert not done(jobs, "plan_segmentation", *FITS)


def test_a_change_that_is_undone_is_taken_from_the_store(hospitals):
    strict = {"cohort": {"poor_outcome": {"variable": "gos_discharge", "poor": [1, 2]}}}
    assert done(hospitals.run(**strict), "fit_model") >= {"fit_model outcome-age-external"}
    back = hospitals.run()
    assert not done(back, "assemble_cohort", "fit_model", "predict_model", "evaluate", "segment_shard")


def test_a_new_external_center_is_ingested_segmented_and_predicted_and_nothing_is_fitted(hospitals):
    hospitals.write_sheets(CENTERS | NEW_CENTER)
    hospitals.write_hospital("east")
    jobs = hospitals.run()
    scans = done(jobs, "convert_shard", "segment_shard", "measure_shard")
    assert scans and all("east" in job for job in scans)
    assert not done(jobs, "plan_segmentation", *FITS)
    assert len(done(jobs, "predict_model")) == 4
    predictions = tables.read("predictions", hospitals.folder / "results/predictions/outcome/age/external.parquet")
    cohort = tables.read("cohort", hospitals.folder / "results/cohort/external.tsv")
    asked = cohort[(cohort["center"] == "east") & cohort["label_poor_outcome"].notna()]
    answered = predictions[predictions["center"] == "east"]
    assert len(answered) > 0 and set(answered["patient"]) == set(asked["patient"])
    assert set(answered["role"]) == {"test"}


def test_touched_scans_and_tables_plan_nothing(hospitals):
    for path in [*hospitals.folder.glob("*/*.nii.gz"), *hospitals.folder.glob("*.csv")]:
        path.touch()
    assert hospitals.run() == {}
