"""Count the cohort flow and make Table 1 (rule describe_cohort)."""

from typing import TYPE_CHECKING

from ichor import tables
from ichor.cohort.flow import cohort_flow
from ichor.cohort.table_one import table_one
from ichor.jobs.run import run

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(job) -> None:
    patients = tables.read("patients", job.input.patients)
    cohorts = {
        name: tables.read("cohort", path) for name, path in zip(job.params.splits, job.input.cohorts, strict=True)
    }
    flow = cohort_flow(
        tables.read("status", job.input.status),
        patients,
        tables.read("scans", job.input.scans),
        tables.read("splits", job.input.splits),
        cohorts,
    )
    flow.to_csv(job.output.flow, sep="\t", index=False)
    table_one(patients, cohorts).to_csv(job.output.table_one, sep="\t", index=False)


if __name__ == "__main__":
    run(snakemake, main)
