"""What was read, run and written: versions, machine, seed, config and the hashes of inputs and outputs."""

import hashlib
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

CHUNK = 1 << 20


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
        ichor, python, packages, machine, seed, started, written, config, inputs, outputs; each file with path, bytes
        and sha256. Everything but ``started`` and ``written`` depends on content alone. A file that is not there has
        no hash but a reason.

    Raises
    ------
    StudyError
        If `started` has no time zone.
    """
    if started is not None and started.tzinfo is None:
        raise StudyError("provenance: the start time has no time zone; use datetime.now(UTC).")
    study_dir = Path(study_dir)
    now = datetime.now(UTC).replace(microsecond=0)
    return {
        "ichor": __version__,
        "python": platform.python_version(),
        "seed": int(seed),
        "started": None if started is None else started.astimezone(UTC).replace(microsecond=0).isoformat(),
        "written": now.isoformat(),
        "machine": machine(),
        "packages": packages(),
        "config": without_places(config),
        "inputs": files(study_dir, inputs),
        "outputs": files(study_dir, outputs),
    }


def write(path: Path, record: Mapping[str, object]) -> None:
    """Write a record as JSON, whole or not at all."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(path.suffix + ".part")
    part.write_text(json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")
    os.replace(part, path)


def machine() -> dict[str, object]:
    """Kind of machine, as far as it can change a number: no name of host or user."""
    return {
        "system": platform.system(),
        "release": platform.release().split("-")[0],
        "architecture": platform.machine(),
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gb": _memory_gb(),
    }


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


def sha256(path: Path) -> str:
    """SHA-256 of a file's content, in hexadecimal."""
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        while block := stream.read(CHUNK):
            digest.update(block)
    return digest.hexdigest()


def without_places(value: object) -> object:
    """Copy of a config in which absolute paths keep their last part alone, as plain JSON values."""
    if isinstance(value, Mapping):
        return {str(key): without_places(item) for key, item in value.items()}
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
    return {"path": name, "bytes": path.stat().st_size, "sha256": sha256(path)}


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown"


def _memory_gb() -> float | None:
    info = Path("/proc/meminfo")
    if not info.is_file():
        return None
    total = next((line for line in info.read_text().splitlines() if line.startswith("MemTotal")), None)
    return None if total is None else round(int(total.split()[1]) / 1024**2, 1)
