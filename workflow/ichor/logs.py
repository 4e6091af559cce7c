"""A job's log: everything it prints, and its traceback, goes to the rule's log file.

Logs are shown to others, so the log of a job that sees identifiers (it reads archives or clinical tables) tells where
an unexpected error happened but not its text, which may hold a path, a tag or a cell. The text goes to a private file.
"""

import logging
import os
import sys
import traceback
import warnings
from functools import partial
from pathlib import Path
from types import TracebackType

from ichor.errors import StudyError

ERRORS = Path("work/errors")
"""Texts of unexpected errors of jobs that see identifiers, for the owner's eyes."""


def log_to(path: str | Path, *, identifiers: bool = False) -> None:
    """Send standard output, standard error, warnings and `logging` of this process to `path`.

    Works on the file descriptors, so that child processes (dcm2niix, loader workers) write there too.
    Snakemake's ``script:`` does not fill the ``log:`` file by itself.

    Parameters
    ----------
    path : path
        The log file.
    identifiers : bool
        Whether the job sees identifiers: the texts of unexpected errors then go to a private file in `ERRORS`.
    """
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    sys.stdout.flush()
    sys.stderr.flush()
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    os.close(handle)
    sys.stdout = os.fdopen(1, "w", buffering=1, closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, closefd=False)
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", force=True
    )
    logging.captureWarnings(True)
    warnings.simplefilter("default")
    sys.excepthook = partial(_tell_privately, Path(path)) if identifiers else _tell


def _tell(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Print what is wrong with the study in plain words; anything else is a fault of ours and keeps its traceback."""
    if isinstance(error, StudyError):
        print(f"Cannot go on: {error}", file=sys.stderr, flush=True)
    else:
        sys.__excepthook__(kind, error, trace)


def _tell_privately(log: Path, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Like `_tell`, but the text of a fault of ours, which may hold an identifier, goes to a private file."""
    if isinstance(error, StudyError):
        _tell(kind, error, trace)
        return
    place = ERRORS / ("-".join(log.with_suffix(".txt").parts[-3:]))
    place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    place.unlink(missing_ok=True)
    with os.fdopen(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
        traceback.print_exception(kind, error, trace, file=stream)
    print("Traceback (most recent call last):", *traceback.format_tb(trace), sep="\n", file=sys.stderr)
    print(
        f"{kind.__name__}: the text of this error may hold an identifier and is not shown here. "
        f"It is in {place}, which only you can read.",
        file=sys.stderr,
        flush=True,
    )
