import os
import subprocess
import sys

import pytest

SHOW = """
import os, sys
from ichor.cluster.gpus import show_only
show_only({gpus})
print(os.environ["CUDA_VISIBLE_DEVICES"], flush=True)
sys.stdin.read()
"""


@pytest.fixture
def job(tmp_path, repository):
    """Start a job that asks for GPUs and goes on until it is ended; return it and the GPUs that it sees."""
    started = []
    (tmp_path / "nvidia-smi").write_text("#!/bin/sh\nfor number in 0 1 2; do echo GPU $number: a card; done\n")
    (tmp_path / "nvidia-smi").chmod(0o700)

    def start(gpus, **variables):
        environment = {**os.environ, "PYTHONPATH": str(repository / "workflow"), "TMPDIR": str(tmp_path)} | variables
        environment["PATH"] = f"{tmp_path}:{os.environ['PATH']}"
        if "CUDA_VISIBLE_DEVICES" not in variables:
            environment.pop("CUDA_VISIBLE_DEVICES", None)
        command = [sys.executable, "-c", SHOW.format(gpus=gpus)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        started.append(subprocess.Popen(command, env=environment, text=True, **pipes))
        return started[-1], started[-1].stdout.readline().strip()

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_jobs_at_the_same_time_see_as_many_gpus_as_they_asked_for_and_no_two_the_same(job):
    first, seen = job(1)
    assert seen == "0"
    assert job(2)[1] == "1,2"
    assert job(0)[1] == ""
    first.kill()  # not even then is a lock left behind
    first.wait()
    assert job(1)[1] == "0"
    assert job(1)[1] == "0", "all are taken: jobs share"


@pytest.mark.parametrize(
    ("given", "gpus", "seen"),
    [("4,5", 2, "4,5"), ("4,5", 1, "4"), ("GPU-3a,GPU-77", 2, "GPU-3a,GPU-77"), ("6", 2, "6"), ("", 1, "")],
)
def test_what_a_cluster_gave_is_kept_and_never_exceeded(job, given, gpus, seen):
    assert job(gpus, CUDA_VISIBLE_DEVICES=given)[1] == seen
