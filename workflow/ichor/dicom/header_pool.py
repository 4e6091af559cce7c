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

BATCH = 15  # paths that wait in the child's pipe at a time: 15 of 4,096 bytes fit into a pipe of 64 KB
TAR_DEATHS = 3  # readers that one tar archive may take down: each further one reads it from its beginning
START_SECONDS = 60.0  # importing pydicom on a busy machine
Answer = dict[str, Any]


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
        self.buffer, self.read = b"", 0
        if self.answer(START_SECONDS) is None:
            self.close()
            raise RuntimeError("the process that reads DICOM headers does not start; is pydicom installed here?")

    def send(self, requests: Sequence[tuple[str, int]]) -> None:
        try:
            self.process.stdin.write(
                "".join(json.dumps(request, ensure_ascii=False) + "\n" for request in requests).encode()
            )
            self.process.stdin.flush()
        except BrokenPipeError:
            return  # the answer that does not come says so

    def answer(self, seconds: float) -> Any:
        """Return the next line, or None when the process died or the time is over."""
        end = self.buffer.find(b"\n", self.read)
        if end < 0:
            blocks, deadline = [self.buffer[self.read :]], time.monotonic() + seconds
            while b"\n" not in blocks[-1]:
                left = deadline - time.monotonic()
                if left <= 0 or not select.select([self.process.stdout], [], [], left)[0]:
                    return None
                block = os.read(self.process.stdout.fileno(), 1 << 16)
                if not block:
                    return None
                blocks.append(block)
            self.buffer, self.read = b"".join(blocks), 0
            end = self.buffer.find(b"\n")
        line, self.read = self.buffer[self.read : end], end + 1
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

    def read(self, paths: Sequence[str]) -> list[list[Answer]]:
        """Read many headers.

        Parameters
        ----------
        paths : sequence of str
            Regular files.

        Returns
        -------
        list of list of dict
            The answers for each path, in order: see `ichor.dicom.header_reader.describe_stream`; those of an archive
            are its members' one after the other, each with its ``member``. What took its reader down has the answer
            ``{"error": "unreadable_file", ...}``.
        """
        if not paths:
            return []
        workers = min(len(self._children), len(paths) // BATCH + 1)
        size = -(-len(paths) // workers)
        shares = [paths[start : start + size] for start in range(0, len(paths), size)]
        with ThreadPoolExecutor(len(shares)) as pool:
            parts = list(pool.map(lambda number: list(self._read_share(number, shares[number])), range(len(shares))))
        return [answers for part in parts for answers in part]

    def _read_share(self, number: int, paths: Sequence[str]) -> Iterator[list[Answer]]:
        done = 0
        while done < len(paths):
            batch = paths[done : done + BATCH]
            child = self._child(number)
            child.send([(path, 0) for path in batch])
            for path in batch:
                answers, whole = self._collect(number, child, path)
                done += 1
                yield answers
                if not whole:  # what is left of the batch was lost with the child
                    break

    def _child(self, number: int) -> _Child:
        child = self._children[number] = self._children[number] or _Child(self._limits)
        return child

    def _collect(self, number: int, child: _Child, path: str) -> tuple[list[Answer], bool]:
        """Take the answers for one path; also tell whether the child that was asked first is still there."""
        line = child.answer(self._limits.header_seconds)
        if line is None:
            self._stop(number)
            return [self._stopped()], False
        if isinstance(line, list):
            return line, True
        if "tar" in line:
            return self._collect_tar(number, child, path)
        names, answers, whole, at = line["members"], [], True, 0
        while at < len(names):
            line = child.answer(self._limits.header_seconds)
            if line is None:  # one member takes its reader down, not the archive
                self._stop(number)
                line, whole = [self._stopped()], False
                if at + 1 < len(names):
                    child = self._child(number)
                    child.send([(path, at + 1)])
                    if not isinstance(child.answer(self._limits.header_seconds), dict):
                        self._stop(number)
                        answers += [self._stopped() | {"member": name} for name in names[at:]]
                        break
            answers += [answer | {"member": names[at]} for answer in line]
            at += 1
        return answers, whole

    def _collect_tar(self, number: int, child: _Child, path: str) -> tuple[list[Answer], bool]:
        """Take what comes about an archive whose names are not known before."""
        answers: list[Answer] = []
        name, at, done = "", -1, 0  # the last name, its place, how many are answered for
        deaths = 0
        while True:
            line = child.answer(self._limits.header_seconds)
            if isinstance(line, dict) and "end" in line:
                return answers, not deaths
            if isinstance(line, dict):
                name, at = line.get("member", ""), at + ("member" in line)
                continue
            if line is not None:
                answers += [answer | {"member": name if at == done else ""} for answer in line]
                done += at == done
                continue
            self._stop(number)
            deaths += 1
            answers.append(self._stopped() | {"member": name if at == done else ""})
            if at != done or deaths > TAR_DEATHS:  # the archive itself takes its reader down, or many of its members
                return answers, False
            child, at, done = self._child(number), -1, done + 1
            child.send([(path, done)])

    def _stop(self, number: int) -> None:
        self._children[number].close()
        self._children[number] = None

    def _stopped(self) -> Answer:
        limits = self._limits
        detail = f"reader stopped: over {limits.header_seconds:g} s or {limits.header_memory_mb} MB"
        return {"error": "unreadable_file", "detail": detail}
