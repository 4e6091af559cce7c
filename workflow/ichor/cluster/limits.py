"""Memory, time and GPUs of each kind of job, as functions of the attempt and of the size of what it reads.

A first attempt asks for what a job of usual size was seen to need with room to spare; every further attempt asks for
twice as much memory and time, up to the largest that some partition of the site allows. Slurm says FAILED for a job
that was killed for its memory as for any other failure, so every failure is answered in the same way.

A training in several processes asks for memory and a CPU for each of them, and for as many GPUs where it runs on GPUs.

On one computer nothing is limited by these figures, except that one network runs at a time on its GPU.
"""

import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ichor.cluster.site import Site

LEAST_MEMORY_MB = 500
"""The two Snakemake processes around a job on a node take 136 MB before it starts (measured, snakemake 9.27.1)."""


@dataclass(frozen=True)
class Need:
    """What a job asks for at its first attempt.

    Attributes
    ----------
    memory_mb : int
        Memory.
    minutes : int
        Time.
    of : tuple of str
        Names of the inputs whose size counts: tables with a line per scan or patient.
    usual_mb : float
        Size of those inputs up to which `minutes` suffices; beyond, time grows in proportion.
    memory_grows : bool
        Whether memory grows in the same way.
    gpu : bool
        Whether the job uses a GPU where there is one.
    training : bool
        Whether it is a training that several processes can do, each on a GPU of its own.
    """

    memory_mb: int
    minutes: int
    of: tuple[str, ...] = ()
    usual_mb: float = 1.0
    memory_grows: bool = False
    gpu: bool = False
    training: bool = False


NEEDS = {
    "simulate_center": Need(memory_mb=2000, minutes=60),
    "index_center": Need(memory_mb=4000, minutes=240),
    "convert_shard": Need(memory_mb=6000, minutes=240, of=("selection",), usual_mb=2.0),
    "quality_shard": Need(memory_mb=3000, minutes=60, of=("scans",), usual_mb=0.5),
    "plan_segmentation": Need(memory_mb=8000, minutes=240, of=("scans",), usual_mb=0.5),
    "train_segmentation": Need(memory_mb=16000, minutes=1440, gpu=True, training=True),
    "segment_shard": Need(memory_mb=8000, minutes=240, of=("scans",), usual_mb=0.1, gpu=True),
    "measure_shard": Need(memory_mb=3000, minutes=60, of=("scans",), usual_mb=0.5),
    "viewer_shard": Need(memory_mb=3000, minutes=60, of=("scans",), usual_mb=0.5),
    "train_generator": Need(memory_mb=16000, minutes=1440, of=("cohort",), usual_mb=1.0, gpu=True),
    "synthesize": Need(memory_mb=4000, minutes=120, of=("cohort",), usual_mb=1.0),
    "synthesize_network": Need(memory_mb=4000, minutes=120, of=("cohort",), usual_mb=1.0, gpu=True),
    "check_synthetic": Need(memory_mb=8000, minutes=120, of=("cohort",), usual_mb=1.0, memory_grows=True),
    "fit_network": Need(
        memory_mb=16000, minutes=720, of=("cohort",), usual_mb=1.0, memory_grows=True, gpu=True, training=True
    ),
    "predict_network": Need(memory_mb=8000, minutes=120, of=("cohort",), usual_mb=1.0, memory_grows=True, gpu=True),
    "fit_tabular": Need(memory_mb=2000, minutes=30, of=("cohort",), usual_mb=10.0, memory_grows=True),
    "predict_tabular": Need(memory_mb=2000, minutes=30, of=("cohort",), usual_mb=10.0, memory_grows=True),
    "fit_sequence": Need(memory_mb=4000, minutes=240, of=("values",), usual_mb=1.0, memory_grows=True, gpu=True),
    "predict_sequence": Need(memory_mb=3000, minutes=60, of=("values",), usual_mb=1.0, memory_grows=True, gpu=True),
    "fit_landmark": Need(memory_mb=3000, minutes=60, of=("values",), usual_mb=1.0, memory_grows=True),
    "predict_landmark": Need(memory_mb=2000, minutes=30, of=("values",), usual_mb=1.0, memory_grows=True),
    "fit_text": Need(memory_mb=4000, minutes=240, of=("cohort",), usual_mb=1.0, memory_grows=True, gpu=True),
    "predict_text": Need(memory_mb=3000, minutes=60, of=("cohort",), usual_mb=1.0, memory_grows=True, gpu=True),
    "explain_network": Need(memory_mb=8000, minutes=240, gpu=True),
    "explain_text": Need(memory_mb=4000, minutes=120, of=("reports",), usual_mb=5.0, memory_grows=True, gpu=True),
    "explain_sequence": Need(memory_mb=4000, minutes=120, of=("values",), usual_mb=1.0, memory_grows=True, gpu=True),
    "fit_permuted": Need(memory_mb=16000, minutes=720, of=("cohort",), usual_mb=1.0, memory_grows=True, gpu=True),
    "explain_record": Need(memory_mb=3000, minutes=60, of=("cohort",), usual_mb=1.0),
    "explain_page": Need(memory_mb=3000, minutes=30),
    "evaluate": Need(memory_mb=4000, minutes=120, of=("predictions",), usual_mb=5.0, memory_grows=True),
    "evaluate_trajectory": Need(memory_mb=4000, minutes=120, of=("predictions",), usual_mb=5.0, memory_grows=True),
    "expansion_study": Need(memory_mb=4000, minutes=120, of=("predictions",), usual_mb=5.0, memory_grows=True),
    "outcome_study": Need(memory_mb=4000, minutes=120, of=("predictions",), usual_mb=5.0, memory_grows=True),
    "table_study": Need(memory_mb=4000, minutes=240, of=("table",), usual_mb=0.2),
    "trajectory_study": Need(memory_mb=4000, minutes=720, of=("table",), usual_mb=0.2),
    "write_report": Need(memory_mb=4000, minutes=60, of=("scans", "cohorts"), usual_mb=20.0, memory_grows=True),
}
"""Kinds of jobs that are worth a place in a cluster's queue; what is missing here runs where Snakemake runs.

In the simulated cohort a scan takes 0.5 kB of a scans table, a patient 0.8 kB of a cohort and a slice 0.1 kB of a
selection: the usual sizes are some 500 scans to convert, 1,000 to plan with, 200 to segment, 1,300 patients to fit on.
"""


