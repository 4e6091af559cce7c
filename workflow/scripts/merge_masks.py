"""Bring all masks together (rule merge_masks)."""

from typing import TYPE_CHECKING

from ichor import tables
from ichor.jobs.run import run

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(job) -> None:
    tables.write("masks", tables.read_all("masks", job.input.masks), job.output.masks)
    tables.write("status", tables.read_all("status", job.input.status), job.output.status)


if __name__ == "__main__":
    run(snakemake, main)
