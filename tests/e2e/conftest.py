"""One finished study for all end-to-end tests of this folder: they look at it and plan on it, but leave it as it is."""

import json
import subprocess
from pathlib import Path

import pytest
from filelock import FileLock
from tests.e2e.small_study import CHECKPOINTS, SMALL, kill_when
from tests.snakemake_run import snakemake, snakemake_command


@pytest.fixture(scope="session")
def killed_and_continued(tmp_path_factory, worker_id) -> tuple[Path, dict]:
    """A study that was killed in the segmentation's training and started again with the same command.

    Made once for all processes of a test run; each looks at a copy of its own, so that none sees the others' plans.
    """
    own = tmp_path_factory.getbasetemp()
    shared = own if worker_id == "master" else own.parent
    told = shared / "small.json"
    with FileLock(shared / "small.lock"):
        if not told.is_file():
            told.write_text(json.dumps(make(shared / "small")))
    subprocess.run(["cp", "-a", "--reflink=auto", str(shared / "small"), str(own / "study")], check=True)
    return own / "study", json.loads(told.read_text())


def make(directory: Path) -> dict:
    """Start, kill and finish the study; say what was there when it was killed, and what was not done again."""
    command = snakemake_command(directory, config=SMALL)
    kill_when(directory, command, lambda: any(directory.glob(CHECKPOINTS)))
    scans = directory / "results/scans.tsv"
    before = {
        "scans": scans.stat().st_mtime_ns,
        "models": [str(path) for path in directory.glob("results/segmentation/*/fold-*/model.json")],
    }
    done = snakemake(directory, config=SMALL)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-8000:]
    return before | {"scans_again": scans.stat().st_mtime_ns}


@pytest.fixture(scope="session")
def study(killed_and_continued) -> Path:
    return killed_and_continued[0]
