"""The small study that several end-to-end tests share, and how to kill its run."""

import os
import signal
import subprocess
import time
from pathlib import Path

from tests.snakemake_run import REPOSITORY, environment

SMALL = {
    "study": {"name": "small", "title": "Small simulated cohort"},
    "simulate": {"patients_per_center": 12, "matrix": 64},
    "validation": {"schemes": ["external"]},
    "segmentation": {"budget": {"epochs": 20, "iterations_per_epoch": 10, "checkpoint_every_epochs": 1}},
    "models": {
        "expansion": {
            "vit": {"training": {"epochs": 2, "seeds": 1}},
            **dict.fromkeys(("radiomics", "brain_score", "nag_score", "nine_point_score")),  # as bat_score, xgboost
        },
        "outcome": {"densenet": {"training": {"epochs": 2, "seeds": 1}}},
        "trajectory": {"multistep_transformer": {"training": {"epochs": 2, "seeds": 2}}, "gru": None, "nihss": None},
        "deterioration": {
            "report_record": {"training": {"epochs": 2, "seeds": 1}},
            **dict.fromkeys(("report_text", "tfidf_logistic", "xgboost")),
        },
    },
    "evaluation": {"bootstrap": 50},
}
CHECKPOINTS = "work/segmentation/external/**/checkpoint.pt"


def kill_when(directory: Path, command: list[str], ready) -> None:
    """Start a run, wait until `ready()`, then kill it and every process of it with SIGKILL."""
    with open(directory / "killed.log", "w") as log:
        run = subprocess.Popen(
            command, cwd=REPOSITORY, env=environment(), stdout=log, stderr=log, start_new_session=True
        )
        deadline = time.monotonic() + 600
        while not ready() and run.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        assert run.poll() is None, (directory / "killed.log").read_text()[-3000:]
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()
