"""Bring all masks together and summarise their agreement with the reference (rule merge_masks)."""

from typing import TYPE_CHECKING

from ichor import tables
from ichor.jobs.run import run
from ichor.segmentation.agreement import summarise_agreement

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(job) -> None:
    masks = tables.read_all("masks", job.input.masks)
    tables.write("masks", masks, job.output.masks)
    tables.write("status", tables.read_all("status", job.input.status), job.output.status)
    summarise_agreement(masks).to_csv(job.output.agreement, sep="\t", index=False)


if __name__ == "__main__":
    run(snakemake, main)
