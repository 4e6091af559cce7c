"""Assign every patient a role in every split (rule make_splits)."""

from typing import TYPE_CHECKING

from ichor import tables
from ichor.cohort.splits import make_splits
from ichor.cohort.together import groups
from ichor.jobs.run import run

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(job) -> None:
    splits = make_splits(
        tables.read("patients", job.input.patients),
        tables.read("scans", job.input.scans),
        segmentation_folds=job.params.segmentation_folds,
        seed=job.params.seed,
        roles=job.params.roles,
        together=groups(tables.read_all("duplicates", list(job.input.sheet)), job.params.roles),
        **job.params.validation,
    )
    tables.write("splits", splits, job.output.splits)
    # What a split's models may learn from, alone: a new test patient leaves this file, and so the models, as they are.
    for name, path in zip(job.params.names, job.output.fitting, strict=True):
        rows = splits[(splits["split"] == name) & (splits["role"] != "test")]
        tables.write("splits", rows, path)


if __name__ == "__main__":
    run(snakemake, main)
