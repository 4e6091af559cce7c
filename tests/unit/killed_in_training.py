"""A training that is killed, by itself, at the first step for which a checkpoint exists: no race with the test."""

import importlib
import os
import signal
from pathlib import Path

from ichor.training.group import Group


def kill_at_step_after(group: type[Group] | Group, folder: str | Path, checkpoint: str) -> None:
    """Kill the process of a group (for the class: every one) once `folder` holds a checkpoint of that name."""
    sum_gradients = group.sum_gradients

    def sum_or_die(*arguments):
        if any(Path(folder).rglob(checkpoint)):
            os.kill(os.getpid(), signal.SIGKILL)
        return sum_gradients(*arguments)

    group.sum_gradients = sum_or_die


def work(request: dict, group: Group) -> None:
    """Work as `request["module"]` does; the last process is killed. Started by `ichor.training.launch`."""
    if group.rank == group.size - 1:
        kill_at_step_after(group, request["folder"], request["checkpoint"])
    importlib.import_module(request["module"]).work(request["request"], group)


def launch_killed(monkeypatch, starter, folder: Path, checkpoint: str) -> None:
    """Let `starter`, a module that calls `launch`, start processes of which the last is killed."""
    launch = starter.launch

    def launch_other(module, request, **settings):
        message = {"module": module, "request": request, "folder": str(folder), "checkpoint": checkpoint}
        launch(Path(__file__).stem, message, **settings)

    monkeypatch.setattr(starter, "launch", launch_other)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
