"""Segment one shard's scans with a split's fold models (rule segment_shard)."""

from pathlib import Path
from typing import TYPE_CHECKING

from ichor import tables
from ichor.logs import log_to
from ichor.segmentation.predict import segment_shard
from ichor.training.device import choose_device

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


if __name__ == "__main__":
    log_to(snakemake.log[0])
    masks, status = segment_shard(
        tables.read("scans", snakemake.input.scans),
        tables.read("splits", snakemake.input.fitting),
        snakemake.wildcards.split,
        [Path(path).parent for path in snakemake.input.models],
        Path(snakemake.output.folder),
        device=choose_device(snakemake.params.device).type,
        threads=snakemake.threads,
        log=snakemake.log[0],
        **snakemake.params.inference,
    )
    tables.write("masks", masks, snakemake.output.masks)
    tables.write("status", status, snakemake.output.status)
