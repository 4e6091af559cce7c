import json
import os
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


def test_a_lock_that_was_made_after_the_last_word_is_of_a_run_that_left_none(study):
    run_lock.remember_owner()
    owner = json.loads(run_lock.OWNER.read_text())
    run_lock.OWNER.write_text(json.dumps(owner | {"started": owner["started"] - 1000}))  # dead
    lock = next(run_lock.LOCKS.iterdir())
    later = run_lock.OWNER.stat().st_mtime + 5
    os.utime(lock, (later, later))
    assert not run_lock.remove_stale_lock() and lock_is_there() and run_lock.killed_run() is None


def test_a_run_that_ended_lives_or_left_no_word_was_not_killed_one_that_is_gone_was(study):
    assert run_lock.killed_run() is None
    run_lock.remember_owner("slurm")
    assert run_lock.killed_run() is None
    owner = json.loads(run_lock.OWNER.read_text()) | {"started": 1.0}
    run_lock.OWNER.write_text(json.dumps(owner))
    assert run_lock.killed_run()["executor"] == "slurm"
    run_lock.remember_end()
    assert run_lock.killed_run() is None


def test_a_lock_of_another_machine_is_explained_and_its_run_counts_as_killed_once_the_lock_is_gone(study):
    run_lock.remember_owner("slurm")
    assert run_lock.foreign_lock() is None
    run_lock.OWNER.write_text(json.dumps(json.loads(run_lock.OWNER.read_text()) | {"machine": "login2", "pid": 77}))
    message = run_lock.foreign_lock()
    assert "login2" in message and "77" in message and "snakemake --unlock" in message
    assert run_lock.killed_run() is None
    for lock in run_lock.LOCKS.iterdir():
        lock.unlink()
    assert run_lock.foreign_lock() is None and run_lock.killed_run()["pid"] == 77
