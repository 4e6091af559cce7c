"""Assign every patient a role in every split (rule make_splits)."""

from typing import TYPE_CHECKING

from ichor import tables
from ichor.cohort.splits import make_splits
from ichor.logs import log_to

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


if __name__ == "__main__":
    log_to(snakemake.log[0])
    splits = make_splits(
        tables.read("patients", snakemake.input.patients),
        tables.read("scans", snakemake.input.scans),
        segmentation_folds=snakemake.params.segmentation_folds,
        seed=snakemake.params.seed,
        roles=snakemake.params.roles,
        **snakemake.params.validation,
    )
    tables.write("splits", splits, snakemake.output.splits)
    # What a split's models may learn from, alone: a new test patient leaves this file, and so the models, as they are.
    for name, path in zip(snakemake.params.names, snakemake.output.fitting, strict=True):
        rows = splits[(splits["split"] == name) & (splits["role"] != "test")]
        tables.write("splits", rows, path)
