"""One process of a training that runs in several; started by `ichor.training.launch`, never by a person."""

import importlib
import json
import os
import sys
import threading
import time
import traceback
from pathlib import Path

import torch

from ichor import disk_space
from ichor.errors import StudyError
from ichor.training.group import joined


def main() -> int:
    """Read the request, join the others, work; 0 when all is done."""
    message = json.loads(_line())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    rank, folder = message["rank"], Path(message["folder"])
    if rank:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what all say is said once
    device = torch.device(message["device"], rank if message["device"] == "cuda" else None)
    try:
        work = importlib.import_module(message["module"]).work
        with (
            disk_space.told(),
            joined(rank, message["size"], device, folder / "meeting", message["timeout_s"]) as group,
        ):
            work(message["request"], group)
    except Exception as error:
        note = {"at": time.time(), "for_people": isinstance(error, StudyError)}
        note["message"] = str(error) if note["for_people"] else f"{type(error).__name__}: {error}"
        with disk_space.whole_file(folder / str(rank)) as part:
            part.write_text(json.dumps(note))
        if not note["for_people"]:
            traceback.print_exc()
        return 1
    return 0


def _line() -> bytes:
    """Read up to the end of the first line, byte by byte, so that nothing stays in a buffer of Python's."""
    line = b""
    while not line.endswith(b"\n"):
        byte = os.read(0, 1)
        if not byte:
            raise SystemExit(1)
        line += byte
    return line


def _end_with_parent() -> None:
    """End at once when the job that started this process is gone: the pipe that it holds open is closed then."""
    while os.read(0, 1):
        pass
    os._exit(1)


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)  # without waiting for threads of the group, which may wait for a process that is gone
