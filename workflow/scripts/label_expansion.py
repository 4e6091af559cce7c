"""Label one split's expansion by every definition and by extent, with probabilities (rule label_expansion)."""

from typing import TYPE_CHECKING

from ichor import tables
from ichor.cohort.expansion_labels import READ, expansion_labels
from ichor.cohort.extent import expansion_extent
from ichor.jobs.run import run

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def errors(job):
    measures = tables.read("measures", job.input.measures)
    return measures.loc[measures["split"] == job.wildcards.split, list(READ)].reset_index(drop=True)


def main(job) -> None:
    settings = job.params.expansion
    split_tables = (
        job.wildcards.split,
        tables.read("patients", job.input.patients),
        tables.read("scans", job.input.scans),
        tables.read_all("masks", job.input.masks),
        tables.read("splits", job.input.splits),
        errors(job),
    )
    expansion = dict(
        min_baseline_ml=settings["minimum_baseline_ml"],
        early_positive=settings["early_positive"],
        reader_error_ml=settings["reader_error_ml"],
        followup_h=job.params.followup_h,
    )
    tables.write("expansion_labels", expansion_labels(*split_tables, expansion=expansion), job.output.labels)
    tables.write("expansion_extent", expansion_extent(*split_tables, expansion=expansion), job.output.extent)


if __name__ == "__main__":
    run(snakemake, main, reads={"measures": errors})
