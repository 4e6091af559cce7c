import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ichor.errors import StudyError
from ichor.training.launch import launch

HERE = str(Path(__file__).parent)


@pytest.fixture
def together(tmp_path, monkeypatch):
    """Let two processes do something of `work_together.py`; return the folder that they may write to."""
    monkeypatch.setenv("PYTHONPATH", HERE)

    def start(do, **settings):
        request = {"do": do, "folder": str(tmp_path)}
        launch("work_together", request, **({"processes": 2, "device": "cpu", "threads": 1} | settings))
        return tmp_path

    return start


def test_all_work_none_sees_a_gpu_and_what_they_say_is_said_once(together, monkeypatch, capfd):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,2")
    folder = together("describe")
    for rank in range(2):
        assert (folder / f"{rank}.txt").read_text() == "2 {'CUDA_VISIBLE_DEVICES': '', 'OMP_NUM_THREADS': '1'}"
    said = capfd.readouterr().out
    assert "said by 0" in said and "said by 1" not in said


@pytest.mark.parametrize(
    ("do", "kind", "message"),
    [
        ("study error", StudyError, r"^the sheet has no such column$"),
        ("fault", RuntimeError, r"^process 2 of 2 of this training failed: ZeroDivisionError: a fault of ours$"),
        ("killed", RuntimeError, r"^process 2 of 2 of this training was killed \(SIGKILL\); the usual reason is that"),
    ],
)
def test_one_that_fails_ends_all_and_is_named_with_its_message(together, do, kind, message):
    with pytest.raises(kind, match=message):
        together(do)


def test_nobody_waits_for_ever_for_one_that_hangs(together):
    with pytest.raises(RuntimeError, match=r"^process 1 of 2 of this training failed: "):
        together("hangs", timeout_s=2.0)


def test_no_process_outlives_a_job_that_is_killed(tmp_path, repository):
    request = {"do": "orphan", "folder": str(tmp_path)}
    code = f"from ichor.training.launch import launch\nlaunch('work_together', {request!r}, processes=2, "
    code += "device='cpu', threads=1)"
    paths = os.pathsep.join([str(repository / "workflow"), HERE])
    environment = {**os.environ, "PYTHONPATH": paths, "TMPDIR": str(tmp_path)}
    job = subprocess.Popen([sys.executable, "-c", code], env=environment)
    notes = [tmp_path / f"{rank}.pid" for rank in range(2)]
    while not all(note.exists() and note.read_text() for note in notes):
        assert job.poll() is None
        time.sleep(0.05)
    job.kill()
    job.wait()
    deadline = time.monotonic() + 60
    while any(Path("/proc", note.read_text(), "cmdline").exists() for note in notes) and time.monotonic() < deadline:
        time.sleep(0.05)
    for note in notes:
        state = Path("/proc", note.read_text(), "stat")
        assert not state.exists() or state.read_text().rpartition(")")[2].split()[0] == "Z"
