"""A job's log: everything it prints, and its traceback, goes to the rule's log file."""

import logging
import os
import sys
import warnings
from pathlib import Path
from types import TracebackType

from ichor.errors import StudyError


def log_to(path: str | Path) -> None:
    """Send standard output, standard error, warnings and `logging` of this process to `path`.

    Works on the file descriptors, so that child processes (dcm2niix, loader workers) write there too.
    Snakemake's ``script:`` does not fill the ``log:`` file by itself.
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
    sys.excepthook = _tell


def _tell(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Print what is wrong with the study in plain words; anything else is a fault of ours and keeps its traceback."""
    if isinstance(error, StudyError):
        print(f"Cannot go on: {error}", file=sys.stderr, flush=True)
    else:
        sys.__excepthook__(kind, error, trace)
