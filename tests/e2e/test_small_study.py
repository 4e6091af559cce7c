"""The whole workflow on a small simulated cohort: killed in training, continued, rerun, reported."""

import json
import re
import shutil
import subprocess

import pandas as pd
from tests.e2e.small_study import SMALL
from tests.snakemake_run import REPOSITORY, snakemake

from ichor import tables


def test_a_killed_run_continues_with_the_same_command_and_does_not_start_over(killed_and_continued):
    study, before = killed_and_continued
    assert not before["models"], "the run was killed before a fold was finished"
    assert before["scans_again"] == before["scans"], "the ingest was not done again"
    logs = [path.read_text() for path in study.glob("logs/train_segmentation/external/*.log")]
    starts = [int(re.search(r"from epoch (\d+)", log).group(1)) for log in logs]
    assert len(starts) == 2 and max(starts) > 0, starts
    for path in study.glob("results/segmentation/external/fold-*/progress.tsv"):
        assert len(pd.read_csv(path, sep="\t")) == SMALL["segmentation"]["budget"]["epochs"]


def test_a_second_run_says_that_nothing_is_to_be_done(study):
    done = snakemake(study, config=SMALL)
    assert "Nothing to be done" in done.stdout + done.stderr


def test_every_table_fits_its_schema_and_every_patient_is_accounted_for(study):
    scans = tables.read("scans", study / "results/scans.tsv")
    patients = tables.read("patients", study / "results/patients.tsv")
    splits = tables.read("splits", study / "results/splits.tsv")
    status = tables.read("status", study / "results/status.tsv")
    tables.read("masks", study / "results/masks.tsv")
    tables.read("cohort", study / "results/cohort/external.tsv")
    assert patients["center"].nunique() == 5
    with_scan = set(scans[scans["time_point"] == "baseline"]["patient"])
    told = set(status[status["outcome"] == "set_aside"]["subject"])
    assert set(splits["patient"]) == with_scan
    assert set(patients["patient"]) - with_scan <= told


def test_no_patient_is_in_two_roles_and_external_centers_are_never_learned_from(study):
    splits = tables.read("splits", study / "results/splits.tsv")
    assert not splits.duplicated(["split", "patient"]).any()
    assert set(splits[splits["center"].isin(["delta", "estuary"])]["role"]) == {"test"}


def test_no_mask_comes_from_a_model_that_saw_the_patient(study):
    masks = tables.read("masks", study / "results/masks.tsv").merge(
        tables.read("splits", study / "results/splits.tsv"), on=["split", "patient", "center"]
    )
    fitted = masks[masks["role"] != "test"]
    assert (fitted["model"] == "fold-" + fitted["fold"].astype(str)).all()
    assert set(masks[masks["role"] == "test"]["model"]) == {"folds-0-1"}
    for fold in (0, 1):
        card = json.loads((study / f"results/segmentation/external/fold-{fold}/model.json").read_text())
        seen = json.dumps(card)
        for patient in fitted[fitted["fold"] == fold]["patient"]:
            assert patient not in seen


def test_every_model_predicts_every_labelled_patient_and_is_evaluated(study):
    predictions = [tables.read("predictions", path) for path in study.glob("results/predictions/*/*/*.parquet")]
    of_courses = [table for table in predictions if (table["task"] == "trajectory").all()]
    assert len(predictions) == 13 and len(of_courses) == 3
    cohort = tables.read("cohort", study / "results/cohort/external.tsv").set_index("patient")
    steps = tables.read("trajectory_steps", study / "results/trajectory/external/steps.tsv")
    steps = steps.set_index(["patient", "step"])
    for table in predictions:
        for target, rows in table.groupby("target"):
            one = (table["task"] != "trajectory").all()
            labels = cohort if one else steps[steps["at_risk"].astype(bool)]
            at = rows["patient"] if one else pd.MultiIndex.from_frame(rows[["patient", "time"]])
            assert (rows["label"].to_numpy() == labels[f"label_{target}"].loc[at].to_numpy()).all()
    metrics = tables.read("metrics", study / "results/evaluation/metrics.tsv")
    assert metrics.groupby("task")["model"].agg(set).to_dict() == {
        "expansion": {"vit", "volume", "logistic", "xgboost", "bat_score"},
        "outcome": {"densenet", "logistic", "ich_score"},
        "trajectory": {"multistep_transformer", "landmark_logistic", "ich_score"},
        "deterioration": {"report_record", "logistic"},
    }
    assert {"all", "pooled", "next", "delta", "estuary"} <= set(metrics["center"])
    assert {"auc", "brier", "calibration_slope", "sensitivity", "reachable_share"} <= set(metrics["quantity"])


