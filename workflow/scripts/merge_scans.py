"""Bring the scans of all centers together and look for one scan under two names (rule merge_scans)."""

from typing import TYPE_CHECKING

import pandas as pd

from ichor import tables
from ichor.cohort.assemble import merge_scans
from ichor.logs import log_to

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


if __name__ == "__main__":
    log_to(snakemake.log[0])
    frames = [tables.read("scans", path) for path in snakemake.input.scans]
    scans, status = merge_scans(frames, on_duplicate=snakemake.params.duplicates)
    tables.write("scans", scans, snakemake.output.scans)
    earlier = tables.read_all("status", snakemake.input.status)
    tables.write("status", pd.concat([earlier, status], ignore_index=True), snakemake.output.status)
