import json
import subprocess
import sys
import time

import pytest

from ichor import run_lock


@pytest.fixture
def study(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run_lock.LOCKS.mkdir(parents=True)
    (run_lock.LOCKS / "0.input.lock").write_text("results/scans.tsv\n")
    return tmp_path


def lock_is_there():
    return any(run_lock.LOCKS.iterdir())


def test_the_lock_of_a_living_run_stays(study):
    run_lock.remember_owner()
    assert not run_lock.remove_stale_lock() and lock_is_there()


def test_the_lock_of_a_killed_run_goes(study):
    code = "from ichor import run_lock; run_lock.remember_owner(); import time; time.sleep(60)"
    child = subprocess.Popen([sys.executable, "-c", code],
                             env={"PYTHONPATH": str(run_lock.Path(run_lock.__file__).parents[1])})  # fmt: skip
    while not run_lock.OWNER.is_file():
        time.sleep(0.05)
    time.sleep(0.1)
    assert not run_lock.remove_stale_lock()
    child.kill()
    child.wait()
    assert run_lock.remove_stale_lock() and not lock_is_there()


def test_the_lock_of_another_machine_or_of_nobody_known_stays(study):
    assert not run_lock.remove_stale_lock() and lock_is_there()
    run_lock.remember_owner()
    owner = json.loads(run_lock.OWNER.read_text())
    run_lock.OWNER.write_text(json.dumps(owner | {"machine": "elsewhere", "started": 1.0}))
    assert not run_lock.remove_stale_lock() and lock_is_there()


def test_a_process_number_that_was_given_to_someone_else_is_not_the_owner(study):
    run_lock.remember_owner()
    owner = json.loads(run_lock.OWNER.read_text())
    run_lock.OWNER.write_text(json.dumps(owner | {"started": owner["started"] - 1000}))
    assert run_lock.remove_stale_lock()
