"""Bring all measures together and summarise the agreement with the reference (rule merge_measures)."""

from typing import TYPE_CHECKING

from ichor import tables
from ichor.jobs.run import run
from ichor.segmentation.agreement import summarise_agreement, summarise_groups
from ichor.segmentation.volume_error import add_errors

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(job) -> None:
    masks, splits = tables.read("masks", job.input.masks), tables.read("splits", job.input.splits)
    cases = tables.read_all("agreement_cases", job.input.cases)
    measures = add_errors(tables.read_all("measures", job.input.measures), cases, splits, masks)
    tables.write("measures", measures, job.output.measures)
    tables.write("agreement_cases", cases, job.output.cases)
    tables.write("status", tables.read_all("status", job.input.status), job.output.status)
    summarise_agreement(cases, masks).to_csv(job.output.agreement, sep="\t", index=False)
    summarise_groups(cases).to_csv(job.output.groups, sep="\t", index=False)


if __name__ == "__main__":
    run(snakemake, main)
