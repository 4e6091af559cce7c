"""Bring all masks together and summarise their agreement with the reference (rule merge_masks)."""

from typing import TYPE_CHECKING

from ichor import tables
from ichor.logs import log_to
from ichor.segmentation.agreement import summarise_agreement

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


if __name__ == "__main__":
    log_to(snakemake.log[0])
    masks = tables.read_all("masks", snakemake.input.masks)
    tables.write("masks", masks, snakemake.output.masks)
    tables.write("status", tables.read_all("status", snakemake.input.status), snakemake.output.status)
    summarise_agreement(masks).to_csv(snakemake.output.agreement, sep="\t", index=False)
