import errno
import os
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import save_file

from ichor import disk_space
from ichor.disk_space import DiskFullError, free_bytes, has_room, is_full, require, told, whole_file
from ichor.errors import StudyError

BIG = np.random.default_rng(0).normal(size=(16, 64, 64, 16)).astype(np.float32)  # 4 MiB that no compression shrinks


@pytest.fixture
def small_disk(small_disk):
    """A file system of 2 MiB."""
    return small_disk("2m")


WRITERS = {
    "text": ("a.json", lambda path: path.write_text("x" * BIG.nbytes)),
    "numpy": ("a.npy", lambda path: np.save(path, BIG)),
    "safetensors": ("a.safetensors", lambda path: save_file({"a": torch.from_numpy(BIG)}, path)),
    "torch": ("a.pt", lambda path: torch.save({"a": torch.from_numpy(BIG)}, path)),
    "tsv": ("a.tsv", lambda path: pd.DataFrame(BIG.reshape(-1, 64)).to_csv(path, sep="\t")),
    "parquet": ("a.parquet", lambda path: pd.DataFrame(BIG.reshape(-1, 64)).rename(columns=str).to_parquet(path)),
}


@pytest.mark.parametrize("kind", WRITERS)
def test_every_library_that_meets_a_full_disk_says_so_in_our_words(small_disk, kind):
    name, write = WRITERS[kind]
    (small_disk / name).write_text("what was there before")
    with (
        pytest.raises(DiskFullError, match="run the same command again") as stopped,
        whole_file(small_disk / name) as part,
    ):
        write(part)
    assert str(small_disk) in str(stopped.value) and "Free:" in str(stopped.value)
    assert [path.name for path in small_disk.iterdir()] == [name]
    assert (small_disk / name).read_text() == "what was there before"


@pytest.mark.parametrize("kind", WRITERS)
def test_the_same_where_no_temporary_file_is_used(small_disk, kind):
    name, write = WRITERS[kind]
    with pytest.raises(DiskFullError, match="full"), told(small_disk):
        write(small_disk / name)


def test_a_file_that_fits_is_there_and_nothing_else(small_disk):
    with whole_file(small_disk / "deep" / "a.txt") as part:
        assert part.suffix == ".txt"
        part.write_text("whole")
    assert [path.name for path in (small_disk / "deep").iterdir()] == ["a.txt"]
    assert (small_disk / "deep/a.txt").read_text() == "whole"


def test_other_errors_pass_and_leave_nothing(tmp_path):
    with pytest.raises(ZeroDivisionError), whole_file(tmp_path / "a.txt") as part:
        part.write_text("half")
        1 / 0  # noqa: B018
    assert not list(tmp_path.iterdir())
    for error in (FileNotFoundError("gone"), RuntimeError("network"), StudyError("config")):
        with pytest.raises(type(error), match=str(error)), told(tmp_path):
            raise error


def test_what_a_killed_job_left_is_overwritten(tmp_path):
    (tmp_path / ".part-a.txt").write_text("half, and longer than what comes now")
    with whole_file(tmp_path / "a.txt") as part:
        part.write_text("whole")
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"] and (tmp_path / "a.txt").read_text() == "whole"


def test_free_bytes_are_those_of_the_file_system_also_of_a_folder_to_be_made(small_disk):
    assert free_bytes(small_disk / "not" / "there") == free_bytes(small_disk) <= 2 << 20
    (small_disk / "a").write_bytes(bytes(1 << 20))
    assert free_bytes(small_disk) <= 1 << 20


def test_room_is_found_by_writing(small_disk):
    assert has_room(small_disk)
    (small_disk / "a").write_bytes(bytes(3 << 19))
    assert not has_room(small_disk)
    assert has_room(small_disk / "absent")  # another fault, which its own message explains


def test_long_work_stops_before_it_starts_when_its_results_do_not_fit(small_disk):
    with pytest.raises(DiskFullError) as stopped:
        require(small_disk, 1.2e9, "64 masks")
    text = str(stopped.value)
    assert "64 masks: needs about 1.2 GB in " in text and "2 MB free" in text and "run the same command again" in text
    with pytest.raises(DiskFullError):
        require(small_disk, 0, "a table")  # not even the log would fit


def test_work_that_fits_goes_on(tmp_path):
    require(tmp_path / "results", 1e6, "a table")


def test_a_full_disk_is_an_error_for_people(small_disk):
    assert issubclass(DiskFullError, StudyError)
    with pytest.raises(DiskFullError, match=r"About 1\.5 GB are needed"), told(small_disk, needed_bytes=1.48e9):
        raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_quota_and_disk_are_told_from_other_errors(number):
    assert is_full(OSError(number, os.strerror(number)))
    assert not is_full(OSError(errno.EACCES, "denied"))
    try:
        try:
            raise OSError(number, "x")
        except OSError as error:
            raise ValueError("could not save") from error
    except ValueError as error:
        assert is_full(error)


def test_a_real_device_that_is_always_full():
    with pytest.raises(DiskFullError), told("."), open("/dev/full", "wb") as stream:
        stream.write(b"x" * 100_000)


def test_a_limit_on_file_size_is_not_called_a_full_disk(tmp_path):
    """A limit of the shell (ulimit -f) is another error, and stays one."""
    script = (
        "import sys, signal, pathlib\n"
        "from ichor.disk_space import whole_file\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        f"with whole_file(pathlib.Path({str(tmp_path / 'a')!r})) as part:\n"
        "    part.write_bytes(bytes(1 << 22))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": str(Path(disk_space.__file__).parents[1]), "PATH": os.environ["PATH"]},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20)),
    )
    assert done.returncode == 1 and "OSError: [Errno 27]" in done.stderr and "DiskFullError" not in done.stderr
    assert not list(tmp_path.iterdir())
