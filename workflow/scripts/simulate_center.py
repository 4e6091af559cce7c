"""Simulate one center's DICOM, reference masks and tables (rule simulate_center)."""

from pathlib import Path
from typing import TYPE_CHECKING

from ichor.jobs.run import run
from ichor.simulate.center import simulate_center

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(job) -> None:
    simulate_center(
        job.wildcards.center,
        Path(job.output.records).parent,
        patients=job.params.simulate["patients_per_center"],
        matrix=job.params.simulate["matrix"],
        seed=job.params.seed,
    )


if __name__ == "__main__":
    run(snakemake, main)
