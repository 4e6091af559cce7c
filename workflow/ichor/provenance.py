"""What was read, run and written: versions, machine, seed, config, the hashes of inputs and outputs, and every job."""

import json
import os
import platform
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path, PurePath

from ichor import __version__
from ichor.errors import StudyError
from ichor.jobs.hashes import file_sha256
from ichor.jobs.record import read_records
from ichor.machine import accelerators, machine

# What is taken of a job's record. Anything else that a record may hold stays in the study.
OF_A_JOB = (
    "rule wildcards key kept started ended seconds peak_memory_mb machine threads slurm_job_id code params read inputs "
    "outputs packages python"
).split()
SHARED = ("code", "packages")


def collect(
    study_dir: Path,
    *,
    inputs: Iterable[str | Path],
    outputs: Iterable[str | Path],
    config: Mapping[str, object],
    seed: int,
    started: datetime | None = None,
) -> dict:
    """Record of a run; holds no host name, user name or absolute path.

    The jobs are those whose outputs `outputs` are made from, in any number of steps, as ``work/records`` tells.

    Parameters
    ----------
    study_dir : Path
        The study's working directory; files are named relative to it.
    inputs, outputs : iterable of paths
        Files, or folders whose files are all taken; relative to `study_dir` or absolute.
    config : mapping
        The merged config.
    seed : int
        The one seed.
    started : datetime, optional
        When the run began, with its time zone.

    Returns
    -------
    dict
        ichor, python, packages, machine, seed, started, written, config, inputs, outputs, shared, jobs; each file with
        path, bytes and sha256. Without `started`, the start of the first job. Everything but times depends on content
        alone. A file that is not there has no hash but a reason.

    Raises
    ------
    StudyError
        If `started` has no time zone.
    """
    if started is not None and started.tzinfo is None:
        raise StudyError("provenance: the start time has no time zone; use datetime.now(UTC).")
    study_dir = Path(study_dir)
    now = datetime.now(UTC).replace(microsecond=0)
    outputs = list(outputs)
    did = jobs(study_dir, outputs)
    if started is None and did:
        started = min(datetime.fromisoformat(job["started"]) for job in did)
    return {
        "ichor": __version__,
        "python": platform.python_version(),
        "seed": int(seed),
        "started": None if started is None else started.astimezone(UTC).replace(microsecond=0).isoformat(),
        "written": now.isoformat(),
        "machine": machine() | {"accelerators": accelerators()},
        "packages": packages(),
        "config": without_places(config),
        "inputs": files(study_dir, inputs),
        "outputs": files(study_dir, outputs),
        **share(did),
    }


def jobs(study_dir: Path, outputs: Iterable[str | Path]) -> list[dict]:
    """Records of the jobs that some outputs are made by and from, sorted by rule and wildcards.

    Records of jobs that nothing here needs any more (a model that was taken out of the config) are left out.
    Absolute paths keep their last part alone.
    """
    records = {
        (record["rule"], *record["wildcards"].values()): record
        for record in read_records(study_dir)
        if "rule" in record
    }
    makers = {path: name for name, record in records.items() for path in record["outputs"]}
    needed: dict[tuple, dict] = {}
    waiting = [_relative(study_dir, Path(study_dir, path)) for path in outputs]
    while waiting:
        name = maker_of(waiting.pop(), makers)
        if name is not None and name not in needed:
            needed[name] = records[name]
            waiting.extend(records[name]["inputs"])
    return [
        without_places({key: value for key, value in needed[name].items() if key in OF_A_JOB})
        for name in sorted(needed)
    ]


def share(records: list[dict]) -> dict:
    """Records of jobs with what many of them have in common, code and packages, written once.

    Returns
    -------
    dict
        ``shared``: ``code`` and ``packages``, each name -> mapping, where the name is the rule's, with a number if the
        rule's jobs have several; ``jobs``: the records, with such a name in place of the mapping.
    """
    shared: dict[str, dict[str, dict]] = {kind: {} for kind in SHARED}
    jobs = []
    for record in records:
        names = {}
        for kind, known in shared.items():
            value, name, number = record.get(kind, {}), record["rule"], 2
            while known.setdefault(name, value) != value:
                name, number = f"{record['rule']} ({number})", number + 1
            names[kind] = name
        jobs.append(record | names)
    return {"shared": shared, "jobs": jobs}


def unshare(provenance: Mapping) -> list[dict]:
    """Records of the jobs as they were before `share`; none from a release that wrote none."""
    shared = provenance.get("shared", {})
    return [
        job | {kind: shared[kind][job[kind]] for kind in SHARED if kind in shared} for job in provenance.get("jobs", [])
    ]


def maker_of(path: str, makers: Mapping[str, tuple]) -> tuple | None:
    """The job that made a file: the file is one of its outputs, or lies in a folder that is one."""
    while path:
        if path in makers:
            return makers[path]
        path = path.rpartition("/")[0]
    return None


def write(path: Path, record: Mapping[str, object]) -> None:
    """Write a record as JSON, whole or not at all."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(path.suffix + ".part")
    part.write_text(json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")
    os.replace(part, path)


def packages() -> dict[str, str]:
    """Installed Python packages and versions, by name."""
    found = {dist.metadata["Name"]: dist.version for dist in metadata.distributions() if dist.metadata["Name"]}
    return dict(sorted(found.items(), key=lambda item: item[0].lower()))


def files(study_dir: Path, paths: Iterable[str | Path]) -> list[dict]:
    """Path (relative, with forward slashes), size in bytes and SHA-256 of files, each once, in order of their path."""
    found: dict[str, Path] = {}
    for given in paths:
        path = Path(study_dir, given)
        members = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
        for member in members:
            name, number = _relative(study_dir, member), 2
            while found.get(name, member).absolute() != member.absolute():  # same name, other folder outside the study
                name, number = f"{_relative(study_dir, member)} ({number})", number + 1
            found[name] = member
    return [_file(name, found[name]) for name in sorted(found)]


def without_places(value: object) -> object:
    """Copy of a config or record as plain JSON values; absolute paths, keys too, keep their last part alone."""
    if isinstance(value, Mapping):
        kept: dict[str, object] = {}
        for key, item in value.items():
            name, number = str(without_places(str(key))), 2
            while name in kept:  # same last part, other folder
                name, number = f"{without_places(str(key))} ({number})", number + 1
            kept[name] = without_places(item)
        return kept
    if isinstance(value, list | tuple):
        return [without_places(item) for item in value]
    if isinstance(value, PurePath):
        value = value.as_posix()
    if isinstance(value, str) and (value.startswith(("/", "~")) or re.match(r"[A-Za-z]:[\\/]", value)):
        return "…/" + re.split(r"[\\/]", value.rstrip("/\\"))[-1]
    if isinstance(value, float) and value != value:
        return None
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def _relative(study_dir: Path, path: Path) -> str:
    """Path below the study, or the last part alone of a file that lies elsewhere."""
    try:
        return path.absolute().relative_to(study_dir.absolute()).as_posix()
    except ValueError:
        return f"…/{path.name}"


def _file(name: str, path: Path) -> dict:
    if not path.is_file():
        return {"path": name, "bytes": None, "sha256": None, "reason": "not there"}
    return {"path": name, "bytes": path.stat().st_size, "sha256": file_sha256(path)}
