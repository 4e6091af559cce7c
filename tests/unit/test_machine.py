"""Memory of a job is its own, whatever started it."""

import os
import subprocess
import sys

from ichor.machine import machine

PRINT = "from ichor.machine import peak_memory_mb; print(peak_memory_mb())"
FILL = "block = bytearray(b'1' * (200 << 20)); del block"


def peak_mb(program: str, repository) -> float:
    environment = {"PYTHONPATH": str(repository / "workflow")}
    return float(
        subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, check=True).stdout
    )


def test_peak_memory_counts_what_was_freed_again(repository):
    assert peak_mb(f"{FILL}; {PRINT}", repository) > 200


def test_peak_memory_is_not_that_of_the_process_that_started_this_one(repository):
    start = f"import os, sys; {FILL}; os.execv(sys.executable, [sys.executable, '-c', {PRINT!r}])"
    assert peak_mb(start, repository) < 100


def test_machine_names_nobody():
    assert os.uname().nodename not in str(machine())
