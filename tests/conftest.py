"""Fixtures that every test may use."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def repository() -> Path:
    """Root of the repository."""
    return REPOSITORY


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder with real head CT, or skip.

    The repository holds no patient data. The folder is named by ``ICHOR_REAL_DATA``; without it, ``shared/data``
    beside the clone is used when it is there.
    """
    folder = Path(os.environ.get("ICHOR_REAL_DATA", REPOSITORY.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip("no real data: set ICHOR_REAL_DATA to a folder that has it")
    return folder


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Make file systems of a given size, for example ``"2m"``, in memory; skip without the right to mount them."""
    made: list[Path] = []

    def make(size: str) -> Path:
        folder = tmp_path / f"disk-of-{size}"
        folder.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
        if not shutil.which("mount") or subprocess.run(mount, capture_output=True, check=False).returncode:
            pytest.skip("no right to mount a small file system")
        made.append(folder)
        return folder

    yield make
    for folder in made:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)  # torch keeps a file open that it could not write
