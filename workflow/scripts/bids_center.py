"""Write a center's scans as a BIDS data set (rule bids_center)."""

from pathlib import Path
from typing import TYPE_CHECKING

from ichor import tables
from ichor.bids import write_center
from ichor.jobs.run import run

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(job) -> None:
    scans, patients = tables.read("scans", job.input.scans), tables.read("patients", job.input.patients)
    write_center(job.wildcards.center, scans, patients, Path(job.output[0]), source=job.params.source)


if __name__ == "__main__":
    run(snakemake, main, keep=False)  # links: made again in less time than they are kept
