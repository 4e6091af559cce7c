"""Make one split's table of patients, measures and labels (rule assemble_cohort)."""

from typing import TYPE_CHECKING

from ichor import tables
from ichor.cohort.assemble import assemble_cohort
from ichor.jobs.run import run

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(job) -> None:
    definitions = job.params.cohort
    cohort, status = assemble_cohort(
        job.wildcards.split,
        tables.read("patients", job.input.patients),
        tables.read("scans", job.input.scans),
        tables.read_all("masks", job.input.masks),
        tables.read("splits", job.input.splits),
        expansion=dict(
            definition=definitions["expansion"]["definition"],
            min_baseline_ml=definitions["expansion"]["minimum_baseline_ml"],
            early_positive=definitions["expansion"]["early_positive"],
            followup_h=job.params.followup_h,
        ),
        outcome=definitions["poor_outcome"],
        death=definitions["death"],
        deterioration=definitions["deterioration"],
        courses=tables.read_all("time_courses", job.input.courses),
        measures=tables.read_all("measures", job.input.measures),
    )
    tables.write("cohort", cohort, job.output.cohort)
    tables.write("status", status, job.output.status)


if __name__ == "__main__":
    run(snakemake, main)