def test_no_identifier_of_a_patient_is_in_any_public_output_or_log(study):
    names = set()
    for truth in study.glob("results/simulated/*/truth.tsv"):
        names |= set(pd.read_csv(truth, sep="\t", dtype=str)["patient"])
    assert len(names) >= 40
    any_name = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    pattern = re.compile(
        rf"(?<!\d)(?<!\d\.)(?:{any_name})(?!\d)"
    )  # digits inside a longer number or a fraction name nobody
    public = [path for folder in ("results", "logs") for path in (study / folder).rglob("*") if path.is_file()]
    public = [path for path in public if "simulated" not in path.parts]
    for path in public:
        relative = path.relative_to(study).as_posix()
        assert not pattern.search(relative), relative
        if path.suffix in (".tsv", ".json", ".html", ".log", ".txt", ".svg"):
            found = pattern.search(path.read_text(errors="replace"))
            assert not found, f"{relative}: {found}"
    for path in study.glob("work/ingest/**/*.parquet"):
        assert path.stat().st_mode & 0o077 == 0, path


def test_the_report_is_one_marked_file_without_network(study):
    page = (study / "results/report/index.html").read_text()
    assert "imulated" in page and "Small simulated cohort" in page
    assert not re.search(r"(?:src|href)=[\"']?(?:https?:)?//", page)
    for model in ("vit", "densenet", "ich_score"):
        assert re.search(model.replace("_", "[ _]"), page, flags=re.I), model


def test_provenance_names_inputs_outputs_and_no_place(study):
    record = json.loads((study / "results/provenance.json").read_text())
    assert record["seed"] == 20251121 and record["packages"]["torch"]
    hashes = {item["path"]: item["sha256"] for item in record["outputs"]}
    assert "results/evaluation/metrics.tsv" in hashes and all(hashes.values())
    assert str(study) not in json.dumps(record) and str(REPOSITORY) not in json.dumps(record)


def test_snakemakes_own_report_builds(study):
    done = snakemake(study, "--report", str(study / "report.zip"), config=SMALL)
    assert done.returncode == 0, done.stderr[-3000:]
    assert (study / "report.zip").stat().st_size > 100_000


def test_a_run_elsewhere_gives_the_same_predictions(study, tmp_path):
    """Not killed, in another directory, with the models fitted again from the same scans and masks."""
    again = tmp_path / "again"
    again.mkdir()
    subprocess.run(
        ["cp", "-a", "--reflink=auto", *[str(study / part) for part in ("results", "work", ".snakemake")], str(again)],
        check=True,
    )
    for known in ("store", "models", "segmentation"):  # nothing to take results or checkpoints from
        shutil.rmtree(again / "work" / known)
    config = SMALL | {"store": {"use": False}}
    done = snakemake(again, "evaluation", "--forcerun", "plan_segmentation", config=config)
    assert done.returncode == 0, done.stderr[-5000:]
    first = sorted(study.glob("results/predictions/*/*/*.parquet"))
    for path in first:
        other = again / path.relative_to(study)
        assert other.stat().st_mtime_ns > path.stat().st_mtime_ns
        pd.testing.assert_frame_equal(tables.read("predictions", path), tables.read("predictions", other))
