"""Start the workflow on the test Slurm as a user would, and read Slurm's own record of what ran."""

import json
import os
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
import yaml
from tests.slurm.private_slurm import PrivateSlurm
from tests.snakemake_run import REPOSITORY, environment

POLL_FAST = ("--slurm-init-seconds-before-status-checks", "2", "--seconds-between-status-checks", "2")
SHEET = "center role dicom nifti image_pattern masks mask_pattern mask_labels table".split()


@dataclass(frozen=True)
class Submitted:
    """A row of Slurm's accounting: one job, as it ended."""

    number: str
    state: str
    partition: str
    nodes: str
    what: str
    memory_mb: int
    minutes: int
    resources: str
    submitted: str
    ended: str


def command(study: Path, *arguments: str) -> list[str]:
    """`snakemake --profile slurm` with the repository's profile; only how often Slurm is asked differs."""
    typed = ["snakemake", *arguments, "--profile", "slurm", "--directory", str(study)]
    return typed + ["--configfile", str(study / "study.yaml"), *POLL_FAST]


def start(study: Path, *arguments: str, log: str = "run.log", **variables: str) -> subprocess.Popen:
    """Start a run in a session of its own; its messages go to a file in the study.

    The signals of a terminal act on it as they do on a user's, also where the tests themselves were started by `nohup`.
    """
    signals = ["env", "--default-signal=HUP,INT"]
    with open(study / log, "w") as file:
        return subprocess.Popen(
            [*signals, *command(study, *arguments)], cwd=REPOSITORY, env=environment() | variables, stdout=file,
            stderr=file, stdin=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip


def run(study: Path, *arguments: str, timeout_s: float = 400, **variables: str) -> tuple[int, str]:
    """Run to the end; return exit status and messages."""
    process = start(study, *arguments, **variables)
    try:
        status = process.wait(timeout_s)
    except subprocess.TimeoutExpired:
        process.kill()
        raise AssertionError(f"not done after {timeout_s:.0f} s:\n{(study / 'run.log').read_text()[-5000:]}") from None
    return status, (study / "run.log").read_text()


def accounting(slurm: PrivateSlurm, study: Path) -> list[Submitted]:
    """All jobs of a study that Slurm has an account of, in the order of submission; a requeued one has two rows."""
    fields = "JobIDRaw,State,Partition,NodeList,Comment,ReqMem,TimelimitRaw,AllocTRES,Submit,End,WorkDir"
    rows = slurm.run("sacct", "-X", "--duplicates", "--noheader", "--parsable2", f"--format={fields}").splitlines()
    found = []
    for row in rows:
        number, state, partition, nodes, what, memory, minutes, resources, submitted, ended, folder = row.split("|")
        if Path(folder) == study and what.startswith("rule_"):
            factor = {"M": 1, "G": 1024}[memory[-1]]
            found.append(
                Submitted(
                    number,
                    state.split()[0],
                    partition,
                    nodes,
                    what.removeprefix("rule_").replace("_wildcards_", " "),
                    round(float(memory[:-1]) * factor),
                    int(minutes),
                    resources,
                    submitted,
                    ended,
                )  # fmt: skip
            )
    return sorted(found, key=lambda job: int(job.number))


def queued(slurm: PrivateSlurm, study: Path) -> dict[str, tuple[str, str, str]]:
    """What is in the queue of a study now: rule and wildcards -> number, state, node."""
    rows = slurm.run("squeue", "-h", "-o", "%i|%T|%N|%Z|%k").splitlines()
    split = [row.split("|") for row in rows]
    return {
        what.removeprefix("rule_").replace("_wildcards_", " "): (number, state, node)
        for number, state, node, folder, what in split
        if Path(folder) == study and what.startswith("rule_")
    }


def until(ready: Callable[[], object], what: str, seconds: float = 180) -> object:
    """Wait until something is true, and return it."""
    deadline = time.monotonic() + seconds
    while not (found := ready()):
        assert time.monotonic() < deadline, f"waited {seconds:.0f} s for {what}"
        time.sleep(0.2)
    return found


def records(study: Path) -> dict[str, dict]:
    """Records of the study's jobs, by the names that they have in the queue."""
    found = {}
    for path in study.glob("work/records/*/*.json"):
        record = json.loads(path.read_text())
        found[f"{record['rule']} {'_'.join(record['wildcards'].values())}"] = record
    return found


def logs_of_jobs(study: Path, characters: int = 3000) -> str:
    """What the jobs wrote that Slurm ran, for the message of a failed test."""
    logs = sorted((study / ".snakemake/slurm_logs").rglob("*.log"))
    return "\n".join(f"--- {log.relative_to(study)}\n{log.read_text()[-characters:]}" for log in logs)


def nifti_study(study: Path, centers: list[str], scans: int = 2) -> Path:
    """A study of small NIfTI centers without tables: two jobs per center, each of seconds."""
    study.mkdir()
    rows = []
    for number, center in enumerate(centers):
        folder = study / "data" / center
        folder.mkdir(parents=True)
        for scan in range(scans):
            _write_head(folder / f"{center}{scan}_baseline.nii.gz", seed=100 * number + scan)
        pattern = "{patient}_{time_point}.nii.gz"
        rows.append([center, "external" if number else "development", "", str(folder), pattern, "", "", "", ""])
    (study / "centers.tsv").write_text("\n".join("\t".join(row) for row in [SHEET, *rows]) + "\n")
    (study / "study.yaml").write_text(yaml.safe_dump({"centers": str(study / "centers.tsv"), "columns": None}))
    return study


def _write_head(path: Path, seed: int) -> None:
    """Brain of 35 HU in a skull of 1000 HU in air, 14 slices of 10 mm."""
    x, y, z = np.ogrid[-96:96:64j, -96:96:64j, -70:70:14j]
    radius = np.sqrt(x**2 + (y / 1.1) ** 2 + z**2)
    image = np.select([radius < 72, radius < 80], [35.0, 1000.0], -1000.0)
    image += np.random.default_rng(seed).normal(0, 5, image.shape)
    nib.save(nib.Nifti1Image(image.astype(np.int16), np.diag([3.0, 3.0, 10.0, 1.0])), path)


def stop(process: subprocess.Popen) -> None:
    """Kill a run that a failed test left behind."""
    if process.poll() is None:
        os.killpg(process.pid, 9)
        process.wait()
