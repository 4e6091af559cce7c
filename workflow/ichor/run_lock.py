"""A killed run must continue with the same command: take away the lock that it left, and only that one.

Snakemake locks the working directory while it runs, and a killed run leaves its lock behind. The lock does not say
whose it is, so the run writes down its process when it starts; a lock is stale when that process is gone.
"""

import json
import os
import socket
from pathlib import Path

import psutil

OWNER = Path("work/run.json")
LOCKS = Path(".snakemake/locks")


def remember_owner() -> None:
    """Write down which process runs in this working directory (called when a run starts)."""
    OWNER.parent.mkdir(parents=True, exist_ok=True)
    OWNER.write_text(json.dumps(_describe(os.getpid())) + "\n")


def remove_stale_lock() -> bool:
    """Remove Snakemake's lock of a run that is dead; tell whether there was one.

    A lock of a living process, of another machine, or of a run that left no word is never touched.
    """
    if not OWNER.is_file() or not LOCKS.is_dir() or not any(LOCKS.iterdir()):
        return False
    owner = json.loads(OWNER.read_text())
    if owner["machine"] != socket.gethostname() or owner == _describe(owner["pid"]):
        return False
    for lock in LOCKS.iterdir():
        lock.unlink()
    return True


def _describe(pid: int) -> dict | None:
    """Machine, number and start time of a living process (a number alone may be someone else's by now)."""
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        return {"machine": socket.gethostname(), "pid": pid, "started": process.create_time()}
    except psutil.NoSuchProcess:
        return None
