"""The machine that a job runs on, as far as it can change a number or a time; no name of host or user."""

import os
import platform
import shutil
import subprocess
from pathlib import Path


def machine() -> dict[str, object]:
    """Kind of machine: system, processor, cores that this process may use, memory."""
    return {
        "system": platform.system(),
        "release": platform.release().split("-")[0],
        "architecture": platform.machine(),
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gb": _memory_gb(),
    }


def accelerators() -> list[str]:
    """Names of the GPUs that this process may use."""
    if shutil.which("nvidia-smi") is None:
        return []
    command = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return sorted(done.stdout.split("\n")[:-1]) if done.returncode == 0 else []


def peak_memory_mb() -> float | None:
    """Largest resident memory of this process since its program began, MB; None where the system does not tell.

    Programs that it started are not counted. ``getrusage`` is no help here: it also knows what the process held before
    it became this program, which is the size of the one that started it.
    """
    status = Path("/proc/self/status")
    if not status.is_file():
        return None
    peak = next((line for line in status.read_text().splitlines() if line.startswith("VmHWM")), None)
    return None if peak is None else round(int(peak.split()[1]) / 1024, 1)


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown"


def _memory_gb() -> float | None:
    info = Path("/proc/meminfo")
    if not info.is_file():
        return None
    total = next((line for line in info.read_text().splitlines() if line.startswith("MemTotal")), None)
    return None if total is None else round(int(total.split()[1]) / 1024**2, 1)
