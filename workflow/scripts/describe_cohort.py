"""Count the cohort flow and make Table 1 (rule describe_cohort)."""

from typing import TYPE_CHECKING

from ichor import tables
from ichor.cohort.flow import cohort_flow
from ichor.cohort.table_one import table_one
from ichor.logs import log_to

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


if __name__ == "__main__":
    log_to(snakemake.log[0])
    patients = tables.read("patients", snakemake.input.patients)
    cohorts = {
        name: tables.read("cohort", path)
        for name, path in zip(snakemake.params.splits, snakemake.input.cohorts, strict=True)
    }
    flow = cohort_flow(
        tables.read("status", snakemake.input.status),
        patients,
        tables.read("scans", snakemake.input.scans),
        tables.read("splits", snakemake.input.splits),
        cohorts,
    )
    flow.to_csv(snakemake.output.flow, sep="\t", index=False)
    table_one(patients, cohorts).to_csv(snakemake.output.table_one, sep="\t", index=False)
