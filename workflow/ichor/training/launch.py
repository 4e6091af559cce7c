"""Start the processes of one training on this computer, watch them, and say what went wrong with which of them.

Each process gets the request as a line of JSON; nothing is pickled. The first one that fails ends the others, so that
none waits for a process that is gone, and they end by themselves when the job that started them is killed.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import ichor
from ichor.errors import StudyError
from ichor.training import worker
from ichor.training.device import first_gpus

TIMEOUT_S = 600.0
"""A process that hears nothing from the others for so long gives up; torch's own default where GPUs talk (NCCL)."""
GRACE_S = 3.0
"""Once a process has failed, the others have so long to fail too: who was first is then known from their own notes."""
_POLL_S = 0.05


def launch(
    module: str, request: dict, *, processes: int, device: str, threads: int, timeout_s: float = TIMEOUT_S
) -> None:
    """Call ``work(request, group)`` of a module in several processes; return when all have done it.

    Parameters
    ----------
    module : str
        Name of a module with a function ``work``.
    request : dict
        Plain values, as JSON can hold them.
    processes : int
        How many.
    device : {"cpu", "cuda"}
        With ``"cuda"`` each process has one GPU, the first of those that this job was given.
    threads : int
        CPU threads of each process.
    timeout_s : float
        See `TIMEOUT_S`.

    Raises
    ------
    ichor.errors.StudyError
        If this job sees fewer GPUs than processes, or a process ended with such an error.
    RuntimeError
        If a process ended in another way; its traceback is in the job's log.
    """
    environment = _environment(threads, first_gpus(processes) if device == "cuda" else [])
    with tempfile.TemporaryDirectory(prefix="ichor-training-") as folder:
        message = {"module": module, "request": request, "size": processes, "folder": folder}
        message |= {"device": device, "timeout_s": timeout_s}
        children: list[subprocess.Popen] = []
        try:
            for rank in range(processes):
                children.append(_start(message | {"rank": rank}, environment))
            _watch(children, Path(folder))
        finally:
            for child in children:
                child.kill()
                child.wait()
                with suppress(BrokenPipeError):
                    child.stdin.close()


def _start(message: dict, environment: dict[str, str]) -> subprocess.Popen:
    command = [sys.executable, "-P", "-m", worker.__name__]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, env=environment)
    with suppress(BrokenPipeError):  # a child that is gone already: how it ended says why
        child.stdin.write(json.dumps(message).encode() + b"\n")
        child.stdin.flush()  # and left open: its end tells the child that this process is gone
    return child


def _environment(threads: int, gpus: list[str]) -> dict[str, str]:
    paths = [str(Path(ichor.__file__).parent.parent), os.environ.get("PYTHONPATH", "")]
    made = dict(os.environ, PYTHONPATH=os.pathsep.join(path for path in paths if path))
    made |= {"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
    made["CUDA_VISIBLE_DEVICES"] = ",".join(gpus)
    made.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # see ichor.training.device.make_deterministic
    if "lo" in [name for _, name in socket.if_nameindex()]:  # one computer: nothing leaves it
        made.setdefault("GLOO_SOCKET_IFNAME", "lo")
        made.setdefault("NCCL_SOCKET_IFNAME", "lo")
    return made


def _watch(children: list[subprocess.Popen], folder: Path) -> None:
    """Return when all have ended well; raise when one has not."""
    while any(child.poll() is None for child in children):
        if any(child.poll() for child in children):
            break
        time.sleep(_POLL_S)
    if not any(child.poll() for child in children):
        return
    end = time.monotonic() + GRACE_S
    while any(child.poll() is None for child in children) and time.monotonic() < end:
        time.sleep(_POLL_S)
    raise _failure([child.poll() for child in children], folder)


def _failure(codes: list[int | None], folder: Path) -> Exception:
    """The error of the process that failed first, from how the processes ended and what they noted themselves."""
    killed = [rank for rank, code in enumerate(codes) if code is not None and code < 0]
    notes = {rank: json.loads(path.read_text()) for rank in range(len(codes)) if (path := folder / f"{rank}").is_file()}
    if killed:
        name = signal.Signals(-codes[killed[0]]).name
        why = "; the usual reason is that memory ran out" if name == "SIGKILL" else ""
        return RuntimeError(f"process {killed[0] + 1} of {len(codes)} of this training was killed ({name}){why}")
    if not notes:
        rank = next(rank for rank, code in enumerate(codes) if code)
        how = f"ended with exit status {codes[rank]}; what it said is above"
        return RuntimeError(f"process {rank + 1} of {len(codes)} of this training {how}")
    rank = min(notes, key=lambda rank: notes[rank]["at"])
    if notes[rank]["for_people"]:
        return StudyError(notes[rank]["message"])
    return RuntimeError(f"process {rank + 1} of {len(codes)} of this training failed: {notes[rank]['message']}")
