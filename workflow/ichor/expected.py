"""What a run would cost: jobs, CPU and GPU hours, disk. Printed at the end of a dry run.

Hours "at most" are the rules' own time limits, all jobs together; real times are far below. Where this study has
records of earlier jobs, the mean of a rule's jobs says what the planned ones will take and write.
"""

import json
import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ichor.disk_space import free_bytes
from ichor.jobs.record import RECORDS

RECORDS_PER_RULE = 20  # enough for a mean, and a dry run must stay quick
MB_PER_SCAN = {"convert_shard": 11.2, "segment_shard": 0.04}
"""Disk of one scan of 512 x 512 x 28 voxels where this study has not measured it yet: converted 6.0 MB (full range of
HU, dcm2niix's gzip) and 5.2 MB in work/volumes, one mask 0.04 MB (mean of 40). Measured on the GE head CT of dcm_qa_ct
and on the masks of PHE-SICH-CT-IDS; thin slices are as many times more."""


@dataclass(frozen=True)
class PlannedJob:
    """One job that Snakemake wants to run.

    Attributes
    ----------
    rule : str
        Name of its script, which is that of its records.
    stage : str
        Where its rule stands.
    threads : int
        CPU cores.
    limit_min : float or None
        The rule's time limit, minutes; None for the quick jobs that have none.
    gpus : int
        GPUs.
    """

    rule: str
    stage: str
    threads: int = 1
    limit_min: float | None = None
    gpus: int = 0


@dataclass(frozen=True)
class Measured:
    """Means over the earlier jobs of a rule; None where nothing was measured."""

    hours: float | None
    n_bytes: float | None


@dataclass(frozen=True)
class Line:
    """One stage of the table."""

    stage: str
    jobs: int
    heavy: int
    cpu_h: float
    gpu_h: float
    measured_h: float
    measured_jobs: int


def measure(rules: Iterable[str], study_dir: str | Path = ".") -> dict[str, Measured]:
    """Read what earlier jobs of some rules took and wrote, from at most `RECORDS_PER_RULE` records of each.

    Jobs whose outputs came from the store say nothing about time, and count for bytes only.
    """
    found = {}
    for rule in set(rules):
        records = [record for path in _some_records(Path(study_dir, RECORDS, rule)) if (record := _record(path))]
        hours = [record["seconds"] / 3600 for record in records if not record["kept"]]
        sizes = [sum(made["bytes"] for made in record["outputs"].values()) for record in records]
        found[rule] = Measured(_mean(hours), _mean(sizes))
    return found


def _some_records(folder: Path) -> list[Path]:
    """Records that are spread evenly over all that there are."""
    paths = sorted(folder.glob("*.json")) if folder.is_dir() else []
    step = max(1, len(paths) / RECORDS_PER_RULE)
    return [paths[int(number * step)] for number in range(min(len(paths), RECORDS_PER_RULE))]


def _record(path: Path) -> dict | None:
    try:
        record = json.loads(path.read_text())
        return record if {"seconds", "kept", "outputs"} <= record.keys() else None
    except (OSError, ValueError, AttributeError):
        return None


def _mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None


def lines(jobs: Iterable[PlannedJob], measured: Mapping[str, Measured]) -> list[Line]:
    """Sum up jobs by stage, in the order in which stages first appear."""
    stages = defaultdict(list)
    for job in jobs:
        stages[job.stage].append(job)
    return [_line(stage, members, measured) for stage, members in stages.items()]


def _line(stage: str, jobs: list[PlannedJob], measured: Mapping[str, Measured]) -> Line:
    limited = [job for job in jobs if job.limit_min is not None]
    hours = [measured[job.rule].hours for job in jobs if job.rule in measured and measured[job.rule].hours is not None]
    return Line(
        stage=stage,
        jobs=len(jobs),
        heavy=len(limited),
        cpu_h=sum(job.threads * job.limit_min for job in limited) / 60,
        gpu_h=sum(job.gpus * job.limit_min for job in limited) / 60,
        measured_h=sum(hours),
        measured_jobs=len(hours),
    )


