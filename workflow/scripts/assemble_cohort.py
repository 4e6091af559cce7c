"""Make one split's table of patients, measures and labels (rule assemble_cohort)."""

from typing import TYPE_CHECKING

from ichor import tables
from ichor.cohort.assemble import assemble_cohort
from ichor.logs import log_to

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


if __name__ == "__main__":
    log_to(snakemake.log[0])
    definitions = snakemake.params.cohort
    cohort, status = assemble_cohort(
        snakemake.wildcards.split,
        tables.read("patients", snakemake.input.patients),
        tables.read("scans", snakemake.input.scans),
        tables.read_all("masks", snakemake.input.masks),
        tables.read("splits", snakemake.input.splits),
        expansion=dict(
            definition=definitions["expansion"]["definition"],
            min_baseline_ml=definitions["expansion"]["minimum_baseline_ml"],
            followup_h=snakemake.params.followup_h,
        ),
        outcome=dict(target="poor_outcome", **definitions["poor_outcome"]),
    )
    tables.write("cohort", cohort, snakemake.output.cohort)
    tables.write("status", status, snakemake.output.status)