def memory_mb(need: Need, attempt: int, size_mb: float, largest_mb: int | None, processes: int = 1) -> int:
    """Memory of an attempt, MB.

    Parameters
    ----------
    need : Need
        What the first attempt asks for.
    attempt : int
        1, 2, ...; the memory doubles each time.
    size_mb : float
        Size of the inputs that count, MB.
    largest_mb : int or None
        Never more than this.
    processes : int
        Processes of the job, each of which needs as much.
    """
    wanted = processes * need.memory_mb * 2 ** (attempt - 1) * (_growth(need, size_mb) if need.memory_grows else 1.0)
    return max(LEAST_MEMORY_MB, min(math.ceil(wanted), largest_mb or math.ceil(wanted)))


def minutes(need: Need, attempt: int, size_mb: float, longest: int | None) -> int:
    """Time of an attempt, minutes; parameters as in `memory_mb`."""
    wanted = math.ceil(need.minutes * 2 ** (attempt - 1) * _growth(need, size_mb))
    return min(wanted, longest or wanted)


def _growth(need: Need, size_mb: float) -> float:
    return max(1.0, size_mb / need.usual_mb)


def size_mb(paths: list[str | Path]) -> float:
    """Size of those files that are there already, MB (10^6 bytes); in a dry run most are not."""
    return sum(os.path.getsize(path) for path in paths if os.path.isfile(path)) / 1e6


def processes_of(kind: str, gpus_per_training: int) -> int:
    """Processes of a job: those of a training, or one."""
    return gpus_per_training if NEEDS[kind].training else 1


def resources(kind: str | Callable, site: Site, gpus: int, gpus_per_training: int = 1) -> dict[str, Callable]:
    """Resources of a rule, for Snakemake to call with a job's wildcards, inputs and attempt.

    Parameters
    ----------
    kind : str or callable
        Key of `NEEDS`, or a function of the wildcards that returns one.
    site : Site
        Limits of the cluster.
    gpus : int
        1 if jobs that can use a GPU get one, else 0.
    gpus_per_training : int
        Processes of a training, each with a GPU of its own if jobs get any.

    Returns
    -------
    dict
        ``mem_mb``, ``runtime`` (minutes) and ``gpu``; ``nodes`` for several GPUs; ``gpu_model`` and ``slurm_account``
        where the site names them.
    """

    def name(wildcards) -> str:
        return kind(wildcards) if callable(kind) else kind

    def need(wildcards) -> Need:
        return NEEDS[name(wildcards)]

    def processes(wildcards) -> int:
        return processes_of(name(wildcards), gpus_per_training)

    def on_gpu(wildcards) -> bool:
        return need(wildcards).gpu and gpus > 0

    def mem_mb(wildcards, input, attempt) -> int:
        job, largest = need(wildcards), site.gpu_memory_mb if on_gpu(wildcards) else site.memory_mb
        return memory_mb(job, attempt, size_mb(_counted(job, input)), largest, processes(wildcards))

    def runtime(wildcards, input, attempt) -> int:
        job, longest = need(wildcards), site.gpu_minutes if on_gpu(wildcards) else site.minutes
        return minutes(job, attempt, size_mb(_counted(job, input)), longest)

    def gpu(wildcards) -> int:
        return processes(wildcards) if on_gpu(wildcards) else 0

    found = {"mem_mb": mem_mb, "runtime": runtime, "gpu": gpu}
    if site.gpu_model:
        found["gpu_model"] = lambda wildcards: site.gpu_model if on_gpu(wildcards) else None
    if gpus_per_training > 1:  # or Slurm may take the GPUs of several nodes
        found["nodes"] = lambda wildcards: 1 if gpu(wildcards) > 1 else None
    if site.account:
        found["slurm_account"] = site.account
    return found


def _counted(need: Need, inputs) -> list[str]:
    """Paths of the inputs whose size counts."""
    found = []
    for name in need.of:
        value = getattr(inputs, name, [])
        found += [value] if isinstance(value, str) else list(value)
    return found
