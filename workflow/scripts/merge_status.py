"""Put the status of every stage into one table (rule merge_status)."""

from typing import TYPE_CHECKING

from ichor import tables
from ichor.jobs.run import run

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(job) -> None:
    paths = [
        job.input.ingest,
        job.input.patients,
        job.input.masks,
        job.input.measures,
        *job.input.cohorts,
        *job.input.courses,
        *job.input.reports,
        *job.input.models,
    ]
    status = tables.read_all("status", paths).drop_duplicates(ignore_index=True)
    tables.write("status", status, job.output.status)


if __name__ == "__main__":
    run(snakemake, main)
