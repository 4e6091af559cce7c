"""Bring the scans of all centers together and look for one scan under two names (rule merge_scans)."""

from typing import TYPE_CHECKING

import pandas as pd

from ichor import tables
from ichor.cohort.assemble import merge_scans
from ichor.jobs.run import run
from ichor.private_tables import read_private

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(job) -> None:
    frames = [tables.read("scans", path) for path in job.input.scans]
    scans, status = merge_scans(
        frames,
        on_duplicate=job.params.duplicates,
        prints=pd.concat([read_private(path) for path in job.input.fingerprints], ignore_index=True),
        sheet=tables.read_all("duplicates", list(job.input.sheet)),
        listed=tables.read_all("fingerprints", list(job.input.listed)),
    )
    tables.write("scans", scans, job.output.scans)
    earlier = tables.read_all("status", job.input.status)
    tables.write("status", pd.concat([earlier, status], ignore_index=True), job.output.status)


if __name__ == "__main__":
    run(snakemake, main)
