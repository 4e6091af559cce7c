"""A small study from raw DICOM to the report, through the profile as it is, and the same study on one computer."""

import json
import re
import shutil

import pandas as pd
import pytest
import yaml
from tests.slurm.cluster_run import accounting, queued, start, stop, until
from tests.snakemake_run import REPOSITORY, snakemake

from ichor import tables

pytestmark = pytest.mark.timeout(1500)  # the first test waits for the run
CENTERS = ["aurora", "delta"]  # one to learn from, one external
FLOORS = "volume logistic xgboost radiomics brain_score nag_score bat_score nine_point_score".split()
SHEETS = ("centers", "columns", "course_columns", "report_columns")
STUDY = {
    **{sheet: f"{sheet}.tsv" for sheet in SHEETS if sheet != "report_columns"},
    "reports": {"columns": "report_columns.tsv"},
    "simulate": {"patients_per_center": 12, "matrix": 64},
    "segmentation": {"budget": {"epochs": 8, "iterations_per_epoch": 2, "checkpoint_every_epochs": 1}},
    "models": {
        "expansion": {"vit": {"training": {"epochs": 1}}, **dict.fromkeys(FLOORS)},
        "outcome": {"densenet": None, "ich_score": None},
        "trajectory": {
            "multistep_transformer": {"training": {"epochs": 1, "seeds": 1}},
            **dict.fromkeys(("gru", "landmark_logistic", "ich_score", "nihss")),
        },
        "deterioration": None,
    },
    "evaluation": {"bootstrap": 20},
}
ON_CLUSTER = {
    "simulate_center": 2,
    "index_center": 2,
    "convert_shard": 2,
    "plan_segmentation": 1,
    "train_segmentation": 2,
    "segment_shard": 2,
    "measure_shard": 2,
    "quality_shard": 2,
    "fit_model": 2,
    "predict_model": 2,
    "fit_trajectory": 1,
    "predict_trajectory": 1,
    "evaluate": 1,
    "evaluate_labels": 1,
    "evaluate_trajectory": 1,
    "write_report": 1,
}
STOPPED = "train_segmentation external_1"
ON_GPU = ("train_segmentation", "segment_shard", "fit_model expansion_vit", "predict_model expansion_vit")
ON_GPU += ("fit_trajectory", "predict_trajectory")


def write_study(study) -> None:
    study.mkdir()
    for name in SHEETS:
        sheet = pd.read_csv(REPOSITORY / f"config/{name}.tsv", sep="\t", dtype=str, keep_default_na=False)
        sheet[sheet["center"].isin(CENTERS)].to_csv(study / f"{name}.tsv", sep="\t", index=False)
    (study / "study.yaml").write_text(yaml.safe_dump(STUDY))


@pytest.fixture(scope="module")
def study(slurm, tmp_path_factory):
    """The study as it came out of the cluster, Slurm's accounts, and what the processes of a training could see.

    One of the two trainings is stopped by Slurm after its first checkpoint, as at the end of its time.
    """
    study = tmp_path_factory.mktemp("cluster") / "study"
    write_study(study)
    run = start(study)
    try:
        until(lambda: any(study.glob("work/segmentation/external/**/fold_1/checkpoint.pt")), "a checkpoint", 400)
        number, _, _ = queued(slurm, study)[STOPPED]
        seen = [one for one in slurm.environment_of(number) if "SLURM_STEP_ID" in one]
        slurm.run("scancel", number)
        until(lambda: run.poll() is not None, "the end of the run", seconds=1000)
    finally:
        stop(run)
    assert run.returncode == 0, (study / "run.log").read_text()[-6000:]
    return study, accounting(slurm, study), seen


def test_every_heavy_job_was_slurms_once_and_nothing_else_was(study):
    jobs = [job for job in study[1] if job.state == "COMPLETED"]
    assert [(job.what, job.state) for job in study[1] if job not in jobs] == [(STOPPED, "CANCELLED")]
    assert pd.Series([job.what.split()[0] for job in jobs]).value_counts().to_dict() == ON_CLUSTER
    assert len({job.nodes for job in jobs}) > 1


def test_gpu_jobs_were_on_gpu_nodes_with_one_gpu_and_the_others_were_not(study):
    for job in study[1]:
        on_gpu = job.what.startswith(ON_GPU)
        assert job.partition == ("gpu" if on_gpu else "cpu"), job
        assert job.nodes[0] == ("g" if on_gpu else "c"), job
        assert ("gres/gpu=1" in job.resources.split(",")) == on_gpu, job


def test_the_limit_of_one_gpu_of_a_computer_does_not_make_a_cluster_wait(study):
    first, second = [job for job in study[1] if job.what.startswith("train_segmentation")][:2]
    assert second.submitted < first.ended, "the folds train side by side"


def test_a_gpu_job_sees_the_one_gpu_that_it_asked_for(study):
    seen = {environment.get("CUDA_VISIBLE_DEVICES") for environment in study[2]}
    assert len(seen) == 1 and seen <= {"0", "1"}


def test_a_training_that_slurm_stopped_went_on_from_its_checkpoint(study):
    found = re.search(r"from epoch (\d+)", (study[0] / "logs/train_segmentation/external/1.log").read_text())
    assert int(found[1]) > 0
    progress = pd.read_csv(study[0] / "results/segmentation/external/fold-1/progress.tsv", sep="\t")
    assert len(progress) == STUDY["segmentation"]["budget"]["epochs"]


def test_the_report_and_the_provenance_are_there(study):
    page = (study[0] / "results/report/index.html").read_text()
    assert "imulated" in page
    outputs = json.loads((study[0] / "results/provenance.json").read_text())["outputs"]
    assert all(output["sha256"] for output in outputs)


def test_one_computer_gives_the_same_masks_and_predictions(study, tmp_path):
    """Everything that learns is done again, here and not from the store, on the scans that the cluster converted."""
    here = tmp_path / "study"
    shutil.copytree(study[0], here, symlinks=True)
    done = snakemake(here, "evaluation", "--forcerun", "plan_segmentation", config=STUDY | {"store": {"use": False}})
    assert done.returncode == 0, done.stderr[-5000:]
    found = sorted(here.glob("results/predictions/*/*/*.parquet"))
    assert len(found) == 3
    for path in found:
        other = study[0] / path.relative_to(here)
        assert path.stat().st_mtime > other.stat().st_mtime
        pd.testing.assert_frame_equal(tables.read("predictions", path), tables.read("predictions", other))
    for scan in sorted(study[0].glob("results/masks/external/*/*/*.nii.gz")):
        assert scan.read_bytes() == (here / scan.relative_to(study[0])).read_bytes(), scan
