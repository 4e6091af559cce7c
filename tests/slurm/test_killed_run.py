"""Snakemake itself dies: its jobs go on, the next start takes them up, and nothing is computed twice."""

import json
import os
import signal

import pytest
import yaml
from tests.slurm.cluster_run import accounting, logs_of_jobs, nifti_study, queued, records, run, start, stop, until
from tests.snakemake_run import snakemake

pytestmark = pytest.mark.timeout(1500)  # the first test waits for the run
CENTERS = ["east", "north", "south", "west"]
OTHER = "island"
SHARDS = [f"results/ingest/{center}/0/scans.tsv" for center in CENTERS]
HALF = ["PENDING", "PENDING", "RUNNING", "RUNNING"]


@pytest.fixture(scope="module")
def study(slurm, tmp_path_factory):
    """A study whose scans are chosen, not yet converted."""
    study = nifti_study(tmp_path_factory.mktemp("killed") / "study", [*CENTERS, OTHER])
    chosen = [f"work/ingest/{center}/selection/0.parquet" for center in (*CENTERS, OTHER)]
    done = snakemake(study, *chosen, config=yaml.safe_load((study / "study.yaml").read_text()))
    assert done.returncode == 0, done.stderr[-4000:]
    return study


def states(slurm, study) -> list[str]:
    return sorted(state for _, state, _ in queued(slurm, study).values())


def test_a_refused_submission_is_told_and_the_run_fails(slurm, study, tmp_path):
    partitions = tmp_path / "partitions.yaml"
    partitions.write_text(yaml.safe_dump({"partitions": {"nonesuch": {"max_runtime": "2d"}}}))
    status, text = run(study, *SHARDS, SNAKEMAKE_SLURM_PARTITIONS=str(partitions))  # leaves metadata of all of them
    assert status == 1
    assert "invalid partition specified: nonesuch" in text and "convert_shard" in text
    assert not accounting(slurm, study)


def test_killed_in_mid_run_and_started_again(slurm, study):
    sizes = (["-w", "c1", "-n2"], *(["-w", node, "--exclusive"] for node in ("c2", "c3", "c4")))
    others = [slurm.run("sbatch", "--parsable", *size, "-o", "/dev/null", "--wrap", "sleep 600").strip()
              for size in sizes]  # fmt: skip
    until(lambda: "PENDING" not in slurm.run("squeue", "-h", "-o", "%T"), "the other jobs to run")
    slurm.hold("all")
    first = start(study, *SHARDS, log="killed.log")
    try:
        until(lambda: states(slurm, study) == HALF, "two jobs to run")
        os.kill(first.pid, signal.SIGKILL)
        first.wait()
    finally:
        stop(first)
    assert states(slurm, study) == HALF, "its jobs go on"
    orphans = {what for what, (_, state, _) in queued(slurm, study).items() if state == "RUNNING"}
    second = start(study, *SHARDS)
    try:
        until(lambda: "Waiting for 2 Slurm jobs" in (study / "run.log").read_text(), "the message about the orphans")
        slurm.release("all")
        slurm.run("scancel", *others)
        until(lambda: second.poll() is not None, "the end of the run", seconds=300)
    finally:
        stop(second)
    text = (study / "run.log").read_text()
    assert second.returncode == 0, text[-5000:]
    assert "Cancelling 2 Slurm jobs of an earlier run" in text
    found = {what: record for what, record in records(study).items() if what.startswith("convert_shard")}
    ended = {what: [row.state for row in accounting(slurm, study) if row.what == what] for what in found}
    assert ended == {what: ["COMPLETED" if what in orphans else "CANCELLED", "COMPLETED"] for what in found}
    kept = {what for what, record in found.items() if record["kept"]}
    assert kept == orphans, f"done once, then kept: {logs_of_jobs(study)}"
    assert len(found) == len(CENTERS)
    status, text = run(study, *SHARDS)
    assert status == 0 and "Nothing to be done" in text


def test_a_lost_login_and_a_start_from_another_login_node(slurm, study):
    target, what = f"results/ingest/{OTHER}/0/scans.tsv", f"convert_shard {OTHER}_0"
    slurm.hold("all")
    lost = start(study, target, log="lost.log")
    try:
        until(lambda: queued(slurm, study).get(what, ("", ""))[1] == "RUNNING", "the job to run")
        os.killpg(lost.pid, signal.SIGHUP)
        assert lost.wait(30) != 0
    finally:
        stop(lost)
        slurm.release("all")
    owner = study / "work/run.json"
    owner.write_text(json.dumps(json.loads(owner.read_text()) | {"machine": "login2"}))
    status, text = run(study, target)
    assert status == 1 and "locked by a run on login2" in text and "snakemake --unlock" in text, text[-3000:]
    status, text = run(study, "--unlock")
    assert status == 0, text[-3000:]
    status, text = run(study, target)
    assert status == 0, text[-5000:]
    assert [row.state for row in accounting(slurm, study) if row.what == what] == ["COMPLETED", "COMPLETED"]
    assert records(study)[what]["kept"] and (study / target).read_text().count("\n") == 3
