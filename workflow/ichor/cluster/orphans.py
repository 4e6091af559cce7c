"""Slurm jobs that go on after their Snakemake died, and what such jobs leave behind.

A Snakemake that is killed (`kill -9`, a login node that restarts, a session that is hung up) cancels nothing. A new
one knows nothing of the old one's jobs: it would submit a second copy of each, and two jobs would write one file. So,
before anything is planned, jobs that still wait are cancelled, those that run are waited for, and outputs that were
finished when no Snakemake looked are deleted. The job's record says that they were made, Snakemake's own metadata is
missing, and without it a change of parameters or code since then would go unnoticed. The next run plans them again and
takes them from the store, if they are what it would make.
"""

import os
import shutil
import subprocess
import sys
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ichor.errors import StudyError
from ichor.jobs.record import read_records, record_path

FORMAT = "%i|%T|%Z|%k"  # number, state, working directory, comment
COMMENT = "rule_"  # how the executor's comment of a job begins
METADATA = Path(".snakemake/metadata")
WAIT_S = 5.0
TELL_EVERY_S = 300.0


@dataclass(frozen=True)
class SlurmJob:
    """A job in the queue.

    Attributes
    ----------
    number : str
        Slurm's job number.
    state : str
        For example ``PENDING``.
    what : str
        Rule and wildcards.
    """

    number: str
    state: str
    what: str


def say(text: str) -> None:
    """Tell the person at the terminal."""
    print(text, file=sys.stderr, flush=True)


def take_up(study_dir: Path, *, slurm: bool, wait_s: float = WAIT_S) -> list[Path]:
    """Cancel and wait for the jobs of a run that died, then delete outputs in doubt, and return their paths.

    Parameters
    ----------
    study_dir : Path
        Working directory of the run. No living run may use it.
    slurm : bool
        Whether that run's jobs were Slurm's.
    wait_s : float
        Seconds between two looks at the queue.

    Raises
    ------
    StudyError
        If Slurm does not answer: nothing can be said of the jobs then.
    """
    if slurm and shutil.which("squeue"):
        _settle(study_dir, wait_s)
    elif slurm:
        say(
            "The last run of this working directory was on a Slurm cluster, and there is no squeue here to ask for its "
            "jobs."
        )
    doubtful = sorted(in_doubt(study_dir))
    for path in doubtful:
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    if doubtful:
        say(
            f"{len(doubtful)} files were finished when no Snakemake looked: their jobs are planned again, and take "
            "them from the store where it has them."
        )
    return doubtful


def _settle(study_dir: Path, wait_s: float) -> None:
    """Cancel the jobs that have not started and wait until the others have ended."""
    jobs = queued(study_dir)
    waiting = [job for job in jobs if job.state == "PENDING"]
    if waiting:
        say(f"Cancelling {len(waiting)} Slurm jobs of an earlier run that have not started: {_names(waiting)}.")
        subprocess.run(["scancel", "--state=PENDING", *(job.number for job in waiting)], check=False)
        jobs = queued(study_dir)
    told = -TELL_EVERY_S
    while jobs:
        if time.monotonic() - told >= TELL_EVERY_S:
            told = time.monotonic()
            say(
                f"Waiting for {len(jobs)} Slurm jobs of an earlier run that was killed: {_names(jobs)}. What they make "
                f"is used. To cancel them instead: scancel {' '.join(job.number for job in jobs)}"
            )
        time.sleep(wait_s)
        jobs = queued(study_dir)


def queued(study_dir: Path) -> list[SlurmJob]:
    """Jobs of this user that Snakemake submitted from a working directory and that have not ended.

    Raises
    ------
    StudyError
        If ``squeue`` fails three times.
    """
    for attempt in range(3):
        done = subprocess.run(["squeue", "--noheader", "--me", f"--format={FORMAT}"], capture_output=True, text=True)
        if done.returncode == 0:
            return list(_rows(done.stdout, study_dir))
        time.sleep(attempt)
    raise StudyError(
        f"squeue: {done.stderr.strip()}. An earlier run of this working directory was killed, and its Slurm jobs may "
        "go on: start again when Slurm answers."
    )


def _rows(text: str, study_dir: Path) -> Iterator[SlurmJob]:
    here, own = os.path.realpath(study_dir), os.environ.get("SLURM_JOB_ID")
    for line in text.splitlines():
        number, state, folder, comment = line.split("|", 3)
        if os.path.realpath(folder) == here and comment.startswith(COMMENT) and number != own:
            yield SlurmJob(number, state, comment.removeprefix(COMMENT).replace("_wildcards_", " "))


def in_doubt(study_dir: Path) -> Iterator[Path]:
    """Yield outputs that a job's record names, that are there, and that Snakemake has no metadata of.

    Metadata that is older than the record is of an earlier try: Snakemake writes it after the job, for one that could
    not be submitted too.
    """
    for record in read_records(study_dir):
        made = record_path(record["rule"], record["wildcards"], study_dir).stat().st_mtime
        for name in record["outputs"]:
            path, known = Path(study_dir, name), metadata_path(name, study_dir)
            if os.path.lexists(path) and not (known.is_file() and known.stat().st_mtime >= made):
                yield path


def metadata_path(output: str, study_dir: Path) -> Path:
    """File in which Snakemake (9.27.1, its default backend) describes how an output was made."""
    folder = Path(study_dir, METADATA)
    name = urlsafe_b64encode(output.encode()).decode()
    size = os.pathconf(folder, "PC_NAME_MAX") - 1 if folder.is_dir() else 254
    parts = [name[start : start + size] for start in range(0, len(name), size)]
    return folder.joinpath(*(f"@{part}" for part in parts[:-1]), parts[-1])


def _names(jobs: list[SlurmJob], most: int = 5) -> str:
    shown = ", ".join(f"{job.number} ({job.what})" for job in jobs[:most])
    return shown if len(jobs) <= most else f"{shown} and {len(jobs) - most} more"
