"""Call a function that reads a foreign file in a child process, under limits of memory, time and size.

What a hostile or broken file makes a parser do (fill the memory, run for ever, crash) happens in the child. It starts
once, imports what it needs, and is then given one file after another; when a file takes it down, that file is
unreadable and the next one gets a new child. Nothing is pickled: a request is a line of JSON, an answer is JSON text
and raw arrays in a file without a name that both processes hold open.

What the child may not do: take more memory than its limit, write files larger than an answer, start processes (unless
it runs as root), leave a core file. It still has the user's rights: it is no sandbox against code that runs in it.
"""

import atexit
import contextlib
import importlib
import json
import math
import os
import resource
import select
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import ichor
from ichor.errors import StudyError

START_SECONDS = 60.0  # importing numpy and a parser on a busy machine
GRACE_SECONDS = 5.0  # after which a child ends by itself when nobody stopped it
LONGEST_LINE = 1 << 16  # of an answer's summary, bytes
ARRAY_KINDS = "biuf"  # numpy's letters of booleans, whole numbers and floats: never objects
Reader = Callable[..., tuple[dict[str, Any], dict[str, np.ndarray]]]


class UnreadableError(Exception):
    """The file cannot be read within its limits; the message says why, without any text from the file."""


@dataclass(frozen=True)
class Confinement:
    """What reading one file may cost.

    Attributes
    ----------
    memory_mb : int
        Address space of the child, MB.
    seconds : float
        Time for one file, s.
    file_mb : int
        Larger files are not opened, MB.
    answer_mb : int
        Largest answer, MB.
    """

    memory_mb: int = 4096
    seconds: float = 300.0
    file_mb: int = 1024
    answer_mb: int = 4096


def read(
    function: Reader, path: str | Path, limits: Confinement, **arguments: object
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Call ``function(path, **arguments)`` in a child process.

    Parameters
    ----------
    function : callable
        A function of a module of this library; takes a path and plain values, returns values that JSON can hold and
        arrays by name.
    path : path
        A regular file, or a link to one.
    limits : Confinement
        What it may cost.
    **arguments
        What JSON can hold.

    Returns
    -------
    values : dict
        As the function returned them, by way of JSON.
    arrays : dict of str to ndarray
        As the function returned them.

    Raises
    ------
    UnreadableError
        If it is no regular file, too large, or the function raised an error or ran into a limit. The message holds the
        name of an exception, not its text, which may be text of the file.
    StudyError
        If the function raised one.
    """
    _check_file(path, limits)
    child = _child(function, limits)
    with child.lock:
        return child.call(os.path.abspath(path), arguments)


def _check_file(path: str | Path, limits: Confinement) -> None:
    """Refuse pipes and devices, which may block or never end, and files beyond the limit."""
    try:
        about = os.stat(path)
    except OSError as error:
        raise UnreadableError(type(error).__name__) from None  # its text holds the path
    if not stat.S_ISREG(about.st_mode):
        raise UnreadableError("not a regular file")
    if about.st_size > limits.file_mb << 20:
        raise UnreadableError(f"{about.st_size / 2**20:.0f} MB, limit {limits.file_mb} MB")


class _Child:
    """A process that calls one function again and again; started at the first call, and anew after a failure."""

    def __init__(self, function: Reader, limits: Confinement) -> None:
        self.limits, self.lock = limits, threading.Lock()
        self._target = [function.__module__, function.__qualname__]
        self._process: subprocess.Popen | None = None
        self._answers = -1

    def call(self, path: str, arguments: Mapping[str, object]) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        if self._process is not None and self._process.poll() is not None:
            self.close()  # it was killed between two files: no fault of the next one
        if self._process is None:
            self._start()
        request = json.dumps({"path": path, "arguments": arguments}).encode() + b"\n"
        with contextlib.suppress(BrokenPipeError):  # then no answer comes, which says so
            self._process.stdin.write(request)
            self._process.stdin.flush()
        try:
            line = self._line(self.limits.seconds)
            if line is None:
                raise UnreadableError(f"over {self.limits.seconds:g} s or {self.limits.memory_mb} MB, or it crashed")
            return self._taken(line)
        except StudyError:
            raise
        except UnreadableError as error:
            if not isinstance(error, _ToldError):
                self.close()
            raise UnreadableError(str(error)) from None

    def _start(self) -> None:
        limits = self.limits
        self._answers = os.memfd_create("ichor-answer", os.MFD_CLOEXEC)
        numbers = [limits.memory_mb, limits.seconds, limits.answer_mb, self._answers]
        environment = {
            "PATH": os.environ.get("PATH", ""),
            "PYTHONPATH": str(Path(ichor.__file__).parent.parent),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONUTF8": "1",
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
        }
        self._process = subprocess.Popen(
            # -P: no module is imported from the working directory
            [sys.executable, "-P", "-m", "ichor.confined", *self._target, *map(str, numbers)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            pass_fds=[self._answers],
            env=environment,
        )
        if self._line(START_SECONDS) is None:
            self.close()
            raise RuntimeError(f"the process for {'.'.join(self._target)} does not start")

    def _line(self, seconds: float) -> bytes | None:
        """Return the next line of the child, or None when it died, said too much, or the time is over."""
        deadline, text = time.monotonic() + seconds, b""
        while b"\n" not in text:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self._process.stdout], [], [], left)[0]:
                return None
            block = os.read(self._process.stdout.fileno(), LONGEST_LINE)
            if not block or len(text) > LONGEST_LINE:
                return None
            text += block
        return text.partition(b"\n")[0]

    def _taken(self, line: bytes) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Copy an answer out of the shared file; a child that a file took over may have written anything there."""
        try:
            summary = json.loads(line)
            if "study_error" in summary:
                raise StudyError(str(summary["study_error"]))
            if "error" in summary:
                raise _ToldError(str(summary["error"])[:60])
            size = int(summary["values"])
            values = json.loads(self._bytes(0, size))
            arrays, start = {}, size
            for name, kind, shape, order in summary["arrays"]:
                arrays[str(name)] = self._array(start, kind, shape, order)
                start += arrays[str(name)].nbytes
        except StudyError:  # a ValueError, too
            raise
        except (ValueError, TypeError, KeyError, OSError, OverflowError, RecursionError, MemoryError) as error:
            raise UnreadableError(f"an answer that is none: {type(error).__name__}") from None
        finally:
            with contextlib.suppress(OSError):
                os.ftruncate(self._answers, 0)  # gives the memory back
        return values, arrays

    def _array(self, start: int, kind: str, shape: list[int], order: str) -> np.ndarray:
        dtype = np.dtype(str(kind))
        if dtype.kind not in ARRAY_KINDS or order not in ("C", "F") or min(shape, default=0) < 0:
            raise ValueError("no array of numbers")
        count = math.prod(int(length) for length in shape)
        return np.frombuffer(self._bytes(start, count * dtype.itemsize), dtype).reshape(shape, order=order)

    def _bytes(self, start: int, size: int) -> bytearray:
        if not 0 <= size <= os.fstat(self._answers).st_size - start:
            raise ValueError("an answer that is not there")
        content = bytearray(size)
        view, done = memoryview(content), 0
        while done < size:
            got = os.preadv(self._answers, [view[done:]], start + done)
            if not got:
                raise ValueError("an answer that is cut off")
            done += got
        return content

    def close(self) -> None:
        """Stop the process, if it runs."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        process.stdout.close()
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
        os.close(self._answers)


class _ToldError(UnreadableError):
    """The function raised an error; its child goes on."""


_children: dict[tuple, _Child] = {}


def _child(function: Reader, limits: Confinement) -> _Child:
    """Return the child of this process for a function and its limits; a forked worker gets its own."""
    name = (os.getpid(), function.__module__, function.__qualname__, limits)
    return _children.setdefault(name, _Child(function, limits))


def close_all() -> None:
    """Stop all children of this process; the next call starts a new one."""
    for name in [name for name in _children if name[0] == os.getpid()]:
        _children.pop(name).close()


atexit.register(close_all)


def limit_this_process(memory_mb: int, file_mb: int) -> None:
    """Limit memory and size of written files of this process; forbid core files and, unless it is root's, processes."""
    resource.setrlimit(resource.RLIMIT_AS, (memory_mb << 20, memory_mb << 20))
    resource.setrlimit(resource.RLIMIT_FSIZE, (file_mb << 20, file_mb << 20))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))