def disk_bytes(
    jobs: Iterable[PlannedJob], measured: Mapping[str, Measured], shares: Mapping[str, float]
) -> tuple[float, set[str], set[str]]:
    """Bytes that the planned jobs will write.

    Parameters
    ----------
    jobs : iterable of PlannedJob
        All planned jobs.
    measured : mapping
        By rule, see `measure`.
    shares : mapping of str to float
        Scans per job of the rules in `MB_PER_SCAN`, where that is known; used for rules that were not measured.

    Returns
    -------
    n_bytes : float
        Sum over the jobs of rules that are measured or in `shares`.
    by_measure, by_constant : set of str
        Rules that were summed from records of this study, and from `MB_PER_SCAN`.
    """
    total, by_measure, by_constant = 0.0, set(), set()
    for job in jobs:
        known = measured.get(job.rule)
        if known and known.n_bytes is not None:
            total += known.n_bytes
            by_measure.add(job.rule)
        elif job.rule in shares:
            total += shares[job.rule] * MB_PER_SCAN[job.rule] * 1e6
            by_constant.add(job.rule)
    return total, by_measure, by_constant


def describe(
    jobs: list[PlannedJob], measured: Mapping[str, Measured], shares: Mapping[str, float], study_dir: str | Path = "."
) -> str:
    """The whole summary as text, for people."""
    table = lines(jobs, measured)
    total = _line("total", jobs, measured)
    head = ("stage", "jobs", "heavy", "CPU hours at most", "GPU hours at most", "hours as measured")
    rows = [head, *(_cells(line) for line in [*table, total])]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    text = [
        "  ".join(
            cell.ljust(width) if number == 0 else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    text.append("At most: the rules' time limits, all heavy jobs one after another; the other jobs take seconds each.")
    if total.measured_jobs:
        text.append(
            f"As measured: the mean of earlier jobs of this study, for {total.measured_jobs} of the {total.jobs} jobs, "
            "one after another."
        )
    return "\n".join(["What this run would cost", *text, _disk(jobs, measured, shares, study_dir)])


def _cells(line: Line) -> tuple[str, ...]:
    hours = f"{line.measured_h:.1f}" if line.measured_jobs else "-"
    return line.stage, str(line.jobs), str(line.heavy), f"{line.cpu_h:.0f}", f"{line.gpu_h:.0f}", hours


def _disk(
    jobs: list[PlannedJob], measured: Mapping[str, Measured], shares: Mapping[str, float], study_dir: str | Path
) -> str:
    needed, by_measure, by_constant = disk_bytes(jobs, measured, shares)
    free = free_bytes(study_dir)
    sources = []
    if by_measure:
        sources.append("as earlier jobs of this study wrote")
    if by_constant:
        per_scan = sum(MB_PER_SCAN[rule] for rule in by_constant)
        sources.append(f"{per_scan:.1f} MB per scan for {' and '.join(sorted(by_constant))}, not measured here yet")
    if not sources:
        return f"Disk: {free / 1e9:.1f} GB free; what is needed can be said once some scans are converted."
    short = "" if needed <= free else " WARNING: that is not enough."
    return f"Disk: about {needed / 1e9:.1f} GB ({'; '.join(sources)}), {free / 1e9:.1f} GB free.{short}"


class DryRunSummary(logging.Handler):
    """Log handler that ends a dry run with the summary.

    Snakemake calls no hook in a dry run, but says what it plans in a log record with the event ``run_info``: once
    before it goes through the jobs, and once after. The second is answered.
    """

    def __init__(
        self, is_dry_run: Callable[[], bool], summary: Callable[[], str], log: logging.Logger, **extra
    ) -> None:
        super().__init__(logging.INFO)
        self._is_dry_run, self._summary, self._log, self._extra, self._seen = is_dry_run, summary, log, extra, 0

    def emit(self, record: logging.LogRecord) -> None:
        """Count the records that say what is planned."""
        if str(getattr(record, "event", "")) != "run_info" or not self._is_dry_run():
            return
        self._seen += 1
        if self._seen == 2:
            self._log.info(self._text(), extra=self._extra)

    def _text(self) -> str:
        try:
            return self._summary()
        except Exception as error:  # a summary that cannot be made must not take the plan with it
            return f"What this run would cost is not known: {type(error).__name__}: {error}"
