"""Run a rule's script: log, key, store and record around the one call that does the work."""

import os
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from ichor import disk_space
from ichor.cluster import gpus
from ichor.jobs import key as keys
from ichor.jobs.hashes import content
from ichor.jobs.record import write_record
from ichor.jobs.store import configured_store, remove
from ichor.logs import log_to
from ichor.machine import machine, peak_memory_mb


def run(
    job,
    work: Callable,
    *,
    reads: Mapping[str, Callable] | None = None,
    modules: Callable[..., Sequence[str]] | None = None,
    intact: Callable | None = None,
    keep: bool = True,
    identifiers: bool = False,
) -> None:
    """Do a job, unless the store knows what it makes.

    Parameters
    ----------
    job
        Snakemake's script object.
    work : callable
        ``work(job)`` makes the outputs.
    reads : mapping of str to callable, optional
        For an input of which the job reads a part only: ``reads[name](job)`` returns that part, a table or a plain
        value. What else stands in the file does not make the job run again. A name that is no input's adds to the key
        what no file or parameter says.
    modules : callable, optional
        ``modules(job)`` names modules that are imported by a name only known at run time.
    intact : callable, optional
        ``intact(job)`` says, with the outputs in place, whether undeclared files that belong to them are there too;
        if not, the job is done.
    keep : bool
        Whether outputs are taken from and put into the store at all. False for jobs that read what no key can
        hold, like a center's archive.
    identifiers : bool
        Whether the job sees identifiers of patients, see `ichor.logs.log_to`.
    """
    log_to(job.log[0], identifiers=identifiers)
    with disk_space.told():
        _run(job, work, reads or {}, list(modules(job)) if modules else [], intact, keep)


def _run(
    job, work: Callable, reads: Mapping[str, Callable], modules: list[str], intact: Callable | None, keep: bool
) -> None:
    started, clock = datetime.now(UTC).isoformat(timespec="seconds"), time.monotonic()
    inputs = keys.named_files(job.input)
    hashes = {path: content(path)[0] if keep else None for paths in inputs.values() for path in paths}
    facts = _facts(job, Path(work.__globals__["__file__"]), modules)
    facts["read"] = keys.input_contents(inputs, hashes, {name: part(job) for name, part in reads.items()})
    outputs = {
        f"{name}-{number}": path
        for name, paths in keys.named_files(job.output).items()
        for number, path in enumerate(paths)
    }
    key = keys.job_key(**facts, outputs=sorted(outputs))
    store = configured_store(job.config) if keep else None
    entry = store.take(key, outputs) if store else None
    kept = entry is not None and (intact is None or intact(job))
    if kept:
        print(f"Kept: what this job reads is as it was at {entry['made']}, so its outputs are taken from the store.")
    else:
        for path in outputs.values():  # written anew, never over what the store may be linked to
            remove(path)
            path.parent.mkdir(parents=True, exist_ok=True)
        gpus.show_only(int(job.resources.get("gpu", 0)))
        work(job)
    made = {name: dict(zip(("sha256", "bytes"), content(path), strict=True)) for name, path in outputs.items()}
    if store and not kept:
        store.put(key, outputs, {"made": started, "outputs": made})
    record = facts | {
        "key": key,
        "kept": kept,
        "started": started,
        "ended": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": round(time.monotonic() - clock, 2),
        "peak_memory_mb": peak_memory_mb(),
        "machine": machine(),
        "slurm_job_id": os.environ.get("SLURM_JOB_ID"),
        "inputs": {str(path): sha256 for path, sha256 in hashes.items()},
        "outputs": {str(path): made[name] for name, path in outputs.items()},
    }
    write_record(record)


def _facts(job, script: Path, modules: list[str]) -> dict[str, object]:
    """What a job is, apart from what it reads."""
    code, packages = keys.code_of_script(script, modules)
    return {
        "rule": script.stem,
        "wildcards": dict(job.wildcards.items()),
        "params": keys.plain(dict(job.params.items())),
        "code": code,
        "packages": packages,
        "python": platform.python_version(),
        "threads": job.threads,
        "gpu": bool(job.resources.get("gpu", 0)),
    }
