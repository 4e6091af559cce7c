"""Bring the patients of all centers together with their scans (rule merge_patients)."""

from typing import TYPE_CHECKING

from ichor import tables
from ichor.cohort.assemble import merge_patients
from ichor.jobs.run import run

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(job) -> None:
    frames = [tables.read("patients", path) for path in job.input.records]
    patients, status = merge_patients(frames, tables.read("scans", job.input.scans), roles=job.params.roles)
    tables.write("patients", patients, job.output.patients)
    tables.write("status", status, job.output.status)


if __name__ == "__main__":
    run(snakemake, main)
