"""A private Slurm for the tests of a module, with or without an accounting database."""

import os
from collections.abc import Iterator

import pytest
from tests.slurm.private_slurm import PrivateSlurm, missing_programs


def started(folder, database: bool) -> Iterator[PrivateSlurm]:
    missing = missing_programs(database)
    if missing and os.environ.get("ICHOR_REQUIRE_SLURM") != "1":
        pytest.skip(f"no Slurm to test with: {', '.join(missing)} missing; .ci/run names the packages")
    assert not missing, f"ICHOR_REQUIRE_SLURM=1, but there is no {', '.join(missing)}"
    slurm = PrivateSlurm(folder, database)
    try:
        slurm.start()
        yield slurm
    finally:
        slurm.stop()


@pytest.fixture(scope="module")
def slurm(tmp_path_factory) -> Iterator[PrivateSlurm]:
    """A cluster with accounting."""
    yield from started(tmp_path_factory.mktemp("slurm"), database=True)


@pytest.fixture(scope="module")
def slurm_without_database(tmp_path_factory) -> Iterator[PrivateSlurm]:
    """A cluster that keeps no accounts: `sacct` knows nothing."""
    yield from started(tmp_path_factory.mktemp("slurm"), database=False)