def _answer(function: Reader, request: dict[str, Any], answers: int) -> dict[str, Any]:
    """Call the function, write what it returns to the shared file, and return the summary of it."""
    try:
        values, arrays = function(request["path"], **request["arguments"])
        text = json.dumps(values).encode()
        os.ftruncate(answers, 0)
        os.lseek(answers, 0, os.SEEK_SET)
        _write(answers, memoryview(text))
        described = []
        for name, array in arrays.items():
            if array.dtype.kind not in ARRAY_KINDS or array.dtype.itemsize > 8:
                return {"error": f"values of type {array.dtype.name[:20]}"}
            order = "F" if array.flags.f_contiguous else "C"
            plain = array.T if order == "F" else np.ascontiguousarray(array)
            _write(answers, memoryview(plain).cast("B") if plain.size else memoryview(b""))
            described.append([name, array.dtype.str, list(array.shape), order])
        return {"values": len(text), "arrays": described}
    except StudyError as error:
        return {"study_error": str(error)[: LONGEST_LINE // 8]}
    except Exception as error:  # parsers raise many kinds; each means the file cannot be read
        return {"error": type(error).__name__}


def _write(answers: int, content: memoryview) -> None:
    while len(content):
        content = content[os.write(answers, content) :]


def main() -> None:
    """Answer requests on standard input until it ends: ``MODULE FUNCTION MEMORY_MB SECONDS ANSWER_MB DESCRIPTOR``."""
    module, name, memory_mb, seconds, answer_mb, answers = sys.argv[1:]
    function = getattr(importlib.import_module(module), name)
    out = os.dup(1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what a parser prints is no answer
    limit_this_process(int(memory_mb), int(answer_mb))
    os.write(out, b"ready\n")
    for line in sys.stdin.buffer:
        signal.setitimer(signal.ITIMER_REAL, float(seconds) + GRACE_SECONDS)  # also when the parent is gone
        summary = _answer(function, json.loads(line), int(answers))
        signal.setitimer(signal.ITIMER_REAL, 0)
        os.write(out, json.dumps(summary).encode() + b"\n")


if __name__ == "__main__":
    main()
