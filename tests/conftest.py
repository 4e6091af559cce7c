"""Fixtures that every test may use."""

import os
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
