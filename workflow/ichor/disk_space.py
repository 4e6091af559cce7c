"""A full disk: found before long work where that is possible, told in plain words, and no half file left behind."""

import errno
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ichor.errors import StudyError

BYTES_PER_GB = 1e9
RESERVE_BYTES = 20_000_000
"""Asked for on top of what a job is expected to write: its log, its tables, Snakemake's own notes."""
PROBE_BYTES = 1 << 20
_NUMBERS = (errno.ENOSPC, errno.EDQUOT)
_WORDS = ("no space left on device", "disk quota exceeded", "(os error 28)", "(os error 122)")


class DiskFullError(StudyError):
    """A file could not be written, or will not fit: the message says where, what is needed and what is free."""


def free_bytes(folder: str | Path) -> int:
    """Bytes that this user may still write on the file system of `folder`, which need not exist yet.

    A quota of the user or the project is not seen here; it is met as an error when it is reached.
    """
    folder = Path(folder).absolute()
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


def require(folder: str | Path, needed_bytes: float, what: str) -> None:
    """Stop before long work whose results will not fit.

    Parameters
    ----------
    folder : path
        Where they are to be written.
    needed_bytes : float
        How much that will be, as well as it can be known; `RESERVE_BYTES` are added.
    what : str
        What they are, for example ``"64 masks"``.

    Raises
    ------
    DiskFullError
        If less is free.
    """
    free, needed = free_bytes(folder), needed_bytes + RESERVE_BYTES
    if free < needed:
        raise DiskFullError(
            f"{what}: needs about {_size(needed)} in {folder}, {_size(free)} free. Nothing was started. {_remedy()}"
        )


def is_full(error: BaseException) -> bool:
    """Whether an error, or what it came from, is that of a full disk or quota.

    Some libraries (safetensors, Arrow) raise errors of their own that name the system's in words only.
    """
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, DiskFullError) or (isinstance(seen, OSError) and seen.errno in _NUMBERS):
            return True
        if any(words in str(seen).lower() for words in _WORDS):
            return True
        seen = seen.__cause__ or seen.__context__
    return False


def has_room(folder: str | Path) -> bool:
    """Whether `PROBE_BYTES` can be written to `folder`, by trying: quotas count too.

    For errors that do not say why a file could not be written: numpy's and torch's do not.
    """
    try:
        with tempfile.TemporaryFile(dir=folder) as stream:
            stream.write(b"\1" * PROBE_BYTES)
    except OSError as error:
        return error.errno not in _NUMBERS
    return True


def check_room(folder: str | Path) -> None:
    """Stop if `has_room` says no: for programs that write without saying why they failed.

    Raises
    ------
    DiskFullError
    """
    if not has_room(folder):
        raise _error((folder,), None)


@contextmanager
def told(*folders: str | Path, needed_bytes: float | None = None) -> Iterator[None]:
    """Turn the error of a full disk into a `DiskFullError`; other errors pass.

    Parameters
    ----------
    folders : path
        What is written to; the message names the free space of each. None: the working directory.
    needed_bytes : float, optional
        How much is to be written, if known.
    """
    try:
        yield
    except DiskFullError:
        raise
    except Exception as error:
        if not _because_full(error, folders or (".",)):
            raise
        raise _error(folders, needed_bytes) from error


@contextmanager
def whole_file(path: str | Path) -> Iterator[Path]:
    """Give a path beside `path` to write to; it becomes `path` when the block ends, and nothing if it fails.

    So that a file with its final name is always whole, also when the disk was full or the job was killed. The
    suffixes are those of `path`, because libraries choose the format by them.
    """
    path = Path(path)
    part = path.with_name(f".part-{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.unlink(missing_ok=True)  # of a job that was killed
        yield part
        os.replace(part, path)
    except BaseException as error:
        full = _because_full(error, (path.parent,))
        part.unlink(missing_ok=True)
        if full:
            raise _error((path.parent,), None) from error
        raise


def _because_full(error: BaseException, folders: Iterable[str | Path]) -> bool:
    """Whether an error is one of writing to `folders` and came from a full disk."""
    if isinstance(error, DiskFullError) or not isinstance(error, Exception):
        return False
    return is_full(error) or (isinstance(error, OSError | RuntimeError) and not all(map(has_room, folders)))


def _error(folders: tuple[str | Path, ...], needed_bytes: float | None) -> DiskFullError:
    places = dict.fromkeys([*map(str, folders or (".",)), tempfile.gettempdir()])
    free = ", ".join(f"{_size(free_bytes(place))} in {place}" for place in places)
    needs = f" About {_size(needed_bytes + RESERVE_BYTES)} are needed." if needed_bytes is not None else ""
    return DiskFullError(
        f"The disk or the quota is full: a file could not be written.{needs} Free: {free}. {_remedy()}"
    )


def _remedy() -> str:
    return (
        "Free space (work/volumes and work/store may be deleted at any time) or move the study to a larger disk "
        "(snakemake --directory), then run the same command again; finished jobs are not repeated."
    )


def _size(n_bytes: float) -> str:
    return f"{n_bytes / BYTES_PER_GB:.1f} GB" if n_bytes >= 0.05 * BYTES_PER_GB else f"{n_bytes / 1e6:.0f} MB"
