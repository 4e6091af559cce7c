import subprocess
import sys


def test_prints_child_processes_and_the_traceback_reach_the_log(tmp_path, repository):
    log = tmp_path / "deep" / "job.log"
    code = (
        "import subprocess, sys\n"
        "from ichor.logs import log_to\n"
        f"log_to({str(log)!r})\n"
        "print('from print')\n"
        "subprocess.run([sys.executable, '-c', 'print(\"from child\")'])\n"
        "raise ValueError('from traceback')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={"PYTHONPATH": str(repository / "workflow")}
    )
    assert done.returncode == 1 and done.stdout == ""
    text = log.read_text()
    for word in ("from print", "from child", "ValueError: from traceback"):
        assert word in text


def test_what_is_wrong_with_the_study_is_said_without_a_traceback(tmp_path, repository):
    log = tmp_path / "job.log"
    code = (
        "from ichor.errors import StudyError\n"
        "from ichor.logs import log_to\n"
        f"log_to({str(log)!r})\n"
        "raise StudyError('centers.tsv, row 2: no folder')\n"
    )
    environment = {"PYTHONPATH": str(repository / "workflow")}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, env=environment)
    assert done.returncode == 1
    assert log.read_text() == "Cannot go on: centers.tsv, row 2: no folder\n"
