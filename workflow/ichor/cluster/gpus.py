"""GPUs of a job: it sees as many as it asked for, and on one computer none that another job of ours uses.

On a cluster Slurm gives a job its GPUs. On one computer nobody does, so jobs that run at the same time take them by
locks on files, which the system lifts when a job ends, however it ends. More jobs than GPUs share them.
"""

import fcntl
import os
import subprocess
import tempfile
from pathlib import Path

VISIBLE = "CUDA_VISIBLE_DEVICES"
"""Names of the GPUs that a process may see, read by CUDA when it starts."""

_held: list[int] = []  # locks of this process


def show_only(gpus: int) -> None:
    """Hide all GPUs from this process and its children, but for as many as its job asked for.

    Must be called before anything uses CUDA.

    Parameters
    ----------
    gpus : int
        How many; where fewer are there, all of them.
    """
    given = os.environ.get(VISIBLE)
    if not gpus:
        names = []
    elif given is not None:
        names = [name.strip() for name in given.split(",") if name.strip()]
    else:
        names = _installed() or [str(number) for number in range(gpus)]
    os.environ[VISIBLE] = ",".join(_free_first(names, gpus)[:gpus])


def _installed() -> list[str]:
    """Numbers of the computer's GPUs; none without NVIDIA's program that lists them."""
    try:
        shown = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return []
    lines = [line for line in shown.stdout.splitlines() if line.startswith("GPU ")]
    return [str(number) for number, _ in enumerate(lines)]


def _free_first(names: list[str], gpus: int) -> list[str]:
    """The GPUs, those first that this process could lock; it locks `gpus` of them at most."""
    folder = Path(tempfile.gettempdir(), f"ichor-gpus-{os.getuid()}")
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_uid != os.getuid():
        return names
    free: list[str] = []
    for name in names:
        if len(free) == gpus:
            break
        handle = os.open(folder / name.replace("/", "_"), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(handle)
            continue
        _held.append(handle)
        free.append(name)
    return [*free, *(name for name in names if name not in free)]
