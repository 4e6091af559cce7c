"""A killed run must continue with the same command: take away the lock that it left, and only that one.

Snakemake locks the working directory while it runs, and a killed run leaves its lock behind. The lock does not say
whose it is, so the run writes down its process when it starts, and that it ended when it does; a lock is stale when
that process is gone.
"""

import json
import os
import socket
from pathlib import Path

import psutil

OWNER = Path("work/run.json")
LOCKS = Path(".snakemake/locks")


def remember_owner(executor: str = "local") -> None:
    """Write down which process runs in this working directory, and what runs its jobs (called when a run starts)."""
    _write(_describe(os.getpid()) | {"executor": executor})


def remember_end() -> None:
    """Write down that the run came to its end by itself, good or bad."""
    if OWNER.is_file():
        _write(_owner() | {"ended": True})


def killed_run() -> dict | None:
    """Describe the last run of this working directory if it did not come to its end and does not live.

    Of a run on another machine nothing is known as long as its lock is there.
    """
    owner = _owner()
    if not owner or owner.get("ended") or _locked_since():
        return None
    alive = _locked() if owner["machine"] != socket.gethostname() else _lives(owner)
    return None if alive else owner


def remove_stale_lock() -> bool:
    """Remove Snakemake's lock of a run that is dead; tell whether there was one.

    A lock of a living process, of another machine, or of a run that left no word is never touched. A run of a workflow
    that uses this one as a module leaves no word, and its lock is younger than that of the run before.
    """
    owner = _owner()
    if not owner or not _locked() or _locked_since() or owner["machine"] != socket.gethostname() or _lives(owner):
        return False
    for lock in LOCKS.iterdir():
        lock.unlink()
    return True


def foreign_lock() -> str | None:
    """What to type if the lock is that of a run on another machine, of which this one cannot tell whether it lives."""
    owner = _owner()
    if not owner or not _locked() or owner["machine"] == socket.gethostname():
        return None
    machine, pid = owner["machine"], owner["pid"]
    return (
        f"This working directory is locked by a run on {machine}, process {pid}. If it still runs there "
        f"(ssh {machine} ps -p {pid}), let it end or stop it. If the session, the process or the machine is gone: "
        "snakemake --unlock, with the same --directory and config; then start again with the same command. Its jobs "
        "are taken up, not repeated."
    )


def _locked() -> bool:
    return LOCKS.is_dir() and any(LOCKS.iterdir())


def _locked_since() -> bool:
    """Whether there is a lock that was made after the last run wrote down its process: it is another run's."""
    return _locked() and max(lock.stat().st_mtime for lock in LOCKS.iterdir()) > OWNER.stat().st_mtime


def _owner() -> dict | None:
    return json.loads(OWNER.read_text()) if OWNER.is_file() else None


def _write(owner: dict) -> None:
    OWNER.parent.mkdir(parents=True, exist_ok=True)
    OWNER.write_text(json.dumps(owner) + "\n")


def _lives(owner: dict) -> bool:
    now = _describe(owner["pid"])
    return now is not None and all(owner[key] == now[key] for key in now)


def _describe(pid: int) -> dict | None:
    """Machine, number and start time of a living process (a number alone may be someone else's by now)."""
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        return {"machine": socket.gethostname(), "pid": pid, "started": process.create_time()}
    except psutil.NoSuchProcess:
        return None
