"""A center as BIDS, judged by the official validator without network."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ichor import bids, tables
from ichor.cohort.harmonise import harmonise_center
from ichor.dicom.convert import convert_shard
from ichor.dicom.index import index_center
from ichor.dicom.references import ReferenceMasks, list_masks
from ichor.dicom.select import select_center
from ichor.dicom.write import image_path, write_nifti, write_sidecar
from ichor.presets import sources
from ichor.private_tables import read_private
from ichor.simulate.center import simulate_center

REPOSITORY = Path(__file__).resolve().parents[2]
MASKS = "{patient}_{time_point}.nii.gz"
ACCEPTED = {
    # What a study cannot know of its centers: who made the data, whether there are HED tags and source data sets.
    "NO_AUTHORS", "TOO_FEW_AUTHORS", "JSON_KEY_RECOMMENDED",
}  # fmt: skip


def scan(patient, time_point, folder, center="north", mask=False, **values):
    image = image_path(folder, patient, time_point, "ct.nii.gz")
    affine = np.diag([2.0, 2.0, 5.0, 1.0])
    data = np.arange(60, dtype=np.int16).reshape(3, 4, 5)
    write_nifti(data, affine, image)
    write_sidecar(
        {"Modality": "CT", "ConvolutionKernel": "H31s"}, image.with_name(image.name[: -len(".nii.gz")] + ".json")
    )
    reference = None
    if mask:
        reference = str(image_path(folder, patient, time_point, "label-iphivh_dseg.nii.gz"))
        write_nifti((data % 4).astype(np.uint8), affine, Path(reference))
    usual = dict(
        source="dicom", columns=3, rows=4, slices=5, spacing_x_mm=2.0, spacing_y_mm=2.0, spacing_z_mm=5.0,
        extent_mm=20.0, hu_min=0, hu_max=59, voxel_sha256="0" * 64, manufacturer="Siemens", kernel="H31s",
        onset_to_ct_h=2.5, baseline_to_ct_h=0.0,
    )  # fmt: skip
    ids = dict(patient=patient, center=center, time_point=time_point, image=str(image), reference_mask=reference)
    return usual | ids | values


@pytest.fixture
def center(tmp_path, monkeypatch):
    """Three patients of a center, one with a follow-up scan, two with masks; and one of another center."""
    monkeypatch.chdir(tmp_path)
    folder = Path("results/images/north/0")
    rows = [
        scan("0a0a0a0a0a0a", "baseline", folder, mask=True, flags="tilt_corrected"),
        scan("0a0a0a0a0a0a", "followup", folder, mask=True, onset_to_ct_h=26.5, baseline_to_ct_h=24.0),
        scan("0b0b0b0b0b0b", "baseline", folder, mask=True, onset_to_ct_h=None, kernel=None),
        scan("0c0c0c0c0c0c", "baseline", folder),
        scan("0d0d0d0d0d0d", "baseline", Path("results/images/south/0"), center="south"),
    ]
    people = [
        dict(patient="0a0a0a0a0a0a", age_years=93.4, sex="female", gcs=14, hypertension=1, location="deep"),
        dict(patient="0b0b0b0b0b0b", age_years=61.0, gcs=9, hypertension=0),
        dict(patient="0e0e0e0e0e0e", age_years=50.0, nihss=3),  # without a scan
    ]
    patients = tables.frame("patients", [row | dict(center="north", center_role="development") for row in people])
    return tables.frame("scans", rows), patients


def validate(folder, *, without_network=True):
    """Issues of the validator: severity -> codes with their places."""
    command = [
        str(Path(sys.executable).with_name("bids-validator-deno")),
        str(folder),
        "--recursive",
        "--format",
        "json",
    ]
    if (
        without_network
        and subprocess.run(["unshare", "--net", "true"], capture_output=True, check=False).returncode == 0
    ):
        command = ["unshare", "--net", *command]
    environment = dict(os.environ, PATH=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120, check=False)
    answer = json.loads(done.stdout)
    parts = [answer, *answer.get("derivativesSummary", {}).values()]
    found = [issue for part in parts for issue in part["issues"]["issues"]]
    return {
        severity: {(issue["code"], issue["location"]) for issue in found if issue["severity"] == severity}
        for severity in ("error", "warning")
    }, parts


def test_the_validator_finds_no_error_and_no_warning_but_those_that_nobody_can_answer(center):
    out = Path("results/bids/north")
    bids.write_center("north", *center, out)
    found, parts = validate(out)
    assert found["error"] == set()
    assert {code for code, _ in found["warning"]} <= ACCEPTED
    subjects = sorted(parts[0]["summary"]["subjects"])
    assert len(parts) == 2 and subjects == ["0a0a0a0a0a0a", "0b0b0b0b0b0b", "0c0c0c0c0c0c"]


def test_a_simulated_center_from_its_dicom_to_bids(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    key = b"k" * 32
    simulate_center("aurora", Path("in"), patients=2, seed=3, matrix=64)
    sheet = tables.read("columns", REPOSITORY / "config/columns.tsv")
    records, _ = harmonise_center("aurora", "development", next(Path("in").glob("records.*")), sheet, key)
    index_center("aurora", "in/dicom", tmp_path / "index.parquet", key=key)
    found = dict(list_masks("in/masks", MASKS).itertuples(index=False))
    masks = ReferenceMasks(Path("in/masks"), MASKS, found)
    select_center(tmp_path / "index.parquet", records, [tmp_path / "0.parquet"], center="aurora", masks=masks)
    images = Path("results/images/aurora/0")
    scans, _ = convert_shard(read_private(tmp_path / "0.parquet"), "aurora", images, mask_labels="1=iph;2=ivh;3=edema")
    assert len(scans) >= 2 and scans["reference_mask"].notna().all()
    bids.write_center("aurora", scans, records, Path("out"))
    found, parts = validate(Path("out"))
    assert found["error"] == set() and {code for code, _ in found["warning"]} <= ACCEPTED
    assert set(parts[0]["summary"]["subjects"]) == set(scans["patient"])
    assert len(list(Path("out").rglob("*_ct.nii.gz"))) == len(list(Path("out").rglob("*_dseg.nii.gz"))) == len(scans)


def test_the_validator_would_find_what_is_wrong(center):
    out = Path("results/bids/north")
    bids.write_center("north", *center, out)
    (out / ".bidsignore").unlink()
    (out / "sub-0c0c0c0c0c0c" / "sub-0c0c0c0c0c0c_sessions.tsv").write_text("session_id\nses-nowhere\nses-nowhere\n")
    shutil.copy(out / "README.md", out / "notes of the doctor.txt")
    found, _ = validate(out)
    assert {code for code, _ in found["error"]} >= {"NOT_INCLUDED"} and len(found["error"]) > 2


def test_files_are_the_same_files_under_another_name(center):
    scans, _ = center
    bids.write_center("north", *center, Path("results/bids/north"))
    one = scans[scans["patient"] == "0b0b0b0b0b0b"].iloc[0]
    linked = Path("results/bids/north/sub-0b0b0b0b0b0b/ses-baseline/ct/sub-0b0b0b0b0b0b_ses-baseline_ct.nii.gz")
    assert linked.samefile(one["image"]) and linked.with_name(linked.name.replace("nii.gz", "json")).is_file()
    mask = Path("results/bids/north/derivatives/reference/sub-0b0b0b0b0b0b/ses-baseline/anat")
    assert (mask / "sub-0b0b0b0b0b0b_ses-baseline_desc-reference_dseg.nii.gz").samefile(one["reference_mask"])
    assert not (mask.parents[1].with_name("sub-0c0c0c0c0c0c")).exists()
    names = [path.name for path in Path("results/bids/north").rglob("*")]
    assert not any("0d0d" in name or "0e0e" in name for name in names)


def test_where_the_disk_cannot_link_files_are_copied(center, monkeypatch):
    def cannot(*_):
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", cannot)
    scans, _ = center
    bids.write_center("north", *center, Path("out"))
    copy = Path("out/sub-0b0b0b0b0b0b/ses-baseline/ct/sub-0b0b0b0b0b0b_ses-baseline_ct.nii.gz")
    original = Path(scans.loc[scans["patient"] == "0b0b0b0b0b0b", "image"].iloc[0])
    assert copy.read_bytes() == original.read_bytes() and not copy.samefile(original)


def test_participants_have_units_levels_and_no_age_above_89(center):
    out = Path("results/bids/north")
    bids.write_center("north", *center, out)
    table = pd.read_csv(out / "participants.tsv", sep="\t", dtype=str, keep_default_na=False).set_index(
        "participant_id"
    )
    assert list(table.columns) == ["age", "sex", "gcs", "hypertension", "location"]  # nihss: of no patient with a scan
    assert table.loc["sub-0a0a0a0a0a0a"].tolist() == ["89.0", "female", "14", "1", "deep"]
    assert table.loc["sub-0c0c0c0c0c0c"].tolist() == ["n/a"] * 5
    about = json.loads((out / "participants.json").read_text())
    assert about["age"]["Units"] == "years" and "89" in about["age"]["Description"]
    assert about["hypertension"]["Levels"] == {"0": "no", "1": "yes"} and "deep" in about["location"]["Levels"]
    assert set(about) == set(table.columns)


def test_sessions_have_hours_and_no_dates(center):
    out = Path("results/bids/north")
    bids.write_center("north", *center, out)
    text = (out / "sub-0a0a0a0a0a0a" / "sub-0a0a0a0a0a0a_sessions.tsv").read_text()
    assert text == "session_id\tonset_to_ct_h\tbaseline_to_ct_h\nses-baseline\t2.5\t0.0\nses-followup\t26.5\t24.0\n"
    about = json.loads((out / "sessions.json").read_text())
    assert about["onset_to_ct_h"]["Units"] == "h"
    row = (out / "sub-0a0a0a0a0a0a/ses-baseline/sub-0a0a0a0a0a0a_ses-baseline_scans.tsv").read_text().splitlines()[1]
    assert row.startswith("ct/sub-0a0a0a0a0a0a_ses-baseline_ct.nii.gz\tdicom\tSiemens\tH31s\tn/a\ttilt_corrected\t")


def test_a_public_set_carries_its_licence_and_citation(center):
    row = dict(center="north", preset="bhsd", masks="m", dicom=None, nifti="n")
    (source,) = sources(pd.DataFrame([row]))
    out = Path("results/bids/north")
    bids.write_center("north", *center, out, source=source)
    found, _ = validate(out)
    assert found["error"] == set()
    for folder in (out, out / "derivatives/reference"):
        about = json.loads((folder / "dataset_description.json").read_text())
        assert about["License"] == source["licence"] and source["citation"] in about["HowToAcknowledge"]
        assert about["GeneratedBy"][0]["Name"] == "Ichor" and about["SourceDatasets"] == [{"URL": source["url"]}]
        assert source["citation"] in (folder / "README.md").read_text()


def test_predicted_masks_are_a_derivative_of_their_own(center):
    scans, _ = center
    files = {(row.patient, row.time_point): row.reference_mask for row in scans.itertuples() if row.reference_mask}
    out = Path("results/bids_masks/locoaurora/north")
    bids.write_masks(files, out, "Center north, masks", "locoaurora", "../../../bids/north")
    found, _ = validate(out)
    assert found["error"] == set() and {code for code, _ in found["warning"]} <= ACCEPTED
    about = json.loads((out / "dataset_description.json").read_text())
    assert about["DatasetType"] == "derivative" and about["DatasetLinks"] == {"raw": "../../../bids/north"}
    labels = pd.read_csv(out / "desc-locoaurora_dseg.tsv", sep="\t")
    assert labels["abbreviation"].tolist() == ["IPH", "IVH", "PHE", "EAH"]
    assert len(list(out.rglob("*_desc-locoaurora_dseg.nii.gz"))) == 3


def test_a_center_without_accepted_scans_has_a_data_set_without_subjects(center):
    scans, patients = center
    bids.write_center("west", scans, patients, Path("out"))
    assert json.loads(Path("out/dataset_description.json").read_text())["BIDSVersion"] == bids.BIDS_VERSION
    assert Path("out/participants.tsv").read_text() == "participant_id\n" and not list(Path("out").glob("sub-*"))
