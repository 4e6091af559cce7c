"""Records of jobs: one JSON file per job under ``work/records``, the last time that it ran or was kept."""

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

RECORDS = Path("work/records")


def record_path(rule: str, wildcards: Mapping[str, str], study_dir: str | Path = ".") -> Path:
    """Place of a job's record."""
    return Path(study_dir, RECORDS, rule, ("-".join(map(str, wildcards.values())) or "all") + ".json")


def write_record(record: Mapping, study_dir: str | Path = ".") -> Path:
    """Write a job's record, whole or not at all, and return its path."""
    path = record_path(record["rule"], record["wildcards"], study_dir)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    part = path.with_suffix(f".{os.getpid()}.part")
    part.write_text(json.dumps(record, indent=1) + "\n")
    os.replace(part, path)
    return path


def read_records(study_dir: str | Path = ".") -> Iterator[dict]:
    """Yield all records of a study, sorted by rule and wildcards."""
    for path in sorted(Path(study_dir, RECORDS).glob("*/*.json")):
        yield json.loads(path.read_text())


def jobs_since(moment: float, study_dir: str | Path = ".") -> tuple[int, int]:
    """Count the jobs that ended since a time (as `time.time`): those that were done, and those that were kept."""
    recent = [p for p in Path(study_dir, RECORDS).glob("*/*.json") if p.stat().st_mtime >= moment]
    kept = sum(json.loads(path.read_text())["kept"] for path in recent)
    return len(recent) - kept, kept
