"""`snakemake --profile slurm` as typed in the clone: what it plans, what it refuses; nothing here needs a Slurm."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from tests.snakemake_run import REPOSITORY, environment


def start(directory: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "snakemake", "--directory", str(directory), *arguments]
    return subprocess.run(command, cwd=REPOSITORY, env=environment() | variables, capture_output=True, text=True)


def resources(done: subprocess.CompletedProcess, rule: str) -> list[str]:
    """Resources of each job of a rule, as a dry run shows them."""
    assert done.returncode == 0, done.stdout + done.stderr
    text = done.stdout + done.stderr
    found = re.findall(rf"^rule {rule}:\n(?:    .*\n)*?    resources: (.*)$", text, flags=re.M)
    assert found, text
    return found


def test_the_profile_asks_for_the_gpu_that_a_partition_offers(tmp_path):
    done = start(tmp_path, "-n", "--profile", "slurm")
    for shown in resources(done, "train_segmentation"):
        assert {"gpu=1", "mem_mb=16000", "runtime=1440"} <= set(shown.split(", "))
    for shown in resources(done, "convert_shard"):
        assert {"gpu=0", "mem_mb=6000", "runtime=240"} <= set(shown.split(", "))
    for shown in resources(done, "merge_scans"):
        assert "mem_mb" not in shown, "runs on the login node"


def test_job_arrays_are_refused_before_anything(tmp_path):
    done = start(tmp_path, "-n", "--profile", "slurm", "--slurm-array-jobs", "all")
    message = done.stdout + done.stderr
    assert done.returncode == 1
    assert "--slurm-array-jobs=all: not with Ichor" in message and "Traceback" not in message


def test_a_partitions_file_elsewhere(tmp_path):
    file = tmp_path / "ours.yaml"
    file.write_text("partitions: {batch: {max_mem_mb: 9000}}\nichor: {account: stroke}\n")
    done = start(tmp_path / "study", "-n", "--profile", "slurm", SNAKEMAKE_SLURM_PARTITIONS=str(file))
    for shown in resources(done, "train_segmentation"):
        assert {"gpu=0", "mem_mb=9000", "slurm_account=stroke"} <= set(shown.split(", "))
    file.write_text("partitions: {}\n")
    done = start(tmp_path / "study", "-n", "--profile", "slurm", SNAKEMAKE_SLURM_PARTITIONS=str(file))
    assert done.returncode == 1 and "no partitions" in done.stdout + done.stderr


def test_several_gpus_are_asked_for_by_trainings_only(tmp_path):
    config = tmp_path / "study.yaml"
    config.write_text("compute: {gpus_per_training: 2}\n")
    done = start(tmp_path, "-n", "--profile", "slurm", "--configfile", str(config))
    for shown in resources(done, "train_segmentation"):
        assert {"gpu=2", "nodes=1", "mem_mb=32000"} <= set(shown.split(", "))
    assert resources(done, "fit_model")
    for shown in resources(done, "fit_model"):  # networks of images, small networks of texts, tables of features
        asked = set(shown.split(", "))
        assert {"gpu=2", "mem_mb=32000"} <= asked or {"gpu=1", "mem_mb=4000"} <= asked or "gpu=0" in asked
    for shown in resources(done, "segment_shard"):
        assert "gpu=1" in shown.split(", ")


def test_more_gpus_for_one_training_than_a_node_has_are_refused(tmp_path):
    config = tmp_path / "study.yaml"
    config.write_text("compute: {gpus_per_training: 5}\n")
    done = start(tmp_path, "-n", "--profile", "slurm", "--configfile", str(config))
    message = done.stdout + done.stderr
    assert done.returncode == 1 and "compute.gpus_per_training is 5" in message and "write at most 4" in message


def test_the_default_profile_wins_where_both_set_a_key_so_they_share_none(tmp_path):
    for folder, jobs in (("slurm", 3), ("profiles/default", 5)):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "config.yaml").write_text(f"jobs: {jobs}\n")
    (tmp_path / "Snakefile").touch()
    code = "from snakemake.cli import parse_args; print(parse_args(['--profile', 'slurm'])[1].jobs)"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout.split() == ["5"], done.stderr
    profiles = [REPOSITORY / f"profiles/{name}/config.yaml" for name in ("default", "slurm")]
    default, slurm = [set(yaml.safe_load(file.read_text())) for file in profiles]
    assert not default & slurm


@pytest.mark.parametrize("mode", ["--unlock", "--summary", "-n"])
def test_a_start_that_runs_nothing_leaves_what_a_killed_run_left(tmp_path, mode):
    for folder in ("work/records/a", "results"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "work/run.json").write_text('{"machine": "login9", "pid": 1, "started": 1.0, "executor": "slurm"}\n')
    (tmp_path / "work/records/a/all.json").write_text(
        '{"rule": "a", "wildcards": {}, "outputs": {"results/a.tsv": {}}}'
    )
    (tmp_path / "results/a.tsv").touch()
    done = start(tmp_path, "--cores", "1", mode)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "results/a.tsv").exists()
