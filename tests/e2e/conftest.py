"""One finished study for all end-to-end tests of this folder: they look at it and plan on it, but leave it as it is."""

from pathlib import Path

import pytest
from tests.e2e.small_study import CHECKPOINTS, SMALL, kill_when
from tests.snakemake_run import snakemake, snakemake_command


@pytest.fixture(scope="session")
def killed_and_continued(tmp_path_factory) -> tuple[Path, dict]:
    """A study that was killed in the segmentation's training and started again with the same command."""
    directory = tmp_path_factory.mktemp("small")
    command = snakemake_command(directory, config=SMALL)
    kill_when(directory, command, lambda: any(directory.glob(CHECKPOINTS)))
    scans = directory / "results/scans.tsv"
    before = {
        "scans": scans.stat().st_mtime_ns,
        "models": list(directory.glob("results/segmentation/*/fold-*/model.json")),
    }
    done = snakemake(directory, config=SMALL)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-8000:]
    return directory, before | {"scans_again": scans.stat().st_mtime_ns}


@pytest.fixture(scope="session")
def study(killed_and_continued) -> Path:
    return killed_and_continued[0]
