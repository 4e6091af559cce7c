"""Rewrite the slices of one stack so that a converter sees one series: ``python -m ichor.dicom.unify MEMORY_MB``.

Needed when slices come from several series, or several files lie at one position. Runs in a process of its own, under
a memory limit, and speaks one line of JSON each way: ``{"files": [...], "positions": [...], "out": folder}`` in;
``{"kept": [...]}`` (indices of the files written, in order) or ``{"error": ...}`` out.
"""

import hashlib
import json
import os
import subprocess
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ichor
from ichor.dicom.limits import Limits

SERIES_TAGS = (
    "SeriesInstanceUID",
    "AcquisitionNumber",
    "SeriesNumber",
    "StudyDate",
    "StudyTime",
    "AcquisitionDateTime",
    "AcquisitionTime",
    "ContentTime",
)


class UnifyError(Exception):
    """The slices could not be made one series; ``duplicates`` says that two different images share a position."""

    def __init__(self, message: str, duplicates: bool = False) -> None:
        super().__init__(message)
        self.duplicates = duplicates


def unify(files: Sequence[str], positions: Sequence[int], out: Path, limits: Limits) -> list[int]:
    """Write one file per position to `out`.

    Parameters
    ----------
    files : sequence of str
        DICOM files in spatial order.
    positions : sequence of int
        Number of the position of each file; equal numbers are duplicates, of which the first is kept if the pixels
        of all are the same.
    out : Path
        Existing folder.
    limits : Limits
        Memory and time of the child process.

    Returns
    -------
    list of int
        Indices of the files that were kept.

    Raises
    ------
    UnifyError
        If a file cannot be read or duplicates differ.
    """
    task = json.dumps(dict(files=list(files), positions=[int(p) for p in positions], out=str(out)))
    environment = {"PATH": os.environ.get("PATH", ""), "PYTHONPATH": str(Path(ichor.__file__).parent.parent)}
    command = [sys.executable, "-m", "ichor.dicom.unify", str(limits.convert_memory_mb)]
    try:
        done = subprocess.run(
            command,
            input=task,
            capture_output=True,
            text=True,
            timeout=limits.convert_seconds,
            env=environment,
            check=False,
        )
        answer = json.loads(done.stdout)
    except (subprocess.TimeoutExpired, json.JSONDecodeError) as error:
        raise UnifyError(f"joining series failed: {type(error).__name__}") from error
    if "error" in answer:
        raise UnifyError(answer["error"], answer["duplicates"])
    return answer["kept"]


def _unify(files: list[str], positions: list[int], out: str) -> dict[str, Any]:
    from pydicom import dcmread

    kept: list[int] = []
    digests: dict[int, str] = {}
    first: dict[str, Any] = {}
    for number, (file, position) in enumerate(zip(files, positions, strict=True)):
        image = dcmread(file)
        digest = hashlib.sha256(image.PixelData).hexdigest()
        if position in digests:
            if digests[position] != digest:
                return {"error": "two different images at one position", "duplicates": True}
            continue
        digests[position] = digest
        if not kept:
            first = {name: image.get(name) for name in SERIES_TAGS}
        for name in SERIES_TAGS:
            if first[name] is not None:
                setattr(image, name, first[name])
            elif name in image:
                delattr(image, name)
        kept.append(number)
        image.InstanceNumber = len(kept)
        image.save_as(Path(out, f"{len(kept):05d}.dcm"))
    return {"kept": kept}


def main() -> None:
    """Do the task on standard input."""
    from ichor.dicom.header_reader import limit_memory

    limit_memory(int(sys.argv[1]))
    warnings.simplefilter("ignore")
    task = json.loads(sys.stdin.read())
    try:
        answer = _unify(**task)
    except Exception as error:  # any parser error means one thing here: these files cannot be joined
        answer = {"error": f"joining series failed: {type(error).__name__}", "duplicates": False}
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    main()
