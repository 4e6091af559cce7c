"""A run as its provenance file tells it, and the tables that still lie beside that file."""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ichor.errors import StudyError
from ichor.jobs.hashes import file_sha256
from ichor.provenance import unshare

PROVENANCE = Path("results/provenance.json")
NEEDED = ("ichor", "python", "seed", "machine", "packages", "config", "inputs", "outputs")


@dataclass(frozen=True)
class Run:
    """One run.

    Attributes
    ----------
    record : dict
        Content of its ``provenance.json``.
    folder : Path
        The study's folder as the file's place tells it; the tables may be there or not.
    name : str
        What the study is called, for messages.
    """

    record: dict
    folder: Path
    name: str

    @cached_property
    def outputs(self) -> dict[str, str | None]:
        """Path -> SHA-256 of every file that the run wrote."""
        return {entry["path"]: entry["sha256"] for entry in self.record["outputs"]}

    @cached_property
    def jobs(self) -> dict[tuple, dict]:
        """(rule, wildcards) -> record of the job; empty for a run of a release that kept none."""
        return {_identity(job): job for job in unshare(self.record)}

    def table(self, path: str) -> Path | None:
        """The file as the run wrote it, or None when it is not there or no longer has the hash that was recorded."""
        file = self.folder / path
        if not file.is_file() or file_sha256(file) != self.outputs.get(path):
            return None
        return file


def provenance_file(place: str | Path) -> Path:
    """The provenance file that a path means: the file itself, or the one in a study's folder.

    Raises
    ------
    StudyError
        If there is none.
    """
    place = Path(place).expanduser()
    file = place / PROVENANCE if place.is_dir() else place
    if not file.is_file():
        raise StudyError(
            f"other: found no file {file.name} at {place}; name the folder of a finished study, or its "
            f"{PROVENANCE.as_posix()}."
        )
    return file


def other_run(other: str | None, own: Path) -> Path:
    """Provenance file of the run that config key ``other`` names.

    Raises
    ------
    StudyError
        If the key is empty, names nothing, or names the study's own run.
    """
    if not other:
        raise StudyError(
            "verify: which run is the other one? Write snakemake verify --config other=FOLDER-OF-THAT-STUDY."
        )
    file = provenance_file(other)
    if file.resolve() == own.resolve():
        raise StudyError(f"other: {other} is this study itself; name the folder of another run.")
    return file


def read_run(place: str | Path) -> Run:
    """Read a run from its provenance file or its study's folder.

    Raises
    ------
    StudyError
        If there is no such file, or it is not a provenance file of Ichor.
    """
    file = provenance_file(place)
    try:
        record = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise StudyError(f"{file}: not a JSON file ({error}); write the path of a results/provenance.json.") from error
    missing = [key for key in NEEDED if not isinstance(record, dict) or key not in record]
    if missing:
        raise StudyError(f"{file}: not a provenance file of Ichor: it has no {', '.join(missing)}.")
    name = str((record["config"].get("study") or {}).get("name", "")) if isinstance(record["config"], dict) else ""
    return Run(record, file.absolute().parent.parent, name or file.parent.parent.name)


def _identity(job: dict) -> tuple:
    return job["rule"], tuple(sorted(job.get("wildcards", {}).items()))
