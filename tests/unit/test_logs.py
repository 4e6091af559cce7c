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


def test_the_log_of_a_job_that_sees_identifiers_holds_no_text_of_an_error(tmp_path, repository):
    code = (
        "import warnings\n"
        "from ichor.logs import log_to\n"
        "log_to('logs/read/a.log', identifiers=True)\n"
        "try:\n"
        "    open('archive/Quastenflosser/1950-12-31')\n"
        "except OSError as error:\n"
        "    raise ValueError('Quastenflosser 1950-12-31') from error\n"
    )
    environment = {"PYTHONPATH": str(repository / "workflow")}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, env=environment, cwd=tmp_path)
    assert done.returncode == 1 and done.stdout == done.stderr == b""
    text = (tmp_path / "logs/read/a.log").read_text()
    assert "line 7" in text and "ValueError: the text" in text
    assert "Quast" not in text and "1950" not in text
    private = tmp_path / "work/errors/logs-read-a.txt"
    assert "FileNotFoundError" in private.read_text() and "ValueError: Quastenflosser 1950-12-31" in private.read_text()
    assert private.stat().st_mode & 0o777 == 0o600 and private.parent.stat().st_mode & 0o777 == 0o700


def test_what_is_wrong_with_the_study_is_said_in_the_log_of_any_job(tmp_path, repository):
    code = (
        "from ichor.errors import StudyError\n"
        "from ichor.logs import log_to\n"
        "log_to('job.log', identifiers=True)\n"
        "raise StudyError('records.csv, row 2: found 5 cells')\n"
    )
    environment = {"PYTHONPATH": str(repository / "workflow")}
    subprocess.run([sys.executable, "-c", code], capture_output=True, env=environment, cwd=tmp_path)
    assert (tmp_path / "job.log").read_text() == "Cannot go on: records.csv, row 2: found 5 cells\n"
