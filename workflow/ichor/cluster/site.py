"""A site's partitions file as the workflow needs it: limits of its partitions, and what every job asks for besides."""

import os
from dataclasses import dataclass
from pathlib import Path

import yaml

from ichor.errors import StudyError

OWN = "ichor"
"""Part of the partitions file that Slurm's executor passes over and this module reads."""
KEYS = ("account", "gpu_model")
PARTITIONS = "SNAKEMAKE_SLURM_PARTITIONS"
"""Environment variable of Slurm's executor that names the partitions file."""
GPUS = "ICHOR_GPUS"
"""Environment variable by which a run tells its jobs how many GPUs each has: a node may see others than the login."""
MINUTES = {"s": 1 / 60, "m": 1, "h": 60, "d": 1440, "w": 10080}


@dataclass(frozen=True)
class Site:
    """What a cluster offers; the defaults are a computer without one.

    Attributes
    ----------
    gpus : int
        GPUs of the partition that has most; 0 without a GPU partition.
    memory_mb, minutes : int or None
        Largest memory and longest time that some partition allows; None = no limit.
    gpu_memory_mb, gpu_minutes : int or None
        The same of the partitions with GPUs.
    account, gpu_model : str or None
        Account of every job, and model of the GPU of every GPU job; None = Slurm's default, any.
    """

    gpus: int = 0
    memory_mb: int | None = None
    minutes: int | None = None
    gpu_memory_mb: int | None = None
    gpu_minutes: int | None = None
    account: str | None = None
    gpu_model: str | None = None


def read_site(path: Path) -> Site:
    """Read a partitions file.

    Raises
    ------
    StudyError
        If the file is not there, has no partitions, or a value is not understood.
    """
    if not path.is_file():
        raise StudyError(f"{path}: no such partitions file; profiles/slurm/partitions.yaml is the one to start from.")
    try:
        found = yaml.safe_load(path.read_text())
    except yaml.YAMLError as error:
        raise StudyError(f"{path}: not YAML: {error}") from None
    partitions = found.get("partitions") if isinstance(found, dict) else None
    if not isinstance(partitions, dict) or not partitions:
        raise StudyError(f"{path}: no partitions; name at least one, for example `partitions: {{cpu: {{}}}}`.")
    for name, limits in partitions.items():
        if not isinstance(limits, dict):
            raise StudyError(f"{path}: partition {name}: found {limits!r}; write its limits, or {{}} for none.")
    own = found.get(OWN) or {}
    unknown = [key for key in own if key not in KEYS]
    if unknown:
        raise StudyError(f"{path}: {OWN}: unknown key {unknown[0]!r}; there are {', '.join(KEYS)}.")
    with_gpu = {name: limits for name, limits in partitions.items() if limits.get("max_gpu")}
    return Site(
        gpus=max((int(limits["max_gpu"]) for limits in with_gpu.values()), default=0),
        memory_mb=_largest(path, partitions, "max_mem_mb"),
        minutes=_largest(path, partitions, "max_runtime"),
        gpu_memory_mb=_largest(path, with_gpu, "max_mem_mb"),
        gpu_minutes=_largest(path, with_gpu, "max_runtime"),
        **{key: str(own[key]) for key in KEYS if own.get(key) is not None},
    )


def _largest(path: Path, partitions: dict[str, dict], key: str) -> int | None:
    """Largest value of a limit; None if some partition has no such limit, or there is no partition."""
    if not partitions or any(key not in limits for limits in partitions.values()):
        return None
    read = _minutes if key == "max_runtime" else int
    values = []
    for name, limits in partitions.items():
        try:
            values.append(read(limits[key]))
        except (TypeError, ValueError):
            expected = "minutes, or for example 12h, 2d, 1-12:00:00" if read is _minutes else "a whole number"
            raise StudyError(f"{path}: partition {name}, {key}: found {limits[key]!r}; write {expected}.") from None
    return max(values)


def _minutes(value: str | int | float) -> int:
    """Minutes of ``90``, ``12h``, ``2d12h``, ``1-12:00:00`` or ``12:00:00``."""
    if isinstance(value, int | float):
        return int(value)
    text = value.strip()
    if "-" in text or ":" in text:
        days, _, clock = text.rpartition("-")
        parts = [int(part) for part in clock.split(":")]
        hours, minutes = (parts + [0])[:2] if days or len(parts) == 3 else (0, parts[0])
        return 1440 * int(days or 0) + 60 * hours + minutes
    if text[-1:] not in MINUTES:
        return int(text)
    total, number = 0.0, ""
    for letter in text:
        if letter in MINUTES:
            total, number = total + float(number) * MINUTES[letter], ""
        else:
            number += letter
    if number:
        raise ValueError(value)
    return int(total)


def partitions_file(named: str | None, run_dir: Path, delivered: Path) -> Path:
    """Partitions file of a run, with its absolute path told to the executor, which reads it in the study's directory.

    Parameters
    ----------
    named : str or None
        Value of ``--slurm-partition-config``; without it the environment variable counts.
    run_dir : Path
        Where the run was started; a relative path starts there.
    delivered : Path
        File that is taken when none is named.
    """
    file = Path(run_dir, named or os.environ.get(PARTITIONS) or delivered)
    os.environ[PARTITIONS] = str(file)
    return file


def gpus_per_job(*, device: str, there: bool, decide: bool, **_: object) -> int:
    """Whether jobs that can use a GPU get one: 1 or 0; a training in several processes gets as many as it has.

    Parameters
    ----------
    device
        As in ``compute`` of the config.
    there : bool
        Whether this computer, or a partition of the cluster, has a GPU.
    decide : bool
        Whether this is the process of the run, which decides, and not that of a job, which was told.
    """
    if not decide and device == "auto":
        return int(os.environ.get(GPUS, 0))
    gpus = 1 if device == "cuda" or (device == "auto" and there) else 0
    os.environ[GPUS] = str(gpus)
    return gpus


def refuse_more_gpus_than_a_node_has(site: Site, *, device: str, gpus_per_training: int, **_: object) -> None:
    """Stop before any job if no node of the cluster can do a training of so many GPUs.

    Parameters
    ----------
    site : Site
        Limits of the cluster.
    device, gpus_per_training
        As in ``compute`` of the config.

    Raises
    ------
    StudyError
        If the GPU partitions have fewer GPUs per node. Without any GPU partition, ``device: auto`` trains on the CPU.
    """
    if device != "cpu" and 0 < site.gpus < gpus_per_training:
        raise StudyError(
            f"compute.gpus_per_training is {gpus_per_training}, but no partition has nodes with more than {site.gpus} "
            f"GPUs (max_gpu in partitions.yaml); write at most {site.gpus}. A training stays on one node."
        )


def refuse_job_arrays(rules: str | None) -> None:
    """Stop before any job if Slurm job arrays were asked for.

    Parameters
    ----------
    rules : str or None
        Value of ``--slurm-array-jobs``.

    Raises
    ------
    StudyError
        Always, if it is set. Seen with executor plugin 2.8.0: all tasks of an array inherit the state of its first
        row in ``sacct``, so a task that still runs counts as done; and each task checks the outputs of the first, so
        one that fails deletes those (issues 447 and 473 of the plugin).
    """
    if rules:
        raise StudyError(
            f"--slurm-array-jobs={rules}: not with Ichor. In version 2.8.0 of Snakemake's Slurm executor a task of an "
            "array that still runs is reported as finished, and one that fails deletes the outputs of another. Leave "
            "the option out: Ichor submits shards, not scans, so that arrays have little to save."
        )
