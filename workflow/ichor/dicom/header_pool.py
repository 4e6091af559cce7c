"""Children that read headers: started, fed, watched by the clock, replaced when a file takes one down."""

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import ichor
from ichor.dicom.limits import Limits

BATCH = 16  # paths that wait in the child's pipe at a time: 16 of 4,096 bytes are what a pipe of 64 KB holds
START_SECONDS = 60.0  # importing pydicom on a busy machine


class _Child:
    """One header reader process and the lines it has sent."""

    def __init__(self, limits: Limits) -> None:
        environment = {
            "PATH": os.environ.get("PATH", ""),
            "PYTHONPATH": str(Path(ichor.__file__).parent.parent),
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "ichor.dicom.header_reader", str(limits.header_memory_mb)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
        )
        self.buffer = b""
        if self.answer(START_SECONDS) is None:
            self.close()
            raise RuntimeError("the process that reads DICOM headers does not start; is pydicom installed here?")

    def send(self, paths: Sequence[str]) -> None:
        try:
            self.process.stdin.write("".join(json.dumps(path) + "\n" for path in paths).encode())
            self.process.stdin.flush()
        except BrokenPipeError:
            return  # the answer that does not come says so

    def answer(self, seconds: float) -> dict[str, Any] | None:
        """Return the next answer, or None when the process died or the time is over."""
        deadline = time.monotonic() + seconds
        while b"\n" not in self.buffer:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.process.stdout], [], [], left)[0]:
                return None
            block = os.read(self.process.stdout.fileno(), 1 << 16)
            if not block:
                return None
            self.buffer += block
        line, self.buffer = self.buffer.split(b"\n", 1)
        return json.loads(line)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


class HeaderPool:
    """Children that read headers, started when first needed and kept until the pool is closed.

    Parameters
    ----------
    limits : Limits
        Memory of a child and time for one file.
    workers : int
        Child processes at a time.
    """

    def __init__(self, limits: Limits, workers: int = 1) -> None:
        self._limits = limits
        self._children: list[_Child | None] = [None] * max(1, workers)

    def __enter__(self) -> "HeaderPool":
        return self

    def __exit__(self, *_: object) -> None:
        for child in self._children:
            if child is not None:
                child.close()

    def read(self, paths: Sequence[str]) -> list[dict[str, Any]]:
        """Read many headers.

        Parameters
        ----------
        paths : sequence of str
            Regular files.

        Returns
        -------
        list of dict
            One answer per path, in order: see `ichor.dicom.header_reader.describe`. A file that took its reader down
            has the answer ``{"error": "unreadable_file", ...}``.
        """
        if not paths:
            return []
        workers = min(len(self._children), len(paths) // BATCH + 1)
        size = -(-len(paths) // workers)
        shares = [paths[start : start + size] for start in range(0, len(paths), size)]
        with ThreadPoolExecutor(len(shares)) as pool:
            parts = list(pool.map(lambda number: list(self._read_share(number, shares[number])), range(len(shares))))
        return [answer for part in parts for answer in part]

    def _read_share(self, number: int, paths: Sequence[str]) -> Iterator[dict[str, Any]]:
        limits, todo = self._limits, list(paths)
        while todo:
            child = self._children[number] = self._children[number] or _Child(limits)
            batch = todo[:BATCH]
            child.send(batch)
            done = 0
            for _ in batch:
                answer = child.answer(limits.header_seconds)
                done += 1
                if answer is None:
                    detail = f"reader stopped: over {limits.header_seconds:g} s or {limits.header_memory_mb} MB"
                    yield {"error": "unreadable_file", "detail": detail}
                    child.close()
                    self._children[number] = None
                    break
                yield answer
            todo = todo[done:]
